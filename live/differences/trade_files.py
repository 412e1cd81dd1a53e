"""Trade files: fills or round trips that another tool wrote, as CSV or parquet, in the words of such tools.

Fills are a row each: date, ticker, a signed size or a size with a side, price, and a fee where there is one; so are the
orders of vectorbt and the transactions of bt. Round trips, such as vectorbt's trades, have an entry and an exit.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from core.errors import DataError, SourceError
from market.bars.bar_files import read_whole_table
from market.bars.cell_numbers import cell_numbers
from market.bars.columns import SPELLINGS, plain_name
from market.bars.csv import decimal_of
from market.bars.dates import check_single_zone, read_dates
from market.bars.defects import Defect, refuse
from market.ticker_names import clean_ticker

__all__ = ["FILL_COLUMNS", "TradeTable", "read_trades", "trades_of"]

FILL_COLUMNS: Final = ("session", "ticker", "shares", "price", "fee")
DATE = ("session", *(name for name in SPELLINGS["date"] if name), "filledat", "executiontime", "filltime", "tradedat")
TICKER = ("ticker", "symbol", "security", "asset", "instrument", "column", "name", "code")
SIZE = ("shares", "size", "quantity", "qty", "filledqty", "amount", "units")
SIDE = ("side", "action", "buysell", "type")
PRICE = ("price", "fillprice", "avgprice", "filledavgprice", "executionprice", "tradeprice")
FEE = ("fee", "fees", "commission", "commissions", "cost", "costs")
ENTRY, EXIT = ("entrytimestamp", "entrydate", "entrytime"), ("exittimestamp", "exitdate", "exittime")
BUY, SELL = ("buy", "b", "bot", "bought", "long", "cover"), ("sell", "s", "sld", "sold", "short", "sellshort")
THOUSANDS = r"^\s*[+-]?\d{1,3}(\.\d{3})+\s*$"  # where decimals stand after a comma
EXAMPLE = "a row a fill with date, ticker, shares, price and, where there is one, fee"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TradeTable:
    """Fills of another tool as they were read.

    Parameters
    ----------
    fills : DataFrame
        ``session``, ``ticker``, ``shares`` (negative for a sale), ``price`` and ``fee``, by session, else as written; a
        time of day is taken off its date.
    told_fees : bool
        Whether fees were told; else they are 0.
    are_round_trips : bool
        Whether a row was an entry and an exit, at average prices: what was traded between them is not told.
    """

    fills: pd.DataFrame
    told_fees: bool
    are_round_trips: bool = False


def read_trades(path: str | Path) -> TradeTable:
    """Read the fills of another tool.

    Parameters
    ----------
    path : str or Path
        A .csv, .csv.gz or .parquet file: a row a fill, or a row a round trip.

    Raises
    ------
    SourceError
        If the file is missing, not readable, or holds no fill.
    DataError
        If a column is missing, or a cell is no date, number or side; one error names all.
    """
    path = Path(path)
    return _trades(read_whole_table(path, what="trades"), path.name)


def trades_of(frame: pd.DataFrame, name: str = "trades") -> TradeTable:
    """Fills in memory, read as those of a file are.

    Raises
    ------
    SourceError, DataError
        As ``read_trades``.
    """
    try:
        table = pa.Table.from_pandas(frame)
    except (pa.ArrowException, ValueError) as error:
        raise DataError(f"{name} cannot be read: {str(error).splitlines()[0]}; it needs {EXAMPLE}") from error
    return _trades(table, name)


def _trades(table: pa.Table, origin: str) -> TradeTable:
    if table.num_rows == 0:
        raise SourceError(f"{origin} holds no fills: it needs {EXAMPLE}")
    twice = sorted({name for name in table.schema.names if table.schema.names.count(name) > 1})
    if twice:
        raise DataError(f"{origin} has the column {twice[0][:40]} more than once: leave one of them")
    named: dict[str, str] = {plain_name(name): name for name in reversed(table.schema.names)}
    if any(word in named for word in ENTRY) and any(word in named for word in EXIT):
        return _round_trips(table, named, origin)
    return _fills(table, named, origin)


def _fills(table: pa.Table, named: Mapping[str, str], origin: str) -> TradeTable:
    columns = {
        word: _column(named, spellings, word, origin)
        for word, spellings in (("date", DATE), ("ticker", TICKER), ("shares", SIZE), ("price", PRICE))
    }
    side, fee = (_found(named, spellings) for spellings in (SIDE, FEE))
    defects: list[Defect] = []
    days = _days(table, columns["date"], origin, defects)
    numbers = {word: _numbers(table, columns[word], word, origin, defects) for word in ("shares", "price")}
    fees = np.zeros(len(days)) if fee is None else _numbers(table, fee, "fee", origin, defects, blank=0.0)
    signs = np.ones(len(days)) if side is None else _signs(table, side, origin, defects)
    tickers = _tickers(table, columns["ticker"], origin, defects)
    defects += _impossible(numbers, fees, origin)
    refuse(defects, origin=origin)
    shares = numbers["shares"] if side is None else np.abs(numbers["shares"]) * signs
    return TradeTable(fills=_sorted(days, tickers, shares, numbers["price"], fees), told_fees=fee is not None)


def _round_trips(table: pa.Table, named: Mapping[str, str], origin: str) -> TradeTable:
    """Fills of rows that have an entry and an exit; one that is open has no exit fill."""
    ticker, size = _column(named, TICKER, "ticker", origin), _column(named, SIZE, "shares", origin)
    direction, status = _found(named, ("direction",)), _found(named, ("status",))
    defects: list[Defect] = []
    shares = np.abs(_numbers(table, size, "shares", origin, defects))
    shares = shares * (1.0 if direction is None else _signs(table, direction, origin, defects))
    tickers = _tickers(table, ticker, origin, defects)
    closed = np.ones(table.num_rows, dtype=bool)
    if status is not None:
        closed = np.array([str(word).strip().lower() != "open" for word in table[status].to_pylist()], dtype=bool)
    parts, told = [], False
    for end, moments, sign in (("entry", ENTRY, 1.0), ("exit", EXIT, -1.0)):
        days = _days(table, _column(named, moments, f"{end} date", origin), origin, defects)
        price = _numbers(table, _column(named, _of(end, PRICE), f"{end} price", origin), "price", origin, defects)
        fee = _found(named, _of(end, FEE))
        told |= fee is not None
        fees = np.zeros(len(days)) if fee is None else _numbers(table, fee, "fee", origin, defects, blank=0.0)
        kept = closed if end == "exit" else np.ones(len(closed), dtype=bool)
        defects += _impossible({"shares": shares, "price": price}, fees, origin)
        parts.append((days[kept], tickers[kept], (sign * shares)[kept], price[kept], fees[kept]))
    refuse(defects, origin=origin)
    fills = _sorted(*(np.concatenate(each) for each in zip(*parts, strict=True)))
    return TradeTable(fills=fills, told_fees=told, are_round_trips=True)


def _of(end: str, words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{prefix}{word}" for word in words for prefix in (end, f"avg{end}"))


def _found(named: Mapping[str, str], spellings: tuple[str, ...]) -> str | None:
    return next((named[word] for word in spellings if word in named), None)


def _column(named: Mapping[str, str], spellings: tuple[str, ...], word: str, origin: str) -> str:
    found = _found(named, spellings)
    if found is None:
        raise DataError(
            f"{origin} has no column for {word}: looked for {'/'.join(spellings[:6])} in any case, found "
            f"{[name[:40] for name in list(named.values())[::-1][:10]]}; it needs {EXAMPLE}"
        )
    return found


def _days(table: pa.Table, column: str, origin: str, defects: list[Defect]) -> np.ndarray:
    read = read_dates(table[column], origin=origin)
    check_single_zone(read.zones, origin=origin)
    defects += read.defects
    return np.asarray(read.dates)


def _numbers(
    table: pa.Table, column: str, word: str, origin: str, defects: list[Defect], blank: float = np.nan
) -> np.ndarray:
    decimal = decimal_of(table)
    cells = table[column]
    if decimal == ",":  # 1.000 is a thousand there, and would be read as 1
        cells = pc.if_else(pc.match_substring_regex(cells, THOUSANDS), pc.replace_substring(cells, ".", ""), cells)
    numbers, defect = cell_numbers(
        cells,
        name=word,
        origin=origin,
        place=lambda row: f" in row {row + 1}",
        decimal=decimal,
    )
    if defect is not None:
        defects.append(defect)
        return np.ones(len(numbers))  # told once, not as impossible numbers too
    return np.where(np.isnan(numbers), blank, numbers)


def _signs(table: pa.Table, column: str, origin: str, defects: list[Defect]) -> np.ndarray:
    words = [str(word).strip().lower().replace("_", "").replace(" ", "") for word in table[column].to_pylist()]
    signs = np.array([1.0 if word in BUY else -1.0 if word in SELL else np.nan for word in words])
    odd = np.flatnonzero(np.isnan(signs))
    if len(odd):
        first = f"{origin} has the side {words[odd[0]][:20]!r} in row {odd[0] + 1}"
        defects.append(Defect(kind="side", first=first, remedy=": write buy or sell", count=len(odd), rows=odd))
    return signs


def _tickers(table: pa.Table, column: str, origin: str, defects: list[Defect]) -> np.ndarray:
    names = [clean_ticker(str(text)) if text is not None else "" for text in table[column].to_pylist()]
    odd = np.flatnonzero([not name for name in names])
    if len(odd):
        first = f"{origin} has no ticker in row {odd[0] + 1}"
        defects.append(Defect(kind="ticker", first=first, remedy=": write it, or drop the row", count=len(odd)))
    return np.array(names, dtype=object)


def _impossible(numbers: Mapping[str, np.ndarray], fees: np.ndarray, origin: str) -> Iterator[Defect]:
    """Defects of numbers that can be read and cannot be."""
    wrong = {
        "shares": ~np.isfinite(numbers["shares"]) | (numbers["shares"] == 0.0),
        "price": ~(np.isfinite(numbers["price"]) & (numbers["price"] > 0.0)),
        "fee": ~np.isfinite(fees),
    }
    needed = {"shares": "a number other than 0", "price": "a positive number", "fee": "a number"}
    for word, where in wrong.items():
        rows = np.flatnonzero(where)
        if len(rows):
            first = f"{origin}: {word} must be {needed[word]}, was not in row {rows[0] + 1}"
            yield Defect(kind=word, first=first, remedy=": correct it, or drop the row", count=len(rows))
    paid = np.flatnonzero(fees < 0.0)
    if len(paid) and not (fees > 0.0).any():
        first = f"{origin} has no fee but negative ones, the first in row {paid[0] + 1}"
        yield Defect(kind="sign of fees", first=first, remedy=": write what was paid without a sign", count=len(paid))


def _sorted(
    days: np.ndarray, tickers: np.ndarray, shares: np.ndarray, prices: np.ndarray, fees: np.ndarray
) -> pd.DataFrame:
    columns = dict(zip(FILL_COLUMNS, (pd.DatetimeIndex(days), tickers, shares, prices, fees), strict=True))
    return pd.DataFrame(columns).sort_values("session", kind="stable").reset_index(drop=True)
