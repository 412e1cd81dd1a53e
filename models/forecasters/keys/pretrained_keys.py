"""Pretrained keys: what the pretrained forecasters are told.

A path holds no colon and no comma, which part keys and forecasters.
"""

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, field_validator

from models.forecasters.keys.forecaster_keys import Choices, ForecasterSettings, Reach

if TYPE_CHECKING:
    from models.forecasters.forecaster import Forecaster
    from models.forecasters.pretrained.sample_draws import SampleDraws

__all__ = ["ChronosSettings", "FracastSettings", "KronosSettings", "SamplesSettings", "TimesfmSettings"]

TEMPERATURES = ("0.10", "0.13", "0.16", "0.20", "0.25", "0.10|0.13|0.16|0.20|0.25", "1.0")
TRIMS = (0.0, 0.05, 0.1, 0.15, 0.2)
KRONOS_UNTIL = dt.date(2024, 5, 31)  # its authors call June 2024 and later out of sample


def _temperatures(told: Any) -> Any:
    """Numbers of a set such as ``0.10|0.13``, each once."""
    if isinstance(told, int | float):
        return (told,)
    return tuple(dict.fromkeys(float(each) for each in told.split("|"))) if isinstance(told, str) else told


def _date(told: Any) -> Any:
    """A day spelled 2024-02-29; pydantic would take 20240229 for a number of seconds."""
    return dt.date.fromisoformat(told) if isinstance(told, str) else told


Temperature = Annotated[float, Field(gt=0.0, le=10.0)]
Temperatures = Annotated[tuple[Temperature, ...], Field(min_length=1, max_length=20), BeforeValidator(_temperatures)]
Day = Annotated[dt.date, BeforeValidator(_date)]
Trim = Annotated[float, Field(ge=0.0, lt=0.5)]
UNTIL = "last day that its training may have seen, such as 2024-02-29; unknown by default: all targets are contaminated"
TRIM = "share of the samples that the mean leaves out at either end"
TEMPERATURE = "of the draws; a set such as 0.10|0.20 pools them"


class FracastSettings(ForecasterSettings):
    """Fracast, pretrained, with its weights in the package."""

    SPACE: ClassVar[Mapping[str, Choices | Reach]] = {"context": Choices((64, 128, 256, 512, 1024, 2048))}

    context: int = Field(default=512, ge=32, le=2048, description="closes read at most")

    def made(self) -> "Forecaster":
        """The pretrained model."""
        from models.forecasters.pretrained.fracast import Fracast
        from models.forecasters.pretrained.pretrained_forecaster import PretrainedForecaster

        return PretrainedForecaster(model=Fracast(), context=self.context)


class FolderSettings(ForecasterSettings):
    """A pretrained model in a folder of the user's."""

    weights: Path | None = Field(
        default=None, validate_default=True, description="folder of its config.json and *.safetensors"
    )
    trained_until: Day | None = Field(default=None, description=UNTIL)

    @field_validator("weights")
    @classmethod
    def _check_weights(cls, weights: Path | None) -> Path | None:
        if weights is None:
            raise ValueError("name the folder of the model, such as weights=/path/to/folder")
        return weights

    @property
    def folder(self) -> Path:
        """The folder of the model."""
        assert self.weights is not None
        return self.weights


class ChronosSettings(FolderSettings):
    """Chronos, Chronos-Bolt or Chronos-2; temperature, samples and trim are of the first, which draws."""

    SPACE: ClassVar[Mapping[str, Choices | Reach]] = {
        "temperature": Choices(TEMPERATURES),
        "samples": Choices((128, 256, 512)),
        "trim": Choices(TRIMS),
    }

    context: int | None = Field(default=None, ge=32, le=8192, description="closes read at most; all by default")
    temperature: Temperatures = Field(default=(1.0,), description=TEMPERATURE)
    samples: int = Field(default=128, ge=1, le=2048, description="draws at each temperature")
    trim: Trim = Field(default=0.0, description=TRIM)

    def made(self) -> "Forecaster":
        """The pretrained model."""
        from models.forecasters.pretrained.chronos import chronos_of
        from models.forecasters.pretrained.pretrained_forecaster import PretrainedForecaster

        model = chronos_of(self.folder, draws=_draws(self), trained_until=self.trained_until)
        return PretrainedForecaster(model=model, context=self.context)


class TimesfmSettings(FolderSettings):
    """TimesFM 2.5 or 3.0."""

    SPACE: ClassVar[Mapping[str, Choices | Reach]] = {"context": Choices((64, 128, 256, 512, 1024))}

    context: int = Field(default=512, ge=32, le=15360, description="closes read at most; 1024 of TimesFM 2.5")

    def made(self) -> "Forecaster":
        """The pretrained model."""
        from models.forecasters.pretrained.pretrained_forecaster import PretrainedForecaster
        from models.forecasters.pretrained.timesfm import timesfm_of

        model = timesfm_of(self.folder, trained_until=self.trained_until)
        return PretrainedForecaster(model=model, context=self.context)


class KronosSettings(FolderSettings):
    """Kronos, which reads whole bars."""

    SPACE: ClassVar[Mapping[str, Choices | Reach]] = {
        "temperature": Choices(TEMPERATURES),
        "samples": Choices((5, 10, 15)),
        "trim": Choices(TRIMS),
    }

    weights: Path | None = Field(
        default=None, validate_default=True, description="folder of model/ and tokenizer/, each with its files"
    )
    trained_until: Day | None = Field(default=KRONOS_UNTIL, description="last day that its training may have seen")
    context: int = Field(default=512, ge=32, le=2048, description="bars read at most")
    temperature: Temperatures = Field(default=(1.0,), description=TEMPERATURE)
    samples: int = Field(default=10, ge=1, le=256, description="draws at each temperature")
    top_p: float = Field(default=0.9, gt=0.0, le=1.0, description="share of the likeliest tokens that are drawn from")
    trim: Trim = Field(default=0.0, description=TRIM)

    def made(self) -> "Forecaster":
        """The pretrained model."""
        from models.forecasters.pretrained.kronos import KronosKeys, kronos_of
        from models.forecasters.pretrained.pretrained_forecaster import PretrainedForecaster

        keys = KronosKeys(draws=_draws(self), top_p=self.top_p, context=self.context, trained_until=self.trained_until)
        return PretrainedForecaster(model=kronos_of(self.folder, keys), context=self.context)


class SamplesSettings(ForecasterSettings):
    """Samples that a model elsewhere left in a file."""

    file: Path | None = Field(
        default=None, validate_default=True, description="parquet or CSV: session, ticker, horizon, sample, return"
    )
    trained_until: Day | None = Field(default=None, description=UNTIL)
    trim: Trim = Field(default=0.0, description=TRIM)

    @field_validator("file")
    @classmethod
    def _check_file(cls, file: Path | None) -> Path | None:
        if file is None:
            raise ValueError("name the file of samples, such as file=toto.parquet")
        return file

    def made(self) -> "Forecaster":
        """The forecaster of the file."""
        from models.forecasters.pretrained.samples_file import SamplesFile

        assert self.file is not None
        return SamplesFile(path=self.file, trim=self.trim, trained_until=self.trained_until)


def _draws(keys: ChronosSettings | KronosSettings) -> "SampleDraws":
    from models.forecasters.pretrained.sample_draws import SampleDraws

    return SampleDraws(samples=keys.samples, temperatures=keys.temperature, trim=keys.trim)
