"""Wide form: yfinance's columns (field, ticker) or (ticker, field), turned into one row per ticker and date.

Column names are pairs written as text, ``"('Close', 'AAPL')"``, which is how pandas stores them in parquet.
"""

import ast
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from core.errors import BarsError
from market.bars.columns import BAR_COLUMNS, SPELLINGS, bar_field, plain_name

__all__ = ["is_wide", "wide_to_long"]


def is_wide(names: Sequence[str]) -> bool:
    """Whether any column name is a pair of field and ticker."""
    return any(_pair(name) is not None for name in names)


def wide_to_long(table: pa.Table, *, origin: str, needed: frozenset[str] = frozenset(BAR_COLUMNS)) -> pa.Table:
    """Stack wide columns into one row per date and ticker, a column for each field; an absent pair is missing.

    Parameters
    ----------
    table : pyarrow.Table
        A date and pairs of field and ticker.
    origin : str
        Name of the file, for messages.
    needed : frozenset of str
        Fields that tell which part of the pairs is the field: a whole bar, or close alone.

    Raises
    ------
    BarsError
        If fields and tickers cannot be told apart, a pair repeats, or the date is not found.
    """
    date = _date_name(table.schema.names, origin)
    columns = _columns_by_field(table.schema.names, origin, needed)
    tickers = sorted({ticker for by_ticker in columns.values() for ticker in by_ticker})
    n_dates = table.num_rows
    long = {
        "date": _stack([table[date]] * len(tickers)),
        "ticker": pa.DictionaryArray.from_arrays(
            np.repeat(np.arange(len(tickers), dtype=np.int32), n_dates), pa.array(tickers, pa.string())
        ),
    }
    for field, by_ticker in columns.items():
        absent = pa.chunked_array([pa.nulls(n_dates)])
        long[field] = _stack([table[by_ticker[t]] if t in by_ticker else absent for t in tickers])
    return pa.table(long).replace_schema_metadata(table.schema.metadata)


def _pair(name: str) -> tuple[str, str] | None:
    if not (name.startswith("(") and name.endswith(")")):
        return None
    try:
        pair = ast.literal_eval(name)
    except (ValueError, SyntaxError):
        return None
    if isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(part, str) for part in pair):
        return pair
    return None


def _date_name(names: Sequence[str], origin: str) -> str:
    for name in names:
        pair = _pair(name) or (name, "")
        if "" in pair and plain_name("".join(pair)) in SPELLINGS["date"]:
            return name
    raise BarsError(f"{origin} has wide columns but no date: looked for {list(SPELLINGS['date'][:4])} in any case")


def _columns_by_field(names: Sequence[str], origin: str, needed: frozenset[str]) -> dict[str, dict[str, str]]:
    """Column name by field and ticker."""
    pairs = {name: pair for name in names if (pair := _pair(name)) and all(pair)}
    level = _field_level(list(pairs.values()), origin, needed)
    columns: dict[str, dict[str, str]] = {}
    for name, pair in pairs.items():
        field, ticker = bar_field(pair[level]), pair[1 - level]
        if field is None or field not in (*BAR_COLUMNS, "adj_close"):
            continue
        if ticker in columns.setdefault(field, {}):
            raise BarsError(f"{origin} has {field} of {ticker} twice: keep one of the columns")
        columns[field][ticker] = name
    return columns


def _field_level(pairs: list[tuple[str, str]], origin: str, needed: frozenset[str]) -> int:
    """Which part of the pairs is the field: the one that spells a whole bar, since LOW and OPEN are tickers too."""
    fields = [{bar_field(pair[level]) for pair in pairs} for level in (0, 1)]
    for level in (0, 1):
        if fields[level] >= needed:
            return level
    wanted = [name for name in BAR_COLUMNS if name in needed]
    raise BarsError(f"{origin} has wide columns without {wanted}: found {sorted(set(pairs))[:6]}")


def _stack(columns: list[pa.ChunkedArray]) -> pa.ChunkedArray:
    kinds = {column.type for column in columns} - {pa.null()}
    kind = kinds.pop() if len(kinds) == 1 else pa.string() if pa.string() in kinds else pa.float64()
    same = [column if column.type == kind else column.cast(kind) for column in columns]
    return pa.chunked_array([chunk for column in same for chunk in column.chunks], type=kind)
