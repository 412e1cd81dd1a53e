"""Long form: one row per ticker and date, with our column names, floats for numbers and plain dates.

Everything a file can get wrong about a single row is found here, where the row can still be named.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.errors import SourceError
from market.bars.cell_numbers import cell_numbers
from market.bars.columns import BAR_COLUMNS, require_columns
from market.bars.csv import csv_notes, decimal_of
from market.bars.dated_columns import is_row_numbers
from market.bars.dates import read_dates
from market.bars.defects import Defect, merged_defects
from market.bars.wide_form import is_wide, wide_to_long
from market.ticker_names import clean_ticker, few_words, respelled

__all__ = ["EncodedTickers", "LongBars", "encoded_tickers", "join_bars", "long_bars", "missing_tickers"]


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
        Distinct tickers, without what nobody sees (:mod:`market.ticker_names`).
    numbers : dict of str to array of float, shape (n_rows,)
        open, high, low, close, volume and, where the source has it, adj_close; NaN where missing.
    zones : frozenset of str
        Time zones that the dates were written in.
    unread : tuple of Defect
        What of the source could not be read: such rows are left out, such numbers missing. No panel is made of them.
    notes : tuple of str
        What the reader did that a person would want to know.
    respelled : dict of str to tuple of str
        Spellings as written of those tickers that were written otherwise somewhere.
    """

    dates: np.ndarray
    codes: np.ndarray
    tickers: tuple[str, ...]
    numbers: dict[str, np.ndarray]
    zones: frozenset[str]
    unread: tuple[Defect, ...] = ()
    notes: tuple[str, ...] = ()
    respelled: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def select(self, rows: np.ndarray) -> Self:
        """Keep the rows where the bool array ``rows`` is True."""
        numbers = {name: values[rows] for name, values in self.numbers.items()}
        return replace(self, dates=self.dates[rows], codes=self.codes[rows], numbers=numbers)

    def key(self, row: int) -> str:
        """Ticker and date of a row, for messages."""
        return f"{self.tickers[self.codes[row]]} on {np.datetime_as_string(self.dates[row], unit='D')}"


def long_bars(table: pa.Table, *, origin: str, ticker: str | None = None, zone: str | None = None) -> LongBars:
    """Read the bars of a table in long or wide form, and go on after what cannot be read.

    Parameters
    ----------
    table : pyarrow.Table
        Columns in any of the spellings of :mod:`market.bars.columns`, or yfinance's wide pairs.
    origin : str
        Name of the file or vendor, for messages.
    ticker : str, optional
        Ticker of every row where the table has no column for it.
    zone : str, optional
        The exchange's time zone, to which times in UTC are moved.

    Returns
    -------
    LongBars
        ``unread`` says what could not be read: a row without date or ticker is left out, text for a number is missing.

    Raises
    ------
    SourceError
        If there is no row.
    BarsError
        If a column is missing or of a type that holds no dates or numbers.
    """
    if table.num_rows == 0:
        raise SourceError(f"{origin} holds no rows: it needs at least one bar")
    if is_wide(table.schema.names):
        table = wide_to_long(table, origin=origin)
    required = ("date", *BAR_COLUMNS) if ticker is not None else ("date", "ticker", *BAR_COLUMNS)
    given = [name for name in table.schema.names if not is_row_numbers(name, table[name])]
    names = require_columns(required, given, origin=origin)
    read = read_dates(table[names["date"]], origin=origin, zone=zone)
    dated = ~np.isnat(read.dates)
    written, unnamed = _tickers(table, names.get("ticker"), dated, ticker)
    kept = dated & ~unnamed
    if not kept.all():
        table, written = table.filter(pa.array(kept)), written.filter(pa.array(kept))
    encoded = encoded_tickers(written)
    bars = LongBars(
        dates=read.dates[kept],
        codes=encoded.codes,
        tickers=encoded.tickers,
        numbers={},
        zones=read.zones,
        notes=(*csv_notes(table), *read.notes, *encoded.notes),
        respelled=encoded.respelled,
    )
    lost = (*read.defects, *missing_tickers(unnamed & dated, read.dates, origin=origin))
    return _with_numbers(bars, table, names, origin, lost)


def _with_numbers(
    bars: LongBars, table: pa.Table, names: dict[str, str], origin: str, lost: Sequence[Defect]
) -> LongBars:
    """Rows with their numbers; what could not be read stands beside them."""
    numbers, unread = {}, [replace(defect, rows=np.zeros(0, dtype=np.int64)) for defect in lost]
    for column in (*BAR_COLUMNS, "adj_close"):
        if column in names:
            numbers[column], defect = cell_numbers(
                table[names[column]],
                name=column,
                origin=origin,
                place=lambda row: f" of {bars.key(row)}",
                decimal=decimal_of(table),
            )
            unread += [] if defect is None else [defect]
    return replace(bars, numbers=numbers, unread=tuple(unread))


def _tickers(
    table: pa.Table, column: str | None, dated: np.ndarray, ticker: str | None
) -> tuple[pa.ChunkedArray, np.ndarray]:
    """Tickers of the rows as written, and where there is none."""
    if column is None:
        return pa.chunked_array([pa.array([str(ticker)] * table.num_rows, pa.string())]), np.zeros(len(dated), bool)
    texts = table[column].cast(pa.string())
    blank = pc.equal(pc.utf8_trim_whitespace(texts), "")
    return texts, pc.fill_null(blank, True).to_numpy()


def missing_tickers(rows: np.ndarray, dates: np.ndarray, *, origin: str) -> tuple[Defect, ...]:
    """The defect of rows (bool) without a ticker, none without any; it names the first one's date."""
    if not rows.any():
        return ()
    day = np.datetime_as_string(dates[np.flatnonzero(rows)[0]], unit="D")
    first = f"{origin} has no ticker in a row of {day}"
    return (Defect(kind="no ticker", first=first, remedy=": drop or repair them", count=int(rows.sum())),)


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
        respelled={clean: raw for part in parts for clean, raw in part.respelled.items()},
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EncodedTickers:
    """Each row's position among the distinct tickers, those, and which were written otherwise."""

    codes: np.ndarray
    tickers: tuple[str, ...]
    respelled: dict[str, tuple[str, ...]]

    @property
    def notes(self) -> tuple[str, ...]:
        """A note on tickers that were written with something that nobody sees."""
        if not self.respelled:
            return ()
        told = [
            f"{raw!r} as {clean}" for clean, spellings in self.respelled.items() for raw in spellings if raw != clean
        ]
        return (f"{len(told)} tickers read without outer blanks and unseen characters: {few_words(told)}",)


def encoded_tickers(column: pa.ChunkedArray) -> EncodedTickers:
    """Encode a column of tickers, each as one spelling; none is missing."""
    encoded = column.cast(pa.string()).combine_chunks().dictionary_encode()
    written = encoded.dictionary.to_pylist()
    position = {ticker: code for code, ticker in enumerate(dict.fromkeys(map(clean_ticker, written)))}
    places = np.array([position[clean_ticker(ticker)] for ticker in written], dtype=np.int32)
    codes = places[encoded.indices.to_numpy()] if len(written) else np.zeros(0, dtype=np.int32)
    return EncodedTickers(codes=codes, tickers=tuple(position), respelled=respelled(written))
