"""Store: where every run lives, ``<store>/<strategy>/<run id>/``, written so that a kill leaves it resumable.

``run.json`` records the request, the code and bars it ran on, and whether it finished. A run's other files appear
whole or not at all. Frames are parquet, with a CSV copy for people where the store is asked for copies.
"""

import math
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import pandas as pd
from filelock import FileLock, Timeout

from core.errors import RunError, SourceError
from core.files import atomic_path, read_json, write_json, write_text
from market.request import BarsRequest
from strategy.definitions.spec import StrategySpec, load_spec
from strategy.runs.provenance import code_fingerprint, commit, environment

__all__ = ["CHAIN_FILE", "DEFAULT_STORE", "PRUNED_FILE", "RunFolder", "RunOrigin", "RunStore", "identity_of"]

DEFAULT_STORE = "runs"
CHAIN_FILE = "trials.json"  # where the trial log stood, see ``strategy.trials``
PRUNED_FILE = "pruned.json"  # what is left of the record of a run that was pruned
IDENTITY = ("spec", "panel", "code")
RECORDED = ("strategy", "request", "identity", "finished")
GIVEN = ("version", "model", "scores")  # keys of run.json


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOrigin:
    """What a run is made of where it does not train a model of its own.

    Parameters
    ----------
    identity : mapping of str to str
        Fingerprints that join or replace those of spec, bars and code: given scores, a given model, a walk.
    record : mapping
        What ``run.json`` says of it beside.
    suffix : str
        Ends the run's id.
    """

    identity: Mapping[str, str] = field(default_factory=dict)
    record: Mapping[str, Any] = field(default_factory=dict)
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """One run on disk.

    Parameters
    ----------
    path : Path
        ``<store>/<strategy>/<run id>``.
    csv : bool
        Whether frames get a CSV copy for people, where they are small.
    """

    path: Path
    csv: bool = field(default=False, compare=False)

    @property
    def home(self) -> Path:
        """The folder of the strategy's runs."""
        return self.path.parent

    @property
    def run_id(self) -> str:
        """The run's name, unique within its store."""
        return self.path.name

    @property
    def record(self) -> dict[str, Any]:
        """Content of ``run.json``.

        Raises
        ------
        RunError
            If the file is no record of a run.
        """
        record: dict[str, Any] = read_json(self.path / "run.json")
        lacks = [key for key in RECORDED if not isinstance(record, dict) or key not in record]
        if lacks:
            raise RunError(
                f"{self.path / 'run.json'} is no record of a run (no {lacks[0]}): restore it, or remove its folder"
            )
        return record

    @property
    def is_complete(self) -> bool:
        """Whether the run finished."""
        return bool(self.record["finished"])

    @property
    def resume_command(self) -> str:
        """The command that resumes an unfinished run, or its walk; of a given model, the one that began it."""
        record = self.record
        if _given(record):
            command = str(record.get("command", ""))
            return command if command.startswith("quintile ") else "the call that began it"
        return f"quintile {'walk' if 'walk' in record else 'run'} --resume {self.run_id}"

    @property
    def request(self) -> BarsRequest:
        """Where the bars came from."""
        return BarsRequest.recorded(self.record["request"])

    @property
    def spec(self) -> StrategySpec:
        """The resolved strategy."""
        return load_spec(self.path / "spec.toml")

    @property
    def metrics(self) -> dict[str, Any]:
        """What ``metrics.json`` says.

        Raises
        ------
        RunError
            If the run has not finished.
        """
        if not (self.path / "metrics.json").is_file():
            raise self._unfinished()
        metrics: dict[str, Any] = read_json(self.path / "metrics.json")
        return metrics

    def begin(
        self,
        spec: StrategySpec,
        request: BarsRequest,
        *,
        panel: str,
        command: str = "",
        origin: RunOrigin | None = None,
    ) -> None:
        """Record the request; the parameters are those of ``RunStore.create``."""
        origin = origin or RunOrigin()
        write_text(self.path / "spec.toml", spec.to_toml())
        record = {
            "run": self.run_id,
            "strategy": spec.name,
            "request": asdict(request),
            "identity": _identity(spec, panel, origin),
            "commit": commit(),
            "environment": environment(),
            "command": command,
            "number": _next_number(self.path.parents[1]),
            "started": _now().isoformat(timespec="seconds"),
            "finished": None,
            **origin.record,
        }
        write_json(self.path / "run.json", record)

    def write_frame(self, name: str, frame: pd.DataFrame, *, for_people: bool = False) -> None:
        """Write a frame as ``<name>.parquet`` and, where copies are asked for and people read it, ``<name>.csv``."""
        with atomic_path(self.path / f"{name}.parquet") as temporary:
            frame.to_parquet(temporary, compression="zstd")
        if self.csv and for_people:
            with atomic_path(self.path / f"{name}.csv") as temporary:
                frame.to_csv(temporary)

    def read_frame(self, name: str) -> pd.DataFrame:
        """Read ``<name>.parquet``.

        Raises
        ------
        RunError
            If the run was quick and kept no such frame.
        """
        if "quick" in self.record and not (self.path / f"{name}.parquet").is_file():
            raise RunError(f"run {self.run_id} was quick and kept no {name}: run it again without --quick")
        return pd.read_parquet(self.path / f"{name}.parquet")

    def write_metrics(self, metrics: dict[str, Any]) -> None:
        """Write ``metrics.json``."""
        write_json(self.path / "metrics.json", metrics)

    def finish(self) -> None:
        """Record that the run is complete."""
        write_json(self.path / "run.json", self.record | {"finished": _now().isoformat(timespec="seconds")})

    def check_complete(self) -> None:
        """Refuse a run that has not finished.

        Raises
        ------
        RunError
            If it has not; it says how the run, or its walk, goes on.
        """
        if not self.is_complete:
            raise self._unfinished()

    def check_resumable(self, by: str) -> None:
        """Refuse a run that a command cannot resume: ``run`` continues a training of its own, ``walk`` a walk.

        Raises
        ------
        RunError
            If the run is part of a walk, is none, or was made of a given model, version or scores.
        """
        record = self.record
        if given := _given(record):
            raise RunError(
                f"run {self.run_id} was made of a given {given}, and nothing of it is resumed: begin it again with "
                f"`{self.resume_command}`"
            )
        if ("walk" in record) != (by == "walk"):
            kind = "is part of a walk" if "walk" in record else "is no walk"
            raise RunError(f"{self.run_id} {kind}: resume it with `{self.resume_command}`")

    def check_identity(self, identity: dict[str, str]) -> None:
        """Refuse to go on if spec, panel or code are not those the run began with.

        Raises
        ------
        RunError
            If any of them changed; it names which.
        """
        recorded = self.record["identity"]
        changed = [part for part in IDENTITY if recorded[part] != identity[part]]
        if changed:
            raise RunError(f"run {self.run_id} cannot resume: its {' and '.join(changed)} changed; start a new run")

    def _unfinished(self) -> RunError:
        return RunError(f"run {self.run_id} has not finished: continue it with `{self.resume_command}`")

    @contextmanager
    def locked(self) -> Iterator[Self]:
        """Hold the run for this process alone.

        Raises
        ------
        RunError
            If another process holds it.
        """
        try:
            with FileLock(self.path / ".lock", timeout=0):
                for left in self.path.rglob(".*.partial"):  # of a process that was killed while writing
                    left.unlink()
                yield self
        except Timeout as error:
            raise RunError(f"run {self.run_id} is being written by another process: wait for it to end") from error


@dataclass(frozen=True, slots=True)
class RunStore:
    """A folder of runs.

    Parameters
    ----------
    root : Path
        Made when the first run is written.
    csv : bool
        Whether runs that are written keep CSV copies of their frames.
    """

    root: Path = field(default_factory=lambda: Path(DEFAULT_STORE))
    csv: bool = False

    def create(
        self,
        spec: StrategySpec,
        request: BarsRequest,
        *,
        panel: str,
        command: str = "",
        origin: RunOrigin | None = None,
    ) -> RunFolder:
        """Make the folder of a new run and record the request.

        Parameters
        ----------
        spec : StrategySpec
            The resolved strategy.
        request : BarsRequest
            Where the bars come from.
        panel : str
            Fingerprint of the bars.
        command : str
            What reproduces the run.
        origin : RunOrigin, optional
            Of a run that does not train a model of its own.
        """
        folder = self.reserve(spec, suffix="" if origin is None else origin.suffix)
        folder.begin(spec, request, panel=panel, command=command, origin=origin)
        return folder

    def reserve(self, spec: StrategySpec, *, suffix: str = "") -> RunFolder:
        """Make the empty folder of a run that is still to begin, and so its id."""
        return RunFolder(self._new_path(spec.name, suffix), csv=self.csv)

    def folders(self) -> list[RunFolder]:
        """All runs in the order in which they were begun, which is not that of their ids where a clock was wrong.

        Two that were begun at once stand as in the trial log. A run that was begun before runs had numbers takes its
        place there, or follows the one before it.
        """
        placed, position = [], 0
        for path in sorted(self.root.glob("*/*/run.json"), key=lambda path: path.parent.name):
            number, logged = _whole_number(path, "number"), _whole_number(path.with_name(CHAIN_FILE), "length")
            position = logged or position
            place = (logged or math.inf) if number else position
            placed.append(((number, place, path.parent.name), path.parent))
        return [RunFolder(path, csv=self.csv) for _, path in sorted(placed)]

    def find(self, run: str = "latest") -> RunFolder:
        """A run by its id, the beginning of its id, or ``latest``.

        Raises
        ------
        RunError
            If none or several match.
        """
        folders = self.folders()
        if self.root.is_file():
            raise RunError(f"{self.root} is a file: choose a folder with --out")
        if run != "latest" and not any(folder.run_id.startswith(run) for folder in folders):
            self._refuse_pruned(run)
        if not folders:
            raise RunError(f"no runs in {self.root}: start one with `quintile run`, or name its folder with --out")
        if run == "latest":
            return folders[-1]
        matching = [folder for folder in folders if folder.run_id.startswith(run)]
        exact = [folder for folder in matching if folder.run_id == run]
        if len(exact or matching) != 1:
            raise RunError(f"{len(matching)} runs match {run!r}: `quintile runs` lists the ids")
        return (exact or matching)[0]

    def _refuse_pruned(self, run: str) -> None:
        """Refuse a run of which its record alone is left."""
        left = sorted(path.parent.name for path in self.root.glob(f"*/*/{PRUNED_FILE}"))
        gone = next((name for name in left if name.startswith(run)), None)
        if gone is not None:
            raise RunError(f"run {gone} was pruned, only its record for the trial log is left: run its strategy again")

    def _new_path(self, strategy: str, suffix: str) -> Path:
        path = self.root / strategy / f"{_now():%Y%m%d-%H%M%S}-{secrets.token_hex(3)}{suffix}"
        try:
            path.mkdir(parents=True)
        except OSError as error:
            blocked = next((place for place in (self.root, *self.root.parents) if place.is_file()), None)
            if blocked is not None:
                raise RunError(f"{blocked} is a file: choose a folder with --out") from error
            reason = os.strerror(error.errno or 0).lower()
            raise RunError(f"cannot write runs to {self.root}: {reason}; choose a folder with --out") from error
        return path


def _next_number(root: Path) -> int:
    """The number of a run that begins now: one more than any in its store."""
    return 1 + max((_whole_number(path, "number") for path in root.glob("*/*/run.json")), default=0)


def _whole_number(file: Path, key: str) -> int:
    """A positive whole number of a JSON file; 0 where there is none."""
    try:
        value = read_json(file)[key]
    except (OSError, SourceError, LookupError, TypeError):
        return 0
    return value if isinstance(value, int) and value is not True and value > 0 else 0


def _identity(spec: StrategySpec, panel: str, origin: RunOrigin) -> dict[str, str]:
    """The identity of a run; its code is not read where the origin already says one."""
    known = dict(origin.identity)
    if "code" in known:
        return {"spec": spec.fingerprint(), "panel": panel, **known}
    return identity_of(spec, panel) | known


def _given(record: Mapping[str, Any]) -> str | None:
    """What a run was made of in place of a training of its own."""
    return next((kind for kind in GIVEN if kind in record and "walk" not in record), None)


def identity_of(spec: StrategySpec, panel: str) -> dict[str, str]:
    """The fingerprints of spec, bars and code that together decide every number of a run."""
    return {"spec": spec.fingerprint(), "panel": panel, "code": code_fingerprint(spec)}


def _now() -> datetime:
    return datetime.now(UTC)
