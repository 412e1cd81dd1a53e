"""Forecast score: everything that is said of one forecaster on one span, overall, by horizon and by series."""

import math
from dataclasses import dataclass

import numpy as np

from backtests.forecasts.forecast_errors import Direction, PointErrors, direction_of, point_errors
from backtests.forecasts.forecast_ranges import covered, crps_of_deciles, one_sigma, pinball, width
from backtests.forecasts.skill import Skill, session_losses, skill_of
from models.forecasters.forecasts import Forecasts

__all__ = ["ForecastScore", "Judged", "RangeScore", "score_forecasts", "skill_against"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """What forecasts are judged by: outcomes at the origins of one span.

    Parameters
    ----------
    outcomes : ndarray of float, shape (T, N, H)
        Returns that came.
    starts : ndarray of float, shape (T, N)
        Prices from which they run.
    naive : float
        ``naive_mae`` of the training rows.
    benchmark : Forecasts
        Persistence at the same origins.
    every : int
        Sessions from one origin to the next.
    """

    outcomes: np.ndarray
    starts: np.ndarray
    naive: float
    benchmark: Forecasts
    every: int = 1

    def overlapping(self, horizon: int) -> int:
        """Origins, one after another, whose returns over a horizon share sessions: those that err together."""
        return math.ceil(horizon / self.every)


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeScore:
    """What ranges came to; NaN where the forecaster gives none.

    Parameters
    ----------
    coverage_1_sigma, coverage_90 : float
        Shares of outcomes within the range that should hold 68.3 and 90 per cent.
    pinball, crps : float
        Mean pinball loss of the deciles, and twice that.
    crps_skill : float
        1 − CRPS ÷ persistence's with its own ranges.
    width_90 : float
        Mean width of the 90 per cent range, a return.
    """

    coverage_1_sigma: float
    coverage_90: float
    pinball: float
    crps: float
    crps_skill: float
    width_90: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastScore:
    """One forecaster on one span.

    Parameters
    ----------
    errors : PointErrors
        Over all origins, series and horizons.
    ranges : RangeScore
        Of its ranges.
    direction : Direction
        Of the first horizon.
    skill : Skill
        In percentage-return MAE against persistence, all horizons together.
    """

    errors: PointErrors
    ranges: RangeScore
    direction: Direction
    skill: Skill


def score_forecasts(
    said: Forecasts, judged: Judged, *, horizon: int | None = None, ticker: str | None = None
) -> ForecastScore:
    """Score forecasts, all of them or those of one horizon or of one series.

    Parameters
    ----------
    said : Forecasts
        At the origins of ``judged``.
    judged : Judged
        What came.
    horizon : int, optional
        One of the forecasts' horizons.
    ticker : str, optional
        One of the series.
    """
    series = np.arange(len(said.tickers)) if ticker is None else np.array([said.tickers.get_loc(ticker)])
    ahead = np.arange(len(said.horizons)) if horizon is None else np.array([said.horizons.index(horizon)])
    longest = said.horizons[-1] if horizon is None else horizon

    def taken(values: np.ndarray) -> np.ndarray:
        return np.asarray(values[:, series][:, :, ahead])

    mean, came, base = taken(said.mean), taken(judged.outcomes), taken(judged.benchmark.mean)
    losses = session_losses(np.abs(came - mean), np.abs(came - base), said.sessions)
    first = 0 if horizon is None else said.horizons.index(horizon)
    return ForecastScore(
        errors=point_errors(mean, came, judged.starts[:, series][..., None], naive=judged.naive),
        ranges=_range_score(_quantiles(said, series, ahead), _quantiles(judged.benchmark, series, ahead), came),
        direction=direction_of(
            said.mean[:, series][:, :, first],
            judged.outcomes[:, series][:, :, first],
            horizon=judged.overlapping(said.horizons[first]),
        ),
        skill=skill_of(losses, horizon=judged.overlapping(longest)),
    )


def skill_against(said: Forecasts, other: Forecasts, judged: Judged) -> Skill:
    """Skill of forecasts over other ones, in percentage-return MAE, over the cells that both are judged on."""
    off, base = (np.abs(judged.outcomes - each.mean) for each in (said, other))
    return skill_of(session_losses(off, base, said.sessions), horizon=judged.overlapping(said.horizons[-1]))


def _quantiles(said: Forecasts, series: np.ndarray, ahead: np.ndarray) -> np.ndarray | None:
    return None if said.quantiles is None else said.quantiles[:, series][:, :, ahead]


def _range_score(said: np.ndarray | None, benchmark: np.ndarray | None, came: np.ndarray) -> RangeScore:
    if said is None:
        return RangeScore(**dict.fromkeys(RangeScore.__dataclass_fields__, math.nan))
    crps, skill = crps_of_deciles(said, came), math.nan
    if benchmark is not None:
        base = crps_of_deciles(benchmark, came)
        both = np.isfinite(crps) & np.isfinite(base)
        skill = 1.0 - float(crps[both].mean() / base[both].mean()) if both.any() else math.nan
    return RangeScore(
        coverage_1_sigma=_mean(one_sigma(said, came)),
        coverage_90=_mean(covered(said, came, low=0.05, high=0.95)),
        pinball=_mean(pinball(said, came)),
        crps=_mean(crps),
        crps_skill=skill,
        width_90=width(said, low=0.05, high=0.95),
    )


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan
