"""Walking: retrain on a moving span, judge only what comes after it, and stitch the judged spans together.

``walk`` plans the folds, sends each to a worker process of its own, and judges the stitched scores once a seed.
"""
