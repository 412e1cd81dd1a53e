"""Run folder: one run on disk, ``<store>/<strategy>/<run id>/``: how it begins, what it holds, how it goes on.

``run.json`` records the request, the code and bars it ran on, and whether it finished. A run's other files appear
whole or not at all. Frames are parquet, with a CSV copy for people where the store is asked for copies.
"""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import pandas as pd
from filelock import FileLock, Timeout

from core.errors import RunError, SourceError, note_remedy
from core.files import atomic_path, write_json, write_text
from core.spreadsheet import write_csv
from market.request import BarsRequest
from strategy.definitions.spec import StrategySpec, load_spec
from strategy.runs.provenance import code_fingerprint, commit, dependencies, environment
from strategy.runs.run_files import read_metrics, read_run_frame, read_run_record
from strategy.runs.run_order import next_number

__all__ = ["DEFAULT_STORE", "LOCK_FILE", "RunFolder", "RunOrigin", "identity_of"]

DEFAULT_STORE = "runs"
LOCK_FILE = ".lock"
IDENTITY = ("spec", "panel", "code")
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
    kept_in : Path or None
        Where it will be once it is complete, see ``strategy.runs.whole_run``; None for a run that is where it belongs.
    """

    path: Path
    csv: bool = field(default=False, compare=False)
    kept_in: Path | None = field(default=None, compare=False)

    @property
    def home(self) -> Path:
        """The folder of the strategy's runs, among which it is or will be."""
        return self.kept_in or self.path.parent

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
        return read_run_record(self.path / "run.json")

    @property
    def damage(self) -> str | None:
        """Why nothing is known of the run: its record cannot be read; None where it can."""
        try:
            _ = self.record
        except (RunError, SourceError, OSError) as error:
            return str(error)
        return None

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
        root = self.home.parent
        elsewhere = "" if root.resolve() == Path(DEFAULT_STORE).resolve() else f" --out {shlex.quote(str(root))}"
        return f"quintile {'walk' if 'walk' in record else 'run'} --resume {self.run_id}{elsewhere}"

    @property
    def request(self) -> BarsRequest:
        """Where the bars came from.

        Raises
        ------
        RunError
            If the record holds no request of this release.
        """
        try:
            return BarsRequest.recorded(self.record["request"])
        except SourceError as error:
            raise RunError(f"{self.path / 'run.json'}: {error}") from error

    @property
    def started(self) -> datetime:
        """When the run was begun.

        Raises
        ------
        RunError
            If its record does not say.
        """
        try:
            return datetime.fromisoformat(self.record.get("started", "")).astimezone(UTC)
        except ValueError as error:
            raise RunError(f"{self.path / 'run.json'} does not say when the run was begun: restore it") from error

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
            If the run has not finished, or the file is gone or holds no metrics.
        """
        if not (self.path / "metrics.json").is_file():
            if self.is_complete:
                raise RunError(f"{self.path / 'metrics.json'} is gone: restore it, or make the run again")
            raise self._unfinished()
        return read_metrics(self.path / "metrics.json")

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
            "request": request.as_record(),
            "identity": _identity(spec, panel, origin),
            "commit": commit(),
            "environment": environment(),
            "libraries": dependencies("+".join(spec.model.kinds)),
            "command": command,
            "number": next_number(self.home.parent.glob("*/*/run.json")),
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
                write_csv(frame, temporary)

    def read_frame(self, name: str) -> pd.DataFrame:
        """Read ``<name>.parquet``.

        Raises
        ------
        RunError
            If the run was quick and kept no such frame, or it cannot be read.
        """
        if "quick" in self.record and not (self.path / f"{name}.parquet").is_file():
            raise RunError(f"run {self.run_id} was quick and kept no {name}: run it again without --quick")
        return read_run_frame(self.path / f"{name}.parquet")

    def read_column(self, name: str, column: str) -> pd.Series:
        """Read one column of ``<name>.parquet``.

        Raises
        ------
        RunError
            As ``read_frame``, or if it has no such column.
        """
        frame = self.read_frame(name)
        if column not in frame:
            raise RunError(f"{self.path / name}.parquet has no column {column}: restore it, or make the run again")
        return frame[column]

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

    def check_unfinished(self) -> None:
        """Refuse a run of which nothing is left to resume.

        Raises
        ------
        RunError
            If it has finished and has its report.
        """
        if self.is_complete and ("quick" in self.record or (self.path / "report.html").is_file()):
            raise RunError(
                f"run {self.run_id} has finished, nothing is left to resume: `quintile show {self.run_id}` shows it"
            )

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
                f"run {self.run_id} was made of a given {given}, and nothing of it is resumed: remove {self.path} and "
                f"begin it again with `{self.resume_command}`"
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

    def check_same(self, identity: dict[str, str], *, beside: str) -> None:
        """Refuse to go on with anything that could end in other bits than the run would have had.

        Parameters
        ----------
        identity : dict of str to str
            Of spec, bars and code, as they are now.
        beside : str
            Fingerprint of what stands beside the bars.

        Raises
        ------
        RunError
            As ``check_identity``, or if a library or what stands beside the bars is not what the run began with.
        """
        self.check_identity(identity)
        record = self.record
        if record.get("beside", beside) != beside:
            raise RunError(
                f"run {self.run_id} cannot resume: benchmark, sectors, VIX, factors or oracle are not those that it "
                "began with; give the same, or start a new run"
            )
        known, now = record.get("libraries", {}), dependencies("+".join(self.spec.model.kinds))
        moved = [
            f"{name} is {version}, was {known[name]}"
            for name, version in now.items()
            if known.get(name, version) != version
        ]
        if moved:
            raise RunError(
                f"run {self.run_id} cannot resume: {moved[0]}, which may move the last bits; install what it began "
                "with, or start a new run"
            )

    def _unfinished(self) -> RunError:
        return RunError(f"run {self.run_id} has not finished: continue it with `{self.resume_command}`")

    @contextmanager
    def locked(self) -> Iterator[Self]:
        """Hold the run for this process alone.

        Raises
        ------
        RunError
            If another process holds it.

        Notes
        -----
        What ends it early from outside (an interrupt, a full disk, no memory) leaves with a note of how it goes on.
        """
        try:
            with FileLock(self.path / LOCK_FILE, timeout=0):
                for left in self.path.rglob(".*.partial"):  # of a process that was killed while writing
                    left.unlink()
                try:
                    yield self
                except (KeyboardInterrupt, OSError, MemoryError) as stopped:
                    if self.kept_in is None and not self.is_complete:
                        note_remedy(stopped, self.resume_command)
                    raise
        except Timeout as error:
            raise RunError(f"run {self.run_id} is being written by another process: wait for it to end") from error


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
