"""Drift: whether losses that come are above what they were to be, at one look and however often one looks."""

import math
from dataclasses import dataclass

import pandas as pd
from scipy.stats import t as student

from core.intervals import hac_lags_by_rule, hac_standard_error

__all__ = ["MIN_ORIGINS", "Drift", "drift_of"]

MIN_ORIGINS = 30  # below which nothing is said
TIGHTEST = 100  # origins at which the always-valid bound is tightest


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """By how much losses are above a reference.

    Parameters
    ----------
    n : int
        Origins counted.
    excess : float
        Mean loss less the reference; NaN below 30 origins.
    p_value : float
        One-sided p of an excess of none, HAC, against Student's t: of one look alone.
    low : float
        Bound below the excess that holds at all looks together but for a share ``alpha`` of streams.
    """

    n: int
    excess: float
    p_value: float
    low: float

    @property
    def is_alarm(self) -> bool:
        """Whether the excess is above zero however often one looks."""
        return self.low > 0.0


def drift_of(losses: pd.Series, reference: pd.Series | float, *, overlap: int = 1, alpha: float = 0.05) -> Drift:
    """Drift of losses above a reference.

    Parameters
    ----------
    losses : Series of float
        A loss an origin, in time order.
    reference : Series of float or float
        What they were to be.
    overlap : int
        Origins, one after another, whose targets overlap.
    alpha : float
        Share of streams without drift that may ever be called drifting.

    References
    ----------
    Waudby-Smith, I., Arbour, D., Sinha, R., Kennedy, E. H. and Ramdas, A., "Time-uniform central limit theory and
    asymptotic confidence sequences", Annals of Statistics, 2024: the one-sided bound. Its standard deviation is here
    the long-run one, HAC, because losses that overlap err together.

    Examples
    --------
    >>> import pandas as pd
    >>> from backtests.forecasts.drift import drift_of
    >>> drift_of(pd.Series([0.02, 0.03] * 50), 0.01).is_alarm
    True
    """
    excess = (losses - reference).dropna()
    n = len(excess)
    if n < max(MIN_ORIGINS, 4 * overlap):
        return Drift(n=n, excess=math.nan, p_value=math.nan, low=math.nan)
    mean = float(excess.mean())
    error = hac_standard_error(excess, lags=hac_lags_by_rule(n, horizon=overlap))
    if not error > 0.0:
        return Drift(n=n, excess=mean, p_value=0.0 if mean > 0.0 else 1.0, low=mean)
    return Drift(n=n, excess=mean, p_value=float(student.sf(mean / error, n - 1)), low=mean - _reach(n, alpha) * error)


def _reach(n: int, alpha: float) -> float:
    """Standard errors from a mean to its one-sided always-valid bound."""
    from_level = -2.0 * math.log(2.0 * alpha)
    rho2 = (from_level + math.log(max(from_level, 1.0)) + 1.0) / TIGHTEST
    inside = n * rho2 + 1.0
    return math.sqrt(2.0 * inside / (n * rho2) * math.log(1.0 + math.sqrt(inside) / (2.0 * alpha)))
