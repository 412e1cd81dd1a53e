"""Workers: folds in processes of one thread each, so that their number changes no bit; a killed one starts again."""

import os
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from market.errors import RunError
from market.files import read_json
from strategy.closure import ROOT
from strategy.console import ProgressCallback
from strategy.runs import RunFolder
from strategy.walking.fold import FoldFiles
from strategy.walking.worker import PROGRESS_FILE

__all__ = ["MOST_STARTS", "FoldTask", "run_folds"]

MOST_STARTS = 4  # of one fold: the first, and three after a kill
EVERY = 0.2  # seconds between two looks
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldTask:
    """One fold of one seed's run, and its name on the screen."""

    folder: RunFolder
    number: int
    name: str

    @property
    def files(self) -> FoldFiles:
        """Where it leaves its numbers."""
        return FoldFiles(self.folder.path, self.number)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Worker:
    task: FoldTask
    process: subprocess.Popen


def run_folds(tasks: Sequence[FoldTask], *, bars: Path, workers: int, progress: ProgressCallback) -> None:
    """Compute every fold that is not yet done, each in a process of its own.

    Parameters
    ----------
    tasks : sequence of FoldTask
        In the order they are started.
    bars : Path
        Folder of the panel, as ``strategy.keeping.panel_files`` lays it out.
    workers : int
        Processes at once.
    progress : callable
        Called with ``folds`` and with ``worker 1``, ``worker 2``, … as they advance.

    Raises
    ------
    RunError
        If a fold cannot be computed, or was killed four times; what is finished stays.
    """
    waiting = deque(task for task in tasks if not task.files.is_complete)
    running: dict[int, _Worker] = {}
    starts, lost = Counter[FoldTask](), list[FoldTask]()
    try:
        while waiting or running:
            for slot in range(1, workers + 1):
                if slot not in running and waiting:
                    running[slot] = _start(waiting.popleft(), bars)
                    starts[running[slot].task] += 1
            progress("folds", sum(task.files.is_complete for task in tasks), len(tasks))
            time.sleep(EVERY)
            for task in _killed(running, progress):
                if starts[task] < MOST_STARTS:
                    waiting.appendleft(task)
                else:
                    lost.append(task)
    finally:
        _stop(running)
    progress("folds", len(tasks) - len(lost), len(tasks))
    if lost:
        raise RunError(
            f"{lost[0].name} was killed {MOST_STARTS} times, most likely for memory: free some or use fewer workers, "
            f"then continue with `{lost[0].folder.resume_command}`"
        )


def _killed(running: dict[int, _Worker], progress: ProgressCallback) -> list[FoldTask]:
    """Show how far the workers are, take those that have ended out, and return the tasks of the killed ones."""
    killed = []
    for slot, worker in list(running.items()):
        _show(slot, worker.task, progress)
        if worker.process.poll() is not None:
            del running[slot]
            if not _is_done(worker):
                killed.append(worker.task)
    return killed


def _start(task: FoldTask, bars: Path) -> _Worker:
    """Start a worker on the sources of this process; its words go to a log in the fold's folder."""
    task.files.path.mkdir(parents=True, exist_ok=True)
    words = [str(task.folder.path.resolve()), str(task.number), str(bars.resolve()), str(os.getpid())]
    environment = os.environ | dict.fromkeys(THREADS, "1") | {"PYTHONPATH": str(ROOT)}
    with (task.files.path / "worker.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-P", "-m", "strategy.walking.worker", *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    return _Worker(task=task, process=process)


def _is_done(worker: _Worker) -> bool:
    """Return whether an ended worker finished its fold; False if it was killed.

    Raises
    ------
    RunError
        If it gave up.
    """
    if worker.process.returncode > 0:
        told = (worker.task.files.path / "worker.log").read_text(encoding="utf-8", errors="replace")
        lines = told.strip().splitlines() or ["no word"]
        raise RunError(f"{worker.task.name} failed: {lines[-1]}")
    return worker.process.returncode == 0


def _show(slot: int, task: FoldTask, progress: ProgressCallback) -> None:
    path = task.files.path / PROGRESS_FILE
    if path.is_file():
        told = read_json(path)
        progress(f"worker {slot}", told["done"], told["total"], f"{task.name} {told['stage']} {told['note']}".strip())


def _stop(running: dict[int, _Worker]) -> None:
    for worker in running.values():
        worker.process.terminate()
    for worker in running.values():
        worker.process.wait()
