"""EWMA: exponential smoothing of target weights, which lowers turnover and delays the reaction to scores."""

import numpy as np
import pandas as pd

from core.compilation import compiled
from market.panel import aligned_frame

__all__ = ["smooth_weights"]


def smooth_weights(target: pd.DataFrame, listed: pd.DataFrame, *, weight: float) -> pd.DataFrame:
    """Smooth targets exponentially: ``w[t] = weight × target[t] + (1 − weight) × w[t − 1]``.

    Parameters
    ----------
    target : DataFrame of float, shape (n_sessions, n_tickers)
        Target weights at each close; a row of NaN is no rebalance.
    listed : DataFrame of bool, shape (n_sessions, n_tickers)
        Names that can still be traded after each close; any other name goes to 0 at once and stays there.
    weight : float
        Weight of the new target, in (0, 1]. The first session with a target is not smoothed.

    Returns
    -------
    DataFrame of float, shape (n_sessions, n_tickers)
        Row *t* uses targets up to *t*. Rows of NaN stay NaN, and the next row goes on from the last one decided.
    """
    targets = np.ascontiguousarray(target.to_numpy(dtype=float))
    smoothed = np.full(targets.shape, np.nan)
    _smooth(targets, np.ascontiguousarray(listed.to_numpy(dtype=bool)), float(weight), smoothed)
    return aligned_frame(smoothed, pd.DatetimeIndex(target.index), target.columns)


@compiled
def _smooth(targets: np.ndarray, alive: np.ndarray, weight: float, smoothed: np.ndarray) -> None:
    """Fill the rows that have a target; ``alive`` holds who is listed."""
    last = -1
    for t in range(targets.shape[0]):
        decided = False
        for i in range(targets.shape[1]):
            decided = decided or targets[t, i] == targets[t, i]
        if not decided:
            continue
        for i in range(targets.shape[1]):
            moved = targets[t, i] if last < 0 else weight * targets[t, i] + (1.0 - weight) * smoothed[last, i]
            smoothed[t, i] = moved if alive[t, i] else 0.0
        last = t
