"""Walk forward: retrain on a moving span, evaluate only what comes after it, and stitch the evaluated spans.

``walk`` plans the folds, sends each to a worker process of its own, and judges the stitched scores once a seed.
"""
