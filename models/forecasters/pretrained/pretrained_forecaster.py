"""Pretrained forecaster: one adapter for all that read past bars and give quantiles or samples of the closes to come.

What a library must do is two things: say what it is, with the last day that its training may have seen, and forecast
the next closes of a batch of series. Returns that ran before that day's close are contaminated: a model may have
learned them by heart, so that they are scored apart and select nothing.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from models.forecasters.forecaster import ForecastContext, SeriesHistory
from models.forecasters.forecasts import LEVELS, Forecasts
from models.forecasters.pretrained.past_bars import PastBars
from models.forecasters.pretrained.price_forecasts import PriceForecasts
from models.sample_splits import Split

__all__ = ["MIN_CLOSES", "Pretrained", "PretrainedForecaster"]

BATCH = 16  # series asked at once: memory grows with it
MIN_CLOSES = 30


class Pretrained(Protocol):
    """A model that was trained elsewhere."""

    @property
    def name(self) -> str:
        """What it is called, with its version."""

    @property
    def trained_until(self) -> dt.date | None:
        """The last day that its training may have seen; None where nobody says, which counts as all days."""

    @property
    def parameters(self) -> int:
        """Numbers in its weights."""

    @property
    def context_length(self) -> int:
        """Sessions that it reads at most."""

    @property
    def facts(self) -> Mapping[str, float | int | str]:
        """What else is to be said of it, such as how many samples it draws."""

    def price_forecasts(self, past: PastBars, horizon: int, *, seed: int) -> PriceForecasts:
        """Forecasts of the next ``horizon`` closes; of a series the same, but for rounding, whichever are beside it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PretrainedForecaster:
    """A pretrained model as a forecaster.

    Its returns run from the close of the origin; where the clock of the task starts at the next fill they stand for
    those from there.

    Parameters
    ----------
    model : Pretrained
        What is asked.
    context : int, optional
        Sessions read at most; as many as the model reads by default.
    asked : ForecastContext
        Seed and progress.
    """

    model: Pretrained
    context: int | None = None
    asked: ForecastContext = field(default_factory=ForecastContext)

    def fit(self, history: SeriesHistory, split: Split, *, context: ForecastContext) -> "PretrainedForecaster":  # noqa: ARG002
        """Nothing is fitted; the context is kept for its seed and its progress."""
        return replace(self, asked=context)

    def forecasts(self, history: SeriesHistory, rows: slice) -> Forecasts:
        """Expectation and quantiles at every origin of ``rows``; NaN with fewer than 30 sessions."""
        carried, sessions = history.panel.close.ffill().to_numpy(dtype="float64"), history.sessions[rows]
        shape = (len(sessions), carried.shape[1], len(history.horizons))
        mean, quantiles = np.full(shape, np.nan), np.full((*shape, len(LEVELS)), np.nan)
        cells, ahead = self._cells(carried, rows), [horizon - 1 for horizon in history.horizons]
        first, step = range(*rows.indices(len(carried)))[:1], rows.step or 1
        for start in range(0, len(cells), BATCH):
            batch = tuple(cells[start : start + BATCH])
            past = PastBars(panel=history.panel, carried=carried, cells=batch, length=self._length)
            said = self.model.price_forecasts(past, history.horizons[-1], seed=self.asked.seed)
            for at, (row, series) in enumerate(batch):
                place, last = (row - first[0]) // step, carried[row, series]
                mean[place, series] = said.point[at, ahead] / last - 1.0
                quantiles[place, series] = said.quantiles[at, ahead] / last - 1.0
            self.asked.progress(min(start + BATCH, len(cells)), len(cells))
        return Forecasts(
            sessions=sessions,
            tickers=history.panel.tickers,
            horizons=history.horizons,
            mean=mean,
            quantiles=quantiles,
        )

    @property
    def trained_until(self) -> dt.date | None:
        """The last day that its training may have seen; None where nobody says."""
        return self.model.trained_until

    @property
    def facts(self) -> Mapping[str, float | int | str]:
        """What it is and when its training ended."""
        until = self.model.trained_until
        return {
            "parameters": self.model.parameters,
            "pretrained": self.model.name,
            "trained until": "unknown" if until is None else until.isoformat(),
            **self.model.facts,
        }

    @property
    def _length(self) -> int:
        return min(self.context or self.model.context_length, self.model.context_length)

    def _cells(self, carried: np.ndarray, rows: slice) -> list[tuple[int, int]]:
        """Row and column of every series that has enough past at an origin."""
        known = np.cumsum(np.isfinite(carried), axis=0)  # carried closes are known from the first one on
        return [
            (row, series)
            for row in range(*rows.indices(len(carried)))
            for series in range(carried.shape[1])
            if known[row, series] >= MIN_CLOSES
        ]
