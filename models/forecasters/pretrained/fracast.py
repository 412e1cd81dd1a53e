"""Fracast: a forecaster of 85,001 parameters whose weights come inside its package, so that nothing is downloaded."""

import datetime as dt
from functools import cached_property
from typing import Any

import numpy as np

from models.forecasters.forecast_extra import forecast_library
from models.forecasters.pretrained.pretrained_forecaster import at_levels

__all__ = ["Fracast"]


class Fracast:
    """The weights of the installed package, in 32-bit floats; deterministic, on the processor."""

    @cached_property
    def _model(self) -> Any:
        return forecast_library("fracast").FracastModel.from_pretrained(weights="fp32")

    @property
    def name(self) -> str:
        """Package and version."""
        from importlib.metadata import version

        return f"fracast {version('fracast')}"

    @property
    def trained_until(self) -> dt.date | None:
        """Its corpora of public series go to 2025; the newest day in them is not told."""
        return None

    @property
    def parameters(self) -> int:
        """Numbers in its weights."""
        return sum(each.numel() for part in (self._model.core, self._model.head) for each in part.parameters())

    @property
    def context_length(self) -> int:
        """Values that it reads at most."""
        return int(self._model.context_length)

    def price_quantiles(self, closes: np.ndarray, horizon: int, *, seed: int) -> np.ndarray:  # noqa: ARG002
        """Quantiles of the next closes; it draws nothing."""
        said = self._model.forecast_batch(closes, horizon=horizon)
        return at_levels(np.asarray(said, dtype="float64"), np.asarray(self._model.quantiles))
