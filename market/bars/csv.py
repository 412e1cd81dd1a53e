"""CSV: every cell is read as text, so that a ticker ``NA`` stays a ticker and a broken number can be named.

The two or three header rows of yfinance's wide files become one, in the spelling that pandas gives parquet.
"""

import csv
import re
from pathlib import Path

import pyarrow as pa
from pyarrow import csv as arrow_csv

from core.errors import SourceError
from market.bars.columns import SPELLINGS, bar_field, plain_name

__all__ = ["read_csv"]

_DATE_NAMES = frozenset(name for name in SPELLINGS["date"] if name)


def read_csv(path: Path) -> pa.Table:
    """Read a CSV file as a table of text columns.

    Raises
    ------
    SourceError
        If the file is empty, is not UTF-8 text or has rows of unequal length.
    """
    head = _head(path)
    names, n_header = _header(head)
    try:
        return arrow_csv.read_csv(
            path,
            read_options=arrow_csv.ReadOptions(skip_rows=n_header, column_names=names),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowException as error:
        raise SourceError(f"{path.name} is not a readable CSV file: {str(error).splitlines()[0]}") from error


def _head(path: Path) -> list[list[str]]:
    """First rows of the file, at most four; blank lines are left out."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as opened:
            rows = [row for row, _ in zip(csv.reader(opened), range(4), strict=False)]
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise SourceError(f"{path.name} is not a readable CSV file: {error}") from error
    if not rows or not any(rows[0]):
        raise SourceError(f"{path.name} is empty or begins with a blank line: it needs a header and at least one bar")
    return rows


def _header(head: list[list[str]]) -> tuple[list[str], int]:
    """Column names and the number of lines they take."""
    if not _is_wide(head):
        return head[0], 1
    upper, lower = head[0], head[1]
    third = len(head) > 2 and not any(head[2][1:]) and not _is_date(head[2][0])
    pairs = [str(pair) for pair in zip(upper[1:], lower[1:], strict=True)]
    return ["Date", *pairs], 3 if third else 2


def _is_wide(head: list[list[str]]) -> bool:
    """Two rows of fields and tickers head the columns, where a plain file has a row of bars."""
    if len(head) < 2 or len(head[0]) != len(head[1]) or plain_name(head[0][0]) in _DATE_NAMES:
        return False
    fields = any(all(bar_field(name) for name in row[1:]) for row in head[:2])
    return len(head[0]) > 1 and fields and not _is_date(head[1][0])


def _is_date(cell: str) -> bool:
    return re.match(r"\d{4}-?\d\d-?\d\d", cell.strip()) is not None
