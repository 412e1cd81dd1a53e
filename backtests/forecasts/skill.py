"""Skill: how much less a forecaster errs than a trivial one, with its range, and the test that it is nothing.

Losses are sessions × series; every session counts once, by the mean over its series, because series of one session
err together.
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import t as student

from core.intervals import Interval, hac_interval, hac_lags_by_rule, hac_standard_error
from models.forecasters.forecast_extra import forecast_library

__all__ = ["Skill", "best_of_many", "session_losses", "skill_of"]

REPETITIONS = 2000  # of the bootstrap behind a p-value: its own error at 0.05 is 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """Skill against a benchmark: 1 − loss ÷ the benchmark's loss.

    Parameters
    ----------
    interval : Interval
        The skill and its 95 % range, HAC over sessions (delta method).
    statistic, p_value : float
        Diebold and Mariano's, with HAC errors and the small-sample factor of Harvey, Leybourne and Newbold (1997),
        two-sided against Student's t.
    n_sessions : int
        Sessions in which both were judged.
    """

    interval: Interval
    statistic: float
    p_value: float
    n_sessions: int

    @property
    def is_better(self) -> bool:
        """Whether it errs less than the benchmark beyond noise: one-sided, at 5 %."""
        return self.p_value < 0.10 and self.statistic > 0.0

    @property
    def is_worse(self) -> bool:
        """Whether it errs more than the benchmark beyond noise: one-sided, at 5 %."""
        return self.p_value < 0.10 and self.statistic < 0.0


def session_losses(losses: np.ndarray, others: np.ndarray, sessions: pd.DatetimeIndex) -> pd.DataFrame:
    """Mean losses of a forecaster and of its benchmark in each session, over the cells in which both have one.

    Parameters
    ----------
    losses, others : ndarray of float, shape (T, ...)
        NaN where there is none.
    sessions : DatetimeIndex
        The T origins; those without a cell are left out.

    Returns
    -------
    DataFrame
        Columns ``loss`` and ``benchmark``.
    """
    both = np.isfinite(losses) & np.isfinite(others)
    axes = tuple(range(1, both.ndim))
    counted = both.sum(axis=axes)
    kept = counted > 0
    means = [np.where(both, each, 0.0).sum(axis=axes)[kept] / counted[kept] for each in (losses, others)]
    return pd.DataFrame({"loss": means[0], "benchmark": means[1]}, index=sessions[kept])


def skill_of(losses: pd.DataFrame, *, horizon: int = 1) -> Skill:
    """Skill of the losses of ``session_losses``; all NaN where there are too few sessions.

    Parameters
    ----------
    losses : DataFrame
        Columns ``loss`` and ``benchmark``, a row a session in time order.
    horizon : int
        Sessions ahead: errors that overlap are counted as such.

    References
    ----------
    Diebold, F. X. and Mariano, R. S., "Comparing predictive accuracy", 1995; Harvey, D., Leybourne, S. and Newbold, P.,
    "Testing the equality of prediction mean squared errors", 1997.
    """
    n = len(losses)
    base = float(losses["benchmark"].mean()) if n else math.nan
    if n < 2 or not base > 0.0:
        return Skill(
            interval=Interval(math.nan, math.nan, math.nan), statistic=math.nan, p_value=math.nan, n_sessions=n
        )
    lags = hac_lags_by_rule(n, horizon=horizon)
    gain = losses["benchmark"] - losses["loss"]
    skill = float(gain.mean()) / base
    error = hac_standard_error(gain - skill * losses["benchmark"], lags=lags) / base
    interval = hac_interval(skill, error, lags=lags, n_sessions=n)
    spread = hac_standard_error(gain, lags=lags)
    if not spread > 0.0:
        return Skill(interval=interval, statistic=math.nan, p_value=1.0 if skill == 0.0 else math.nan, n_sessions=n)
    factor = math.sqrt(max(n + 1 - 2 * horizon + horizon * (horizon - 1) / n, 0.0) / n)
    statistic = factor * float(gain.mean()) / spread
    return Skill(
        interval=interval, statistic=statistic, p_value=float(2.0 * student.sf(abs(statistic), n - 1)), n_sessions=n
    )


def best_of_many(losses: pd.DataFrame, benchmark: pd.Series, *, horizon: int = 1, seed: int = 0) -> float:
    """P of Hansen's test of superior predictive ability: whether the best of many errs less than the benchmark.

    The consistent p-value, by a stationary bootstrap over sessions (Hansen, P. R., "A test for superior predictive
    ability", 2005); small where at least one is better than chance among so many would be.

    Parameters
    ----------
    losses : DataFrame, sessions × forecasters
        Without NaN.
    benchmark : Series
        The benchmark's loss in the same sessions.
    horizon : int
        Sessions ahead; where more than one, blocks are at least twice as long, because losses overlap.
    seed : int
        Of the bootstrap.
    """
    length = max(2 * horizon if horizon > 1 else 1, round(len(losses) ** (1.0 / 3.0)))
    test = forecast_library("arch.bootstrap").SPA(
        benchmark.to_numpy(), losses.to_numpy(), block_size=length, reps=REPETITIONS, seed=seed
    )
    test.compute()
    return float(test.pvalues["consistent"])
