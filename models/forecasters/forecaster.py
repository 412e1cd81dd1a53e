"""Forecaster: what everything that forecasts single series looks like, trivial, statistical, learned or pretrained."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, Self

import numpy as np
import pandas as pd

from market.panel import Panel
from market.returns import Execution, fill_prices, forward_returns
from models.forecasters.forecasts import Forecasts
from models.sample_splits import Split

__all__ = ["FittedForecaster", "ForecastContext", "Forecaster", "NothingFitted", "SeriesHistory"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeriesHistory:
    """Bars of the series that are forecast, and what is read of them.

    Parameters
    ----------
    panel : Panel
        Bars; row *t* known at its close.
    features : mapping of str to DataFrame
        Sessions × tickers, row *t* known at its close; for forecasters that learn from features.
    execution : Execution
        The clock of the target: ``fill="close"`` starts at the close of the decision, ``"next_open"`` at the first
        fill.
    horizons : tuple of int
        Sessions ahead.
    bars : callable, optional
        Gives the history of all series of the bars, on the same sessions, where these are some of them.
    """

    panel: Panel
    features: Mapping[str, pd.DataFrame]
    execution: Execution
    horizons: tuple[int, ...]
    bars: "Callable[[], SeriesHistory] | None" = None

    @property
    def wider(self) -> "SeriesHistory":
        """All series of the bars; features are computed when this is asked."""
        return self if self.bars is None else self.bars()

    @property
    def sessions(self) -> pd.DatetimeIndex:
        """All sessions of the bars."""
        return self.panel.sessions

    def outcomes(self) -> np.ndarray:
        """The returns that came, shape (T, N, H); NaN where one end has no price or lies after the bars."""
        frames = [forward_returns(self.panel, self.execution, horizon=horizon) for horizon in self.horizons]
        return np.stack([frame.to_numpy(dtype="float64") for frame in frames], axis=-1)

    def starts(self) -> np.ndarray:
        """The price from which each return runs, shape (T, N); after the close of *t* where the clock says so."""
        prices = fill_prices(self.panel, self.execution)
        return np.asarray(prices.shift(-self.execution.delay), dtype="float64")

    def log_closes(self) -> np.ndarray:
        """Logarithms of the closes, shape (T, N), gaps carried forward: what a series was last seen at."""
        return np.asarray(np.log(self.panel.close.ffill().to_numpy(dtype="float64")))

    def of(self, ticker: str) -> "SeriesHistory":
        """One of the series alone."""
        features = {name: frame[[ticker]] for name, frame in self.features.items()}
        return replace(self, panel=self.panel.of_tickers([ticker]), features=features, bars=None)

    def until(self, session: pd.Timestamp) -> "SeriesHistory":
        """What was known at the close of a session."""
        features = {name: frame.loc[:session] for name, frame in self.features.items()}
        bars = None if self.bars is None else lambda: self.wider.until(session)
        return replace(self, panel=self.panel.until(session), features=features, bars=bars)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastContext:
    """Where and how a forecaster works; nothing here but ``seed`` changes a number.

    Parameters
    ----------
    seed : int
        Of everything random.
    progress : callable
        Called with steps done and steps in all.
    """

    seed: int = 0
    progress: Callable[[int, int], None] = field(default=lambda _done, _total: None)


class FittedForecaster(Protocol):
    """A forecaster after fitting."""

    def forecasts(self, history: SeriesHistory, rows: slice) -> Forecasts:
        """Forecast at the origins ``rows``; row *t* reads bars up to *t* and nothing later."""

    @property
    def facts(self) -> Mapping[str, float | int | str]:
        """What is to be said of it: parameters, chosen order, chosen penalty."""


class Forecaster(Protocol):
    """Something that learns to forecast single series; deterministic from its seed."""

    def fit(self, history: SeriesHistory, split: Split, *, context: ForecastContext) -> FittedForecaster:
        """Fit on the training rows; validation rows serve to stop and to choose, later rows are not read."""


class NothingFitted:
    """A forecaster that has nothing to fit: it is its own fitted one."""

    def fit(self, history: SeriesHistory, split: Split, *, context: ForecastContext) -> Self:  # noqa: ARG002
        """There is nothing to fit."""
        return self
