"""CSV: every cell is read as text, so that a ticker ``NA`` stays a ticker and a broken number can be named.

Cells stand between commas, semicolons or tabs, whichever the header has most of; where semicolons or tabs part cells
with decimal commas, the table's metadata say so. The two or three header rows of yfinance's wide files become one, in
the spelling that pandas gives parquet. Lines of prose that a publisher wrote above the header or below the last row are
passed over, and the metadata say so too; they hold a last line that has no line end, for it may be cut.
"""

import csv
import gzip
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from core.allocator import may_start_threads
from core.errors import SourceError
from market.bars.columns import SPELLINGS, bar_field, plain_name
from market.bars.spelled_dates import looks_dated

__all__ = ["csv_notes", "cut_note", "decimal_of", "ending_note", "has_prose", "is_csv", "read_csv"]

DECIMAL, PROSE, UNENDED = b"decimal", b"prose", b"unended"
MAX_PROSE = 40  # lines above a header
TAIL = 120  # bytes of a last line that are shown
_SENTENCE = re.compile(r"[^\W\d_]+\W+(?:\w+\W+)*?[^\W\d_]{2,}", re.DOTALL)  # two words in letters
_NUMBER = re.compile(r"[+-]?\d*[.,]?\d+")
_COMMA_DECIMALS = r"^\s*[+-]?[\d.]*\d,\d+\s*$"

_BROKEN = (OSError, EOFError, zlib.error)  # of a file that cannot be read, or not to its end
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
    head, delimiter, above = _head(path)
    names, n_header = _header(head)
    below: list[str] = []
    try:
        table = _rows(path, names, delimiter=delimiter, skipped=above + n_header, below=below)
    except MemoryError:
        raise  # nothing is wrong with the file
    except (pa.ArrowException, *_BROKEN) as error:
        reason = str(error).splitlines()[0]
        raise SourceError(
            f"{path.name} is not a readable CSV file: {reason}; leave one header and rows as long as it"
        ) from error
    table = _without_blank_rows(table)
    told = {DECIMAL: b","} if delimiter != "," and _has_commas(table) else {}
    told |= {PROSE: b"yes"} if above or below else {}
    told |= {UNENDED: tail} if (tail := _unended(path)) else {}
    return table.replace_schema_metadata(told) if told else table


def _rows(path: Path, names: list[str], *, delimiter: str, skipped: int, below: list[str]) -> pa.Table:
    """The rows below a header; sentences among those of another length go to ``below``."""
    read = partial(_read_rows, path, names, delimiter=delimiter, skipped=skipped)
    try:
        return read()
    except pa.ArrowInvalid:  # perhaps for a row of another length; a handler can be told of text alone
        _check_text(path)
        return read(handler=lambda row: _without_prose(row, delimiter, below))


def _read_rows(
    path: Path,
    names: list[str],
    *,
    delimiter: str,
    skipped: int,
    handler: Callable[[arrow_csv.InvalidRow], str] | None = None,
) -> pa.Table:
    """The rows below a header, every cell a text; the handler is asked about a row of another length."""
    return arrow_csv.read_csv(
        path,
        read_options=arrow_csv.ReadOptions(skip_rows=skipped, column_names=names, use_threads=may_start_threads()),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True, delimiter=delimiter, invalid_row_handler=handler),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
        ),
    )


def _check_text(path: Path) -> None:
    """Refuse a file with bytes that are no UTF-8, and name the line of the first."""
    with _opener(path)(path, "rb") as opened:
        for number, line in enumerate(opened, start=1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                raise SourceError(
                    f"{path.name} is not a readable CSV file: line {number} holds {line[error.start : error.end]!r}, "
                    "which is no UTF-8 text; save it as UTF-8"
                ) from error


def has_prose(table: pa.Table) -> bool:
    """Whether the file of a table has lines of prose around its rows."""
    return PROSE in (table.schema.metadata or {})


def csv_notes(table: pa.Table, origin: str = "") -> tuple[str, ...]:
    """Notes on lines of prose and on a last line without an end, with the file's name where it is given."""
    prose = f"lines of prose around the rows{' of ' if origin else ''}{origin} passed over"
    return ((prose,) if has_prose(table) else ()) + (cut_note({origin: table}) if origin else ())


def cut_note(tables: Mapping[str, pa.Table]) -> tuple[str, ...]:
    """A note on the files, by name, whose last line has no line end: a file that was cut may end so."""
    tails = {name: (table.schema.metadata or {}).get(UNENDED, b"") for name, table in tables.items()}
    cut = {name: tail.decode(errors="replace") for name, tail in tails.items() if tail}
    if not cut:
        return ()
    first, line = next(iter(cut.items()))
    more = f", nor have {len(cut) - 1} other files" if len(cut) > 1 else ""
    return (f"the last line of {first} has no line end{more}: a file that was cut ends so, look at {line!r}",)


def ending_note(path: str | Path) -> tuple[str, ...]:
    """A note on a file that may have been cut, as of ``cut_note``; none on one that is no CSV."""
    path = Path(path)
    tail = _unended(path) if is_csv(path) else b""
    return cut_note({path.name: pa.table({}).replace_schema_metadata({UNENDED: tail})}) if tail else ()


def _unended(path: Path) -> bytes:
    """The end of the last line where nothing ends it; empty where something does, or the line is blank."""
    with _opener(path)(path, "rb") as opened:
        if path.suffix.lower() == ".gz":
            tail = b""
            while block := opened.read(2**20):
                tail = (tail + block)[-TAIL:]
        else:
            opened.seek(max(path.stat().st_size - TAIL, 0))
            tail = opened.read(TAIL)
    last: bytes = re.split(rb"[\r\n]", tail)[-1].strip()
    return last


def _opener(path: Path) -> Callable[..., Any]:
    return gzip.open if path.suffix.lower() == ".gz" else open


def _without_prose(row: arrow_csv.InvalidRow, delimiter: str, passed: list[str]) -> str:
    """Whether to pass over a row that is shorter than the header: a sentence, such as a copyright, is no broken row."""
    cells = [cell.strip(' "\r\n') for cell in row.text.split(delimiter)]
    numbers = any(_NUMBER.fullmatch(cell) or looks_dated(cell) for cell in cells)
    if row.actual_columns >= row.expected_columns or numbers or not _SENTENCE.match(cells[0]):
        return "error"
    passed.append(row.text)
    return "skip"


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


def _head(path: Path) -> tuple[list[list[str]], str, int]:
    """First rows of the table, at most four, what stands between cells, and how many lines of prose come before."""
    try:
        with _opener(path)(path, "rt", encoding="utf-8-sig", newline="") as opened:
            lines = list(islice(opened, MAX_PROSE))
            above = _prose_lines(lines)
            delimiter = _delimiter("".join(lines[above : above + 1]))
            rows = list(islice(csv.reader(chain(lines[above:], opened), delimiter=delimiter), 4))
    except UnicodeDecodeError:
        _check_text(path)
        raise
    except (csv.Error, *_BROKEN) as error:
        raise SourceError(f"{path.name} is not a readable CSV file: {error}") from error
    if not rows or not any(rows[0]):
        raise SourceError(f"{path.name} is empty or begins with a blank line: it needs a header and at least one bar")
    return rows, delimiter, above


def _delimiter(header: str) -> str:
    return max(",;\t", key=header.count)


def _prose_lines(lines: Sequence[str]) -> int:
    """Lines above the header: the one before the first row with a date, where those above it have other cells."""
    filled = [row for row, line in enumerate(lines) if line.strip()]
    for header, place in pairwise(filled):
        delimiter = _delimiter(lines[header])
        names, cells = (next(csv.reader([lines[row]], delimiter=delimiter), []) for row in (header, place))
        if any(looks_dated(cell) for cell in cells):
            above = [lines[row].count(delimiter) for row in filled[: filled.index(header)]]
            named = len(names) == len(cells) > 1 and lines[header].count(delimiter) not in above
            return header if named else 0
    return 0


def _header(head: list[list[str]]) -> tuple[list[str], int]:
    """Column names and the number of lines they take."""
    if not _is_wide(head):
        return head[0], 1
    upper, lower = head[0], head[1]
    third = len(head) > 2 and not any(head[2][1:]) and not looks_dated(head[2][0])
    pairs = [str(pair) for pair in zip(upper[1:], lower[1:], strict=True)]
    return ["Date", *pairs], 3 if third else 2


def _is_wide(head: list[list[str]]) -> bool:
    """Two rows of fields and tickers head the columns, where a plain file has a row of bars."""
    if len(head) < 2 or len(head[0]) != len(head[1]) or plain_name(head[0][0]) in _DATE_NAMES:
        return False
    fields = any(all(bar_field(name) for name in row[1:]) for row in head[:2])
    return len(head[0]) > 1 and fields and not looks_dated(head[1][0])
