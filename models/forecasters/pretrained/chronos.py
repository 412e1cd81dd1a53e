"""Chronos: forecasters of Amazon's family, from a folder that the user keeps; the first ones draw samples, those of
Chronos-Bolt and Chronos-2 give quantiles.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import CheckpointError
from models.forecasters.forecast_extra import forecast_library
from models.forecasters.pretrained.past_bars import PastBars
from models.forecasters.pretrained.price_forecasts import PriceForecasts
from models.forecasters.pretrained.sample_draws import SampleDraws
from models.forecasters.pretrained.weights_folder import WeightsFolder, quiet

__all__ = ["Chronos", "chronos_of"]

CHUNK = 64  # samples drawn at once: memory grows with them


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chronos:
    """A pipeline of the library, on the processor.

    Parameters
    ----------
    pipeline : object
        Of ``chronos``.
    name : str
        What it is called.
    draws : SampleDraws
        What is drawn, by a pipeline that draws.
    trained_until : date, optional
        The last day that its training may have seen, as the user says.
    """

    pipeline: Any
    name: str
    draws: SampleDraws
    trained_until: dt.date | None = None

    @property
    def parameters(self) -> int:
        """Numbers in its weights."""
        return sum(each.numel() for each in self.pipeline.inner_model.parameters())

    @property
    def context_length(self) -> int:
        """Values that it reads at most."""
        return int(self.pipeline.model_context_length)

    @property
    def draws_samples(self) -> bool:
        """Whether it draws samples; the later ones give quantiles."""
        return str(self.pipeline.forecast_type.value) == "samples"

    @property
    def facts(self) -> Mapping[str, float | int | str]:
        """What it draws and the horizon that it was trained for, beyond which it reads its own median."""
        own = {"own horizon": int(self.pipeline.model_prediction_length)}
        if self.draws_samples:
            return {**own, **self.draws.facts}
        return {**own, "samples": "none: it gives quantiles, so that temperature, samples and trim do nothing"}

    def price_forecasts(self, past: PastBars, horizon: int, *, seed: int) -> PriceForecasts:
        """Forecasts of the next closes."""
        import torch

        closes = torch.tensor(past.closes(), dtype=torch.float32)  # (B, L), as long beside whatever others
        with quiet():
            if self.draws_samples:
                known = [each[torch.isfinite(each)] for each in closes]
                drawn = [self._drawn(each, horizon, past.seed_of(at, seed)) for at, each in enumerate(known)]
                return PriceForecasts.of_samples(np.stack(drawn), trim=self.draws.trim)
            said = self.pipeline.predict(list(closes), horizon)
        quantiles = np.stack([each.numpy().reshape(-1, horizon).T for each in said])
        return PriceForecasts.of_quantiles(quantiles.astype("float64"), np.asarray(self.pipeline.quantiles))

    def _drawn(self, closes: Any, horizon: int, seed: int) -> np.ndarray:
        """Samples of one series, shape (horizon, S), of one temperature after the other."""
        import torch

        found: list[np.ndarray] = []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for temperature in self.draws.temperatures:
                for start in range(0, self.draws.samples, CHUNK):
                    count = min(CHUNK, self.draws.samples - start)
                    paths = self.pipeline.predict(closes, horizon, num_samples=count, temperature=temperature)
                    found.append(paths[0].numpy().T.astype("float64"))
        return np.concatenate(found, axis=-1)


def chronos_of(path: Path, *, draws: SampleDraws, trained_until: dt.date | None) -> Chronos:
    """The model of a folder.

    Raises
    ------
    CheckpointError
        If the folder holds no weights of the family.
    MissingExtraError
        If its library is not installed.
    """
    folder = WeightsFolder.opened(path, what="a model of Chronos")
    if not {"chronos_config", "chronos_pipeline_class"} & folder.config.keys():
        raise CheckpointError(
            f"{folder.path} is no model of Chronos: its config.json has no chronos_config; name the folder of a "
            "chronos-t5, chronos-bolt or chronos-2"
        )
    name = f"{folder.config.get('chronos_pipeline_class', 'ChronosPipeline')} of {folder.path.name}"
    return Chronos(pipeline=_loaded(folder), name=name, draws=draws, trained_until=trained_until)


@lru_cache(maxsize=1)
def _loaded(folder: WeightsFolder) -> Any:
    """The pipeline of a folder, read once."""
    library = forecast_library("chronos", extra="chronos")
    logging = forecast_library("transformers.utils.logging", extra="chronos")
    logging.disable_progress_bar()
    logging.set_verbosity_error()

    def load() -> Any:
        return library.BaseChronosPipeline.from_pretrained(
            str(folder.path), dtype="float32", local_files_only=True, use_safetensors=True, trust_remote_code=False
        )

    pipeline = folder.read(load)
    folder.require_all(pipeline.inner_model.state_dict())
    return pipeline
