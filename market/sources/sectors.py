"""Sectors: the sector of every ticker from a file; one list for the whole history, as it stood when it was written."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from core.errors import BarsError, SourceError
from market.bars.bar_files import read_whole_table
from market.bars.cell_numbers import NO_VALUE
from market.bars.columns import plain_name
from market.ticker_names import clean_ticker, likely_meant

__all__ = ["load_sectors"]

SPELLINGS = {"ticker": ("ticker", "symbol"), "sector": ("sector", "gicssector")}


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
    origin = Path(source).name
    table = read_whole_table(Path(source), what="sectors")
    by_name = {plain_name(name): name for name in reversed(table.schema.names)}
    columns = {
        key: next((by_name[word] for word in words if word in by_name), None) for key, words in SPELLINGS.items()
    }
    if None in columns.values():
        raise BarsError(f"{origin} needs the columns ticker and sector, found {table.schema.names[:8]}")
    if not table.num_rows:
        raise SourceError(f"{origin} holds no rows: it needs one for each ticker")
    pairs = pd.DataFrame({key: _texts(table[str(name)]) for key, name in columns.items()})
    pairs["ticker"] = pairs["ticker"].map(clean_ticker)
    pairs = pairs[(pairs["ticker"] != "") & ~pairs["sector"].str.lower().isin(NO_VALUE)].drop_duplicates()
    twice = pairs["ticker"].duplicated()
    if twice.any():
        ticker = pairs["ticker"][twice].iloc[0]
        both = pairs["sector"][pairs["ticker"] == ticker].tolist()[:2]
        raise BarsError(
            f"{origin} gives {ticker} two sectors, {both[0]!r} and {both[1]!r} ({int(twice.sum())} such tickers): keep "
            "one row each"
        )
    placed = pairs.set_index("ticker")["sector"].astype(object).reindex(tickers)
    if placed.isna().all():
        hint = likely_meant(pairs["ticker"].tolist(), tickers.tolist())
        raise SourceError(f"{origin} names no ticker of the bars{hint}: compare how both spell them")
    return placed.rename("sector")


def _texts(column: pa.ChunkedArray) -> list[str]:
    return [str(text).strip() for text in column.cast(pa.string()).fill_null("").to_pylist()]
