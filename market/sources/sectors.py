"""Sectors: the sector of every ticker from a file; one list for the whole history, as it stood when it was written."""

from pathlib import Path

import pandas as pd

from core.errors import BarsError, SourceError
from market.bars.bar_files import read_whole_table
from market.bars.columns import plain_name

__all__ = ["load_sectors"]


def load_sectors(source: str | Path, tickers: pd.Index) -> pd.Series:
    """Read the sector of each ticker.

    Parameters
    ----------
    source : str or Path
        A .parquet or .csv file with the columns ticker and sector.
    tickers : Index
        Tickers wanted.

    Returns
    -------
    Series of str, shape (n_tickers,)
        NaN for a ticker that the file does not name. A sector of today told of a past session is known too early: use
        it to level a book, not to choose names, and say so.

    Raises
    ------
    SourceError
        If the file cannot be read, or names none of the tickers.
    BarsError
        If a column is missing or a ticker has two sectors.
    """
    table = read_whole_table(Path(source), what="sectors")
    columns = {plain_name(name): name for name in reversed(table.schema.names)}
    if not {"ticker", "sector"} <= columns.keys():
        raise BarsError(f"{Path(source).name} needs the columns ticker and sector, found {table.schema.names[:8]}")
    pairs = pd.DataFrame({key: table[columns[key]].to_pandas().astype("string") for key in ("ticker", "sector")})
    pairs = pairs[pairs["sector"].fillna("") != ""].drop_duplicates()
    twice = pairs["ticker"].duplicated()
    if twice.any():
        raise BarsError(f"{Path(source).name} gives {pairs['ticker'][twice].iloc[0]} two sectors: keep one row each")
    placed = pairs.set_index("ticker")["sector"].astype(object).reindex(tickers)
    if placed.isna().all():
        raise SourceError(f"{Path(source).name} names no ticker of the bars: compare how both spell them")
    return placed.rename("sector")
