"""Sample table: samples of returns that a model elsewhere drew, read from a file.

Columns, in any order: ``session`` (the origin, whose close the model read last), ``ticker``, ``horizon`` (sessions
ahead), ``sample`` (a number of the draw) and ``return`` (simple, from that close to the close ``horizon`` sessions
later). Every session, ticker and horizon has the same number of samples.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from core.errors import SourceError
from market.bars.bar_files import read_whole_table
from market.bars.cell_numbers import cell_numbers
from market.bars.columns import plain_name
from market.bars.csv import decimal_of
from market.bars.dates import read_dates
from market.bars.defects import Defect, refuse
from market.ticker_names import clean_ticker

__all__ = ["SampleTable", "read_samples"]

COLUMNS = ("session", "ticker", "horizon", "sample", "return")
KEY = ["session", "ticker", "horizon"]
MAX_NUMBER = 2**31


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SampleTable:
    """Samples by cell, a cell being one session, ticker and horizon.

    Parameters
    ----------
    cells : DataFrame
        Columns ``session``, ``ticker`` and ``horizon``, C rows, sorted.
    returns : ndarray of float, shape (C, S)
        The samples of each, finite.
    origin : str
        Name of the file.
    """

    cells: pd.DataFrame
    returns: np.ndarray
    origin: str


def read_samples(path: Path) -> SampleTable:
    """Read a file of samples.

    Raises
    ------
    SourceError
        If it cannot be read, lacks a column or rows, repeats a sample, or has cells with fewer samples than others.
    BarsError
        If a cell holds no date or number, or one that is not finite.
    """
    file = path.expanduser()
    if not file.is_file():
        raise SourceError(f"no samples at {file}: give a .parquet or .csv file (no colon, no comma in its path)")
    facts = file.stat()
    return _read(file.resolve(), (facts.st_size, facts.st_mtime_ns))


@lru_cache(maxsize=2)
def _read(path: Path, _stamp: tuple[int, int]) -> SampleTable:
    table, origin = read_whole_table(path, what="samples"), path.name
    columns = {plain_name(name): name for name in table.schema.names}
    missing = [name for name in COLUMNS if name not in columns]
    if missing:
        raise SourceError(f"{origin} has no column {missing[0]}, found {table.schema.names[:12]}: it needs {COLUMNS}")
    if not table.num_rows:
        raise SourceError(f"{origin} holds no rows: it needs a sample on each")
    frame = _frame(table.select([columns[name] for name in COLUMNS]).rename_columns(list(COLUMNS)), origin)
    frame = frame.sort_values([*KEY, "sample"], kind="stable", ignore_index=True)
    twice = frame.duplicated([*KEY, "sample"])
    if twice.any():
        first = frame[twice].iloc[0]
        raise SourceError(f"{origin} has {_cell(first)} sample {first['sample']} twice: number the samples of each")
    counts = frame.groupby(KEY, sort=True).size().reset_index(name="samples")
    few, most = counts.iloc[int(counts["samples"].to_numpy().argmin())], counts["samples"].max()
    if few["samples"] < most:
        raise SourceError(
            f"{origin} has {few['samples']} samples of {_cell(few)}, of others {most}: draw as many of each"
        )
    returns = frame["return"].to_numpy().reshape(len(counts), -1)
    return SampleTable(
        cells=frame[KEY].iloc[:: returns.shape[1]].reset_index(drop=True), returns=returns, origin=origin
    )


def _frame(table: pa.Table, origin: str) -> pd.DataFrame:
    """Dates, tickers and numbers of the columns, every defect named."""
    read = read_dates(table["session"], origin=origin)
    defects: list[Defect] = list(read.defects)
    numbers = dict[str, np.ndarray]()
    for name in COLUMNS[2:]:
        values, unread = cell_numbers(
            table[name], name=name, origin=origin, place=lambda row: f" in row {row + 1}", decimal=decimal_of(table)
        )
        whole = name != "return"
        wrong = (values < (name == "horizon")) | (values > MAX_NUMBER) | (values % 1.0 != 0.0) if whole else False
        told = f"{name} must be a whole number" if whole else "return must be finite"
        defects += [] if unread is None else [unread]
        defects += _wrong(~np.isfinite(values) | wrong, told, origin)
        numbers[name] = values
    refuse(defects, origin=origin)
    tickers = [clean_ticker(str(text)) for text in table["ticker"].cast(pa.string()).fill_null("").to_pylist()]
    whole_numbers = {name: numbers[name].astype("int64") for name in COLUMNS[2:4]}
    frame = pd.DataFrame({"session": read.dates, "ticker": tickers, **whole_numbers})
    return frame.assign(**{"return": numbers["return"]})


def _wrong(wrong: np.ndarray, told: str, origin: str) -> list[Defect]:
    places = np.flatnonzero(wrong)
    if not len(places):
        return []
    first = f"{origin}: {told}, is not in row {places[0] + 1}"
    return [Defect(kind=told, first=first, remedy=": mend or drop the row", count=len(places), unit="rows")]


def _cell(row: pd.Series) -> str:
    session, ticker, horizon = (row[name] for name in KEY)
    return f"{session:%Y-%m-%d} {ticker} {horizon} ahead"
