"""Trained paths: what each agent and seed decided, trained once and kept in the folder of the study.

A file is named by the fingerprint of everything that decides its numbers: book, settings, agent, seed, code and
libraries. One that is missing, torn or edited counts as not there, and the agent is trained again; one of other
settings stays where it is and is not read. No agent is kept, no pickle is written.
"""

import hashlib
import json
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import MissingExtraError
from core.progress import Count
from live.sizing.sized_book import SizedBook
from live.sizing.sizing_problem import SizingProblem, sizing_problem
from live.sizing.sizing_settings import AgentName, SizingSettings
from strategy.runs.closure import ROOT, source_hash
from strategy.studies.sealed_numbers import read_sealed, sealed_path, write_sealed

__all__ = ["PathStore", "TrainedPath", "Training"]

DECIDING = (
    "backtests/engine/kernel.py",
    "backtests/engine/ledger.py",
    *(
        f"live/sizing/{name}.py"
        for name in (
            "causal_state",
            "made_books",
            "scaled_account",
            "sized_book",
            "sizing_agent",
            "sizing_environment",
            "sizing_problem",
            "sizing_settings",
        )
    ),
)
LIBRARIES = ("gymnasium", "numpy", "stable-baselines3", "torch")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Training:
    """One agent to be trained on one book.

    Parameters
    ----------
    book : SizedBook
        The book.
    agent : {"ppo", "dqn"}
        Which.
    seed : int
        Of the training.
    settings : SizingSettings
        Bounds, grid and steps.
    planted : bool
        Whether the future stands in the state.
    """

    book: SizedBook
    agent: AgentName
    seed: int
    settings: SizingSettings
    planted: bool = False

    @property
    def name(self) -> str:
        """For people: stage, agent and seed."""
        stage = "planted" if self.planted else "book" if self.book.identity else "null"
        return f"{stage}-{self.agent}-{self.seed}"

    def facts(self) -> dict[str, Any]:
        """Everything that decides the numbers, but code and libraries."""
        chosen = self.settings.model_dump(mode="json", include={"steps", "low", "high", "grid"})
        clock = {"execution": self.book.execution.deciding(), "costs": self.book.costs.deciding()}
        return {
            "agent": self.agent,
            "seed": self.seed,
            "planted": self.planted,
            "settings": chosen,
            "book": {**self.book.facts, **clock},
        }

    def fingerprint(self) -> str:
        """The sha256 of facts, code and libraries, in hexadecimal."""
        deciding = {"facts": self.facts(), "code": _code(), "libraries": _libraries()}
        return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedPath:
    """What a trained agent decided on the test span.

    Parameters
    ----------
    scale : ndarray of float
        At each close.
    net : ndarray of float
        Net return of each fill's session, by the environment's accounts.
    validation : tuple of float
        Mean reward on validation at each moment of the training.
    """

    scale: np.ndarray
    net: np.ndarray
    validation: tuple[float, ...]


@dataclass(slots=True)
class PathStore:
    """A folder of trained paths; the arrays of the book that was trained on last are kept in memory.

    Parameters
    ----------
    root : Path
        Made when the first path is written.
    """

    root: Path
    _kept: tuple[SizedBook, bool, SizingProblem] | None = field(default=None, init=False, repr=False)

    def problem(self, book: SizedBook, *, planted: bool) -> SizingProblem:
        """The arrays of a book."""
        if self._kept is None or self._kept[0] is not book or self._kept[1] != planted:
            self._kept = (book, planted, sizing_problem(book, planted=planted))
        return self._kept[2]

    def path(self, training: Training) -> Path:
        """The file of a training."""
        return sealed_path(self.root, training.name, training.fingerprint())

    def read(self, training: Training) -> TrainedPath | None:
        """What was decided; None if it was not trained, or its file was changed."""
        numbers = read_sealed(self.path(training), training.fingerprint())
        if numbers is None:
            return None
        return TrainedPath(
            scale=np.array(numbers["scale"]), net=np.array(numbers["net"]), validation=tuple(numbers["validation"])
        )

    def trained(self, training: Training, *, count: Count | None = None) -> TrainedPath:
        """Read what was decided, or train the agent and keep it."""
        found = self.read(training)
        if found is not None:
            return found
        from live.sizing.sizing_agent import train_agent

        problem = self.problem(training.book, planted=training.planted)
        done = train_agent(problem, training.agent, settings=training.settings, seed=training.seed, count=count)
        numbers = {
            "scale": done.test.scale.tolist(),
            "net": done.test.net.tolist(),
            "validation": list(done.validation),
        }
        fingerprint = training.fingerprint()
        facts = {"training": training.name, "fingerprint": fingerprint, **training.facts()}
        write_sealed(self.path(training), numbers, fingerprint=fingerprint, facts=facts)
        return TrainedPath(scale=done.test.scale, net=done.test.net, validation=done.validation)


@cache
def _code() -> tuple[str, ...]:
    """The deciding sources as they were when this process first asked, and so as it runs them."""
    return tuple(source_hash((ROOT / path).read_bytes()) for path in DECIDING)


def _libraries() -> dict[str, str]:
    """Versions of the libraries that decide.

    Raises
    ------
    MissingExtraError
        If one of them is not installed.
    """
    try:
        return {name: version(name) for name in LIBRARIES}
    except PackageNotFoundError as missing:
        raise MissingExtraError(f"{missing.name} is not installed: `pip install 'quintile[sizing]'`") from missing
