"""Run desk: runs side by side, and a board of everything in a store."""

from dataclasses import replace
from pathlib import Path

from backtests.report.boards.comparison import Comparison
from quintile.lookup import require
from strategy.desk.board import Board, draw_board
from strategy.desk.compare_runs import compare_runs
from strategy.frozen.versions import SHIPPED
from strategy.runs.result import ReportPath, Run
from strategy.runs.store import DEFAULT_STORE, RunStore

__all__ = ["board", "compare"]


def compare(*runs: str | Run, store: str | Path = DEFAULT_STORE, versions: str | Path | None = None) -> Comparison:
    """Hold runs against the first of them, paired by session, and write the page of it.

    Parameters
    ----------
    *runs : str or Run
        Two or more: ids or their beginnings, ``"latest"``, runs of the store, or frozen versions by ``name@number``.
    store : str or Path
        Folder of runs; the page is written into its folder ``compare``.
    versions : str or Path, optional
        Folder of versions; the shipped one by default.

    Returns
    -------
    Comparison
        Prints what can be told apart, shows itself in a notebook, and knows its page.

    Raises
    ------
    RunError
        If a run is not found, has not finished or cannot be read.
    ValueError
        If they are fewer than two, or a version is not found.

    Examples
    --------
    >>> again = qt.compare(run, run.folder.run_id, store=store)
    >>> again.gaps[0].sentence()
    'A and B cannot be told apart by Sharpe ratio: the difference is 0.00 [0.00 to 0.00].'
    """
    words = []
    for each in runs:
        if not isinstance(each, str):
            require(each, Run, name="runs", made_by="qt.run or qt.load_run")
        words.append(each if isinstance(each, str) else each.folder.run_id)
    return compare_runs(words, store=RunStore(Path(store)), versions=SHIPPED if versions is None else Path(versions))


def board(store: str | Path = DEFAULT_STORE, *, versions: str | Path | None = None) -> Board:
    """Draw one page over all runs, walks, sweeps, forecasts and versions of a store.

    Parameters
    ----------
    store : str or Path
        Folder of runs; the page is its ``board.html``, which is drawn anew as runs end.
    versions : str or Path, optional
        Folder of versions; the one beside the store and the shipped ones by default.

    Returns
    -------
    Board
        Prints how much is on it, and knows its page; ``page.show()`` opens it.

    Raises
    ------
    RunError
        If there is no such folder.

    Examples
    --------
    >>> drawn = qt.board(store)
    >>> drawn.page.name
    'board.html'
    """
    drawn = draw_board(Path(store), versions=None if versions is None else Path(versions))
    return replace(drawn, page=ReportPath(drawn.page))
