"""Table workers: make the runs that a table lacks, in this process or in several, each with one thread.

A cell is a run like any other, made by ``strategy.pipeline.run`` and counted by the trial log of its store. One that
the store holds with the same strategy, bars and code is not made again; one that was killed goes on.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

from core.errors import QuintileError
from core.files import write_json
from core.parallel import Workers, as_completed
from core.progress import ProgressCallback, duration, silent
from core.user_file import loaded_files
from market.inputs import Inputs, load_inputs
from market.request import BarsRequest
from models.threads import threads
from strategy.learning.user_files import load_user_file
from strategy.pipeline import run
from strategy.runs.context import RunContext
from strategy.runs.shared_folder import Shared
from strategy.runs.store import RunFolder, RunStore, identity_of
from strategy.studies.model_table.table_cells import CELL_FILE, CellKey, TableCell, identity_text, kept_runs

__all__ = ["CellRuns", "cell_inputs", "make_runs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRuns:
    """The runs of a table.

    Parameters
    ----------
    folders : mapping of (market, contender, seed) to RunFolder
        Finished runs.
    refused : mapping of (market, contender, seed) to str
        Cells without a run, and why.
    """

    folders: Mapping[CellKey, RunFolder]
    refused: Mapping[CellKey, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """A cell to be made, and the unfinished run to go on with."""

    cell: TableCell
    resume: Path | None


def make_runs(
    cells: Sequence[TableCell],
    *,
    store: RunStore,
    command: str,
    workers: Workers | None = None,
    progress: ProgressCallback = silent,
) -> CellRuns:
    """The finished run of every cell; those that the store lacks are made first.

    Parameters
    ----------
    cells : sequence of TableCell
        In the order in which they are made.
    store : RunStore
        Where they are kept and counted; on Ray every machine must see its folder under one path.
    command : str
        For the record of each run.
    workers : Workers, optional
        One by default, which is this process; the numbers do not depend on it.
    progress : callable
        Called after every cell with the time that is left, as the cells so far went.

    Returns
    -------
    CellRuns
        A cell whose bars cannot carry its strategy, or whose library is not installed, is refused and the rest go on.

    Raises
    ------
    RunError
        If a worker was killed; finished cells are kept.
    """
    workers = workers or Workers()
    identities = {cell.key: _identity(cell) for cell in cells}
    known = kept_runs(store, identities.values())
    found = {cell.key: known.get(identity_text(identities[cell.key])) for cell in cells}
    folders = {key: folder for key, folder in found.items() if folder is not None and folder.is_complete}
    waiting = [_Task(cell=cell, resume=_unfinished(found[cell.key])) for cell in cells if cell.key not in folders]
    refused = dict[CellKey, str]()
    done, started = len(folders), time.perf_counter()
    progress("cells", done, len(cells), "" if waiting else "all there")
    for count, (task, run_id, refusal) in enumerate(_made(waiting, store, command, workers), start=1):
        if refusal:
            refused[task.cell.key] = refusal
        else:
            folders[task.cell.key] = RunFolder(store.root / task.cell.spec.name / run_id)
        left = (time.perf_counter() - started) / count * (len(waiting) - count)
        progress("cells", done + count, len(cells), f"{task.cell.name} · {duration(left)} left")
    return CellRuns(folders=folders, refused=refused)


def cell_inputs(request: BarsRequest) -> Inputs:
    """The bars of a cell; those that this process read last are at hand."""
    return _loaded(request)


@lru_cache(maxsize=1)
def _loaded(request: BarsRequest) -> Inputs:
    return load_inputs(request)


@lru_cache(maxsize=256)
def _fingerprint(request: BarsRequest) -> str:
    return cell_inputs(request).panel.fingerprint()


def _identity(cell: TableCell) -> dict[str, str]:
    return identity_of(cell.spec, _fingerprint(cell.request))


def _unfinished(folder: RunFolder | None) -> Path | None:
    return None if folder is None else folder.path.resolve()


def _made(tasks: Sequence[_Task], store: RunStore, command: str, workers: Workers) -> Iterator[tuple[_Task, str, str]]:
    """Yield tasks as their runs are finished, with the id of each or why there is none."""
    store.root.mkdir(parents=True, exist_ok=True)  # so that a worker which sees no folder knows that it should
    make = partial(_make, Shared.of(store.root), loaded_files(), command)
    count = min(workers.count, max(len(tasks), 1))
    for task, (run_id, refusal) in as_completed(make, tasks, workers=count, on=workers.on):
        yield task, run_id, refusal


def _make(shared: Shared, user_files: tuple[Path, ...], command: str, task: _Task) -> tuple[str, str]:
    """Make the run of a cell; its id, or why it has none."""
    shared.check()
    for path in user_files:
        if path not in loaded_files():
            load_user_file(path)
    cell = task.cell
    resume = None if task.resume is None else RunFolder(task.resume)
    try:
        with threads(1):
            inputs, clock = cell_inputs(cell.request), LearningClock()
            store = RunStore(shared.folder)
            context = RunContext(store=store, request=cell.request, command=command, progress=clock, resume=resume)
            made = run(cell.spec, inputs, context=context, device="cpu")
    except (QuintileError, ValueError) as error:
        return "", " ".join(str(error).split())
    write_json(made.folder.path / CELL_FILE, {"learning_seconds": clock.learned, "resumed": resume is not None})
    return made.folder.run_id, ""


class LearningClock:
    """Progress that tells how long learning took: until validation is scored, in seconds of one processor."""

    def __init__(self) -> None:
        self.started, self.learned = time.process_time(), 0.0

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:  # noqa: ARG002  the protocol's
        """Note the time of the last step of learning."""
        if stage in ("training", "calibrating"):
            self.learned = time.process_time() - self.started
