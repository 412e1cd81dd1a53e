"""Inference: rows and drawdowns of the bootstrap, many tests at once and the probabilistic Sharpe ratio.

Randomness is an argument.
"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from backtests.statistics.block_bootstrap import draw_blocks, optimal_block_length
from backtests.statistics.deflation import sharpe_confidence
from backtests.statistics.metrics import MIN_SESSIONS, session_sharpe, shape
from core.conventions import SESSIONS_PER_YEAR

__all__ = ["holm", "probabilistic_sharpe_ratio", "resampled_drawdowns", "stationary_bootstrap_rows"]


def stationary_bootstrap_rows(
    n_sessions: int, n_resamples: int, *, mean_block: float, rng: np.random.Generator
) -> np.ndarray:
    """Draw the rows of stationary bootstrap samples: blocks of geometric length, wrapped around the end.

    Parameters
    ----------
    n_sessions, n_resamples : int
        Rows of the sample and number of resamples.
    mean_block : float
        Mean block length in sessions, at least 1; 1 is the bootstrap of independent sessions.
    rng : Generator
        Source of randomness.

    Returns
    -------
    ndarray of int, shape (n_resamples, n_sessions)

    References
    ----------
    Politis, D. N. and Romano, J. P., "The Stationary Bootstrap", Journal of the American Statistical Association, 1994.
    """
    blocks = draw_blocks(n_sessions, n_resamples, mean_block=mean_block, rng=rng)
    within = np.arange(n_resamples * n_sessions) - np.repeat(np.cumsum(blocks.length) - blocks.length, blocks.length)
    rows: np.ndarray = (np.repeat(blocks.row, blocks.length) + within) % n_sessions
    return rows.reshape(n_resamples, n_sessions)


def resampled_drawdowns(returns: pd.Series, *, rng: np.random.Generator, n_resamples: int = 1000) -> np.ndarray:
    """Maximum drawdown of each of many paths resampled from the same sessions in blocks.

    A distribution, not a confidence interval: the maximum drawdown grows with the length of a path, no smooth function
    of means gives it, and the observed one is one draw of the kind.

    Parameters
    ----------
    returns : Series of float
        Simple return of each session; NaN sessions are left out.
    rng : Generator
        Source of randomness.
    n_resamples : int
        Paths drawn, each as long as the returns. The mean block is the longer one that returns and squared returns
        ask for, since losses come in turbulent times.

    Returns
    -------
    ndarray of float, shape (n_resamples,)
        Negative fractions of the peak, or 0; NaN with fewer than 20 sessions.
    """
    observed = returns.dropna().to_numpy(dtype=float)
    if len(observed) < MIN_SESSIONS:
        return np.full(n_resamples, np.nan)
    mean_block = max(optimal_block_length(observed), optimal_block_length(observed**2))
    rows = stationary_bootstrap_rows(len(observed), n_resamples, mean_block=mean_block, rng=rng)
    wealth = np.cumprod(1.0 + observed[rows], axis=1)
    peak = np.maximum.accumulate(np.maximum(wealth, 1.0), axis=1)
    deepest: np.ndarray = (wealth / peak - 1.0).min(axis=1)
    return deepest


def probabilistic_sharpe_ratio(
    returns: pd.Series, *, benchmark: float = 0.0, sessions_per_year: float = SESSIONS_PER_YEAR
) -> float:
    """Probability that the true Sharpe ratio is above ``benchmark`` (PSR).

    Parameters
    ----------
    returns : Series of float
        Simple return of each session, in excess of the risk-free one where that is meant.
    benchmark : float
        Annualised Sharpe ratio to beat.
    sessions_per_year : float
        By which the benchmark is annual.

    References
    ----------
    Bailey, D. H. and López de Prado, M., "The Sharpe Ratio Efficient Frontier", Journal of Risk, 2012, eq. 11.
    """
    observed = returns.dropna().to_numpy(dtype=float)
    per_session = benchmark / np.sqrt(sessions_per_year)
    return sharpe_confidence(session_sharpe(observed), len(observed), shape(observed), benchmark=per_session)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values so that the chance of a single false find among them is the level (Holm, 1979); NaN stays.

    Examples
    --------
    >>> from backtests.statistics.inference import holm
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted((place for place, p in enumerate(p_values) if math.isfinite(p)), key=lambda place: p_values[place])
    adjusted, largest = [math.nan] * len(p_values), 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted
