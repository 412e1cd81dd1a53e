"""Each series: a forecaster that pools its series, fitted on every one alone, or on all and then further on each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from core.errors import DataError, RunError
from models.forecasters.forecaster import FittedForecaster, ForecastContext, Forecaster, SeriesHistory
from models.forecasters.forecasts import LEVELS, Forecasts
from models.forecasters.keys.forecaster_keys import FitMode
from models.sample_splits import Split

__all__ = ["EachSeries", "FineTuned", "FittedEach", "Tunable", "TunedForecaster", "in_mode"]


class TunedForecaster(FittedForecaster, Protocol):
    """A fitted forecaster that can go on with one series."""

    def tuned(self, history: SeriesHistory, split: Split, *, context: ForecastContext) -> Self:
        """Fit further on the training rows of one series; validation rows serve to stop and to choose."""


class Tunable(Protocol):
    """A forecaster whose fitted ones can go on with one series."""

    def fit(self, history: SeriesHistory, split: Split, *, context: ForecastContext) -> TunedForecaster:
        """Fit on the training rows of all series."""


def in_mode(forecaster: Tunable, mode: FitMode) -> Forecaster:
    """The forecaster fitted on all series together, on each alone, or on all and then further on each."""
    match mode:
        case "each":
            return EachSeries(forecaster=forecaster)
        case "finetune":
            return FineTuned(forecaster=forecaster)
    return forecaster


@dataclass(frozen=True, slots=True, kw_only=True)
class EachSeries:
    """A forecaster fitted once a series.

    Parameters
    ----------
    forecaster : Forecaster
        What is fitted.
    """

    forecaster: Forecaster

    def fit(self, history: SeriesHistory, split: Split, *, context: ForecastContext) -> "FittedEach":
        """Fit every series by itself; one that holds too little is not forecast.

        Raises
        ------
        DataError, RunError
            If none can be fitted; the reason is that of the first.
        """
        found: list[FittedForecaster | None] = []
        reasons: list[DataError | RunError] = []
        tickers = list(history.panel.tickers)
        for place, ticker in enumerate(tickers):
            try:
                found.append(self.forecaster.fit(history.of(ticker), split, context=context))
            except (DataError, RunError) as error:
                found.append(None)
                reasons.append(error)
            context.progress(place + 1, len(tickers))
        if not any(found):
            raise reasons[0]
        return FittedEach(series=tuple(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class FineTuned:
    """A forecaster fitted on all series of the bars, and then further on each that is forecast.

    Parameters
    ----------
    forecaster : Tunable
        What is fitted.
    """

    forecaster: Tunable

    def fit(self, history: SeriesHistory, split: Split, *, context: ForecastContext) -> "FittedEach":
        """Fit on all series, then on every one; a series that holds too little keeps what all of them taught."""
        source = history.wider
        pooled = self.forecaster.fit(source, split, context=context)
        tickers, found = list(history.panel.tickers), list[FittedForecaster]()
        for place, ticker in enumerate(tickers):
            try:
                found.append(pooled.tuned(source.of(ticker), split, context=context))
            except (DataError, RunError):
                found.append(pooled)
            context.progress(place + 1, len(tickers))
        return FittedEach(series=tuple(found), is_wide=True)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedEach:
    """A fitted forecaster a series.

    Parameters
    ----------
    series : tuple of FittedForecaster or None
        In the order of the tickers; None where there was too little to fit.
    is_wide : bool
        Whether features are those among all series of the bars.
    """

    series: tuple[FittedForecaster | None, ...]
    is_wide: bool = False

    def forecasts(self, history: SeriesHistory, rows: slice) -> Forecasts:
        """What every series' own forecaster says; NaN of a series without one."""
        sessions, source = history.sessions[rows], history.wider if self.is_wide else history
        said = [
            None if fitted is None else fitted.forecasts(source.of(ticker), rows)
            for ticker, fitted in zip(history.panel.tickers, self.series, strict=True)
        ]
        shape = (len(sessions), 1, len(history.horizons))
        means = [np.full(shape, np.nan) if each is None else each.mean for each in said]
        quantiles = None
        if any(each is not None and each.quantiles is not None for each in said):
            missing = np.full((*shape, len(LEVELS)), np.nan)
            parts = [missing if each is None or each.quantiles is None else each.quantiles for each in said]
            quantiles = np.concatenate(parts, axis=1)
        return Forecasts(
            sessions=sessions,
            tickers=history.panel.tickers,
            horizons=history.horizons,
            mean=np.concatenate(means, axis=1),
            quantiles=quantiles,
        )

    @property
    def facts(self) -> Mapping[str, float | int | str]:
        """Numbers fitted, in all."""
        counted = [int(each.facts.get("parameters", 0)) for each in self.series if each is not None]
        return {"parameters": sum(counted), "series": len(counted)}
