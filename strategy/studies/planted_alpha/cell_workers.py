"""Cell workers: measure missing cells, in this process or in several, and cache each as soon as it is measured."""

import time
from collections.abc import Iterator, Sequence
from functools import partial

from core.errors import RunError
from core.parallel import Workers, as_completed
from core.progress import ProgressCallback, duration, silent
from strategy.runs.shared_folder import Shared
from strategy.studies.planted_alpha.cell_measures import measure_cell
from strategy.studies.planted_alpha.cells import Cell, CellCache, Numbers

__all__ = ["measure_cells"]


def measure_cells(
    cells: Sequence[Cell],
    *,
    cache: CellCache,
    stage: str,
    workers: Workers | None = None,
    progress: ProgressCallback = silent,
) -> list[Numbers]:
    """The numbers of every cell, in order; those that the cache lacks are measured first.

    Parameters
    ----------
    cells : sequence of Cell
        Distinct names.
    cache : CellCache
        Read, and written after every cell: a killed call goes on where it stopped.
    stage : str
        Name of the progress bar.
    workers : Workers, optional
        One by default, which is this process; on Ray every machine must see the cache's folder.
    progress : callable
        Called after every cell with the time that is left, as the cells so far went.

    Raises
    ------
    RunError
        If a worker was killed; cells that finished are kept.
    """
    waiting = [cell for cell in cells if cache.read(cell) is None]
    done, started = len(cells) - len(waiting), time.perf_counter()
    progress(stage, done, len(cells), "" if waiting else "all cached")
    for count, cell in enumerate(_finished(waiting, cache, workers or Workers()), start=1):
        left = (time.perf_counter() - started) / count * (len(waiting) - count)
        progress(stage, done + count, len(cells), f"{cell.name} · {duration(left)} left")
    return [_kept(cell, cache) for cell in cells]


def _finished(cells: Sequence[Cell], cache: CellCache, workers: Workers) -> Iterator[Cell]:
    """Yield cells as they are measured and kept."""
    cache.root.mkdir(parents=True, exist_ok=True)  # so that a worker which sees no folder knows that it should
    keep, count = partial(_keep, Shared.of(cache.root)), min(workers.count, max(len(cells), 1))
    for cell, _ in as_completed(keep, cells, workers=count, on=workers.on):
        yield cell


def _keep(shared: Shared, cell: Cell) -> None:
    shared.check()
    CellCache(shared.folder).write(cell, measure_cell(cell))


def _kept(cell: Cell, cache: CellCache) -> Numbers:
    numbers = cache.read(cell)
    if numbers is None:
        raise RunError(f"{cache.path(cell).name} was changed by another process: repeat the command")
    return numbers
