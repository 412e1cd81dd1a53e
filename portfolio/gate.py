"""Gate: a no-trade band on ranks; a name whose rank hardly moved keeps its weight."""

import numpy as np
import pandas as pd

from market.panel import aligned_frame
from portfolio.selection import ascending_place

__all__ = ["gate_by_rank"]

ROUNDING = 1e-12  # a rank that moved by the threshold may miss it by this much


def gate_by_rank(
    weights: pd.DataFrame, scores: pd.DataFrame, listed: pd.DataFrame, *, threshold: float
) -> pd.DataFrame:
    """Let the weight of a name move only when its rank has moved since it last did.

    Parameters
    ----------
    weights : DataFrame of float, shape (n_sessions, n_tickers)
        Target weights at each close; a row of NaN is no rebalance.
    scores : DataFrame of float, shape (n_sessions, n_tickers)
        Scores of the same closes; NaN for no score.
    listed : DataFrame of bool, shape (n_sessions, n_tickers)
        Names that can still be traded after each close; any other goes to its target weight at once.
    threshold : float
        Fraction of the cross-section, 0 (the lowest score) to 1 (the highest), that frees a name.

    Returns
    -------
    DataFrame of float, shape (n_sessions, n_tickers)
        Row *t* reads rows up to *t*. A name without a rank, now or when it last moved, is never frozen.
    """
    targets, alive = (np.ascontiguousarray(frame.to_numpy()) for frame in (weights, listed))
    rank, gated = np.ascontiguousarray(_rank(scores)), np.full(weights.shape, np.nan)
    held, moved_at = np.zeros(weights.shape[1]), np.full(weights.shape[1], np.nan)
    for row in np.flatnonzero(~np.isnan(targets).all(axis=1)):
        frozen = alive[row] & (np.abs(rank[row] - moved_at) < threshold - ROUNDING)  # NaN compares False
        held = np.where(frozen, held, targets[row])
        moved_at = np.where(frozen, moved_at, rank[row])
        gated[row] = held
    return aligned_frame(gated, pd.DatetimeIndex(weights.index), weights.columns)


def _rank(scores: pd.DataFrame) -> np.ndarray:
    """Place of each name among the session's scored ones, from 0 to 1; NaN without a score."""
    scored = scores.notna().to_numpy()
    others = np.maximum(scored.sum(axis=1, keepdims=True) - 1, 1)
    rank: np.ndarray = np.where(scored, ascending_place(scores) / others, np.nan)
    return rank
