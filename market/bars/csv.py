"""CSV: every cell is read as text, so that a ticker ``NA`` stays a ticker and a broken number can be named.

Cells stand between commas, semicolons or tabs, whichever the header has most of; where semicolons or tabs part cells
with decimal commas, the table's metadata say so. The two or three header rows of yfinance's wide files become one, in
the spelling that pandas gives parquet.
"""

import csv
import gzip
import re
from itertools import chain, islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from core.errors import SourceError
from market.bars.columns import SPELLINGS, bar_field, plain_name

__all__ = ["decimal_of", "is_csv", "read_csv"]

DECIMAL = b"decimal"
_COMMA_DECIMALS = r"^\s*[+-]?[\d.]*\d,\d+\s*$"

_DATE_NAMES = frozenset(name for name in SPELLINGS["date"] if name)


def is_csv(path: Path) -> bool:
    """Whether a file's name says that it is CSV, compressed by gzip or not."""
    return path.name.lower().endswith((".csv", ".csv.gz"))


def read_csv(path: Path) -> pa.Table:
    """Read a CSV file as a table of text columns.

    Raises
    ------
    SourceError
        If the file is empty, is not UTF-8 text or has rows of unequal length.
    """
    head, delimiter = _head(path)
    names, n_header = _header(head)
    try:
        table = arrow_csv.read_csv(
            path,
            read_options=arrow_csv.ReadOptions(skip_rows=n_header, column_names=names),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True, delimiter=delimiter),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0]
        raise SourceError(
            f"{path.name} is not a readable CSV file: {reason}; leave one header and rows as long as it"
        ) from error
    table = _without_blank_rows(table)
    return table.replace_schema_metadata({DECIMAL: b","}) if delimiter != "," and _has_commas(table) else table


def _without_blank_rows(table: pa.Table) -> pa.Table:
    """Rows with a cell: spreadsheets leave lines of separators alone below the last one."""
    blank = pc.equal(table.column(0), "")
    for column in range(1, table.num_columns):
        if not pc.any(blank).as_py():
            return table
        blank = pc.and_(blank, pc.equal(table.column(column), ""))
    return table.filter(pc.invert(blank))


def decimal_of(table: pa.Table) -> str:
    """What stands before decimals in the text of a table: a comma where its file has them, else a point."""
    return str((table.schema.metadata or {}).get(DECIMAL, b".").decode())


def _has_commas(table: pa.Table) -> bool:
    return any(bool(pc.any(pc.match_substring_regex(column, _COMMA_DECIMALS)).as_py()) for column in table.columns)


def _head(path: Path) -> tuple[list[list[str]], str]:
    """First rows of the file, at most four, and what stands between cells."""
    opener = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as opened:
            first = opened.readline()
            delimiter = max(",;\t", key=first.count)
            rows = list(islice(csv.reader(chain([first], opened), delimiter=delimiter), 4))
    except UnicodeDecodeError as error:
        raise SourceError(f"{path.name} is not a readable CSV file: {error}; save it as UTF-8") from error
    except (csv.Error, OSError, EOFError) as error:
        raise SourceError(f"{path.name} is not a readable CSV file: {error}") from error
    if not rows or not any(rows[0]):
        raise SourceError(f"{path.name} is empty or begins with a blank line: it needs a header and at least one bar")
    return rows, delimiter


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
    return re.match(r"\d{4}[-/.]?\d{1,2}[-/.]?\d{1,2}|\d{9,}$", cell.strip()) is not None
