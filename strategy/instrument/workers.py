"""Workers: measure the cells that are missing, in this process or in several, and keep each as soon as it is known."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from market.errors import RunError
from market.mapping import ELSEWHERE, as_finished, require_place
from strategy.console import ProgressCallback, silent
from strategy.elsewhere import Shared
from strategy.instrument.cells import Cell, CellCache, Numbers
from strategy.instrument.measure import measure

__all__ = ["Effort", "measured"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Effort:
    """How cells are measured; nothing here changes a number.

    Parameters
    ----------
    workers : int
        Cells at a time, each with one thread.
    on : {"processes", "ray"}
        Where, if there are several; on Ray the cache's folder must be one that every machine sees.
    progress : callable
        Called after every cell with the time that is left, as the cells so far went.
    """

    workers: int = 1
    on: str = "processes"
    progress: ProgressCallback = silent

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError(f"workers must be at least 1, was {self.workers}")
        require_place(self.on, among=ELSEWHERE)


def measured(cells: Sequence[Cell], *, cache: CellCache, effort: Effort, stage: str) -> list[Numbers]:
    """Return the numbers of every cell, in order; those that the cache lacks are measured first.

    Parameters
    ----------
    cells : sequence of Cell
        Distinct names.
    cache : CellCache
        Read, and written after every cell: a killed call goes on where it stopped.
    effort : Effort
        Workers and progress.
    stage : str
        Name of the progress bar.

    Raises
    ------
    RunError
        If a worker was killed; cells that finished are kept.
    """
    waiting = [cell for cell in cells if cache.read(cell) is None]
    done, started = len(cells) - len(waiting), time.perf_counter()
    effort.progress(stage, done, len(cells), "" if waiting else "all known")
    for count, cell in enumerate(_finished(waiting, cache, effort), start=1):
        left = (time.perf_counter() - started) / count * (len(waiting) - count)
        effort.progress(stage, done + count, len(cells), f"{cell.name} · {_duration(left)} left")
    return [_kept(cell, cache) for cell in cells]


def _finished(cells: Sequence[Cell], cache: CellCache, effort: Effort) -> Iterator[Cell]:
    """Yield cells as they are measured and kept."""
    cache.root.mkdir(parents=True, exist_ok=True)  # so that a worker which sees no folder knows that it should
    keep, workers = partial(_keep, Shared.of(cache.root)), min(effort.workers, max(len(cells), 1))
    for cell, _ in as_finished(keep, cells, workers=workers, on=effort.on):
        yield cell


def _keep(shared: Shared, cell: Cell) -> None:
    shared.check()
    CellCache(shared.folder).write(cell, measure(cell))


def _kept(cell: Cell, cache: CellCache) -> Numbers:
    numbers = cache.read(cell)
    if numbers is None:
        raise RunError(f"{cache.path(cell).name} was changed by another process: repeat the command")
    return numbers


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
