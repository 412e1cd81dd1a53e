"""Plain lines: rows as text in columns, written at once; hundreds of rows are no wait, unlike a styled table's."""

import sys
import textwrap
from collections.abc import Iterator, Sequence

from core.terminal import printable

__all__ = ["lines_of"]

GAP = "  "
INDENT = 4  # of what stands below its row


def lines_of(columns: Sequence[str], rows: Sequence[Sequence[str]], below: Sequence[str], width: int) -> Iterator[str]:
    """Rows under their headings; several tables, each with the first column, where one is wider than the terminal.

    Parameters
    ----------
    columns, rows : sequences of str
        Headings and cells; the first two columns are set flush left.
    below : sequence of str
        Words of each row, at the end of its line where all fit, else below it; empty for none.
    width : int
        Characters of the terminal.
    """
    encoding = getattr(sys.stdout, "encoding", None)
    cells = [[printable(cell, encoding=encoding) for cell in row] for row in (columns, *rows)]
    notes = ["", *(printable(words, encoding=encoding) for words in below)]
    widths = [max(map(_cells, column)) for column in zip(*cells, strict=True)]
    parts = _parts(widths, width)
    wide = sum(widths[place] + len(GAP) for place in parts[-1])
    beside = len(parts) == 1 and wide + max(map(_cells, notes)) <= width
    for part in parts:
        is_last = part is parts[-1]
        for row, note in zip(cells, notes, strict=True):
            line = GAP.join(_set(row[place], widths[place], left=place < 2) for place in part)
            yield f"{line}{GAP}{note}".rstrip() if is_last and beside else line.rstrip()
            if is_last and note and not beside:
                yield from (f"{' ' * INDENT}{each}" for each in textwrap.wrap(note, max(width - INDENT, 20)))


def _parts(widths: Sequence[int], width: int) -> list[list[int]]:
    """Places of the columns that fit side by side behind the first, in their order."""
    parts, taken = [[0]], widths[0]
    for place, wide in enumerate(widths[1:], start=1):
        if taken + len(GAP) + wide > width and len(parts[-1]) > 1:
            parts.append([0])
            taken = widths[0]
        parts[-1].append(place)
        taken += len(GAP) + wide
    return parts


def _set(cell: str, width: int, *, left: bool) -> str:
    space = " " * (width - _cells(cell))
    return f"{cell}{space}" if left else f"{space}{cell}"


def _cells(text: str) -> int:
    """Columns of the terminal that a text takes."""
    if text.isascii() or max(text) < "\u0300" or text.replace("–", "-").replace("−", "-").isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
