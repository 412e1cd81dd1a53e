"""Fracast: a forecaster of 85,001 parameters whose weights come inside its package, so that nothing is downloaded."""

import datetime as dt
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from models.forecasters.forecast_extra import forecast_library
from models.forecasters.pretrained.past_bars import PastBars
from models.forecasters.pretrained.price_forecasts import PriceForecasts

__all__ = ["Fracast"]


class Fracast:
    """The weights of the installed package, in 32-bit floats; deterministic, on the processor.

    It takes as long with a short context as with a long one: whatever it is given is padded to the 2,048 values that
    its network was built for.
    """

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
        """Nobody says which is the newest day in the public series that it was trained on."""
        return None

    @property
    def parameters(self) -> int:
        """Numbers in its weights."""
        return sum(each.numel() for part in (self._model.core, self._model.head) for each in part.parameters())

    @property
    def context_length(self) -> int:
        """Values that it reads at most."""
        return int(self._model.context_length)

    @property
    def facts(self) -> Mapping[str, float | int | str]:
        """Nothing more."""
        return {}

    def price_forecasts(self, past: PastBars, horizon: int, *, seed: int) -> PriceForecasts:  # noqa: ARG002
        """Deciles of the next closes; it draws nothing."""
        said = self._model.forecast_batch(past.closes(), horizon=horizon)
        return PriceForecasts.of_quantiles(np.asarray(said, dtype="float64"), np.asarray(self._model.quantiles))
