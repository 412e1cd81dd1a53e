"""Compare runs: runs and versions by name, held against the first, with the page written into their store."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from backtests.report.boards.compare_page import render_compare_page
from backtests.report.boards.comparison import Comparison, compare
from backtests.report.boards.comparison_page import comparison_page, page_name
from backtests.report.html_page import PAGE_MARK
from core.files import require_new, write_text
from strategy.desk.desk_subject import compared_run
from strategy.frozen.versions import SHIPPED
from strategy.runs.result import ReportPath
from strategy.runs.store import RunStore

__all__ = ["PAGES", "compare_runs"]

PAGES: Final = "compare"  # folder of a store


def compare_runs(
    words: Sequence[str], *, store: RunStore, versions: Path = SHIPPED, page: Path | None = None
) -> Comparison:
    """Hold runs against the first of them, and write the page.

    Parameters
    ----------
    words : sequence of str
        Ids of runs or their beginnings, ``latest``, or versions by ``name@number``; two or more.
    store : RunStore
        Where the runs are.
    versions : Path
        Folder of versions.
    page : Path, optional
        Where the page is written; ``<store>/compare/<ids>.html`` by default.

    Raises
    ------
    RunError, SourceError
        If a run is not found, has not finished or cannot be read.
    ValueError
        If they are fewer than two, a version is not found, or the page would replace another file.
    """
    found = compare([compared_run(word, store, versions) for word in words])
    target = store.root / PAGES / page_name(found) if page is None else page
    require_new(target, what="--page" if page is not None else "the page", ours=PAGE_MARK)
    write_text(target, render_compare_page(comparison_page(found, up=".." if page is None else None)))
    return replace(found, page=ReportPath(target))
