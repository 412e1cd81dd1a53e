"""Options: rounds, memory and peers of a measurement."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Options"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a workload is measured.

    Parameters
    ----------
    rounds : int
        Interleaved rounds that count; one more before them warms up.
    memory : bool
        Measure peaks, each in a process of its own; needs Linux.
    peers : bool
        Run the peers that live in environments of their own.
    interpreters : mapping of str to Path
        Interpreters of peers that are there already.
    """

    rounds: int = 5
    memory: bool = True
    peers: bool = True
    interpreters: Mapping[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise ValueError(f"rounds must be at least 1, was {self.rounds}")
