"""Inference: how sure one can be of a number that returns gave; randomness is an argument."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.deflation import sharpe_confidence
from backtests.metrics import SESSIONS_A_YEAR, session_sharpe, shape

__all__ = [
    "Interval",
    "bootstrap_difference",
    "bootstrap_interval",
    "probabilistic_sharpe_ratio",
    "stationary_bootstrap_rows",
]


class Interval(NamedTuple):
    """A number and the bounds that a bootstrap gives it."""

    estimate: float
    low: float
    high: float


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
    if mean_block < 1:
        raise ValueError(f"mean_block must be at least 1 session, was {mean_block}")
    starts = rng.random((n_resamples, n_sessions)) < 1.0 / mean_block
    starts[:, 0] = True
    position = np.arange(n_sessions)
    block_start = np.maximum.accumulate(np.where(starts, position, 0), axis=1)
    drawn = rng.integers(n_sessions, size=(n_resamples, n_sessions))
    rows: np.ndarray = (np.take_along_axis(drawn, block_start, axis=1) + position - block_start) % n_sessions
    return rows


def bootstrap_interval(
    returns: pd.Series,
    statistic: Callable[[np.ndarray], float],
    *,
    rng: np.random.Generator,
    mean_block: float = 20.0,
    n_resamples: int = 1000,
    level: float = 0.95,
) -> Interval:
    """Return a percentile interval of a statistic of dependent returns by the stationary bootstrap.

    Parameters
    ----------
    returns : Series of float
        Simple return of each session; NaN sessions are left out.
    statistic : callable
        Takes an array of returns, gives a number, e.g. ``sharpe_ratio``.
    rng : Generator
        Source of randomness.
    mean_block : float
        Mean block length in sessions.
    n_resamples : int
        Resamples drawn.
    level : float
        Coverage, in (0, 1).
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie in (0, 1), was {level}")
    observed = returns.dropna().to_numpy(dtype=float)
    rows = stationary_bootstrap_rows(len(observed), n_resamples, mean_block=mean_block, rng=rng)
    drawn = np.array([statistic(observed[row]) for row in rows])
    low, high = np.quantile(drawn, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return Interval(estimate=float(statistic(observed)), low=float(low), high=float(high))


def bootstrap_difference(
    ours: pd.Series,
    theirs: pd.Series,
    statistic: Callable[[np.ndarray], float],
    *,
    rng: np.random.Generator,
    mean_block: float = 20.0,
    n_resamples: int = 1000,
) -> Interval:
    """Return a 95 % percentile interval of the difference of a statistic, both series resampled on the same sessions.

    Parameters
    ----------
    ours, theirs : Series of float
        Simple return of each session; sessions that either lacks are left out.
    statistic, rng, mean_block, n_resamples
        As in ``bootstrap_interval``.
    """
    both = pd.concat([ours, theirs], axis=1, join="inner").dropna().to_numpy(dtype=float)
    rows = stationary_bootstrap_rows(len(both), n_resamples, mean_block=mean_block, rng=rng)
    drawn = [statistic(both[row, 0]) - statistic(both[row, 1]) for row in rows]
    low, high = np.nanquantile(drawn, (0.025, 0.975)) if np.isfinite(drawn).any() else (np.nan, np.nan)
    estimate = statistic(both[:, 0]) - statistic(both[:, 1])
    return Interval(estimate=float(estimate), low=float(low), high=float(high))


def probabilistic_sharpe_ratio(returns: pd.Series, *, benchmark: float = 0.0) -> float:
    """Return the probability that the true Sharpe ratio is above ``benchmark``.

    Parameters
    ----------
    returns : Series of float
        Simple return of each session, over the risk-free one if that is wanted.
    benchmark : float
        Annual Sharpe ratio to beat.

    References
    ----------
    Bailey, D. H. and López de Prado, M., "The Sharpe Ratio Efficient Frontier", Journal of Risk, 2012, eq. 11.
    """
    observed = returns.dropna().to_numpy(dtype=float)
    per_session = benchmark / np.sqrt(SESSIONS_A_YEAR)
    return sharpe_confidence(session_sharpe(observed), len(observed), shape(observed), benchmark=per_session)
