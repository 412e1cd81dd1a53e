"""Score file: a user's own scores, wide or long, aligned with the bars or refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from core.errors import DataError, SourceError
from market.bars.bar_files import read_whole_table
from market.bars.columns import SPELLINGS, plain_name
from market.bars.dates import check_single_zone, local_dates
from market.delistings import listed
from market.panel import Panel, aligned_frame

__all__ = ["align_scores", "read_scores", "scores_of_table"]

TICKER, SCORE = ("ticker", "symbol"), ("score",)


def read_scores(path: str | Path) -> pd.DataFrame:
    """Read scores from a parquet or CSV file.

    Parameters
    ----------
    path : str or Path
        Long form has the columns date, ticker and score; wide form has one column with dates, and one for each ticker.

    Returns
    -------
    DataFrame of float, shape (n_sessions, n_tickers)
        Sessions sorted; an empty cell is NaN, no score.

    Raises
    ------
    SourceError
        If the file is missing, unreadable or empty.
    DataError
        If a date or number cannot be read, zones are mixed, or a key repeats.
    """
    path = Path(path)
    return scores_of_table(read_whole_table(path, what="scores"), origin=path.name)


def scores_of_table(table: pa.Table, *, origin: str) -> pd.DataFrame:
    """Scores of a table in long or wide form, wherever it came from; as of ``read_scores``."""
    if table.num_rows == 0:
        raise SourceError(f"{origin} holds no rows: it needs at least one session of scores")
    plain = [plain_name(name) for name in table.schema.names]
    date = _column(table, SPELLINGS["date"])
    if date is None:
        raise DataError(f"{origin} has no date column: name it date, found {table.schema.names[:8]}")
    days, zones = local_dates(table[date], origin=origin)
    check_single_zone(zones, origin=origin)
    is_long = any(name in TICKER for name in plain) and any(name in SCORE for name in plain)
    frame = _from_long(table, days, origin) if is_long else _from_wide(table, date, days, origin)
    return aligned_frame(frame.to_numpy(), pd.DatetimeIndex(frame.index), frame.columns)


def align_scores(scores: pd.DataFrame, panel: Panel) -> pd.DataFrame:
    """Align scores with the panel: nothing is matched by guess, and only names that may not be held are dropped.

    Parameters
    ----------
    scores : DataFrame of float, shape (n_scored_sessions, n_tickers)
        Row *t* is known at the close of *t*; higher is better; NaN is no score.
    panel : Panel
        Bars with their universe.

    Returns
    -------
    DataFrame of float, shape (n_sessions, n_panel_tickers)
        From the first to the last session with a score; NaN outside the universe and for names no longer listed.

    Raises
    ------
    DataError
        If a session or ticker is unknown to the panel or repeats, a score is infinite, or no name that may be held has
        one.
    """
    _check_axes(scores, panel)
    placed = aligned_frame(
        scores.reindex(index=panel.sessions, columns=panel.tickers).to_numpy(dtype=float), panel.sessions, panel.tickers
    )
    if np.isinf(placed.to_numpy()).any():
        raise DataError("scores must be finite or empty, some are infinite: drop or repair them")
    scored = placed.where(panel.universe & listed(panel))
    rows = np.flatnonzero(scored.notna().sum(axis=1).to_numpy() >= 2)
    if len(rows) == 0:
        raise DataError("no session has scores of two names of the universe: score the names that may be held")
    return scored.iloc[rows[0] : rows[-1] + 1]


def _column(table: pa.Table, spellings: tuple[str, ...]) -> str | None:
    """Name of the first column that is spelled so, in order of preference."""
    by_name = {plain_name(name): name for name in reversed(table.schema.names)}
    return next((by_name[spelling] for spelling in spellings if spelling in by_name), None)


def _from_long(table: pa.Table, days: np.ndarray, origin: str) -> pd.DataFrame:
    tickers = table[_column(table, TICKER)].cast(pa.string()).to_pandas()
    if (tickers.isna() | (tickers == "")).any():
        raise DataError(f"{origin} has rows without a ticker: drop or repair them")
    rows = pd.DataFrame({"session": days, "ticker": tickers.to_numpy()})
    repeated = rows.duplicated()
    if repeated.any():
        first = rows[repeated].iloc[0]
        raise DataError(
            f"{origin} scores {first['ticker']} on {first['session']:%Y-%m-%d} more than once "
            f"({int(repeated.sum())} such rows): keep one of each"
        )
    rows["score"] = _numbers(table[_column(table, SCORE)], "score", origin)
    return rows.pivot_table(index="session", columns="ticker", values="score", dropna=False).sort_index()


def _from_wide(table: pa.Table, date: str, days: np.ndarray, origin: str) -> pd.DataFrame:
    names = [name for name in table.schema.names if name != date]
    if not names or len(set(names)) < len(names):
        raise DataError(f"{origin} needs one column for each ticker, each once: found {table.schema.names[:8]}")
    sessions = pd.DatetimeIndex(days, name="session")
    if not sessions.is_unique:
        raise DataError(
            f"{origin} has more than one row for {sessions[sessions.duplicated()][0]:%Y-%m-%d}: keep one, or give the "
            "long form with the columns date, ticker and score"
        )
    columns = np.column_stack([_numbers(table[name], name, origin) for name in names])
    return pd.DataFrame(columns, index=sessions, columns=pd.Index(names, name="ticker")).sort_index()


def _numbers(column: pa.ChunkedArray, name: str, origin: str) -> np.ndarray:
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        return np.asarray(column.to_numpy(), dtype=float)  # nothing is spelled, a null is NaN
    given = column.to_pandas()
    if given.dtype == object or pd.api.types.is_string_dtype(given.dtype):
        given = given.replace("", None)
    numbers = pd.to_numeric(given, errors="coerce")
    wrong = numbers.isna() & given.notna() & ~given.astype(str).str.lower().isin(["nan", "na", "null", "none"])
    if wrong.any():
        raise DataError(f"{origin} holds text where {name} should be a number: {given[wrong].iloc[0]!r}; repair it")
    return np.asarray(numbers, dtype=float)


def _check_axes(scores: pd.DataFrame, panel: Panel) -> None:
    if not isinstance(scores.index, pd.DatetimeIndex) or scores.index.tz is not None:
        raise DataError("scores need one row per session, its date without a time zone: convert the index")
    for axis, what in ((scores.index, "session"), (scores.columns, "ticker")):
        if not axis.is_unique:
            raise DataError(f"scores have a {what} more than once, {axis[axis.duplicated()][0]}: keep one of each")
    strange = scores.index.difference(panel.sessions)
    if len(strange):
        raise DataError(
            f"scores hold {len(strange)} sessions that the bars lack, the first {strange[0]:%Y-%m-%d}: the bars run "
            f"from {panel.sessions[0]:%Y-%m-%d} to {panel.sessions[-1]:%Y-%m-%d}; cut the scores or give their bars"
        )
    foreign = [str(ticker) for ticker in scores.columns.difference(panel.tickers)]
    if foreign:
        raise DataError(
            f"scores hold {len(foreign)} tickers that the bars lack, such as {foreign[:5]}: drop them, or give their "
            "bars"
        )
