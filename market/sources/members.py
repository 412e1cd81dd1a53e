"""Members: lists of eligible tickers by date, or each ticker's membership from and to, from a parquet or CSV file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.errors import SourceError
from market.bars.bar_files import read_whole_table
from market.bars.cell_numbers import NO_VALUE
from market.bars.columns import plain_name, require_columns
from market.bars.dates import NO_END, check_single_zone, read_dates
from market.bars.defects import Defect, refuse
from market.bars.long_form import encoded_tickers, missing_tickers

__all__ = ["MemberLists", "MemberSpans", "read_members"]

STARTS = ("start", "startdate", "from", "begin")
ENDS = ("end", "enddate", "to", "thru")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MemberLists:
    """Lists of members, one name a row: tickers in one spelling, and the day each name's list was made."""

    tickers: np.ndarray
    dates: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MemberSpans:
    """Memberships, one a row: tickers in one spelling, first and last day; a last day far ahead where none is known."""

    tickers: np.ndarray
    starts: np.ndarray
    ends: np.ndarray


def read_members(path: Path) -> MemberLists | MemberSpans:
    """Read memberships from a file with ticker, start and end, or dated lists from any other.

    An end that is missing, or lies beyond the years that a nanosecond clock reaches, such as 9999-12-31, is open.

    Raises
    ------
    SourceError
        If the file is not readable or holds no row.
    BarsError
        If a ticker, a date or a start is missing, a date cannot be read, or a span ends before it starts; one error
        names all.
    """
    table = read_whole_table(path, what="member file")
    if table.num_rows == 0:
        raise SourceError(f"{path.name} holds no rows: it needs a date and a ticker on each")
    named = {plain_name(name): name for name in reversed(table.schema.names)}
    start = next((named[word] for word in STARTS if word in named), None)
    end = next((named[word] for word in ENDS if word in named), None)
    if start is not None and end is not None:
        return _spans(table, start, end, origin=path.name)
    date = require_columns(("date", "ticker"), table.schema.names, origin=path.name)["date"]
    read = read_dates(table[date], origin=path.name)
    check_single_zone(read.zones, origin=path.name)
    tickers, unnamed = _tickers(table, read.dates, origin=path.name)
    refuse((*read.defects, *unnamed), origin=path.name)
    return MemberLists(tickers=tickers, dates=read.dates)


def _spans(table: pa.Table, start: str, end: str, *, origin: str) -> MemberSpans:
    starts = read_dates(table[start], origin=origin)
    last = read_dates(_known(table[end]), origin=origin, open_end=True)
    tickers, unnamed = _tickers(table, starts.dates, origin=origin)
    unread = [defect for defect in last.defects if defect.kind != "no date"]
    ends = np.where(np.isnat(last.dates), NO_END, last.dates)
    early = np.flatnonzero(ends < starts.dates)
    found = [*starts.defects, *unnamed, *unread]
    if len(early):
        first = f"{origin} ends {tickers[early[0]]} before it starts, in row {early[0] + 1}"
        found.append(Defect(kind="ends early", first=first, remedy=": correct them", count=len(early)))
    refuse(found, origin=origin)
    return MemberSpans(tickers=tickers, starts=starts.dates, ends=ends)


def _known(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Ends, those that are written with a word for a missing value as missing."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column
    words = pa.array(NO_VALUE, column.type)
    absent = pc.is_in(pc.utf8_lower(pc.utf8_trim_whitespace(column)), value_set=words)
    return pc.if_else(absent, pa.scalar(None, column.type), column)


def _tickers(table: pa.Table, dates: np.ndarray, *, origin: str) -> tuple[np.ndarray, tuple[Defect, ...]]:
    name = require_columns(("ticker",), table.schema.names, origin=origin)["ticker"]
    texts = table[name].cast(pa.string()).fill_null("")
    encoded = encoded_tickers(texts)
    named: np.ndarray = np.array(encoded.tickers, dtype=object)[encoded.codes]
    return named, missing_tickers(named == "", dates, origin=origin)
