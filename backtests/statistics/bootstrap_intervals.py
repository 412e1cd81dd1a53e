"""Bootstrap intervals: 95 % bounds of means, Sharpe ratios and betas by a studentised block bootstrap.

Every statistic here is a smooth function of means over sessions. Its estimate keeps the convention of
``backtests.statistics.metrics``; its standard error is HAC, of its influence on each session; the critical value is the
95 % quantile of |t| over stationary bootstrap samples, each t taken with the sample's own error. Bounds are symmetric
about the estimate. NaN sessions are left out, of a pair where either is; with fewer than 20 left, or where the
statistic is undefined, estimate and bounds are NaN. How often these bounds cover is measured in docs/intervals.md.

References
----------
Ledoit, O. and Wolf, M., "Robust performance hypothesis testing with the Sharpe ratio", Journal of Empirical Finance,
2008, section 3.2 (the studentized interval; block sizes vary here); Götze, F. and Künsch, H. R., "Second-order
correctness of the blockwise bootstrap for stationary observations", Annals of Statistics, 1996 (a resample's error).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.statistics.block_bootstrap import Blocks, draw_blocks, optimal_block_length
from backtests.statistics.metrics import MIN_SESSIONS
from core.conventions import SESSIONS_PER_YEAR
from core.intervals import Interval, hac_standard_error
from core.rounding_error import never_moves

__all__ = [
    "LEVEL",
    "N_RESAMPLES",
    "beta_interval",
    "mean_gap_interval",
    "mean_interval",
    "sharpe_gap_interval",
    "sharpe_interval",
]

LEVEL = 0.95
N_RESAMPLES = 1000
UNKNOWN = Interval(np.nan, np.nan, np.nan)


class Smooth(NamedTuple):
    """A smooth function of means.

    Parameters
    ----------
    series : ndarray of float, shape (n_moments, n_sessions)
        What the means are of.
    value : callable
        Means (n_moments, ...) to the statistic (...).
    slope : callable
        Means (n_moments, ...) to its gradient (n_moments, ...).
    """

    series: np.ndarray
    value: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]


def mean_interval(values: pd.Series, *, seed: int = 0, mean_block: float | None = None, horizon: int = 1) -> Interval:
    """Mean of one number per session, e.g. a rank IC, with its 95 % bounds.

    Parameters
    ----------
    values : Series of float
        One number per session.
    seed : int
        Of the bootstrap.
    mean_block : float, optional
        Mean block length in sessions, at least 1; by default chosen from the influences, and at least the horizon.
    horizon : int
        Sessions that each number looks ahead; its error counts at least horizon − 1 lags.
    """
    observed = _observed(values)
    return UNKNOWN if observed is None else _interval(_mean(observed[:, 0]), seed, mean_block, horizon)


def sharpe_interval(
    returns: pd.Series,
    *,
    seed: int = 0,
    mean_block: float | None = None,
    sessions_per_year: float = SESSIONS_PER_YEAR,
) -> Interval:
    """Annualised Sharpe ratio of returns, with its 95 % bounds.

    ``returns`` holds the simple return of each session, in excess of the risk-free one where that is meant; ``seed``
    and ``mean_block`` as in ``mean_interval``.
    """
    observed = _observed(returns)
    if observed is None or never_moves(observed[:, 0]):
        return UNKNOWN
    return _interval(_sharpe(observed[:, 0], sessions_per_year), seed, mean_block)


def mean_gap_interval(
    ours: pd.Series, theirs: pd.Series, *, seed: int = 0, mean_block: float | None = None
) -> Interval:
    """Mean of ``ours`` less that of ``theirs``, paired by session, with its 95 % bounds.

    ``seed`` and ``mean_block`` as in ``mean_interval``.
    """
    observed = _observed(ours, theirs)
    return UNKNOWN if observed is None else _interval(_mean(observed[:, 0] - observed[:, 1]), seed, mean_block)


def sharpe_gap_interval(
    ours: pd.Series,
    theirs: pd.Series,
    *,
    seed: int = 0,
    mean_block: float | None = None,
    sessions_per_year: float = SESSIONS_PER_YEAR,
) -> Interval:
    """Annualised Sharpe ratio of ``ours`` less that of ``theirs``, paired by session, with its 95 % bounds.

    Both hold the simple return of each session; ``seed`` and ``mean_block`` as in ``mean_interval``.
    """
    observed = _observed(ours, theirs)
    if observed is None or any(never_moves(column) for column in observed.T):
        return UNKNOWN
    ours_then_theirs = [_sharpe(column, sessions_per_year) for column in observed.T]
    return _interval(_less(*ours_then_theirs), seed, mean_block)


def beta_interval(returns: pd.Series, market: pd.Series, *, seed: int = 0, mean_block: float | None = None) -> Interval:
    """Beta of returns to a market, by least squares, with its 95 % bounds.

    Both hold the simple return of each session; ``seed`` and ``mean_block`` as in ``mean_interval``.
    """
    observed = _observed(returns, market)
    if observed is None or never_moves(observed[:, 1]):
        return UNKNOWN
    return _interval(_beta(observed[:, 0], observed[:, 1]), seed, mean_block)


def _observed(*series: pd.Series) -> np.ndarray | None:
    """Sessions that all series have, (n_sessions, n_series); None where they are too few."""
    together = pd.concat(series, axis=1, join="inner").dropna().to_numpy(dtype=float)
    return together if len(together) >= MIN_SESSIONS else None


def _mean(values: np.ndarray) -> Smooth:
    return Smooth(values[None], lambda means: means[0], np.ones_like)


def _sharpe(returns: np.ndarray, sessions_per_year: float) -> Smooth:
    """√(sessions per year) × mean ÷ deviation (ddof 1), from the means of r and of (r − r̄)²."""
    middle, n = returns.mean(), len(returns)
    year = np.sqrt(sessions_per_year * (n - 1) / n)

    def variance(means: np.ndarray) -> np.ndarray:
        spread = means[1] - (means[0] - middle) ** 2
        return np.where(spread > 0.0, spread, np.nan)  # a resample of idle sessions alone has no ratio

    def value(means: np.ndarray) -> np.ndarray:
        ratio: np.ndarray = year * means[0] / np.sqrt(variance(means))
        return ratio

    def slope(means: np.ndarray) -> np.ndarray:
        mean, spread = means[0], variance(means)
        by_mean = spread + mean * (mean - middle)
        slopes: np.ndarray = year * np.stack([by_mean, -mean / 2.0]) / spread**1.5
        return slopes

    return Smooth(np.stack([returns, (returns - middle) ** 2]), value, slope)


def _beta(returns: np.ndarray, market: np.ndarray) -> Smooth:
    """Covariance ÷ variance, from the means of r, m, r m and m², all about the sample's means."""
    r, m = returns - returns.mean(), market - market.mean()

    def parts(means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return means[2] - means[0] * means[1], means[3] - means[1] ** 2

    def value(means: np.ndarray) -> np.ndarray:
        covariance, variance = parts(means)
        ratio: np.ndarray = covariance / variance
        return ratio

    def slope(means: np.ndarray) -> np.ndarray:
        covariance, variance = parts(means)
        beta = covariance / variance
        by_market = 2.0 * means[1] * beta - means[0]
        slopes: np.ndarray = np.stack([-means[1], by_market, np.ones_like(beta), -beta]) / variance
        return slopes

    return Smooth(np.stack([r, m, r * m, m**2]), value, slope)


def _less(ours: Smooth, theirs: Smooth) -> Smooth:
    k = len(ours.series)
    return Smooth(
        np.vstack([ours.series, theirs.series]),
        lambda means: ours.value(means[:k]) - theirs.value(means[k:]),
        lambda means: np.concatenate([ours.slope(means[:k]), -theirs.slope(means[k:])]),
    )


def _interval(statistic: Smooth, seed: int, mean_block: float | None, horizon: int = 1) -> Interval:
    means = statistic.series.mean(axis=1)
    estimate = float(statistic.value(means))
    influence = statistic.slope(means) @ (statistic.series - means[:, None])
    block = max(optimal_block_length(influence), horizon) if mean_block is None else mean_block
    blocks = draw_blocks(len(influence), N_RESAMPLES, mean_block=block, rng=np.random.default_rng(seed))
    reach = hac_standard_error(pd.Series(influence), horizon=horizon) * _critical_value(statistic, blocks, estimate)
    return Interval(estimate=estimate, low=estimate - reach, high=estimate + reach)


def _critical_value(statistic: Smooth, blocks: Blocks, estimate: float) -> float:
    """95 % quantile of |t| over the resamples, whose standard errors are those of sums over their own blocks."""
    n, of = statistic.series.shape[1], blocks.resample()
    sums = blocks.sums(statistic.series)
    means = np.add.reduceat(sums, blocks.first, axis=1) / n  # (n_moments, n_resamples)
    centred = sums - blocks.length * means.take(of, axis=1)
    linear = np.einsum("kj,kj->j", centred, statistic.slope(means).take(of, axis=1))
    spread = np.add.reduceat(linear**2, blocks.first)
    apart = np.abs(statistic.value(means) - estimate) * n
    # one block is the sample itself, turned round; a block drawn twice knows no error
    known = (np.diff(blocks.first, append=len(blocks.length)) > 1) & (spread > 0.0)
    t = np.divide(apart, np.sqrt(spread), out=np.zeros_like(apart), where=known)
    return float(np.quantile(t, LEVEL))
