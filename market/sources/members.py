"""Members: lists of eligible tickers by date, or each ticker's membership from and to, from a parquet or CSV file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.errors import BarsError, SourceError
from market.bars.bar_files import read_whole_table
from market.bars.columns import plain_name, require_columns
from market.bars.dates import check_single_zone, local_dates
from market.bars.long_form import ticker_codes

__all__ = ["MemberLists", "MemberSpans", "read_members"]

NO_END = np.datetime64("2262-01-01", "ns")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MemberLists:
    """Lists of members, one name a row: tickers as written, and the day each name's list was made."""

    tickers: np.ndarray
    dates: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MemberSpans:
    """Memberships, one a row: tickers as written, first and last day; a last day far ahead where none is known."""

    tickers: np.ndarray
    starts: np.ndarray
    ends: np.ndarray


def read_members(path: Path) -> MemberLists | MemberSpans:
    """Read memberships from a file with ticker, start and end, or dated lists from any other.

    Raises
    ------
    SourceError
        If the file is not readable or holds no row.
    BarsError
        If a ticker, a date or a start is missing, a date cannot be read, or a span ends before it starts.
    """
    table = read_whole_table(path, what="member file")
    if table.num_rows == 0:
        raise SourceError(f"{path.name} holds no rows: it needs a date and a ticker on each")
    named = {plain_name(name): name for name in table.schema.names}
    if {"start", "end"} <= named.keys():
        return _spans(table, named["start"], named["end"], origin=path.name)
    date = require_columns(("date", "ticker"), table.schema.names, origin=path.name)["date"]
    dates, zones = local_dates(table[date], origin=path.name)
    check_single_zone(zones, origin=path.name)
    return MemberLists(tickers=_tickers(table, dates, origin=path.name), dates=dates)


def _spans(table: pa.Table, start: str, end: str, *, origin: str) -> MemberSpans:
    starts, _ = local_dates(table[start], origin=origin)
    tickers, column = _tickers(table, starts, origin=origin), table[end]
    empty = pc.equal(column, "") if pa.types.is_string(column.type) else pc.is_null(column)
    known = ~pc.fill_null(empty, True).to_numpy()
    ends = np.full(len(starts), NO_END)
    if known.any():
        ends[known] = local_dates(column.filter(pa.array(known)), origin=origin)[0]
    if (ends < starts).any():
        row = int(np.flatnonzero(ends < starts)[0])
        raise BarsError(f"{origin} ends {tickers[row]} before it starts: correct row {row + 1}")
    return MemberSpans(tickers=tickers, starts=starts, ends=ends)


def _tickers(table: pa.Table, dates: np.ndarray, *, origin: str) -> np.ndarray:
    name = require_columns(("ticker",), table.schema.names, origin=origin)["ticker"]
    codes, tickers = ticker_codes(table[name], dates, origin=origin)
    named: np.ndarray = np.array(tickers, dtype=object)[codes]
    return named
