"""Sweep folder: one sweep on disk, everything in it written whole or not at all.

::

    <store>/<strategy>/sweeps/<id>/sweep.json      how far it is and what it came to, renewed as points are judged
                                   sweep.toml      what is tried, as it was resolved
                                   base.toml       the strategy that the points change
                                   sweep.html      its page
                                   search.journal  of a search: Optuna's journal
                                   points/         a judgement a training and book, by fingerprint
                                   fits/           a training's epochs and validation scores
                                   bars/           bars until the end of validation, while it is under way

The id is made of what is tried and on which bars: the same sweep has the same folder. Other code does not resume it.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from core.errors import RunError, SourceError
from core.files import read_json, write_json, write_text
from strategy.definitions.spec import StrategySpec
from strategy.search_journal import held_alone
from strategy.sweeps.point_judgement import JudgedFiles
from strategy.sweeps.sweep_plan import Plan

__all__ = ["SWEEPS", "SWEEP_FILE", "SweepFolder", "sweep_id"]

SWEEPS, SWEEP_FILE, PAGE_FILE = "sweeps", "sweep.json", "sweep.html"


def sweep_id(spec: StrategySpec, plan: Plan, *, panel: str) -> str:
    """The name of a sweep: sixteen digits of the sha256 of all that decides its points and its winner."""
    chosen = {"objective": plan.objective, "refit": plan.refit, "prune": plan.prune, "seed": plan.seed}
    asked = {"trials": plan.trials, "seeds": list(plan.seeds), **chosen, **plan.as_record()}
    deciding = {"spec": spec.fingerprint(), "panel": panel, "plan": asked}
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class SweepFolder:
    """One sweep on disk.

    Parameters
    ----------
    path : Path
        ``<store>/<strategy>/sweeps/<id>``.
    """

    path: Path

    @property
    def sweep(self) -> str:
        """Its id."""
        return self.path.name

    @property
    def page(self) -> Path:
        """Its page."""
        return self.path / PAGE_FILE

    @property
    def journal(self) -> Path:
        """The journal of its search."""
        return self.path / "search.journal"

    @property
    def points(self) -> JudgedFiles:
        """Its judgements."""
        return JudgedFiles(self.path / "points")

    def fit(self, learned: str) -> Path:
        """The folder of a training, by what it learns."""
        return self.path / "fits" / learned[:24]

    @property
    def is_begun(self) -> bool:
        """Whether it is there."""
        return (self.path / SWEEP_FILE).is_file()

    @property
    def is_finished(self) -> bool:
        """Whether it is there and through."""
        return self.is_begun and self.record.get("finished") is not None

    @property
    def record(self) -> dict[str, Any]:
        """Content of ``sweep.json``.

        Raises
        ------
        RunError
            If the file is no record of a sweep.
        """
        try:
            found: dict[str, Any] = read_json(self.path / SWEEP_FILE, dict[str, Any])
        except (OSError, SourceError) as error:
            raise RunError(f"{self.path} is no sweep ({error}): remove it to sweep anew") from error
        if found.get("sweep") != self.sweep or not isinstance(found.get("points"), dict):
            raise RunError(f"{self.path / SWEEP_FILE} is not of sweep {self.sweep}: restore it, or remove its folder")
        return found

    def begin(self, spec: StrategySpec, plan: Plan, record: Mapping[str, Any]) -> None:
        """Write what is tried."""
        told = {"trials": plan.trials, "seeds": list(plan.seeds) or None, "objective": plan.objective}
        whole = {key: value for key, value in plan.as_record().items() if value}
        head = "".join(f"# {key} = {value}\n" for key, value in told.items() if value is not None)
        write_text(self.path / "base.toml", spec.to_toml())
        write_text(self.path / "sweep.toml", head + tomli_w.dumps(whole))
        self.write(record)

    def write(self, record: Mapping[str, Any]) -> None:
        """Write ``sweep.json``."""
        write_json(self.path / SWEEP_FILE, dict(record))

    def held(self) -> Any:
        """Hold the sweep for this process alone; a context manager.

        Raises
        ------
        SourceError
            If another process is at it.
        """
        return held_alone(self.journal, seconds=5.0, name=f"sweep {self.sweep}")

    def tidy(self) -> None:
        """Remove what only an unfinished sweep needs."""
        shutil.rmtree(self.path / "bars", ignore_errors=True)
