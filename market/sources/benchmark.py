"""Benchmark: one series of closes from a file, as simple returns or as levels on the sessions of a panel."""

from pathlib import Path

import numpy as np
import pandas as pd

from core.errors import BarsError, SourceError
from market.bars.bar_files import read_table
from market.bars.columns import match_columns, require_columns
from market.bars.dates import check_single_zone, local_dates
from market.bars.long_form import ticker_codes

__all__ = ["load_benchmark", "load_levels"]


def load_benchmark(source: str | Path, sessions: pd.DatetimeIndex) -> pd.Series:
    """Read a benchmark's closes and return its simple returns.

    Parameters
    ----------
    source : str or Path
        A .parquet or .csv file with a date and adj_close or close on each row; where it holds several tickers, write
        ``file.parquet:SPY``.
    sessions : DatetimeIndex
        Sessions wanted.

    Returns
    -------
    Series of float, shape (n_sessions,)
        Close-to-close return between consecutive sessions; NaN where either close is missing.

    Raises
    ------
    SourceError
        If the file cannot be read, or no session of it is wanted.
    BarsError
        If a column is missing, or the file holds several tickers and none is chosen.
    """
    returns: pd.Series = load_levels(source, sessions).pct_change(fill_method=None)
    return returns


def load_levels(source: str | Path, sessions: pd.DatetimeIndex) -> pd.Series:
    """Read a series of closes, such as a benchmark's or the VIX.

    Parameters and errors are those of ``load_benchmark``; NaN in a session without a close.
    """
    path, chosen = _file_and_ticker(str(source))
    table = read_table(path)
    names = match_columns(table.schema.names, origin=path.name)
    price = names.get("adj_close") or require_columns(("close",), table.schema.names, origin=path.name)["close"]
    date = require_columns(("date",), table.schema.names, origin=path.name)["date"]
    dates, zones = local_dates(table[date], origin=path.name)
    check_single_zone(zones, origin=path.name)
    rows = np.ones(len(dates), dtype=bool)
    if "ticker" in names:
        codes, tickers = ticker_codes(table[names["ticker"]], dates, origin=path.name)
        rows = codes == _position(chosen, list(tickers), path.name)
    closes = pd.Series(table[price].to_numpy().astype(float)[rows], index=pd.DatetimeIndex(dates[rows]))
    if closes.index.has_duplicates:
        raise BarsError(f"{path.name} has more than one close on {closes.index[closes.index.duplicated()][0]:%Y-%m-%d}")
    placed = closes.reindex(sessions)
    if placed.notna().sum() < 2:
        raise SourceError(f"{path.name} has no closes between {sessions[0]:%Y-%m-%d} and {sessions[-1]:%Y-%m-%d}")
    return placed.rename(chosen or path.stem)


def _file_and_ticker(source: str) -> tuple[Path, str | None]:
    if Path(source).exists():
        return Path(source), None
    file, separator, ticker = source.rpartition(":")
    if separator and Path(file).exists():
        return Path(file), ticker
    raise SourceError(f"no benchmark at {source}: give a .parquet or .csv file with date and close")


def _position(chosen: str | None, tickers: list[str], origin: str) -> int:
    if chosen in tickers:
        return tickers.index(chosen)
    if chosen is None and len(tickers) == 1:
        return 0
    raise BarsError(f"{origin} holds {len(tickers)} tickers such as {tickers[:3]}: choose one as {origin}:{tickers[0]}")
