"""Retention: what of a store may go, and what must stay: runs that a version or a walk needs, and every trial's record.

A run that is pruned leaves ``trials.json``, which says where the trial log stood, ``returns.parquet``, which the
probability of overfitting of later trials is measured with, and its record as ``pruned.json``: the log can be checked
as before. It is listed and found no more.
"""

import datetime as dt
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import RunError
from signals.features.kept import drop_kept, kept_bytes
from strategy.frozen.versions import list_versions
from strategy.runs.store import PRUNED_FILE, RunFolder, RunStore
from strategy.trials.log import TrialLog
from strategy.trials.trial_record import CHAIN_FILE

__all__ = ["PrunePlan", "plan_artefacts", "plan_prune", "prune"]

RECORD_FILES = (CHAIN_FILE, "returns.parquet", "metrics.json", "spec.toml", PRUNED_FILE)
TRAINING_STATE = "training"
LOCK_FILE = ".lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunePlan:
    """What would go, and why other runs stay; nothing is removed yet.

    Parameters
    ----------
    runs : tuple of RunFolder
        Runs that go but for their record, oldest first.
    paths : tuple of Path
        Files and folders that go, those of ``runs`` among them.
    kept : tuple of (str, str)
        Runs that were old enough and stay, and what needs them.
    n_bytes : int
        Bytes of the paths, and of the kept features.
    features : int
        Bytes of features that runs left in the cache beside the data; they go too where there are any.
    """

    runs: tuple[RunFolder, ...] = ()
    paths: tuple[Path, ...] = ()
    kept: tuple[tuple[str, str], ...] = ()
    n_bytes: int = 0
    features: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Plain values: the runs and paths that go, what stays and why, and the bytes that are freed."""
        return {
            "runs": [folder.run_id for folder in self.runs],
            "paths": [str(path) for path in self.paths],
            "kept": dict(self.kept),
            "bytes": self.n_bytes,
        }

    def __str__(self) -> str:
        lines = [f"{folder.run_id}  {_megabytes(_size([folder.path]))}" for folder in self.runs]
        lines += [f"{name}  stays: {why}" for name, why in self.kept]
        lines += [f"kept features  {_megabytes(self.features)}"] if self.features else []
        what = f"{len(self.runs)} runs" if self.runs or not self.paths else f"{len(self.paths)} files and folders"
        return "\n".join([*lines, f"{what}, {_megabytes(self.n_bytes)}"])


def plan_prune(store: RunStore, versions: Path, *, keep: int | None = None, older_than: int | None = None) -> PrunePlan:
    """Plan which runs go: those that are neither among the newest nor young enough, and that nothing needs.

    Parameters
    ----------
    store : RunStore
        Its runs.
    versions : Path
        Folder of versions whose runs stay, beside those that the store's log says were frozen.
    keep : int, optional
        The newest runs that stay.
    older_than : int, optional
        Days; younger runs stay.

    Raises
    ------
    ValueError
        If neither is given, or one is negative.
    """
    if keep is None and older_than is None:
        raise ValueError("say which runs may go: --keep N newest, or --older-than DAYS; --artefacts keeps all runs")
    for option, number in (("--keep", keep), ("--older-than", older_than)):
        if number is not None and number < 0:
            raise ValueError(f"{option} must be 0 or more, was {number}")
    folders = store.readable()  # one whose record cannot be read stays: nobody knows what needs it
    beyond = folders[: max(len(folders) - (keep or 0), 0)]
    old = [folder for folder in beyond if older_than is None or _days(folder) >= older_than]
    needed = _needed(folders, old, dict(_frozen(store, versions)))
    going = tuple(folder for folder in old if folder.run_id not in needed)
    paths = tuple(path for folder in going for path in _beyond_record(folder))
    kept = tuple((folder.run_id, needed[folder.run_id]) for folder in old if folder.run_id in needed)
    return PrunePlan(runs=going, paths=paths, kept=kept, n_bytes=_size(paths))


def plan_artefacts(store: RunStore) -> PrunePlan:
    """Plan to remove what finished runs can do without: training state, CSV copies, features left in the cache."""
    finished = [folder for folder in store.readable() if folder.is_complete]
    paths = tuple(path for folder in finished for path in _artefacts(folder))
    features = kept_bytes()
    return PrunePlan(paths=paths, n_bytes=_size(paths) + features, features=features)


def prune(plan: PrunePlan) -> None:
    """Remove what a plan names; a run is unlisted first, so that a kill leaves no half of one.

    Raises
    ------
    RunError
        If another process writes one of the runs.
    """
    for folder in plan.runs:
        with folder.locked():
            if (folder.path / CHAIN_FILE).is_file():
                (folder.path / "run.json").replace(folder.path / PRUNED_FILE)
            else:
                (folder.path / "run.json").unlink()
    for path in plan.paths:
        _remove(path)
    for folder in plan.runs:
        (folder.path / LOCK_FILE).unlink(missing_ok=True)
        if not any(folder.path.iterdir()):
            folder.path.rmdir()
    if plan.features:
        drop_kept()


def _needed(folders: Sequence[RunFolder], old: Sequence[RunFolder], frozen: dict[str, str]) -> dict[str, str]:
    """Runs that must stay whole, and what needs them."""
    needed = frozen | {folder.run_id: "it is being written" for folder in old if _is_busy(folder)}
    staying = {folder.run_id for folder in folders} - {folder.run_id for folder in old} | needed.keys()
    for folder in folders:
        walk = folder.record.get("walk", {}).get("runs", [])
        if staying.intersection(walk):
            needed |= {run: f"its walk's other runs stay ({folder.run_id})" for run in walk if run not in needed}
    return needed


def _frozen(store: RunStore, versions: Path) -> Iterator[tuple[str, str]]:
    for entry in TrialLog(store.root).entries():
        if entry.kind == "freeze":
            yield str(entry.facts["run"]), f"{entry.facts['version']} was frozen from it"
    for folder in list_versions(versions):
        with suppress(ValueError, KeyError):  # a damaged lock names no run: `quintile verify` says what is wrong
            yield str(folder.body["run"]), f"{folder.version} was frozen from it"


def _is_busy(folder: RunFolder) -> bool:
    if not (folder.path / LOCK_FILE).is_file():  # looking leaves nothing behind
        return False
    try:
        with folder.locked():
            return False
    except RunError:
        return True


def _days(folder: RunFolder) -> float:
    return (dt.datetime.now(dt.UTC) - folder.started).total_seconds() / 86_400


def _beyond_record(folder: RunFolder) -> list[Path]:
    """What of a run goes: all but the record of a trial; a run that never became one leaves nothing."""
    stays = {*RECORD_FILES, "run.json"} if (folder.path / CHAIN_FILE).is_file() else {"run.json"}
    return sorted(path for path in folder.path.iterdir() if path.name not in stays)


def _artefacts(folder: RunFolder) -> Iterator[Path]:
    state = folder.path / TRAINING_STATE
    if state.is_dir():
        yield state
    yield from (path for path in sorted(folder.path.glob("*.csv")) if path.with_suffix(".parquet").is_file())
    yield from sorted(folder.path.glob(f"folds/*/{TRAINING_STATE}"))


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _size(paths: Iterable[Path]) -> int:
    files = (each for path in paths for each in ([path] if path.is_file() else path.rglob("*")))
    return sum(each.stat().st_size for each in files if each.is_file())


def _megabytes(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.1f} MB"
