"""TimesFM: Google's forecasters 2.5 and 3.0, from a folder that the user keeps; both give the nine deciles."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from models.forecasters.forecast_extra import forecast_library
from models.forecasters.forecasts import DECILES
from models.forecasters.pretrained.past_bars import PastBars
from models.forecasters.pretrained.price_forecasts import PriceForecasts
from models.forecasters.pretrained.weights_folder import WeightsFolder, quiet

__all__ = ["MAX_CONTEXT", "TimesFm3", "TimesFm25", "timesfm_of"]

BATCH = 16
LONGEST = 1024  # closes of its context and sessions ahead that 2.5 is asked for at most
MAX_CONTEXT = 15360  # of 3.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TimesFm25:
    """TimesFM 2.5, on the processor.

    Parameters
    ----------
    library, model : object
        ``timesfm`` and its model.
    name : str
        What it is called.
    trained_until : date, optional
        The last day that its training may have seen, as the user says.
    """

    library: Any
    model: Any
    name: str
    trained_until: dt.date | None = None

    @property
    def parameters(self) -> int:
        """Numbers in its weights."""
        return sum(each.numel() for each in self.model.model.parameters())

    @property
    def context_length(self) -> int:
        """Values that it reads at most here; it was trained for more."""
        return LONGEST

    @property
    def facts(self) -> Mapping[str, float | int | str]:
        """Nothing more."""
        return {}

    def price_forecasts(self, past: PastBars, horizon: int, *, seed: int) -> PriceForecasts:  # noqa: ARG002
        """Forecasts of the next closes; it draws nothing."""
        rows = [row[np.isfinite(row)] for row in past.closes()]
        with quiet():
            self.model.compile(
                self.library.ForecastConfig(
                    max_context=past.length,
                    max_horizon=horizon,
                    normalize_inputs=True,
                    per_core_batch_size=len(rows),
                    use_continuous_quantile_head=True,
                    fix_quantile_crossing=True,
                )
            )
            _, said = self.model.forecast(horizon=horizon, inputs=rows)
        deciles = np.asarray(said, dtype="float64")[..., 1:]  # the first is a mean
        return PriceForecasts.of_quantiles(deciles, np.asarray(DECILES))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TimesFm3:
    """TimesFM 3.0, on the processor.

    Parameters
    ----------
    model : object
        Forecaster of ``timesfm3``.
    name : str
        What it is called.
    trained_until : date, optional
        The last day that its training may have seen, as the user says.
    """

    model: Any
    name: str
    trained_until: dt.date | None = None

    @property
    def parameters(self) -> int:
        """Numbers in its weights."""
        return sum(each.numel() for each in self.model.model.parameters())

    @property
    def context_length(self) -> int:
        """Values that it reads at most."""
        return MAX_CONTEXT

    @property
    def facts(self) -> Mapping[str, float | int | str]:
        """Nothing more."""
        return {}

    def price_forecasts(self, past: PastBars, horizon: int, *, seed: int) -> PriceForecasts:  # noqa: ARG002
        """Forecasts of the next closes; it draws nothing."""
        rows, levels = [row[np.isfinite(row)] for row in past.closes()], self.model.config.quantiles
        quantiles, lengths = np.empty((len(rows), horizon, len(levels))), np.array([len(row) for row in rows])
        with quiet():
            for length in np.unique(lengths):  # the library would pad the short ones to the longest beside them
                places = np.flatnonzero(lengths == length)
                said = self.model.predict_batch([rows[place] for place in places], horizon, return_quantiles=True)
                quantiles[places] = np.stack([each.quantiles for each in said])
        return PriceForecasts.of_quantiles(quantiles, np.asarray(levels))


def timesfm_of(path: Path, *, trained_until: dt.date | None) -> TimesFm25 | TimesFm3:
    """The model of a folder: 3.0 where its ``config.json`` has a ``transformer_config``, else 2.5.

    Raises
    ------
    CheckpointError
        If the folder holds no weights of either.
    MissingExtraError
        If its library is not installed.
    """
    folder = WeightsFolder.opened(path, what="TimesFM 2.5 or 3.0")
    if "transformer_config" in folder.config:
        return TimesFm3(model=_loaded_3(folder), name=f"TimesFM 3.0 of {folder.path.name}", trained_until=trained_until)
    library, model = _loaded_25(folder)
    name = f"TimesFM 2.5 of {folder.path.name}"
    return TimesFm25(library=library, model=model, name=name, trained_until=trained_until)


@lru_cache(maxsize=1)
def _loaded_25(folder: WeightsFolder) -> tuple[Any, Any]:
    import torch

    library = forecast_library("timesfm", extra="timesfm")

    def load() -> Any:
        model = library.TimesFM_2p5_200M_torch(torch_compile=False)
        model.model.device, model.model.device_count = torch.device("cpu"), 1
        model.load_checkpoint(str(folder.path))  # strict: every tensor, and no other
        return model

    return library, folder.read(load)


@lru_cache(maxsize=1)
def _loaded_3(folder: WeightsFolder) -> Any:
    library = forecast_library("timesfm3", extra="timesfm")

    def load() -> Any:
        return library.TimesFM3Forecaster.from_pretrained(
            str(folder.path), device="cpu", local_files_only=True, per_core_batch_size=BATCH
        )

    forecaster = folder.read(load)
    folder.require_all(forecaster.model.state_dict())
    return forecaster
