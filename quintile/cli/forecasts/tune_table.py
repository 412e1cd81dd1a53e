"""Tune table: the searches of a study on a terminal, live; elsewhere a line a search. It decides nothing."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from core.progress import ProgressCallback, duration, silent
from core.terminal import printable, styled

if TYPE_CHECKING:
    from strategy.forecasts.tuning.search_progress import SearchProgress
    from strategy.forecasts.tuning.tuning_plan import PlannedStudy

__all__ = ["StudyTable", "watched"]

FRESH_SECONDS = 1.0  # between two looks at the searches
EDGE = 6  # lines of a terminal that are no symbols


class StudyTable:
    """A live table of symbols × models: trials done and least error, with the time that is left.

    Parameters
    ----------
    planned : PlannedStudy
        The study.
    workers : int
        Searches at once.
    """

    def __init__(self, planned: "PlannedStudy", *, workers: int) -> None:
        self._planned, self._workers = planned, workers
        self._seen: dict[tuple[str, str], SearchProgress] = {}

    def progress(self) -> "dict[tuple[str, str], SearchProgress]":
        """How far every search is; those that ended are not read again."""
        from strategy.forecasts.tuning.search_progress import cell_progress

        for cell in self._planned.cells:
            if cell not in self._seen or not self._seen[cell].ended:
                self._seen[cell] = cell_progress(self._planned, cell)
        return self._seen

    def words(self) -> str:
        """Searches that ended, and the time that is left."""
        from strategy.forecasts.tuning.search_progress import seconds_left

        found = self.progress()
        ended = sum(each.ended for each in found.values())
        left = seconds_left(found, workers=self._workers)
        when = "" if left is None else f", about {duration(left)} left"
        return f"{ended} of {len(found)} searches{when}"

    def drawn(self, height: int) -> Any:
        """The table, cut to the symbols that fit: those under way first."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        found, models = self.progress(), self._planned.plan.models
        table = Table(box=None)
        for name in ("symbol", *models):
            table.add_column(Text(printable(name)), no_wrap=True, overflow="ellipsis")
        shown = sorted(dict.fromkeys(symbol for symbol, _ in found), key=lambda symbol: _place(found, symbol, models))
        for symbol in shown[: max(height - EDGE, 1)]:
            cells = [_cell(found[symbol, model]) for model in models]
            table.add_row(*(Text(printable(each)) for each in (symbol, *cells)))
        if len(shown) > height - EDGE:
            table.add_row(Text(f"and {len(shown) - max(height - EDGE, 1)} others"))
        return Group(Text(f"{self._planned.study}: {self.words()}"), table)  # a title would fold to a narrow table


def _place(found: "Mapping[tuple[str, str], SearchProgress]", symbol: str, models: tuple[str, ...]) -> int:
    """Under way, then waiting, then through."""
    of = [found[symbol, model] for model in models]
    return 2 if all(each.ended for each in of) else 0 if any(each.done for each in of) else 1


def _cell(search: "SearchProgress") -> str:
    if search.failure:
        return "failed"
    best = "" if search.best is None else f" {search.best:.3%}"
    return f"{search.done}/{search.trials}{best}" if search.done else "–"


@contextmanager
def watched(planned: "PlannedStudy", *, workers: int, quiet: bool) -> Iterator[ProgressCallback]:
    """Show a study while the block runs: a live table on a terminal, lines elsewhere, nothing if ``quiet``."""
    table = StudyTable(planned, workers=workers)
    if quiet:
        yield silent
    elif sys.stderr.isatty():
        with _live(table):
            yield silent
    else:
        yield _lines(table)


@contextmanager
def _live(table: StudyTable) -> Iterator[None]:
    from rich.console import Console
    from rich.live import Live

    console = Console(file=styled(sys.stderr))
    rate = 1.0 / FRESH_SECONDS
    with Live(
        get_renderable=lambda: table.drawn(console.height), console=console, refresh_per_second=rate, transient=True
    ):
        yield


def _lines(table: StudyTable) -> ProgressCallback:
    def say(stage: str, done: int, total: int, note: str = "") -> None:
        now = time.strftime("%H:%M:%S")
        print(printable(f"{now} {table.words()}: {note}"), file=sys.stderr, flush=True)

    return say
