"""Yahoo Finance through yfinance: split-adjusted bars with Adj Close, requested explicitly and checked on arrival.

yfinance answers a rate limit or a lost network with an empty frame and no exception, and its defaults have flipped
between versions: every setting that touches a number is given here.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd
import pyarrow as pa

from core.errors import SourceError
from market.bars.assembly import Origin, panel_from_rows
from market.bars.long_form import long_bars
from market.panel import Panel

__all__ = ["download_daily", "hushed", "panel_from_yahoo", "parse_tickers"]

FIRST_DAY = "1900-01-01"
MAX_THREADS = 4  # more are answered with a rate limit


def panel_from_yahoo(tickers: list[str], *, start: str | None, end: str | None, point_in_time: bool = False) -> Panel:
    """Load daily bars of tickers from ``start`` to ``end``, both included, adjusted by Adj Close.

    Parameters
    ----------
    tickers : list of str
        In Yahoo's spelling.
    start, end : str or None
        ISO dates; None is an open side.
    point_in_time : bool
        The caller's word that dead names are among the tickers.

    Raises
    ------
    SourceError
        If nothing came back.
    """
    with _one_line():
        frame = download_daily(tickers, start=start, end=end)
    if frame is None or frame.dropna(how="all").empty:
        named = ", ".join(tickers[:10])
        raise SourceError(f"yfinance returned no bars for {named}: check spelling, network and rate limit")
    absent = sorted(set(tickers) - {str(pair[1]) for pair in frame.columns})
    notes = (f"yfinance returned no column for {', '.join(absent)}",) if absent else ()
    table = pa.Table.from_pandas(frame.rename_axis(index="Date"))
    origin = Origin(
        name=f"Yahoo Finance through yfinance, {len(tickers)} tickers",
        point_in_time=point_in_time,
        split_adjusted=True,
        notes=notes,
    )
    return panel_from_rows(long_bars(table, origin=origin.name), origin=origin)


@contextmanager
def hushed() -> Iterator[None]:
    """Keep yfinance's own lines, several for each ticker, and its libraries' warnings from the user."""
    talking = logging.getLogger("yfinance")
    level = talking.level
    talking.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        talking.setLevel(level)


@contextmanager
def _one_line() -> Iterator[None]:
    """Hush yfinance; what it raises becomes one line.

    Raises
    ------
    SourceError
        If yfinance raises an error of its own.
    """
    from yfinance.exceptions import YFException

    try:
        with hushed():
            yield
    except YFException as error:
        raise SourceError(f"yfinance failed ({error}): check network and rate limit, and try again later") from error


def download_daily(
    tickers: list[str], *, start: str | None, end: str | None, actions: bool = False
) -> pd.DataFrame | None:
    """Download yfinance's frame with columns (field, ticker) from ``start`` to ``end``, both included.

    With ``actions``, dividends and splits stand beside the bars.
    """
    import yfinance

    warnings.filterwarnings("ignore", module="yfinance")  # its import asks for its own warnings, in every thread
    after_end = None if end is None else f"{pd.Timestamp(end) + pd.Timedelta(days=1):%Y-%m-%d}"  # its end is exclusive
    frame: pd.DataFrame | None = yfinance.download(
        tickers,
        start=start or FIRST_DAY,
        end=after_end,
        interval="1d",
        actions=actions,
        auto_adjust=False,
        back_adjust=False,
        repair=False,
        keepna=False,
        prepost=False,
        rounding=False,
        ignore_tz=True,
        group_by="column",
        multi_level_index=True,
        threads=min(MAX_THREADS, len(tickers)),
        progress=False,
    )
    return frame


def parse_tickers(text: str) -> list[str]:
    """Parse a comma-separated list of tickers, each once, in order.

    Raises
    ------
    ValueError
        If there is none.
    """
    tickers = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not tickers:
        raise ValueError("yfinance needs tickers, was 'yfinance:'; write them like yfinance:AAPL,MSFT")
    return tickers
