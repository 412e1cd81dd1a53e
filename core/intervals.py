"""HAC errors: the standard error of a mean of autocorrelated daily numbers, and the bounds it gives."""

from typing import NamedTuple

import numpy as np
import pandas as pd

__all__ = ["Interval", "hac_interval", "hac_intervals", "hac_lags_by_rule", "hac_standard_error"]

# Kiefer and Vogelsang (2005), table 1, Bartlett kernel, 97.5 %: critical value by the share of lags counted
FIXED_B = (-0.5324, 0.4160, 2.9694, 1.9600)  # a polynomial, the highest power first


class Interval(NamedTuple):
    """A number and the bounds that hold the true one in 95 of 100 samples; all NaN where it is not known."""

    estimate: float
    low: float
    high: float


def hac_lags_by_rule(n_sessions: int, *, horizon: int = 1) -> int:
    """Lags by the rule of Newey and West: ⌊4 (T/100)^(2/9)⌋ for T sessions, and at least horizon − 1.

    Newey and West, "Automatic lag selection in covariance matrix estimation", 1994, for the Bartlett kernel. Numbers
    that each look ``horizon`` sessions ahead overlap with as many less one of those before them.
    """
    if n_sessions < 1:
        raise ValueError(f"n_sessions must be at least 1, was {n_sessions}")
    if horizon < 1:
        raise ValueError(f"horizon must be at least 1 session, was {horizon}")
    return max(int(4.0 * (n_sessions / 100.0) ** (2.0 / 9.0)), horizon - 1)


def hac_standard_error(values: pd.Series, *, lags: int | None = None, horizon: int = 1) -> float:
    """Standard error of the mean of ``values``, robust to heteroskedasticity and autocorrelation.

    The Bartlett-weighted sum of Newey and West, "A simple, positive semi-definite, heteroskedasticity and
    autocorrelation consistent covariance matrix", 1987, equation 5, times n/(n − 1): without lags it is the usual
    standard deviation (``ddof=1``) ÷ √n.

    Parameters
    ----------
    values : Series of float
        One number per session; NaN sessions are left out and their neighbours count as consecutive.
    lags : int, optional
        Autocovariances counted, at least 0; ``hac_lags_by_rule`` by default.
    horizon : int
        Sessions that each number looks ahead, for that default.

    Returns
    -------
    float
        NaN with fewer than 2 × (lags + 1) numbers, or fewer than two.

    Raises
    ------
    ValueError
        If lags < 0.
    """
    if lags is not None and lags < 0:
        raise ValueError(f"lags must be at least 0, was {lags}")
    numbers = values.to_numpy(dtype="float64")
    numbers = numbers[~np.isnan(numbers)]
    if len(numbers) < 2:
        return float("nan")
    counted = hac_lags_by_rule(len(numbers), horizon=horizon) if lags is None else lags
    if len(numbers) < 2 * (counted + 1):
        return float("nan")
    return float(np.sqrt(_long_run_variance(numbers, counted) / (len(numbers) - 1)))


def hac_interval(mean: float, standard_error: float, *, lags: int, n_sessions: int) -> Interval:
    """Bound a mean at 95 %: its HAC error times a critical value that allows for the lags counted.

    The error is itself an estimate, the rougher the more lags it counts of few sessions: 1.96 errors are too few.

    Parameters
    ----------
    mean, standard_error : float
        From the same sessions; NaN gives NaN bounds.
    lags, n_sessions : int
        Lags in the error, and sessions behind it.

    References
    ----------
    Kiefer, N. M. and Vogelsang, T. J., "A new asymptotic theory for heteroskedasticity-autocorrelation robust tests",
    Econometric Theory, 2005, table 1.
    """
    reach = standard_error * float(np.polyval(FIXED_B, (lags + 1) / n_sessions)) if n_sessions > lags else np.nan
    return Interval(estimate=mean, low=mean - reach, high=mean + reach)


def hac_intervals(summaries: pd.DataFrame) -> pd.DataFrame:
    """Bound means at 95 % (HAC): ``estimate``, ``low`` and ``high`` for each row of ``summaries``.

    Its columns ``mean``, ``standard_error``, ``hac_lags`` and ``n_sessions`` are those of ``signals.ICSummary``; bounds
    are NaN where the error is.
    """
    fields = ("mean", "standard_error", "hac_lags", "n_sessions")
    rows = zip(*(summaries[field] for field in fields), strict=True)
    intervals = [hac_interval(mean, error, lags=int(lags), n_sessions=int(n)) for mean, error, lags, n in rows]
    return pd.DataFrame(intervals, index=summaries.index, columns=list(Interval._fields))


def _long_run_variance(numbers: np.ndarray, lags: int) -> float:
    deviations = numbers - numbers.mean()
    n = len(deviations)
    total = deviations @ deviations
    for lag in range(1, lags + 1):
        total += 2.0 * (1.0 - lag / (lags + 1.0)) * (deviations[lag:] @ deviations[:-lag])
    return float(total / n)
