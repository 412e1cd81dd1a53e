"""Search progress: how far every search of a study is, in small files that whoever watches may read."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Self

from backtests.forecasts.tuning_results import SearchedForecaster
from core.errors import SourceError
from core.files import read_json, write_json
from strategy.forecasts.tuning.tuning_plan import PlannedStudy

__all__ = ["SearchProgress", "cell_progress", "keep_progress", "seconds_left"]


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
    seconds : float
        That its fits took, once it is through.
    """

    done: int
    trials: int
    best: float | None = None
    ended: bool = False
    failure: str = ""
    seconds: float = 0.0

    @classmethod
    def of(cls, done: int, trials: int, best: float) -> Self:
        """The progress of a search under way; an infinite error is none."""
        return cls(done=done, trials=max(trials, done), best=best if math.isfinite(best) else None)


def keep_progress(path: Path, progress: SearchProgress) -> None:
    """Write how far a search is."""
    write_json(path, asdict(progress))


def seconds_left(found: Mapping[tuple[str, str], SearchProgress], *, workers: int) -> float | None:
    """Seconds until all searches are through, by what those of the same model took; None before one has ended.

    Examples
    --------
    >>> from strategy.forecasts.tuning.search_progress import SearchProgress, seconds_left
    >>> ended = SearchProgress(done=10, trials=10, ended=True, seconds=20.0)
    >>> half = SearchProgress(done=5, trials=10)
    >>> seconds_left({("AAPL", "ar"): ended, ("MSFT", "ar"): half}, workers=1)
    10.0
    """
    ended = [(model, each.seconds / each.trials) for (_, model), each in found.items() if each.ended]
    if not ended:
        return None
    everywhere = fmean(seconds for _, seconds in ended)
    left = 0.0
    for (_, model), each in found.items():
        if not each.ended:
            alike = [seconds for name, seconds in ended if name == model]
            left += (each.trials - each.done) * (fmean(alike) if alike else everywhere)
    return left / workers


def cell_progress(planned: PlannedStudy, cell: tuple[str, str]) -> SearchProgress:
    """How far the search of a symbol and model is."""
    try:
        path = planned.search_file(*cell, ".json")
        if path.is_file():
            found = read_json(path, SearchedForecaster)
            return SearchProgress(
                done=found.trials,
                trials=found.trials,
                best=found.pct_return_mae,
                ended=True,
                failure=found.failure,
                seconds=found.seconds,
            )
        path = planned.search_file(*cell, ".progress")
        return read_json(path, SearchProgress) if path.is_file() else SearchProgress(done=0, trials=planned.plan.trials)
    except (SourceError, OSError):
        return SearchProgress(done=0, trials=planned.plan.trials)
