"""Members: lists of eligible tickers by date, or each ticker's membership from and to, from a parquet or CSV file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from market.errors import BarsError, SourceError
from market.sources.columns import plain_name, require_columns
from market.sources.dates import check_single_zone, local_dates
from market.sources.files import read_table, read_whole_table
from market.sources.long_form import ticker_codes

__all__ = ["MemberSpans", "read_members", "read_spans"]

EVER = np.datetime64("2262-01-01", "ns")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MemberSpans:
    """Memberships, one a row: tickers as written, first and last day; a last day far ahead where none is known."""

    tickers: np.ndarray
    starts: np.ndarray
    ends: np.ndarray


def read_spans(path: Path) -> MemberSpans | None:
    """Return the memberships of a file with a ticker, a start and an end on each row; None if it has no such columns.

    Raises
    ------
    SourceError
        If the file is not readable.
    BarsError
        If a ticker or a start is missing, a date cannot be read, or a span ends before it starts.
    """
    table = read_whole_table(path, what="member file")
    named = {plain_name(name): name for name in table.schema.names}
    if not {"start", "end"} <= named.keys() or table.num_rows == 0:
        return None
    ticker = require_columns(("ticker",), table.schema.names, origin=path.name)["ticker"]
    starts, _ = local_dates(table[named["start"]], origin=path.name)
    codes, tickers = ticker_codes(table[ticker], starts, origin=path.name)
    ends = np.full(len(starts), EVER)
    column = table[named["end"]]
    empty = pc.equal(column, "") if pa.types.is_string(column.type) else pc.is_null(column)
    known = ~pc.fill_null(empty, True).to_numpy()
    if known.any():
        ends[known] = local_dates(column.filter(pa.array(known)), origin=path.name)[0]
    names = np.array(tickers, dtype=object)[codes]
    if (ends < starts).any():
        row = int(np.flatnonzero(ends < starts)[0])
        raise BarsError(f"{path.name} ends {names[row]} before it starts: correct row {row + 1}")
    return MemberSpans(tickers=names, starts=starts, ends=ends)


def read_members(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return dates and tickers of a member file, row by row.

    Returns
    -------
    dates : array of datetime64[ns], shape (n_rows,)
        The day each list was made.
    tickers : array of str, shape (n_rows,)
        Exactly as written.

    Raises
    ------
    SourceError
        If the file is not readable or holds no row.
    BarsError
        If it has no date or ticker column, or a date or ticker is missing.
    """
    table = read_table(path)
    if table.num_rows == 0:
        raise SourceError(f"{path.name} holds no rows: it needs a date and a ticker on each")
    names = require_columns(("date", "ticker"), table.schema.names, origin=path.name)
    dates, zones = local_dates(table[names["date"]], origin=path.name)
    check_single_zone(zones, origin=path.name)
    codes, tickers = ticker_codes(table[names["ticker"]], dates, origin=path.name)
    return dates, np.array(tickers, dtype=object)[codes]
