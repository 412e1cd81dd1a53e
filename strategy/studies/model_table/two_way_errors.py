"""Two-way errors: the mean of numbers by seed and session, with an error that counts what both draw by chance.

Sessions are shared by all seeds of the same bars, and a seed by all its sessions, so neither the spread over seeds nor
that over sessions is enough.

References
----------
Cameron, A. C., Gelbach, J. B. and Miller, D. L., "Robust inference with multiway clustering", Journal of Business &
Economic Statistics, 2011, eq. 2.13: V = V_session + V_seed − V_both. The sessions' part is that of Newey and West.
Satterthwaite, F. E., 1946: the degrees of freedom of a sum of variances.
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.intervals import Interval, hac_standard_error

__all__ = ["Estimate", "two_way_estimate"]

CONFIDENCE = 0.95
POWER = 0.80


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean over seeds and sessions.

    Parameters
    ----------
    mean : float
        Of all numbers; NaN where there are none.
    error : float
        Its standard error over both.
    session_error, seed_error : float
        Of the sessions and of the seeds alone; the seeds' is NaN with one seed.
    freedom : float
        Degrees of freedom of ``error``.
    seeds, sessions : int
        Counted.
    """

    mean: float
    error: float
    session_error: float
    seed_error: float
    freedom: float
    seeds: int
    sessions: int

    @property
    def interval(self) -> Interval:
        """The mean with its 95 % bounds."""
        reach = self.error * _quantile(0.5 + CONFIDENCE / 2, self.freedom)
        return Interval(self.mean, self.mean - reach, self.mean + reach)

    @property
    def p_value(self) -> float:
        """Two-sided probability of such a mean where the true one is zero."""
        from scipy import stats

        if not self.error > 0.0:
            return math.nan
        return float(2.0 * stats.t.sf(abs(self.mean) / self.error, self.freedom))

    def smallest_seen(self, *, tests: int = 1) -> float:
        """The true mean that would be found four times in five, in a test of 5 % shared among so many."""
        level = 1.0 - (1.0 - CONFIDENCE) / (2.0 * tests)
        return self.error * (_quantile(level, self.freedom) + _quantile(POWER, self.freedom))


def two_way_estimate(values: pd.DataFrame, *, horizon: int = 1) -> Estimate:
    """Estimate the mean of numbers by session and seed.

    Parameters
    ----------
    values : DataFrame of float, shape (n_sessions, n_seeds)
        NaN is left out.
    horizon : int
        Sessions that each number looks ahead.

    Examples
    --------
    >>> import pandas as pd
    >>> from strategy.studies.model_table.two_way_errors import two_way_estimate
    >>> estimate = two_way_estimate(pd.DataFrame({1: [0.1, 0.3] * 20, 2: [0.2, 0.4] * 20}))
    >>> round(estimate.mean, 3), estimate.seeds, estimate.sessions
    (0.25, 2, 40)
    """
    values = values.dropna(how="all").dropna(axis=1, how="all")
    sessions, seeds = values.shape
    if not sessions or not seeds:
        return _nothing()
    by_session, by_seed = values.mean(axis=1), values.mean(axis=0)
    session_error = hac_standard_error(by_session, horizon=horizon)
    if seeds == 1:
        return Estimate(
            mean=float(by_session.mean()),
            error=session_error,
            session_error=session_error,
            seed_error=math.nan,
            freedom=max(sessions - 1.0, 1.0),
            seeds=1,
            sessions=sessions,
        )
    mean = float(np.nanmean(values.to_numpy()))
    seed_variance = float(by_seed.var(ddof=1)) / seeds
    return Estimate(
        mean=mean,
        error=math.sqrt(_variance(values, mean, session_error**2, seed_variance)),
        session_error=session_error,
        seed_error=math.sqrt(seed_variance),
        freedom=_freedom(session_error**2, sessions, seed_variance, seeds),
        seeds=seeds,
        sessions=sessions,
    )


def _variance(values: pd.DataFrame, mean: float, of_sessions: float, of_seeds: float) -> float:
    """The variance of the mean; never below either part, for a difference of estimates may be."""
    numbers = values.to_numpy()
    count = int(np.isfinite(numbers).sum())
    both = float(np.nansum((numbers - mean) ** 2)) / count**2
    parts = [part for part in (of_sessions, of_seeds) if math.isfinite(part)]
    return max(*parts, sum(parts) - both) if len(parts) > 1 else of_seeds


def _freedom(of_sessions: float, sessions: int, of_seeds: float, seeds: int) -> float:
    """Between those of the seeds, which are few, and those of the sessions."""
    if not math.isfinite(of_sessions):
        return float(seeds - 1)
    parts = of_sessions**2 / (sessions - 1) + of_seeds**2 / (seeds - 1)
    return (of_sessions + of_seeds) ** 2 / parts if parts > 0.0 else float(sessions - 1)


def _nothing() -> Estimate:
    missing = dict.fromkeys(("mean", "error", "session_error", "seed_error", "freedom"), math.nan)
    return Estimate(**missing, seeds=0, sessions=0)


def _quantile(level: float, freedom: float) -> float:
    from scipy import stats

    return float(stats.t.ppf(level, freedom)) if math.isfinite(freedom) else math.nan
