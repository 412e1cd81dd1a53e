"""Median rule: a training that is no better by an epoch than the median of those before it is stopped there."""

import math
from collections.abc import Sequence

import numpy as np

__all__ = ["median_bounds", "stopping_epoch"]

MIN_FINISHED = 5  # trainings that ran to their end before one is stopped
WARM_UP = 3  # epochs that every training has


def median_bounds(finished: Sequence[Sequence[float | None]]) -> tuple[float | None, ...]:
    """The least rank IC that the best epoch so far must have, by epoch; None where nothing is stopped.

    Parameters
    ----------
    finished : sequence of sequence of float
        Validation rank IC by epoch, of each training that ran to its end.

    Examples
    --------
    >>> from strategy.sweeps.median_rule import median_bounds
    >>> median_bounds([[0.0, 0.1, 0.2, 0.3]] * 5)
    (None, None, None, 0.3)

    References
    ----------
    Golovin, D. et al., "Google Vizier: A Service for Black-Box Optimization", KDD 2017, section 3.2. Optuna's
    ``MedianPruner`` with ``n_warmup_steps`` is the same rule.
    """
    if len(finished) < MIN_FINISHED:
        return ()
    longest = max(map(len, finished), default=0)
    at_epoch = [[each[epoch] for each in finished if epoch < len(each)] for epoch in range(longest)]
    known = [[value for value in values if value is not None] for values in at_epoch]
    return tuple(
        float(np.percentile(values, 50.0)) if values and epoch >= WARM_UP else None
        for epoch, values in enumerate(known)
    )


def stopping_epoch(epochs: Sequence[float | None], bounds: Sequence[float | None]) -> int:
    """The first epoch, from 1, by which a training was below its bound; 0 where it never was."""
    best = -math.inf
    for epoch, value in enumerate(epochs, start=1):
        best = best if value is None else max(best, value)
        bound = bounds[epoch - 1] if epoch <= len(bounds) else None
        if bound is not None and best < bound:
            return epoch
    return 0
