"""Pretrained forecaster: one adapter for all that read past values and give quantiles or samples of the next ones.

What a library must do is two things: say what it is, with the last day that its training may have seen, and turn a
batch of past closes into quantiles of those to come. Targets up to that day are contaminated: a model may have learned
them by heart, so that they are scored apart and select nothing.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from models.forecasters.forecaster import ForecastContext, SeriesHistory
from models.forecasters.forecasts import LEVELS, Forecasts
from models.sample_splits import Split

__all__ = ["Pretrained", "PretrainedForecaster", "at_levels"]

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
        """Values that it reads at most."""

    def price_quantiles(self, closes: np.ndarray, horizon: int, *, seed: int) -> np.ndarray:
        """Quantiles of the next closes at ``LEVELS``, (B, horizon, Q), of past ones (B, L) that may begin with NaN."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PretrainedForecaster:
    """A pretrained model as a forecaster.

    Parameters
    ----------
    model : Pretrained
        What is asked.
    context : int, optional
        Closes read at most; as many as the model reads by default.
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
        """Quantiles at every origin of ``rows``, the median as expectation; NaN with fewer than 30 closes."""
        closes, sessions = np.exp(history.log_closes()), history.sessions[rows]
        length = min(self.context or self.model.context_length, self.model.context_length)
        shape = (len(sessions), closes.shape[1], len(history.horizons), len(LEVELS))
        quantiles = np.full(shape, np.nan)
        cells = [
            (place, row, series)
            for place, row in enumerate(range(*rows.indices(len(closes))))
            for series in range(closes.shape[1])
            if np.isfinite(closes[max(row + 1 - length, 0) : row + 1, series]).sum() >= MIN_CLOSES
        ]
        for start in range(0, len(cells), BATCH):
            batch = cells[start : start + BATCH]
            past = np.stack([_past(closes[: row + 1, series], length) for _, row, series in batch])
            said = self.model.price_quantiles(past, history.horizons[-1], seed=self.asked.seed)
            for (place, _row, series), prices, last in zip(batch, said, past[:, -1], strict=True):
                quantiles[place, series] = prices[[h - 1 for h in history.horizons]] / last - 1.0
            self.asked.progress(min(start + BATCH, len(cells)), len(cells))
        return Forecasts(
            sessions=sessions,
            tickers=history.panel.tickers,
            horizons=history.horizons,
            mean=quantiles[..., LEVELS.index(0.5)].copy(),
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
        }


def _past(closes: np.ndarray, length: int) -> np.ndarray:
    """The last values, NaN before the first where there are fewer."""
    kept = closes[-length:]
    return np.concatenate([np.full(length - len(kept), np.nan), kept])


def at_levels(quantiles: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Quantiles at ``LEVELS`` from those at the levels ``given``, in between by lines, NaN beyond; made to rise."""
    rising = np.sort(quantiles, axis=-1)
    wanted = np.asarray(LEVELS)
    above = np.clip(np.searchsorted(given, wanted - 1e-9), 1, len(given) - 1)
    share = (wanted - given[above - 1]) / (given[above] - given[above - 1])
    found = rising[..., above - 1] * (1.0 - share) + rising[..., above] * share
    return np.where((wanted >= given[0] - 1e-9) & (wanted <= given[-1] + 1e-9), found, np.nan)
