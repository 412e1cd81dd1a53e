"""Forecast errors: every measure of a point forecast, in returns and in prices, in one place.

Arrays are origins × series × horizons, (T, N, H), NaN where nothing was said or nothing came; a cell counts in a
measure when forecast and outcome are both there. Residual = outcome − forecast.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.stats import beta

from core.intervals import Interval

__all__ = ["Direction", "PointErrors", "binomial_interval", "direction_of", "naive_mae", "point_errors", "r_squared"]


class Direction(NamedTuple):
    """How often the sign came right, its 95 % binomial range, and of how many forecasts.

    Forecasts of exactly zero and outcomes of exactly zero have no sign and are not counted: persistence has none.
    Returns that overlap count as one per horizon, and series that are right together as fewer than they are.
    """

    share: Interval
    always_up: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PointErrors:
    """Errors of point forecasts; NaN where nothing can be said.

    Parameters
    ----------
    n : int
        Forecasts counted.
    mse, rmse, pct_return_mae : float
        Of returns as fractions: 0.01 is one per cent. ``pct_return_mae``, the mean absolute error of the percentage
        return, is the one that selects.
    r2_return : float
        1 − squared error ÷ squared deviation of the outcomes from their own mean.
    price_mae, price_rmse, price_mape : float
        Of price = price at the origin × (1 + return); MAPE as a fraction of the price that came.
    r2_price : float
        Never shown without persistence's beside it: prices are explained by the price before.
    mean_residual, sd_residual : float
        Of returns, outcome less forecast.
    mase : float
        ``pct_return_mae`` ÷ that of persistence over the training rows (Hyndman and Koehler, 2006).
    """

    n: int
    mse: float
    rmse: float
    pct_return_mae: float
    r2_return: float
    price_mae: float
    price_rmse: float
    price_mape: float
    r2_price: float
    mean_residual: float
    sd_residual: float
    mase: float


def point_errors(
    forecast: np.ndarray, outcome: np.ndarray, start: np.ndarray, *, naive: float = math.nan
) -> PointErrors:
    """Every error of a point forecast over all cells in which forecast, outcome and start are there.

    Parameters
    ----------
    forecast, outcome : ndarray of float, any shape
        Simple returns said and come.
    start : ndarray of float, broadcast to that shape
        Price from which the return runs.
    naive : float
        ``naive_mae`` of the training rows, for MASE.

    Examples
    --------
    >>> import numpy as np
    >>> from backtests.forecasts.forecast_errors import point_errors
    >>> found = point_errors(np.array([0.0, 0.0]), np.array([0.01, -0.03]), np.array([100.0, 200.0]), naive=0.02)
    >>> found.pct_return_mae, found.price_mae, found.mase
    (0.02, 3.5, 1.0)
    """
    start = np.broadcast_to(start, outcome.shape)
    known = np.isfinite(forecast) & np.isfinite(outcome) & np.isfinite(start)
    said, came, base = forecast[known], outcome[known], start[known]
    if not len(said):
        return PointErrors(n=0, **dict.fromkeys(PointErrors.__dataclass_fields__.keys() - {"n"}, math.nan))
    residual = came - said
    price, off = base * (1.0 + came), base * residual
    mse, mae = float(np.mean(residual**2)), float(np.mean(np.abs(residual)))
    return PointErrors(
        n=len(said),
        mse=mse,
        rmse=math.sqrt(mse),
        pct_return_mae=mae,
        r2_return=r_squared(said, came),
        price_mae=float(np.mean(np.abs(off))),
        price_rmse=math.sqrt(float(np.mean(off**2))),
        price_mape=float(np.mean(np.abs(off) / price)),
        r2_price=r_squared(base * (1.0 + said), price),
        mean_residual=float(np.mean(residual)),
        sd_residual=float(np.std(residual, ddof=1)) if len(residual) > 1 else math.nan,
        mase=mae / naive if naive > 0.0 else math.nan,
    )


def r_squared(forecast: np.ndarray, outcome: np.ndarray) -> float:
    """1 − squared error ÷ squared deviation from the outcomes' mean; NaN where outcomes do not vary."""
    spread = float(np.sum((outcome - outcome.mean()) ** 2)) if len(outcome) else 0.0
    return 1.0 - float(np.sum((outcome - forecast) ** 2)) / spread if spread > 0.0 else math.nan


def naive_mae(outcome: np.ndarray) -> float:
    """What persistence errs by: the mean absolute return; NaN without one."""
    known = outcome[np.isfinite(outcome)]
    return float(np.mean(np.abs(known))) if len(known) else math.nan


def direction_of(forecast: np.ndarray, outcome: np.ndarray, *, horizon: int = 1) -> Direction:
    """How often the sign of the return came right, beside how often it was up, with Clopper and Pearson's range.

    Parameters
    ----------
    forecast, outcome : ndarray of float, shape (T, N)
        Of one horizon.
    horizon : int
        Sessions ahead: returns that overlap count as one in ``horizon`` for the range, and series that are right or
        wrong together in a session as fewer than they are.
    """
    known = np.isfinite(forecast) & np.isfinite(outcome) & (forecast != 0.0) & (outcome != 0.0)
    n = int(known.sum())
    if not n:
        return Direction(share=Interval(math.nan, math.nan, math.nan), always_up=math.nan, n=0)
    hits = np.where(known, np.sign(forecast) == np.sign(outcome), False)
    right = float(hits.sum()) / n
    counted = max(_independent(hits, known) // horizon, 1)
    share = binomial_interval(right * counted, counted)
    return Direction(share=share, always_up=float(np.mean(outcome[known] > 0.0)), n=n)


def _independent(hits: np.ndarray, known: np.ndarray) -> int:
    """As how many independent forecasts the series of T sessions count: fewer where they are right together.

    The variance of a share clustered by session is that of p (1 − p) ÷ n independent ones; a share of 0 or 1 tells
    nothing of it, so that each session counts once.
    """
    n, share = int(known.sum()), float(hits.sum()) / int(known.sum())
    if known.ndim == 1 or known.shape[1] == 1:
        return n
    together = (hits.astype("float64") - share * known).sum(axis=1)
    spread = float(np.sum(together**2)) / n**2
    return min(n, int(share * (1.0 - share) / spread)) if spread > 0.0 else int(known.any(axis=1).sum())


def binomial_interval(hits: float, n: int) -> Interval:
    """A share and the 95 % range of Clopper and Pearson (1934); all NaN of none.

    Examples
    --------
    >>> from backtests.forecasts.forecast_errors import binomial_interval
    >>> [round(bound, 3) for bound in binomial_interval(3, 25)]
    [0.12, 0.025, 0.312]
    """
    if not n:
        return Interval(math.nan, math.nan, math.nan)
    low = float(beta.ppf(0.025, hits, n - hits + 1)) if hits > 0 else 0.0
    high = float(beta.ppf(0.975, hits + 1, n - hits)) if hits < n else 1.0
    return Interval(hits / n, low, high)
