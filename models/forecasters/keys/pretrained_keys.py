"""Pretrained keys: what the pretrained forecasters are told."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from models.forecasters.keys.forecaster_keys import Choices, ForecasterSettings, Reach

if TYPE_CHECKING:
    from models.forecasters.forecaster import Forecaster

__all__ = ["FracastSettings"]


class FracastSettings(ForecasterSettings):
    """Fracast, pretrained, with its weights in the package."""

    SPACE: ClassVar[Mapping[str, Choices | Reach]] = {"context": Choices((64, 128, 256, 512, 1024, 2048))}

    context: int = Field(default=512, ge=32, le=2048, description="closes read at most")

    def made(self) -> "Forecaster":
        """The pretrained model."""
        from models.forecasters.pretrained.fracast import Fracast
        from models.forecasters.pretrained.pretrained_forecaster import PretrainedForecaster

        return PretrainedForecaster(model=Fracast(), context=self.context)
