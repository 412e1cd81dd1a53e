"""Fold workers: one single-threaded process a fold, on this machine or a Ray cluster; the bits are the same on either.

What maps the folds only watches over each process and restarts it if it was killed.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from core.errors import RunError, SourceError
from core.files import read_json
from core.parallel import as_completed
from core.progress import ProgressCallback, announcer
from core.user_file import loaded_files
from strategy.runs.closure import ROOT
from strategy.runs.shared_folder import Shared
from strategy.runs.store import RunFolder
from strategy.walk_forward.fold_files import PROGRESS_FILE, FoldFiles

__all__ = ["MAX_STARTS", "FoldTask", "run_folds"]

MAX_STARTS = 4  # of one fold: the first, and three after a kill
POLL_SECONDS = 0.2
NOTED = {"stage", "done", "total", "note"}  # in a progress note
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS")
WATCHERS = {"processes": "threads", "ray": "ray"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldTask:
    """One fold of one seed's run, and its name on the screen."""

    folder: RunFolder
    number: int
    name: str

    @property
    def files(self) -> FoldFiles:
        """Files of the fold."""
        return FoldFiles(self.folder.path, self.number)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Worker:
    task: FoldTask
    process: subprocess.Popen


def run_folds(
    tasks: Sequence[FoldTask], *, bars: Path, workers: int, on: str = "processes", progress: ProgressCallback
) -> None:
    """Compute every fold that is not yet done, each in a process of its own.

    Parameters
    ----------
    tasks : sequence of FoldTask
        In the order they are started; their folders are absolute paths.
    bars : Path
        Folder of the panel, as ``strategy.frozen.archive.panel_files`` lays it out. Folds in work end when it is
        removed.
    workers : int
        Processes at once.
    on : {"processes", "ray"}
        Processes of this machine, or a Ray cluster whose machines see all these folders under the same paths.
    progress : callable
        Called with ``folds`` and with ``worker 1``, ``worker 2``, … as they advance.

    Raises
    ------
    RunError
        If a fold cannot be computed, or was killed four times; what is finished stays.
    MissingExtraError
        If ``on`` is ``"ray"`` and Ray is not installed.
    """
    waiting = [task for task in tasks if not task.files.is_complete]
    lost, shown, told = list[FoldTask](), dict[int, FoldTask](), set[str]()
    for task in waiting:
        _forget(task)
    ended = len(tasks) - len(waiting)

    def show() -> None:
        progress("folds", ended - len(lost), len(tasks))
        _show(waiting, shown, progress)
        _say(waiting, told, progress, f"{len(tasks)} folds on {workers} workers")

    watch = partial(_watched, Shared.of(bars), loaded_files())
    for task, done in as_completed(watch, waiting, workers=workers, on=WATCHERS[on], meanwhile=show):
        ended += 1
        if not done:
            lost.append(task)
    show()
    if lost:
        raise RunError(
            f"{lost[0].name} was killed {MAX_STARTS} times, most likely for memory: free some or use fewer workers, "
            f"then continue with `{lost[0].folder.resume_command}`"
        )


def _watched(shared: Shared, user_files: tuple[Path, ...], task: FoldTask) -> bool:
    """Compute a fold in a process of its own, again after a kill; return False if it was killed too often.

    Raises
    ------
    RunError
        If it gave up.
    """
    shared.check()
    bars = shared.folder
    try:
        return any(_is_done(_ended(_start(task, bars, user_files), bars)) for _ in range(MAX_STARTS) if bars.is_dir())
    finally:
        _forget(task)


def _start(task: FoldTask, bars: Path, user_files: tuple[Path, ...]) -> _Worker:
    """Start a worker on the sources of this process; its output goes to a log in the fold's folder."""
    task.files.path.mkdir(parents=True, exist_ok=True)
    arguments = [str(task.folder.path), str(task.number), str(bars), str(os.getpid()), *map(str, user_files)]
    environment = os.environ | dict.fromkeys(THREADS, "1") | {"PYTHONPATH": str(ROOT)}
    with (task.files.path / "worker.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-P", "-m", "strategy.walk_forward.fold_worker", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    return _Worker(task=task, process=process)


def _ended(worker: _Worker, bars: Path) -> _Worker:
    """Wait for a worker; stop it when the bars are removed, because then nobody waits for its fold."""
    while worker.process.poll() is None and bars.is_dir():
        time.sleep(POLL_SECONDS)
    worker.process.terminate()
    worker.process.wait()
    return worker


def _is_done(worker: _Worker) -> bool:
    """Whether an ended worker finished its fold; False if it was killed.

    Raises
    ------
    RunError
        If it gave up.
    """
    if worker.process.returncode > 0:
        log = (worker.task.files.path / "worker.log").read_text(encoding="utf-8", errors="replace")
        lines = log.strip().splitlines() or ["no message"]
        raise RunError(f"{worker.task.name} failed: {lines[-1]}")
    return worker.process.returncode == 0


def _show(tasks: Sequence[FoldTask], shown: dict[int, FoldTask], progress: ProgressCallback) -> None:
    """Show the progress of the folds being computed, each under one worker's number from start to end."""
    notes = {task: note for task in tasks if (note := _note(task)) is not None}
    for slot in [slot for slot, task in shown.items() if task not in notes]:
        del shown[slot]
    for task in [task for task in notes if task not in shown.values()]:
        shown[min(set(range(1, len(shown) + 2)) - shown.keys())] = task
    for slot, task in shown.items():
        note = notes[task]
        progress(f"worker {slot}", note["done"], note["total"], f"{task.name} {note['stage']} {note['note']}".strip())


def _say(tasks: Sequence[FoldTask], told: set[str], progress: ProgressCallback, plan: str) -> None:
    """Say once what the first fold says that a training will take."""
    say = announcer(progress)
    if say is None or told:
        return
    for task in tasks:
        words = (_note(task) or {}).get("said")
        if words and not told:
            told.add(task.name)
            say(f"{task.name.rstrip(',')}: {words}; {plan}")


def _note(task: FoldTask) -> dict[str, Any] | None:
    """Progress of a fold; None if it is not being computed, or its note cannot be read."""
    try:
        note = read_json(task.files.path / PROGRESS_FILE)
    except (FileNotFoundError, SourceError):
        return None
    return note if isinstance(note, dict) and note.keys() >= NOTED else None


def _forget(task: FoldTask) -> None:
    (task.files.path / PROGRESS_FILE).unlink(missing_ok=True)
