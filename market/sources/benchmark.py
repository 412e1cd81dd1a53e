"""Benchmark: one series of closes from a file, as simple returns or as levels on the sessions of a panel.

A session without a close of its own carries the last known level, so that the return after a hole spans it; calendars
that differ lose no return. Nothing is carried beyond the last close.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa

from core.errors import BarsError, SourceError
from market.bars.bar_files import read_whole_table
from market.bars.columns import match_columns, require_columns
from market.bars.dated_columns import DatedColumns, date_name, dated_columns, is_row_numbers
from market.bars.defects import Defect
from market.bars.long_form import encoded_tickers
from market.bars.wide_form import is_wide, wide_to_long
from market.ticker_names import clean_ticker, likely_meant

__all__ = [
    "Levels",
    "checked_returns",
    "checked_vix",
    "load_benchmark",
    "load_levels",
    "plain_dates",
    "read_levels",
    "read_vix",
]

Dated = TypeVar("Dated", pd.Series, pd.DataFrame)

LARGEST_RETURN = 0.2  # standard deviation a session of a benchmark given as returns
LARGEST_MOVE = 1.0  # standard deviation of a session's return; levels of an index move by about a hundredth of it
MIN_OWN_SHARE = 0.5  # of the sessions in its own span that a daily series has a close for
VIX_RANGE = (2.0, 150.0)  # of its median: it has closed between 9 and 83


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Levels:
    """Closes on the sessions of a panel.

    Parameters
    ----------
    values : Series of float, shape (n_sessions,)
        Last known level at each session's close; NaN before the first and after the last close of the file.
    absent : DatetimeIndex
        Sessions for which the file has no close.
    notes : tuple of str
        What a reader of the report should know.
    """

    values: pd.Series
    absent: pd.DatetimeIndex
    notes: tuple[str, ...]

    @property
    def returns(self) -> pd.Series:
        """Simple return between consecutive sessions; 0 in a hole, and the whole move in the session after it."""
        moved: pd.Series = self.values.pct_change(fill_method=None)
        return moved


def load_benchmark(source: str | Path, sessions: pd.DatetimeIndex) -> pd.Series:
    """Read a benchmark's closes and return its simple returns.

    Parameters
    ----------
    source : str or Path
        A .parquet or .csv file with a date and adj_close or close on each row, in any shape that bars may have; where
        it holds several tickers, write ``file.parquet:SPY``.
    sessions : DatetimeIndex
        Sessions wanted.

    Returns
    -------
    Series of float, shape (n_sessions,)
        Close-to-close return between consecutive sessions, as of ``Levels.returns``.

    Raises
    ------
    SourceError
        If the file cannot be read, or no session of it is wanted.
    BarsError
        If a column is missing, a close cannot be one, it holds returns, or several tickers and none is chosen.
    """
    return read_levels(source, sessions).returns


def load_levels(source: str | Path, sessions: pd.DatetimeIndex) -> pd.Series:
    """Read a series of closes; parameters and errors are those of ``load_benchmark``."""
    return read_levels(source, sessions).values


def read_levels(
    source: str | Path, sessions: pd.DatetimeIndex, *, what: str = "benchmark", zone: str | None = None
) -> Levels:
    """Read a series of closes with what a report should say of it.

    Parameters
    ----------
    source, sessions
        Those of ``load_benchmark``.
    what : str
        What it is, for messages.
    zone : str, optional
        The exchange's time zone, to which times in UTC are moved.
    """
    path, chosen = _file_and_ticker(str(source), what)
    read = _closes(path, chosen, what, zone)
    read.checked(*_level_defects(read))
    closes = read.frame["close"].dropna()
    _check_moves(closes, path.name)
    placed = closes.reindex(sessions)
    if placed.notna().sum() < 2:
        few = "a single close" if placed.notna().any() else "no closes"
        raise SourceError(
            f"{path.name} has {few} between {sessions[0]:%Y-%m-%d} and {sessions[-1]:%Y-%m-%d}: it runs from "
            f"{closes.index[0]:%Y-%m-%d} to {closes.index[-1]:%Y-%m-%d}"
            if len(closes)
            else f"{path.name} has no closes: every one is missing"
        )
    _check_daily(placed, path.name)
    carried = closes.reindex(closes.index.union(sessions)).ffill().reindex(sessions)
    carried[sessions > closes.index[-1]] = np.nan
    still = (f"{what} {path.name} never moves",) if closes.nunique() < 2 else ()
    return Levels(
        values=carried.rename(chosen or path.stem),
        absent=sessions[placed.isna().to_numpy()],
        notes=(*read.notes, *still),
    )


def read_vix(source: str | Path, sessions: pd.DatetimeIndex, *, zone: str | None = None) -> Levels:
    """Read the VIX's closes, in points.

    Raises
    ------
    BarsError
        If they are fractions, or otherwise as in ``read_levels``.
    """
    found = read_levels(source, sessions, what="VIX", zone=zone)
    checked_vix(found.values, origin=_file_and_ticker(str(source), "VIX")[0].name)
    return found


def checked_vix(levels: pd.Series, *, origin: str) -> pd.Series:
    """The VIX's levels as they are, if they are in points.

    Raises
    ------
    BarsError
        If their median is no level that the VIX has had.
    """
    middle = float(levels.median())
    if np.isnan(middle) or VIX_RANGE[0] <= middle <= VIX_RANGE[1]:
        return levels
    likely = "fractions: multiply by 100" if middle < VIX_RANGE[0] else "another index, or points × 100: divide by 100"
    raise BarsError(
        f"{origin} has a median close of {middle:.4g}, the VIX is quoted in points, about 10 to 80: it looks like "
        f"{likely}"
    )


def checked_returns(returns: pd.Series, *, origin: str) -> pd.Series:
    """A benchmark's simple returns as they are, if they can be returns of a session.

    Raises
    ------
    BarsError
        If they are levels, percent or infinite.
    """
    known = returns.dropna()
    if np.isinf(known).any():
        raise BarsError(f"{origin} holds infinite returns: repair them")
    if len(known) > 1 and (known > 0).all() and float(known.median()) > LARGEST_RETURN:
        raise BarsError(
            f"{origin} has returns of about {known.median():.4g}, never below zero: these look like levels, give "
            "level.pct_change()"
        )
    if len(known) > 1 and float(known.std(ddof=1)) > LARGEST_RETURN:
        raise BarsError(f"{origin} moves by {known.std(ddof=1):.2g} per session: it looks like percent, divide by 100")
    return returns


def plain_dates(values: Dated) -> Dated:
    """Values with the dates of their own time zone's days as index; others as they are."""
    index = values.index
    if not isinstance(index, pd.DatetimeIndex) or index.tz is None:
        return values
    return values.set_axis(index.tz_localize(None).normalize())


def _file_and_ticker(source: str, what: str) -> tuple[Path, str | None]:
    if Path(source).exists():
        return Path(source), None
    file, separator, ticker = source.rpartition(":")
    if separator and Path(file).exists():
        return Path(file), clean_ticker(ticker)
    raise SourceError(f"no {what} at {source}: give a .parquet or .csv file with date and close")


def _closes(path: Path, chosen: str | None, what: str, zone: str | None) -> DatedColumns:
    """The closes of the one ticker wanted, as dated column ``close``."""
    table = read_whole_table(path, what=what)
    if table.num_rows == 0:
        raise SourceError(f"{path.name} holds no rows: it needs a date and a close on each")
    if is_wide(table.schema.names):
        table = wide_to_long(table, origin=path.name, needed=frozenset(["close"]))
    names = match_columns(table.schema.names, origin=path.name)
    date = date_name(table)
    price = names.get("adj_close") or names.get("close") or _only_column(table, date, names)
    if price is None or date is None:
        wanted = ("date", "close") if date is None else ("close",)
        price = require_columns(wanted, table.schema.names, origin=path.name)["close"]
    if "ticker" in names and names["ticker"] != date:
        table = _of_ticker(table, names["ticker"], chosen, path.name)
    elif chosen is not None:
        raise BarsError(f"{path.name} has no column for ticker, so {chosen} cannot be chosen: give the file alone")
    return dated_columns(table, {"close": price}, date=str(date), origin=path.name, zone=zone)


def _only_column(table: pa.Table, date: str | None, names: dict[str, str]) -> str | None:
    """The one column beside date and ticker, as FRED names a series after itself; None if there are more."""
    beside = [
        name
        for name in table.schema.names
        if name not in (date, names.get("ticker")) and not is_row_numbers(name, table[name])
    ]
    return beside[0] if len(beside) == 1 else None


def _of_ticker(table: pa.Table, column: str, chosen: str | None, origin: str) -> pa.Table:
    encoded = encoded_tickers(table[column].cast(pa.string()).fill_null(""))
    tickers = [ticker for ticker in encoded.tickers if ticker]
    wanted = tickers[0] if chosen is None and len(tickers) == 1 else chosen
    if wanted not in tickers:
        hint = "" if chosen is None else likely_meant([chosen], tickers)
        raise BarsError(
            f"{origin} holds {len(tickers)} tickers such as {tickers[:3]}{hint}: choose one as {origin}:{tickers[0]}"
        )
    rows = encoded.codes == encoded.tickers.index(wanted)
    return table.filter(pa.array(rows))


def _level_defects(read: DatedColumns) -> tuple[Defect, ...]:
    """Closes that are not positive or infinite; numbers around zero are returns, and the remedy says so."""
    closes = read.frame["close"].to_numpy()
    known = closes[np.isfinite(closes)]
    returns = len(known) > 0 and bool((known < 0).mean() > 0.2) and float(np.median(np.abs(known))) < LARGEST_MOVE
    remedy = (
        ": these look like returns, give levels such as (1 + returns).cumprod()"
        if returns
        else ": drop or repair those rows"
    )
    return read.defect("close", (closes <= 0) | np.isinf(closes), "close must be a positive number", remedy)


def _check_moves(closes: pd.Series, origin: str) -> None:
    moves = closes.pct_change().dropna()
    spread = float(moves.std(ddof=1)) if len(moves) > 1 else 0.0
    if spread > LARGEST_MOVE:
        place = int(np.argmax(moves.abs().to_numpy()))
        day, size = moves.index[place], float(moves.iloc[place])
        raise BarsError(
            f"{origin} moves by {spread:.0%} a session, most on {day:%Y-%m-%d} ({size:+.0%}): these look like returns, "
            "or levels of more than one unit; give levels such as (1 + returns).cumprod()"
        )


def _check_daily(placed: pd.Series, origin: str) -> None:
    """Refuse closes of every week or month: carried, they move in single sessions alone."""
    own = placed.loc[placed.first_valid_index() : placed.last_valid_index()]
    if own.notna().mean() < MIN_OWN_SHARE:
        raise BarsError(
            f"{origin} has closes for {own.notna().sum():,} of the {len(own):,} sessions from {own.index[0]:%Y-%m-%d} "
            f"to {own.index[-1]:%Y-%m-%d}: it looks like weekly or monthly closes, give daily ones"
        )
