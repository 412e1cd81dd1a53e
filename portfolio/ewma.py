"""EWMA: exponential smoothing of target weights, which lowers turnover and delays the reaction to scores."""

import numpy as np
import pandas as pd

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
    targets = np.ascontiguousarray(target.to_numpy())
    alive = np.ascontiguousarray(listed.to_numpy())
    decided = ~np.isnan(targets).all(axis=1)
    smoothed = np.full(targets.shape, np.nan)
    state = None
    for row in np.flatnonzero(decided):
        moved = targets[row] if state is None else weight * targets[row] + (1.0 - weight) * state
        state = np.where(alive[row], moved, 0.0)
        smoothed[row] = state
    return aligned_frame(smoothed, pd.DatetimeIndex(target.index), target.columns)
