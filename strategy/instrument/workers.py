"""Workers: measure the cells that are missing, in this process or in several, and keep each as soon as it is known."""

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from market.errors import RunError
from strategy.console import ProgressCallback, silent
from strategy.instrument.cells import Cell, CellCache, Numbers
from strategy.instrument.measure import measure

__all__ = ["Effort", "measured"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Effort:
    """How cells are measured; nothing here changes a number.

    Parameters
    ----------
    workers : int
        Processes, each with one thread.
    progress : callable
        Called after every cell with the time that is left, as the cells so far went.
    """

    workers: int = 1
    progress: ProgressCallback = silent

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError(f"workers must be at least 1, was {self.workers}")


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
    for count, cell in enumerate(_finished(waiting, cache, effort.workers), start=1):
        left = (time.perf_counter() - started) / count * (len(waiting) - count)
        effort.progress(stage, done + count, len(cells), f"{cell.name} · {_duration(left)} left")
    return [_kept(cell, cache) for cell in cells]


def _finished(cells: Sequence[Cell], cache: CellCache, workers: int) -> Iterator[Cell]:
    """Yield cells as they are measured and kept."""
    if workers == 1 or len(cells) < 2:
        for cell in cells:
            _keep(cell, cache)
            yield cell
        return
    # spawn: a forked copy of a process that has used torch or numba threads may hang
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        asked: dict[Future[None], Cell] = {pool.submit(_keep, cell, cache): cell for cell in cells}
        try:
            for future in as_completed(asked):
                future.result()
                yield asked[future]
        except BrokenProcessPool as error:
            raise RunError("a worker was killed: repeat the command, finished cells are kept") from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _keep(cell: Cell, cache: CellCache) -> None:
    cache.write(cell, measure(cell))


def _kept(cell: Cell, cache: CellCache) -> Numbers:
    numbers = cache.read(cell)
    if numbers is None:
        raise RunError(f"{cache.path(cell).name} was changed by another process: repeat the command")
    return numbers


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
