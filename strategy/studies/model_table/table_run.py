"""Table run: from models, losses, seeds and markets to the table, its runs and its pages."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.parallel import Workers
from core.progress import ProgressCallback, silent
from strategy.runs.store import RunStore
from strategy.studies.model_table.contenders import Contender
from strategy.studies.model_table.model_comparison import ModelTable, compare_models
from strategy.studies.model_table.table_cells import table_cells
from strategy.studies.model_table.table_settings import TableSettings
from strategy.studies.model_table.table_workers import make_runs

__all__ = ["TableContext", "model_table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableContext:
    """Store, record, workers and progress of a table; nothing here changes a number.

    Parameters
    ----------
    store : RunStore
        Where its runs are kept and counted.
    command : str
        For the record of every run.
    workers : Workers
        This process by default.
    progress : callable
        Called as cells are made and measured.
    """

    store: RunStore = field(default_factory=lambda: RunStore(Path("runs")))
    command: str = "given in Python"
    workers: Workers = field(default_factory=Workers)
    progress: ProgressCallback = silent


def model_table(
    contenders: Sequence[Contender], settings: TableSettings, *, context: TableContext | None = None
) -> ModelTable:
    """Make every run that the store lacks, and compare all models with ridge.

    Parameters
    ----------
    contenders : sequence of Contender
        Of ``contenders``; ridge among them.
    settings : TableSettings
        Markets and seeds.
    context : TableContext, optional
        Store, workers and progress.

    Raises
    ------
    RunError
        If a worker was killed, or ridge has no run; finished cells are kept.
    """
    context = context or TableContext()
    cells = table_cells(contenders, settings.resolved())
    runs = make_runs(
        cells, store=context.store, command=context.command, workers=context.workers, progress=context.progress
    )
    return compare_models(cells, runs, contenders, settings=settings, store=context.store, progress=context.progress)
