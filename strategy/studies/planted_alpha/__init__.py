"""Planted alpha: the power of the pipeline, measured on synthetic markets with an alpha of known strength.

Planted markets measure how much of the alpha each learner recovers; null markets, the false positives of the verdict;
the temperature study, the effect of the soft rank's τ. Nothing measured on a synthetic market enters a trial log.
"""
