"""Rolling beta: the beta of a book to its market over the last sessions, at each close."""

import numpy as np
import pandas as pd

from core.rounding_error import is_rounding

__all__ = ["rolling_beta"]


def rolling_beta(returns: pd.Series, market: pd.Series, *, lookback: int = 63) -> pd.Series:
    """Beta to the market over the last ``lookback`` sessions that both have; NaN before there are as many.

    Row *t* uses sessions up to *t*; NaN also where the market did not move.
    """
    both = pd.concat([returns, market], axis=1, join="inner", keys=["book", "market"]).dropna()
    beta = pd.Series(np.nan, index=both.index, name="beta")
    if len(both) >= lookback:
        pairs = both.to_numpy(dtype=float)
        windows = np.lib.stride_tricks.sliding_window_view(pairs, lookback, axis=0)  # (N, 2, lookback)
        apart = windows - windows.mean(axis=2, keepdims=True)
        own, theirs = apart[:, 0], apart[:, 1]
        spread = (theirs**2).sum(axis=1)
        moved = ~is_rounding(np.sqrt(spread / (lookback - 1)), windows[:, 1].mean(axis=1))
        fitted = np.divide((own * theirs).sum(axis=1), spread, out=np.full(len(spread), np.nan), where=moved)
        beta.iloc[lookback - 1 :] = fitted
    return beta
