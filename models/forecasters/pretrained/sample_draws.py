"""Sample draws: how often a model that draws is asked, at which temperatures, and what its mean leaves out."""

from collections.abc import Mapping
from dataclasses import dataclass

from models.forecasters.sample_means import trimming_words

__all__ = ["SampleDraws"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleDraws:
    """What is drawn for one series at one origin.

    Parameters
    ----------
    samples : int
        At each temperature.
    temperatures : tuple of float
        By which logits are divided before a token is drawn: below one what is likely becomes likelier. With several,
        their samples are one heap.
    trim : float
        Share left out at either end by the mean of the heap.
    """

    samples: int
    temperatures: tuple[float, ...]
    trim: float = 0.0

    @property
    def n_drawn(self) -> int:
        """Samples in the heap."""
        return self.samples * len(self.temperatures)

    @property
    def facts(self) -> Mapping[str, float | int | str]:
        """Samples, temperatures, and what is trimmed where a share was asked for."""
        found: dict[str, float | int | str] = {
            "samples": self.n_drawn,
            "temperatures": " ".join(f"{each:g}" for each in self.temperatures),
        }
        return {**found, "trimmed": trimming_words(self.trim, self.n_drawn)} if self.trim > 0.0 else found
