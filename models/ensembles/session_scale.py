"""Session scale: scores of one model put on the scale of all, within each session; NaN stays NaN.

Each session is scaled by itself, from the names that have a score alone: neither other sessions nor names without a
window change a bit.
"""

from collections.abc import Callable

import numpy as np
from scipy.stats import rankdata

__all__ = ["central_ranks", "scaled_sessions", "z_scores"]


def scaled_sessions(scores: np.ndarray, scale: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Scale the known scores of every session.

    Parameters
    ----------
    scores : ndarray of float, shape (n_sessions, n_tickers)
        NaN where there is none.
    scale : callable
        ``z_scores`` or ``central_ranks``: known scores of one session (n,) to as many numbers.
    """
    scaled = np.full(scores.shape, np.nan)
    for row, values in enumerate(np.asarray(scores, dtype=np.float64)):
        known = np.isfinite(values)
        if known.any():
            scaled[row, known] = scale(values[known])
    return scaled


def z_scores(values: np.ndarray) -> np.ndarray:
    """Z-scores (ddof=0); 0 where all are equal."""
    if values.max() == values.min():
        return np.zeros(len(values))
    centred = values - values.mean()
    scaled: np.ndarray = centred / np.sqrt((centred * centred).mean())
    return scaled


def central_ranks(values: np.ndarray) -> np.ndarray:
    """Average ranks on (−1, 1), 0 in the middle: (2r − 1)/n − 1 for ranks r from 1."""
    ranks: np.ndarray = (2.0 * rankdata(values) - 1.0) / len(values) - 1.0
    return ranks
