"""Tuning study: every symbol's best forecaster, by searches side by side that may be killed and go on.

A cell is one symbol and one forecaster. What fails is a row with its reason, and the rest go on; a worker that dies is
replaced, and its search goes on from its journal.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from core.errors import QuintileError, RunError, SourceError
from core.files import read_json, write_json
from core.parallel import Workers, as_completed
from core.progress import ProgressCallback, silent
from market.inputs import load_inputs
from market.panel import Panel
from market.request import BarsRequest
from models.threads import threads
from strategy.forecasts.forecast_task import TaskSettings, forecast_task
from strategy.forecasts.tuning.forecast_search import search_settings

__all__ = ["CellResult", "TuningPlan", "tune_symbols"]

DEATHS = 3  # of a pool's worker in a row after which the cells under way are given up


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningPlan:
    """What is tuned.

    Parameters
    ----------
    request : BarsRequest
        The bars.
    symbols, kinds : tuple of str
        Series, and forecasters searched for each.
    settings : TaskSettings
        Horizons, spans and seed.
    trials : int
        Of each search.
    """

    request: BarsRequest
    symbols: tuple[str, ...]
    kinds: tuple[str, ...]
    settings: TaskSettings
    trials: int

    def cells(self) -> list[tuple[str, str]]:
        """Symbol and forecaster of every cell."""
        return [(symbol, kind) for symbol in self.symbols for kind in self.kinds]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResult:
    """What a search of one symbol came to.

    Parameters
    ----------
    symbol, kind : str
        The cell.
    told : mapping of str to object
        The best settings that were searched; empty where it failed.
    error : float or None
        Validation percentage-return MAE; None where it failed.
    trials : int
        Settings looked at.
    failure : str
        Why it has no result; empty where it has.
    """

    symbol: str
    kind: str
    told: Mapping[str, Any]
    error: float | None
    trials: int
    failure: str = ""


def tune_symbols(
    plan: TuningPlan, folder: Path, *, workers: Workers | None = None, progress: ProgressCallback = silent
) -> list[CellResult]:
    """Search every cell that the folder holds no result of; the results of all, in the plan's order.

    Parameters
    ----------
    plan : TuningPlan
        What is tuned.
    folder : Path
        Where journals and results are kept.
    workers : Workers
        One by default; the numbers do not depend on it.
    progress : callable
        Called as cells are finished.

    Raises
    ------
    RunError
        If workers were killed again and again without a cell being finished.
    """
    workers, cells = workers or Workers(), plan.cells()
    folder.mkdir(parents=True, exist_ok=True)
    found = {cell: kept for cell in cells if (kept := _kept(plan, folder, cell)) is not None}
    deaths = 0
    while waiting := [cell for cell in cells if cell not in found]:
        before = len(found)
        try:
            for cell, result in _searched(plan, folder.resolve(), waiting, workers):
                found[cell] = result
                progress("searches", len(found), len(cells), f"{cell[0]} · {cell[1]}")
        except RunError:
            deaths = deaths + 1 if len(found) == before else 1
            if deaths >= DEATHS:
                raise
    return [found[cell] for cell in cells]


def _searched(
    plan: TuningPlan, folder: Path, cells: Sequence[tuple[str, str]], workers: Workers
) -> Iterator[tuple[tuple[str, str], CellResult]]:
    count = min(workers.count, len(cells))
    yield from as_completed(partial(_search, plan, folder), cells, workers=count, on=workers.on)


def _search(plan: TuningPlan, folder: Path, cell: tuple[str, str]) -> CellResult:
    """Search one cell and keep its result."""
    symbol, kind = cell
    try:
        with threads(1):
            task = forecast_task(_panel(plan.request), [symbol], plan.settings)
            found = search_settings(task, kind, trials=plan.trials, journal=folder / f"{_name(plan, cell)}.journal")
        result = CellResult(symbol=symbol, kind=kind, told=found.told, error=found.error, trials=found.trials)
    except (QuintileError, ValueError) as error:
        why = " ".join(str(error).split())
        result = CellResult(symbol=symbol, kind=kind, told={}, error=None, trials=0, failure=why)
    write_json(folder / f"{_name(plan, cell)}.json", asdict(result))
    return result


def _kept(plan: TuningPlan, folder: Path, cell: tuple[str, str]) -> CellResult | None:
    """The result of a cell that was finished before; None where there is none, or one that cannot be read."""
    path = folder / f"{_name(plan, cell)}.json"
    if not path.is_file():
        return None
    try:
        return CellResult(**read_json(path))
    except (SourceError, TypeError):
        path.unlink()  # made again: what it was made of is in the journal
        return None


def _name(plan: TuningPlan, cell: tuple[str, str]) -> str:
    """A file name of a cell: readable, and one for every plan, whatever characters a symbol has."""
    symbol, kind = cell
    told = f"{plan.request!r} {plan.settings.model_dump_json()} {plan.trials} {symbol} {kind}"
    digest = hashlib.sha256(told.encode()).hexdigest()[:12]
    return f"{re.sub('[^A-Za-z0-9]', '_', symbol)[:20]}-{kind}-{digest}"


@lru_cache(maxsize=1)
def _panel(request: BarsRequest) -> Panel:
    return load_inputs(request).panel
