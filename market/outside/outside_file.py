"""Outside file: a table with a clock from a file, placed on the closes of the exchange that the bars hold.

Columns, in any case: ``date`` (the period that a value is of), ``ticker`` (none: the value is of the whole market),
``value`` or the table's own name, and ``known_at`` or ``filed`` (a date or a time; none: the date itself).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from core.errors import BarsError, SourceError
from market.bars.bar_files import read_whole_table
from market.bars.cell_numbers import cell_numbers
from market.bars.columns import SPELLINGS, plain_name
from market.bars.csv import csv_notes, decimal_of
from market.bars.dated_columns import date_name, is_row_numbers
from market.bars.dates import read_dates, zones_as_text
from market.bars.defects import Defect, refuse
from market.exchanges import NO_EXCHANGE, zone_of
from market.outside.known_at import KnownAt, days_that_count, read_known_at
from market.outside.outside_table import EVERYONE, OutsideTable
from market.ticker_names import clean_ticker

__all__ = ["OutsideColumns", "outside_of_frame", "read_outside"]

KNOWN_AT = ("knownat", "filed")
EARLIEST = np.timedelta64(1, "D")  # before its date that a row may be known: the day of another time zone


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideColumns:
    """The columns of a file by what they are; None where it has none.

    Parameters
    ----------
    value : str
        The numbers.
    date, ticker, known_at : str or None
        The period, the name and the clock of each row.
    """

    value: str
    date: str | None
    ticker: str | None
    known_at: str | None


def read_outside(source: str | Path, *, name: str, exchange: str = NO_EXCHANGE) -> OutsideTable:
    """Read a table with a clock.

    Parameters
    ----------
    source : str or Path
        A .parquet or .csv file with one value in each row.
    name : str
        What the table is called; a column of that name holds its values, else ``value`` or the only column left.
    exchange : str
        Whose closes decide from when a row counts: a code, or ``"none"``.

    Raises
    ------
    SourceError
        If the file cannot be read.
    BarsError
        If a column is missing or a cell cannot be read, a row says it was known before its date, or rows contradict
        each other.
    """
    return _table(read_whole_table(Path(source), what=f"outside table {name}"), name, Path(source).name, exchange)


def outside_of_frame(frame: pd.DataFrame | pd.Series, *, name: str, exchange: str = NO_EXCHANGE) -> OutsideTable:
    """A table in memory, as :func:`read_outside` reads one; a Series has its dates as index."""
    whole = frame.rename(name).to_frame() if isinstance(frame, pd.Series) else frame
    indexed = whole.reset_index(names="date") if isinstance(whole.index, pd.DatetimeIndex) else whole
    return _table(pa.Table.from_pandas(zones_as_text(indexed), preserve_index=False), name, f"table {name}", exchange)


def _table(table: pa.Table, name: str, origin: str, exchange: str) -> OutsideTable:
    if table.num_rows == 0:
        raise SourceError(f"{origin} holds no rows: it needs a date and a value on each")
    columns = _columns(table, name, origin)
    values, unread = cell_numbers(
        table[columns.value],
        name=name,
        origin=origin,
        place=lambda row: f" in row {row + 1}",
        decimal=decimal_of(table),
    )
    has = np.flatnonzero(~np.isnan(values))
    rows = table.take(pa.array(has))
    tickers = _tickers(rows, columns.ticker, origin, has)
    known, dates, defects = _clock(rows, columns, (origin, exchange), has)
    infinite = _where(np.isinf(values[has]), f"{origin} holds an infinite {name}", has)
    refuse([*([] if unread is None else [unread]), *defects, *infinite], origin=origin)
    frame = pd.DataFrame({"ticker": tickers, "date": dates, "since": days_that_count(known, exchange)})
    frame = frame.assign(value=values[has], order=known.order)
    notes = (*csv_notes(table, origin), *known.notes, *_assumed(columns, origin))
    return OutsideTable.of(_last_of_a_day(frame, origin), notes=notes)


def _columns(table: pa.Table, name: str, origin: str) -> OutsideColumns:
    names = table.schema.names
    by_plain = {plain_name(each): each for each in reversed(names)}
    known_at = next((by_plain[word] for word in KNOWN_AT if word in by_plain), None)
    rest = [each for each in names if each != known_at]
    date = date_name(table.select(rest))
    ticker = next((by_plain[word] for word in SPELLINGS["ticker"] if word in by_plain and by_plain[word] != date), None)
    if date is None and known_at is None:
        raise BarsError(f"{origin} has no column for date or known_at, found {names[:12]}: rename or add one")
    beside = [each for each in rest if each not in (date, ticker) and not is_row_numbers(each, table[each])]
    own = [each for each in beside if plain_name(each) == plain_name(name)]
    value = own or [each for each in beside if plain_name(each) == "value"] or beside
    if len(value) != 1:
        wanted = "none to choose from" if not value else f"{len(value)} to choose from"
        raise BarsError(f"{origin} has no column {name} or value, and {wanted} ({beside[:8]}): name one of them so")
    return OutsideColumns(value=value[0], date=date, ticker=ticker, known_at=known_at)


def _tickers(table: pa.Table, column: str | None, origin: str, numbers: np.ndarray) -> Sequence[str]:
    if column is None:
        return [EVERYONE] * table.num_rows
    tickers = [clean_ticker(str(text)) for text in table[column].cast(pa.string()).fill_null("").to_pylist()]
    if EVERYONE in tickers:
        row, count = int(numbers[tickers.index(EVERYONE)]) + 1, tickers.count(EVERYONE)
        raise BarsError(f"{origin} names no ticker in row {row} ({count} such rows): name or drop them")
    return tickers


def _clock(
    table: pa.Table, columns: OutsideColumns, place: tuple[str, str], numbers: np.ndarray
) -> tuple[KnownAt, np.ndarray, list[Defect]]:
    """When each row was known, its date, and what is wrong with either; ``place`` is file and exchange."""
    origin, exchange = place
    given = table[str(columns.known_at or columns.date)]
    clock = read_known_at(given, origin=origin, exchange=exchange, numbers=numbers)
    if columns.known_at is None or columns.date is None:
        return clock, clock.days.astype("datetime64[ns]"), list(clock.defects)
    read = read_dates(table[columns.date], origin=origin, zone=zone_of(exchange))
    early = clock.days + EARLIEST < read.dates.astype("datetime64[D]")
    told = f"{origin} has a row whose known_at is before its date"
    return clock, read.dates, [*clock.defects, *read.defects, *_where(early, told, numbers)]


def _where(wrong: np.ndarray, told: str, rows: np.ndarray) -> list[Defect]:
    places = np.flatnonzero(wrong)
    if not len(places):
        return []
    first = f"{told}, row {int(rows[places[0]]) + 1}"
    return [Defect(kind=told, first=first, remedy=": repair or drop it", count=len(places))]


def _last_of_a_day(frame: pd.DataFrame, origin: str) -> pd.DataFrame:
    """One row for each ticker, period and day from which it counts: the revision known last."""
    frame = frame.drop_duplicates(["ticker", "date", "order", "value"])
    twice = frame.duplicated(["ticker", "date", "order"])
    if twice.any():
        row = frame[twice].iloc[0]
        whose = f"{row['date']:%Y-%m-%d}{f' of {row.ticker}' if row['ticker'] else ''}"
        raise BarsError(
            f"{origin} says two values of {whose} that were known at the same moment ({int(twice.sum())} such rows): "
            "keep one of them, or say which came later"
        )
    return frame.sort_values("order", kind="stable").drop_duplicates(["ticker", "date", "since"], keep="last")


def _assumed(columns: OutsideColumns, origin: str) -> tuple[str, ...]:
    if columns.known_at is not None:
        return ()
    return (f"{origin} has no known_at: each value counts from the session after its date",)
