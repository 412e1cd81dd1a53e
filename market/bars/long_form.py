"""Long form: one row per ticker and date, with our column names, floats for numbers and plain dates.

Everything a file can get wrong about a single row is found here, where the row can still be named.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from core.errors import BarsError, SourceError
from market.bars.columns import BAR_COLUMNS, require_columns
from market.bars.dates import local_dates
from market.bars.defects import Defect, merged_defects
from market.bars.wide_form import is_wide, wide_to_long

__all__ = ["LongBars", "join_bars", "long_bars", "ticker_codes"]

NO_NUMBER = ("", "nan", "null", "none", "na", "n/a", "#n/a", "-")  # spellings of a missing number, in lower case


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LongBars:
    """Bars as rows in no particular order.

    Parameters
    ----------
    dates : array of datetime64[ns], shape (n_rows,)
        Exchange-local dates.
    codes : array of int, shape (n_rows,)
        Position of the row's ticker in ``tickers``.
    tickers : tuple of str
        Distinct tickers, exactly as written.
    numbers : dict of str to array of float, shape (n_rows,)
        open, high, low, close, volume and, where the source has it, adj_close; NaN where missing.
    zones : frozenset of str
        Time zones that the dates were written in.
    unread : tuple of Defect
        What of the source could not be read: such rows are left out, such numbers missing. No panel is made of them.
    notes : tuple of str
        What the reader did that a person would want to know.
    """

    dates: np.ndarray
    codes: np.ndarray
    tickers: tuple[str, ...]
    numbers: dict[str, np.ndarray]
    zones: frozenset[str]
    unread: tuple[Defect, ...] = ()
    notes: tuple[str, ...] = ()

    def select(self, rows: np.ndarray) -> Self:
        """Keep the rows where the bool array ``rows`` is True."""
        numbers = {name: values[rows] for name, values in self.numbers.items()}
        return replace(self, dates=self.dates[rows], codes=self.codes[rows], numbers=numbers)

    def key(self, row: int) -> str:
        """Ticker and date of a row, for messages."""
        return f"{self.tickers[self.codes[row]]} on {np.datetime_as_string(self.dates[row], unit='D')}"


def long_bars(table: pa.Table, *, origin: str, ticker: str | None = None) -> LongBars:
    """Read the bars of a table in long or wide form.

    Parameters
    ----------
    table : pyarrow.Table
        Columns in any of the spellings of :mod:`market.bars.columns`, or yfinance's wide pairs.
    origin : str
        Name of the file or vendor, for messages.
    ticker : str, optional
        Ticker of every row where the table has no column for it.

    Raises
    ------
    SourceError
        If there is no row.
    BarsError
        If a column is missing, a date cannot be read, a ticker is missing or a number is text.
    """
    if table.num_rows == 0:
        raise SourceError(f"{origin} holds no rows: it needs at least one bar")
    if is_wide(table.schema.names):
        table = wide_to_long(table, origin=origin)
    required = ("date", *BAR_COLUMNS) if ticker is not None else ("date", "ticker", *BAR_COLUMNS)
    names = require_columns(required, table.schema.names, origin=origin)
    dates, zones = local_dates(table[names["date"]], origin=origin)
    if "ticker" in names:
        codes, tickers = ticker_codes(table[names["ticker"]], dates, origin=origin)
    else:
        codes, tickers = np.zeros(len(dates), dtype=np.int32), (str(ticker),)
    bars = LongBars(dates=dates, codes=codes, tickers=tickers, numbers={}, zones=zones)
    columns = [column for column in (*BAR_COLUMNS, "adj_close") if column in names]
    return replace(bars, numbers={column: _numbers(table[names[column]], bars, column, origin) for column in columns})


def join_bars(parts: Sequence[LongBars]) -> LongBars:
    """Concatenate parts, with the fields that every part has."""
    if len(parts) == 1:
        return parts[0]
    tickers = tuple(dict.fromkeys(ticker for part in parts for ticker in part.tickers))
    position = {ticker: code for code, ticker in enumerate(tickers)}
    shared = [name for name in parts[0].numbers if all(name in part.numbers for part in parts)]
    codes = [np.array([position[t] for t in part.tickers], dtype=np.int32)[part.codes] for part in parts]
    return LongBars(
        dates=np.concatenate([part.dates for part in parts]),
        codes=np.concatenate(codes),
        tickers=tickers,
        numbers={name: np.concatenate([part.numbers[name] for part in parts]) for name in shared},
        zones=frozenset(zone for part in parts for zone in part.zones),
        unread=merged_defects(part.unread for part in parts),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )


def ticker_codes(column: pa.ChunkedArray, dates: np.ndarray, *, origin: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Encode a column of tickers: each row's position among the distinct ones, and those as written.

    Raises
    ------
    BarsError
        If a ticker is missing; the message names its date.
    """
    texts = column.cast(pa.string()).combine_chunks()
    missing = pc.fill_null(pc.equal(texts, ""), True).to_numpy(zero_copy_only=False)
    if missing.any():
        day = np.datetime_as_string(dates[np.flatnonzero(missing)[0]], unit="D")
        raise BarsError(f"{origin} has no ticker in a row of {day} ({missing.sum()} such rows): drop or repair them")
    encoded = texts.dictionary_encode()
    return encoded.indices.to_numpy(), tuple(encoded.dictionary.to_pylist())


def _numbers(column: pa.ChunkedArray, bars: LongBars, name: str, origin: str) -> np.ndarray:
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _numbers_from_text(column, bars, name, origin)
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)):
        if pa.types.is_null(kind):
            return np.full(len(bars.dates), np.nan)
        raise BarsError(f"{origin} holds {name} as {kind}: it must be a number")
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)


def _numbers_from_text(column: pa.ChunkedArray, bars: LongBars, name: str, origin: str) -> np.ndarray:
    trimmed = pc.utf8_trim_whitespace(column)
    absent = pc.is_in(pc.utf8_lower(trimmed), value_set=pa.array(NO_NUMBER, trimmed.type))
    present = pc.if_else(absent, pa.scalar(None, trimmed.type), trimmed)
    try:
        return np.asarray(present.cast(pa.float64()).to_numpy(), dtype=np.float64)
    except pa.ArrowInvalid as error:
        read = pd.to_numeric(present.to_pandas(), errors="coerce")
        row = int(np.flatnonzero(read.isna().to_numpy() & present.is_valid().to_numpy())[0])
        raise BarsError(
            f"{origin} holds text where {name} of {bars.key(row)} should be a number: {present[row].as_py()!r}; "
            "repair it, or leave it empty"
        ) from error
