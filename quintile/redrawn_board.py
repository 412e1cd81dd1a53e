"""Redrawn board: a store's board drawn anew as a run ends, where there is one."""

import sys
from collections.abc import Callable
from pathlib import Path

__all__ = ["redraw_board", "say"]


def say(words: str) -> None:
    """One line on standard error, as the command line says things."""
    print(f"quintile: {words}", file=sys.stderr)


def redraw_board(root: Path, *, tell: Callable[[str], object] = say) -> None:
    """Draw the board of a store anew where there is one; the run that ended stands whatever comes of it.

    Parameters
    ----------
    root : Path
        The store.
    tell : callable
        Called with a sentence where it could not be drawn.
    """
    from core.errors import QuintileError
    from strategy.desk.run_index import BOARD

    if not (root / BOARD).is_file():
        return
    from strategy.desk.board import refresh_board

    try:
        refresh_board(root)
    except (QuintileError, OSError, ValueError) as error:
        tell(f"the board was not drawn anew ({error}): draw it with `quintile board`")
