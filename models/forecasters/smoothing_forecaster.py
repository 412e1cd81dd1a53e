"""Exponential smoothing of log prices, a model a series, by statsmodels: a level, or a level and a damped trend.

Parameters are fitted on training rows; every later origin carries the level and trend on with them.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import DataError
from models.forecasters.forecast_extra import forecast_library
from models.forecasters.forecaster import ForecastContext, SeriesHistory
from models.forecasters.forecasts import Forecasts
from models.sample_splits import Split

__all__ = ["FittedSmoothing", "SmoothingForecaster"]

MIN_CLOSES = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class SmoothingForecaster:
    """Exponential smoothing of each series.

    Parameters
    ----------
    damped_trend : bool
        A damped additive trend beside the level (Gardner and McKenzie, 1985).
    """

    damped_trend: bool = True

    def fit(self, history: SeriesHistory, split: Split, *, context: ForecastContext) -> "FittedSmoothing":
        """Fit every series on its training rows.

        Raises
        ------
        DataError
            If no series has 60 training closes; one that has fewer beside others is not forecast.
        """
        closes = history.log_closes()
        found = []
        for place in range(closes.shape[1]):
            known = closes[split.train, place]
            known = known[np.isfinite(known)]
            found.append(self._fit(known) if len(known) >= MIN_CLOSES else None)
            context.progress(place + 1, closes.shape[1])
        if not any(found):
            longest = int(np.isfinite(closes[split.train]).sum(axis=0).max(initial=0))
            raise DataError(f"smoothing needs {MIN_CLOSES} training closes of a series, the longest has {longest}")
        return FittedSmoothing(series=tuple(found))

    def _fit(self, log_closes: np.ndarray) -> "_Smoothed":
        ExponentialSmoothing = forecast_library("statsmodels.tsa.holtwinters").ExponentialSmoothing  # noqa: N806

        trend: dict[str, Any] = {"trend": "add", "damped_trend": True} if self.damped_trend else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the optimiser's steps
            found = ExponentialSmoothing(log_closes, initialization_method="estimated", **trend).fit().params
        return _Smoothed(
            level=float(found["smoothing_level"]),
            trend=float(found["smoothing_level"] * found["smoothing_trend"]) if self.damped_trend else 0.0,
            damping=float(found["damping_trend"]) if self.damped_trend else 1.0,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Smoothed:
    """Shares of the newest error that go to the level and to the trend, and what is left of a trend each session."""

    level: float
    trend: float
    damping: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedSmoothing:
    """Parameters a series.

    Parameters
    ----------
    series : tuple of _Smoothed or None
        In the order of the tickers; None where there was too little to fit.
    """

    series: tuple[_Smoothed | None, ...]

    def forecasts(self, history: SeriesHistory, rows: slice) -> Forecasts:
        """Expected returns at every origin of ``rows``."""
        closes = history.log_closes()[: rows.stop]
        levels, trends, damping = self._carried(closes)
        added = np.stack(
            [np.sum([damping**step for step in range(1, h + 1)], axis=0) for h in history.horizons], axis=-1
        )
        said = (levels - closes)[rows][..., None] + trends[rows][..., None] * added
        return Forecasts(
            sessions=history.sessions[rows],
            tickers=history.panel.tickers,
            horizons=history.horizons,
            mean=np.expm1(said),
        )

    @property
    def facts(self) -> Mapping[str, float | int | str]:
        """Numbers fitted."""
        return {"parameters": 3 * sum(fit is not None for fit in self.series)}

    def _carried(self, closes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Level and trend of every series after every close, (T, N), and the damping of each series."""
        missing = _Smoothed(level=np.nan, trend=np.nan, damping=np.nan)
        told = [fit or missing for fit in self.series]
        alpha, beta, damping = (
            np.array([getattr(fit, name) for fit in told]) for name in ("level", "trend", "damping")
        )
        levels, trends = np.full(closes.shape, np.nan), np.full(closes.shape, np.nan)
        level, trend = np.full(len(told), np.nan), np.zeros(len(told))
        for row, close in enumerate(closes):  # a session after the other, all series at once
            level = np.where(np.isnan(level), close + 0.0 * alpha, level)
            error = np.where(np.isfinite(close), close - level - damping * trend, 0.0)
            level, trend = level + damping * trend + alpha * error, damping * trend + beta * error
            levels[row], trends[row] = level, trend
        return levels, trends, damping
