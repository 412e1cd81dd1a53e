"""Kronos: a model of candles, from a folder that the user keeps; it reads whole bars, and draws the bars to come.

The folder holds ``model/`` and ``tokenizer/``, each with ``config.json`` and ``model.safetensors``.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from models.forecasters.forecast_extra import forecast_library
from models.forecasters.pretrained.past_bars import PastBars
from models.forecasters.pretrained.price_forecasts import PriceForecasts
from models.forecasters.pretrained.sample_draws import SampleDraws
from models.forecasters.pretrained.weights_folder import WeightsFolder, quiet

__all__ = ["MAX_CONTEXT", "MODEL", "TOKENIZER", "Kronos", "KronosKeys", "kronos_of"]

MODEL, TOKENIZER = "model", "tokenizer"
MAX_CONTEXT = 2048  # of the smallest; the others were trained on 512
LIBRARY = "kronos_finance._vendor.kronos_model"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kronos:
    """Model and tokenizer of the library, on the processor.

    Parameters
    ----------
    predictor : object
        Of ``kronos_finance``.
    name : str
        What it is called.
    draws : SampleDraws
        What is drawn.
    top_p : float
        Share of the likeliest tokens that are drawn from.
    trained_until : date, optional
        The last day that its training may have seen.
    """

    predictor: Any
    name: str
    draws: SampleDraws
    top_p: float
    trained_until: dt.date | None = None

    @property
    def parameters(self) -> int:
        """Numbers in the weights of model and tokenizer."""
        parts = (self.predictor.model, self.predictor.tokenizer)
        return sum(each.numel() for part in parts for each in part.parameters())

    @property
    def context_length(self) -> int:
        """Bars that it reads at most."""
        return int(self.predictor.max_context)

    @property
    def facts(self) -> Mapping[str, float | int | str]:
        """What it draws."""
        return self.draws.facts

    def price_forecasts(self, past: PastBars, horizon: int, *, seed: int) -> PriceForecasts:
        """Forecasts of the next closes."""
        with quiet():
            drawn = [self._drawn(past, place, horizon, past.seed_of(place, seed)) for place in range(len(past))]
        return PriceForecasts.of_samples(np.stack(drawn), trim=self.draws.trim)

    def _drawn(self, past: PastBars, place: int, horizon: int, seed: int) -> np.ndarray:
        """Closes of the bars drawn for one series, shape (horizon, S).

        Asked for several samples the library gives their mean alone, so that it is asked for one of several copies.
        """
        import torch

        bars, copies = past.candles(place), self.draws.samples
        before, ahead = pd.Series(bars.index), pd.Series(past.sessions_ahead(place, horizon))
        found: list[np.ndarray] = []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for temperature in self.draws.temperatures:
                said = self.predictor.predict_batch(
                    [bars.reset_index(drop=True)] * copies,
                    [before] * copies,
                    [ahead] * copies,
                    pred_len=horizon,
                    T=temperature,
                    top_p=self.top_p,
                    sample_count=1,
                    verbose=False,
                )
                found += [each["close"].to_numpy(dtype="float64") for each in said]
        return np.stack(found, axis=-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class KronosKeys:
    """What Kronos is told beside its folder.

    Parameters
    ----------
    draws : SampleDraws
        What is drawn.
    top_p : float
        Share of the likeliest tokens that are drawn from.
    context : int
        Bars that it reads at most.
    trained_until : date, optional
        The last day that its training may have seen.
    """

    draws: SampleDraws
    top_p: float
    context: int
    trained_until: dt.date | None


def kronos_of(path: Path, keys: KronosKeys) -> Kronos:
    """The model of a folder.

    Raises
    ------
    CheckpointError
        If the folder holds no weights of Kronos.
    MissingExtraError
        If its library is not installed.
    """
    what = f"Kronos, with {MODEL}/ and {TOKENIZER}/ in it"
    model, tokenizer = (WeightsFolder.opened(path / part, what=what) for part in (MODEL, TOKENIZER))
    return Kronos(
        predictor=_loaded(model, tokenizer, keys.context),
        name=f"Kronos of {model.path.parent.name}",
        draws=keys.draws,
        top_p=keys.top_p,
        trained_until=keys.trained_until,
    )


@lru_cache(maxsize=1)
def _loaded(model: WeightsFolder, tokenizer: WeightsFolder, context: int) -> Any:
    from safetensors.torch import load_file

    library = forecast_library(LIBRARY, extra="kronos")

    def load(folder: WeightsFolder, network: Any) -> Any:
        told = {key: folder.config[key] for key in signature(network).parameters if key in folder.config}
        made = network(**told)
        made.load_state_dict(load_file(folder.path / "model.safetensors"), strict=True)
        return made.eval()

    parts = [
        folder.read(partial(load, folder, network))
        for folder, network in ((model, library.Kronos), (tokenizer, library.KronosTokenizer))
    ]
    return library.KronosPredictor(*parts, device="cpu", max_context=context)
