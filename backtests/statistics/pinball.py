"""Pinball loss: what quantiles lose against what came, in one place."""

from collections.abc import Sequence

import numpy as np

__all__ = ["mean_pinball"]


def mean_pinball(outcome: np.ndarray, quantiles: Sequence[np.ndarray | float], levels: Sequence[float]) -> np.ndarray:
    """Mean pinball loss over some levels: max(τ (y − q), (τ − 1)(y − q)) for the quantile q at level τ.

    Parameters
    ----------
    outcome : ndarray of float
        What came; NaN stays.
    quantiles : sequence of ndarray or float
        One a level, each of the outcome's shape or one number for all; NaN stays.
    levels : sequence of float
        In (0, 1).

    References
    ----------
    Koenker, R. and Bassett, G., "Regression quantiles", 1978, equation 2.1.

    Examples
    --------
    >>> import numpy as np
    >>> from backtests.statistics.pinball import mean_pinball
    >>> mean_pinball(np.array([2.0, -2.0]), [0.0], [0.9]).round(12).tolist()
    [1.8, 0.2]
    """
    total = np.zeros(outcome.shape)
    for level, quantile in zip(levels, quantiles, strict=True):
        gap = outcome - quantile
        total += np.maximum(level * gap, (level - 1.0) * gap)
    return total / len(levels)
