"""Board: one page over everything in a store, ``<store>/board.html``, drawn anew as runs end where it was drawn once.

Whoever draws it holds ``<store>/.board.lock`` from reading to writing, so that of several processes that end runs at
once the last one has seen them all.
"""

import os
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from backtests.report.boards.board_page import BoardRow, render_board
from backtests.report.html_page import PAGE_MARK
from core.errors import RunError
from core.files import require_new, write_text
from core.notebook_html import html_link, notebook_card
from strategy.desk.board_rows import forecast_rows, run_rows_of, sweep_rows, version_rows
from strategy.desk.run_index import BOARD, run_entries
from strategy.frozen.versions import SHIPPED

__all__ = ["Board", "draw_board", "refresh_board"]

LOCK: Final = ".board.lock"
PATIENCE: Final = 30.0  # seconds that a drawing waits for another one
FORECASTS: Final = "forecasts"  # beside the store, where `quintile forecast` writes by default
VERSIONS: Final = "versions"  # as qt.freeze by default


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Board:
    """A board that was drawn; prints how much is on it, and where it is.

    Parameters
    ----------
    rows : tuple of BoardRow
        The newest first.
    page : Path
        The page.

    Examples
    --------
    >>> qt.board(store=store).page.name
    'board.html'
    """

    rows: tuple[BoardRow, ...]
    page: Path

    @property
    def counts(self) -> str:
        """How many of each kind there are, and how many cannot be read."""
        kinds = Counter(row.kind for row in self.rows)
        parts = [f"{count} × {kind}" for kind, count in kinds.most_common()]
        damaged = sum("DAMAGED" in row.stamps for row in self.rows)
        return ", ".join(parts or ["nothing yet"]) + (f"; {damaged} cannot be read" if damaged else "")

    def __str__(self) -> str:
        return f"{self.counts}\npage  {self.page}"

    def __repr__(self) -> str:
        return f"<Board of {len(self.rows)} rows, {self.page}>"

    def _repr_html_(self) -> str:
        return f"{notebook_card(self.counts, [])}<p>Board: {html_link(self.page)}</p>"


def draw_board(
    root: Path, *, page: Path | None = None, versions: Path | None = None, forecasts: Path | None = None
) -> Board:
    """Draw a page over everything in a store.

    Parameters
    ----------
    root : Path
        The store.
    page : Path, optional
        Where the page is written; ``<store>/board.html`` by default. Links lead from there to the store.
    versions : Path, optional
        Folder of versions; the one beside the store and the shipped ones by default.
    forecasts : Path, optional
        Folder of forecasts; the one beside the store by default.

    Raises
    ------
    RunError
        If there is no store, or another process does not end drawing.
    ValueError
        If the page would replace a file that is no page of ours.
    """
    target = root / BOARD if page is None else page
    if not root.is_dir():
        run_entries(root)  # says what it is instead
        raise RunError(f"no runs in {root}: start one with `quintile run`, or name its folder with --out")
    require_new(target, what="the board", ours=PAGE_MARK)
    try:
        with nullcontext() if page is not None else FileLock(root / LOCK, timeout=PATIENCE):
            frozen = [root.parent / VERSIONS, SHIPPED] if versions is None else [versions]
            board = Board(rows=_rows(root, target, frozen, forecasts or root.parent / FORECASTS), page=target)
            write_text(target, render_board(board.rows, counts=board.counts))
    except Timeout as error:
        raise RunError(f"{target} is being drawn by another process: wait for it to end") from error
    return board


def refresh_board(root: Path) -> None:
    """Draw the board of a store anew where one was drawn before; nothing otherwise.

    Raises
    ------
    RunError, OSError, ValueError
        As ``draw_board``.
    """
    if (root / BOARD).is_file():
        draw_board(root)


def _rows(root: Path, page: Path, versions: Sequence[Path], forecasts: Path) -> tuple[BoardRow, ...]:
    """The runs, the newest first, then sweeps, forecasts and versions."""
    runs = _led(list(run_rows_of(run_entries(root, curves=True)))[::-1], _way(page, root))
    sweeps = _led(list(sweep_rows(root)), _way(page, root))
    studies = list(forecast_rows(forecasts, _way(page, forecasts))) if forecasts.is_dir() else []
    own = (_placeless(row, root) for row in (*runs, *sweeps))
    return (*own, *studies, *(row for folder in versions for row in version_rows(folder)))


def _way(page: Path, folder: Path) -> str:
    """The relative way from a page to a folder."""
    return Path(os.path.relpath(folder.resolve(), page.resolve().parent)).as_posix()


def _led(rows: Sequence[BoardRow], way: str) -> list[BoardRow]:
    return [replace(row, path=f"{way}/{row.path}") if row.path and way != "." else row for row in rows]


def _placeless(row: BoardRow, root: Path) -> BoardRow:
    """A row whose problem names files as they lie in the store, wherever that is."""
    return replace(row, problem=row.problem.replace(f"{root}/", "")) if row.problem else row
