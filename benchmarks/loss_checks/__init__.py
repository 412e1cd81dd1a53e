"""Loss checks: what a published claim about losses comes to here, with seeds, sessions and costs counted.

``ranking_trees`` asks for the order of LightGBM's objectives under heavy tails, ``loss_comparison`` for differences
between the losses of one network. ``python -m benchmarks.loss_page`` measures both and writes ``docs/losses.md``.
"""
