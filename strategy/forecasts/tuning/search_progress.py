"""Search progress: how far every search of a study is, in small files that whoever watches may read."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from backtests.forecasts.tuning_results import SearchedForecaster
from core.errors import SourceError
from core.files import read_json, write_json
from strategy.forecasts.tuning.tuning_plan import PlannedStudy

__all__ = ["SearchProgress", "keep_progress", "study_progress"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchProgress:
    """How far a search is.

    Parameters
    ----------
    done, trials : int
        Trials finished, and in all.
    best : float or None
        The least validation error of returns so far; None without one.
    ended : bool
        It is through.
    failure : str
        Why it has no result; empty where it has, or is under way.
    """

    done: int
    trials: int
    best: float | None = None
    ended: bool = False
    failure: str = ""

    @classmethod
    def of(cls, done: int, trials: int, best: float) -> Self:
        """The progress of a search under way; an infinite error is none."""
        return cls(done=done, trials=max(trials, done), best=best if math.isfinite(best) else None)


def keep_progress(path: Path, progress: SearchProgress) -> None:
    """Write how far a search is."""
    write_json(path, asdict(progress))


def study_progress(planned: PlannedStudy) -> dict[tuple[str, str], SearchProgress]:
    """How far every search is, by symbol and model."""
    return {cell: _progress(planned, *cell) for cell in planned.cells}


def _progress(planned: PlannedStudy, symbol: str, model: str) -> SearchProgress:
    try:
        path = planned.search_file(symbol, model, ".json")
        if path.is_file():
            found = read_json(path, SearchedForecaster)
            best, done = found.pct_return_mae, found.trials
            return SearchProgress(done=done, trials=done, best=best, ended=True, failure=found.failure)
        path = planned.search_file(symbol, model, ".progress")
        return read_json(path, SearchProgress) if path.is_file() else SearchProgress(done=0, trials=planned.plan.trials)
    except (SourceError, OSError):
        return SearchProgress(done=0, trials=planned.plan.trials)
