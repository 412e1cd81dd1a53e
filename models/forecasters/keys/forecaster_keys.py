"""Forecaster keys: what every forecaster is told, and how the reach of a search is said."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from core.settings import Settings

if TYPE_CHECKING:
    from models.forecasters.forecaster import Forecaster

__all__ = ["FIT_MEANING", "Choices", "Features", "FitMode", "ForecasterSettings", "Reach"]

FitMode = Literal["pooled", "each", "finetune"]
FIT_MEANING = "pooled over the series, each series alone, or finetune: on all series and then further on each"
Features = Literal["core14", "core11", "compact7", "compact12"]


class Choices(NamedTuple):
    """Values that a search tries one of."""

    values: tuple[Any, ...]


class Reach(NamedTuple):
    """Bounds that a search tries numbers between, on a logarithmic scale where asked."""

    low: float
    high: float
    log: bool = False


class ForecasterSettings(Settings):
    """What every forecaster is told; each kind adds keys of its own.

    Attributes
    ----------
    SPACE : mapping of str to Choices or Reach
        What a search tries, by key; nothing for a forecaster without choices.
    """

    SPACE: ClassVar[Mapping[str, Choices | Reach]] = {}

    @property
    def feature_set(self) -> str | None:
        """Features that it reads beside prices; None for none."""
        return getattr(self, "features", None)

    def made(self) -> "Forecaster":
        """The forecaster, not fitted."""
        raise TypeError(f"{type(self).__name__} names no forecaster")
