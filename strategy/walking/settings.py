"""Settings of a walk: what is retrained when, on which seeds; and how it is carried out."""

import datetime as dt
import hashlib
from dataclasses import dataclass, field
from typing import Literal, Self

from pydantic import Field, model_validator

from market.mapping import ELSEWHERE, require_place
from market.settings import Settings
from models.walk_forward import RetrainingSettings
from strategy.console import ProgressCallback, silent
from strategy.runs import RunFolder, RunRequest, RunStore

__all__ = ["CombinatorialSettings", "WalkOptions", "WalkSettings"]


class CombinatorialSettings(Settings):
    """Judge every choice of ``k_test`` among ``n_groups`` groups of sessions.

    Parameters
    ----------
    n_groups, k_test : int
        N and k.
    """

    n_groups: int = Field(default=6, ge=2, le=20)
    k_test: int = Field(default=2, ge=1)


class WalkSettings(Settings):
    """Everything that decides the numbers of a walk, beside the strategy.

    Parameters
    ----------
    retraining : RetrainingSettings
        Lengths of the spans.
    first_test : date, optional
        First judged session, or the first after it; by default the one after the first ``retraining.train`` sessions.
        Earlier bars warm features up.
    seeds : tuple of int
        One training a fold each; empty for the strategy's own.
    learner : {"network", "ridge"}
        What is trained; ridge has no seed.
    combinatorial : CombinatorialSettings, optional
        Combinatorial purged splits instead of a walk forward.
    """

    retraining: RetrainingSettings = RetrainingSettings()
    first_test: dt.date | None = None
    seeds: tuple[int, ...] = ()
    learner: Literal["network", "ridge"] = "network"
    combinatorial: CombinatorialSettings | None = None

    def fingerprint(self) -> str:
        """Return the sha256 of everything but the seeds, which the strategies of the runs carry."""
        deciding = self.model_dump_json(exclude={"seeds"})
        return f"walk-{hashlib.sha256(deciding.encode()).hexdigest()}"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(set(self.seeds)) < len(self.seeds) or any(seed < 0 for seed in self.seeds):
            raise ValueError(f"seeds must be different numbers from 0 on, were {self.seeds}")
        if self.learner == "ridge" and len(self.seeds) > 1:
            raise ValueError(f"ridge has no seed: give none instead of {self.seeds}")
        return self


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WalkOptions:
    """How a walk is carried out; nothing here changes a number.

    Parameters
    ----------
    store : RunStore
        Where the runs are written, one a seed.
    resume : RunFolder or None
        Any run of an unfinished walk to continue; None starts a new one.
    request : RunRequest
        Where the bars came from, for the record.
    workers : int
        Processes at once; each computes with one thread.
    on : {"processes", "ray"}
        Of this machine, or of a Ray cluster whose machines see the store under the same path.
    command : str
        What reproduces the walk, for the record.
    progress : callable
        Called as work advances.
    """

    store: RunStore = field(default_factory=RunStore)
    resume: RunFolder | None = None
    request: RunRequest = field(default_factory=lambda: RunRequest(bars="given in Python"))
    workers: int = 2
    on: str = "processes"
    command: str = "strategy.walk(spec, bars)"
    progress: ProgressCallback = silent

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError(f"workers must be at least 1, was {self.workers}")
        require_place(self.on, among=ELSEWHERE)  # before the bars are read
