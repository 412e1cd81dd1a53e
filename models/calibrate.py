"""Calibration: from a model's raw scores to expected returns, E[r] = a + b·z.

A rank loss fixes an order and no level. z is the within-session z-score of the raw scores; b comes from a regression of
validation returns on z within sessions, a is the mean universe return over training and validation.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.errors import DataError
from market.panel import aligned_frame

__all__ = ["SLOPE_FLOOR", "Calibration", "fit_calibration"]

SLOPE_FLOOR = 1e-3  # of the slope's standard error: keeps the order of scores and next to no spread
MIN_SESSIONS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Level and slope of expected returns, a simple return per label horizon.

    Parameters
    ----------
    level, level_se : float
        a: mean over sessions of the universe's mean return, and its standard error; sessions count as independent
        where labels span one, else horizon − 1 lags are counted.
    slope, slope_se : float
        b > 0: return per standard deviation of score, and its standard error clustered by session, over as many lags.
    measured_slope : float
        What the regression gave. Where it is not positive, validation found no use for the scores: ``slope`` is then
        a thousandth of its standard error, which keeps their order but claims nothing.
    n_sessions : int
        Validation sessions behind the slope.

    References
    ----------
    K.-Y. Liang, S. Zeger (1986), "Longitudinal data analysis using generalized linear models": clustered errors.
    """

    level: float
    level_se: float
    slope: float
    slope_se: float
    measured_slope: float
    n_sessions: int

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in asdict(self).values()):
            raise ValueError("calibration must hold finite numbers: fit it on more sessions")
        if self.slope <= 0.0:
            raise ValueError(f"calibration slope must be positive, was {self.slope:g}")

    @property
    def slope_was_negative(self) -> bool:
        """Whether the regression's slope was not positive, so that ``slope`` is its floor."""
        return self.measured_slope <= 0.0

    def apply(self, scores: pd.DataFrame) -> pd.DataFrame:
        """Turn scores into expected returns, in the order of the scores within each session; NaN stays.

        A session whose scores are all equal, or which has one, has no differences to learn from: every name is given
        the level.
        """
        z = _within_session_z(scores.to_numpy(dtype=np.float64))
        return aligned_frame(self.level + self.slope * z, pd.DatetimeIndex(scores.index), scores.columns)

    def as_card(self) -> dict[str, Any]:
        """Plain numbers for a checkpoint's card."""
        return asdict(self)


def fit_calibration(
    scores: pd.DataFrame, *, forward: pd.DataFrame, universe_returns: pd.Series, horizon: int = 1
) -> Calibration:
    """Calibrate raw scores to expected returns.

    Parameters
    ----------
    scores : DataFrame of float, shape (n validation sessions, n_tickers)
        Raw scores of the validation sessions; NaN where there is none.
    forward : DataFrame of float
        Forward returns on the same axes; NaN where unknown.
    universe_returns : Series of float
        Mean forward return of the universe in each session of training and validation; NaN is left out.
    horizon : int
        Sessions that each forward return spans.

    Raises
    ------
    DataError
        If fewer than 2 sessions hold two different scores with returns, or the returns have no spread.
    """
    if not (scores.index.equals(forward.index) and scores.columns.equals(forward.columns)):
        raise DataError("scores and forward differ in sessions or tickers: align them first")
    measured, slope_se, n_sessions = _within_session_slope(
        scores.to_numpy(dtype=np.float64), forward.to_numpy(dtype=np.float64), lags=horizon - 1
    )
    levels = universe_returns.to_numpy(dtype=np.float64)
    levels = levels[np.isfinite(levels)]
    if levels.size < MIN_SESSIONS or slope_se == 0.0:
        raise DataError("universe returns must vary over at least 2 sessions: give calibration more history")
    return Calibration(
        level=float(levels.mean()),
        level_se=math.sqrt(_summed_variance(levels - levels.mean(), horizon - 1) / (levels.size - 1) / levels.size)
        if horizon > 1
        else float(levels.std(ddof=1) / math.sqrt(levels.size)),
        slope=measured if measured > 0.0 else SLOPE_FLOOR * slope_se,
        slope_se=slope_se,
        measured_slope=measured,
        n_sessions=n_sessions,
    )


def _within_session_slope(scores: np.ndarray, forward: np.ndarray, *, lags: int) -> tuple[float, float, int]:
    """Pooled slope of demeaned returns on z, its standard error and the sessions used."""
    known = np.isfinite(scores) & np.isfinite(forward)
    z = np.where(known, _within_session_z(np.where(known, scores, np.nan)), 0.0)
    used = (z != 0.0).any(axis=1)
    n_sessions = int(used.sum())
    if n_sessions < MIN_SESSIONS:
        raise DataError(
            f"{n_sessions} validation sessions hold two different scores with returns, calibration needs at least 2"
        )
    z, known = z[used], known[used]
    count = known.sum(axis=1, keepdims=True)
    returns = np.where(known, forward[used], 0.0)
    returns = np.where(known, returns - returns.sum(axis=1, keepdims=True) / count, 0.0)
    power = float((z * z).sum())
    slope = float((z * returns).sum()) / power
    pulls = (z * (returns - slope * z)).sum(axis=1)  # one cluster per session
    variance = _summed_variance(pulls, lags) / power**2 * n_sessions / (n_sessions - 1)
    return slope, math.sqrt(variance), n_sessions


def _summed_variance(pulls: np.ndarray, lags: int) -> float:
    """Variance of the sum of deviations that overlap with the next ``lags``, by Bartlett weights."""
    total = float((pulls * pulls).sum())
    for lag in range(1, min(lags, len(pulls) - 1) + 1):
        total += 2.0 * (1.0 - lag / (lags + 1.0)) * float((pulls[lag:] * pulls[:-lag]).sum())
    return total


def _within_session_z(scores: np.ndarray) -> np.ndarray:
    """Z-scores (ddof=0) within each row; 0 in a row of equal scores, NaN where there is none."""
    known = np.isfinite(scores)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    filled = np.where(known, scores, 0.0)
    highest = np.where(known, scores, -np.inf).max(axis=1, keepdims=True)
    lowest = np.where(known, scores, np.inf).min(axis=1, keepdims=True)
    centred = np.where(known & (highest > lowest), filled - filled.sum(axis=1, keepdims=True) / count, 0.0)
    sd = np.sqrt((centred * centred).sum(axis=1, keepdims=True) / count)
    return np.where(known, centred / np.where(highest > lowest, sd, 1.0), np.nan)
