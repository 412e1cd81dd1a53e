"""Score file: a user's own scores, wide or long, aligned with the bars or refused."""

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from core.errors import BarsError, DataError, SourceError
from market.bars.bar_files import read_whole_table
from market.bars.cell_numbers import cell_numbers
from market.bars.columns import plain_name
from market.bars.csv import decimal_of, ending_note
from market.bars.dated_columns import date_name, dated_columns, is_row_numbers
from market.bars.dates import check_single_zone, read_dates
from market.bars.defects import Defect, refuse
from market.bars.long_form import encoded_tickers, missing_tickers
from market.delistings import listed
from market.panel import Panel, aligned_frame
from market.sources import checked_span
from market.sources.benchmark import plain_dates
from market.ticker_names import clean_ticker, few_words, likely_meant, one_spelling

__all__ = ["align_scores", "cut_scores", "ended_names", "read_scores", "scores_of_no_session", "scores_of_table"]

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
        Sessions sorted; an empty cell is NaN, no score. ``attrs["notes"]`` tells of a file that may have been cut.

    Raises
    ------
    SourceError
        If the file is missing, unreadable or empty.
    DataError
        If a date or number cannot be read, zones are mixed, or a key repeats.
    """
    path = Path(path)
    scores = scores_of_table(read_whole_table(path, what="scores"), origin=path.name)
    scores.attrs["notes"] = ending_note(path)
    return scores


def scores_of_table(table: pa.Table, *, origin: str) -> pd.DataFrame:
    """Scores of a table in long or wide form, wherever it came from; as of ``read_scores``."""
    if table.num_rows == 0:
        raise SourceError(f"{origin} holds no rows: it needs at least one session of scores")
    names = table.schema.names
    date = date_name(table)
    if date is None:
        raise DataError(f"{origin} has no date column: name it date, found {names[:8]}")
    plain = [plain_name(name) for name in names]
    is_long = any(name in TICKER for name in plain) and any(name in SCORE for name in plain)
    frame = _from_long(table, date, origin) if is_long else _from_wide(table, date, origin)
    return aligned_frame(frame.to_numpy(), pd.DatetimeIndex(frame.index), frame.columns)


def cut_scores(scores: pd.DataFrame, start: str | dt.date | None, end: str | dt.date | None) -> pd.DataFrame:
    """Scores from ``start`` to ``end``, both included; bars keep their history, and only what is judged is cut.

    Raises
    ------
    DataError
        If none is left.
    ValueError
        If one is no date, or start comes after end.

    Examples
    --------
    >>> from signals.score_file import cut_scores
    >>> len(cut_scores(run.scores, run.scores.index[3].date(), None)) == len(run.scores) - 3
    True
    """
    first, last = checked_span(start, end)
    if first is None and last is None:
        return scores
    scores = plain_dates(scores)
    _check_dates(scores)
    kept = scores.sort_index().loc[first:last]
    if kept.empty:
        ordered = scores.index.sort_values()
        raise DataError(
            f"no scores from {first or f'{ordered[0]:%Y-%m-%d}'} to {last or f'{ordered[-1]:%Y-%m-%d}'}: they run from "
            f"{ordered[0]:%Y-%m-%d} to {ordered[-1]:%Y-%m-%d}; move start or end"
        )
    return kept


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
        From the first to the last session with a score; NaN outside the universe and for names no longer listed. Scores
        of dates that the loader left out, for they were no session, are left out too.

    Raises
    ------
    DataError
        If a session or ticker is unknown to the panel or repeats, a score is infinite, or no name that may be held has
        one.
    """
    scores = one_spelling(plain_dates(scores), what="scores")
    _check_dates(scores)
    scores = scores[~_of_no_session(scores, panel)]
    _check_axes(scores, panel)
    placed = aligned_frame(
        scores.reindex(index=panel.sessions, columns=panel.tickers).to_numpy(dtype=float), panel.sessions, panel.tickers
    )
    rows, columns = np.nonzero(np.isinf(placed.to_numpy()))
    if len(rows):
        raise DataError(
            f"scores must be finite or empty, that of {panel.tickers[columns[0]]} on "
            f"{panel.sessions[rows[0]]:%Y-%m-%d} is infinite ({len(rows):,} such scores): drop or repair them"
        )
    scored = placed.where(panel.universe & listed(panel))
    rows = np.flatnonzero(scored.notna().sum(axis=1).to_numpy() >= 2)
    if len(rows) == 0:
        raise DataError("no session has scores of two names of the universe: score the names that may be held")
    return scored.iloc[rows[0] : rows[-1] + 1]


def ended_names(scores: pd.DataFrame, panel: Panel) -> tuple[str, ...]:
    """A note on names whose bars end in the middle of their scores: those scores cannot be held, and fall away.

    Parameters
    ----------
    scores : DataFrame of float, shape (n_scored_sessions, n_tickers)
        As given.
    panel : Panel
        Bars.

    Returns
    -------
    tuple of str
        One note with the number of names, of scores and the names with most of them; none where no score is lost.
    """
    spelled = one_spelling(plain_dates(scores), what="scores")
    given = spelled.reindex(index=panel.sessions, columns=panel.tickers).notna().to_numpy()
    begun = panel.printed.cummax().to_numpy()
    lost = given & begun & ~listed(panel).to_numpy()
    counts = pd.Series(lost.sum(axis=0), index=panel.tickers)
    counts = counts[counts > 0].sort_values(ascending=False, kind="stable")
    if counts.empty:
        return ()
    told = few_words([f"{ticker} ({count:,})" for ticker, count in counts.items()])
    return (
        f"The bars of {len(counts):,} names end in the middle of their scores: {int(counts.sum()):,} scores after that "
        f"fall away, {told}.",
    )


def scores_of_no_session(scores: pd.DataFrame, panel: Panel) -> tuple[str, ...]:
    """A note on scores of dates that the loader left out of the bars, for they were no session; none without any."""
    scores = plain_dates(scores)
    dates = scores.index[_of_no_session(scores, panel)].sort_values()
    if not len(dates):
        return ()
    told = few_words([f"{day:%Y-%m-%d}" for day in dates])
    return (
        f"Scores of {len(dates):,} dates decide nothing, for these were no sessions and their bars are left out: "
        f"{told}.",
    )


def _of_no_session(scores: pd.DataFrame, panel: Panel) -> np.ndarray:
    left_out: np.ndarray = scores.index.isin(pd.DatetimeIndex(panel.facts.left_out))
    return left_out


def _column(table: pa.Table, spellings: tuple[str, ...]) -> str:
    """Name of the first column that is spelled so, in order of preference; one is."""
    by_name = {plain_name(name): name for name in reversed(table.schema.names)}
    return str(next(by_name[spelling] for spelling in spellings if spelling in by_name))


def _from_long(table: pa.Table, date: str, origin: str) -> pd.DataFrame:
    read = read_dates(table[date], origin=origin)
    check_single_zone(read.zones, origin=origin)
    texts = table[_column(table, TICKER)].cast(pa.string()).fill_null("")
    encoded = encoded_tickers(texts)
    tickers = np.array(encoded.tickers, dtype=object)[encoded.codes]
    defects = [*read.defects, *missing_tickers((tickers == "") & ~np.isnat(read.dates), read.dates, origin=origin)]
    days = pd.DatetimeIndex(read.dates)
    numbers, defect = cell_numbers(
        table[_column(table, SCORE)],
        name="score",
        origin=origin,
        place=lambda row: f" of {tickers[row]} on {days[row]:%Y-%m-%d}" if not np.isnat(read.dates[row]) else "",
        decimal=decimal_of(table),
    )
    defects += [] if defect is None else [defect]
    rows = pd.DataFrame({"session": read.dates, "ticker": tickers, "score": numbers})
    rows = rows[rows["session"].notna() & (rows["ticker"] != "")].drop_duplicates()
    repeated = rows.duplicated(["session", "ticker"])
    if repeated.any():
        row = rows[repeated].iloc[0]
        told = f"{origin} scores {row['ticker']} on {row['session']:%Y-%m-%d} more than once"
        raw = encoded.respelled.get(row["ticker"], ())
        told += f", written {' and '.join(map(repr, raw))}" if len(raw) > 1 else ""
        defects.append(Defect(kind="repeated", first=told, remedy=": keep one of each", count=int(repeated.sum())))
    refuse(defects, origin=origin)
    return rows.pivot_table(index="session", columns="ticker", values="score", dropna=False).sort_index()


def _from_wide(table: pa.Table, date: str, origin: str) -> pd.DataFrame:
    names = [name for name in table.schema.names if name != date and not is_row_numbers(name, table[name])]
    tickers = [clean_ticker(name) for name in names]
    if not names or "" in tickers or len(set(tickers)) < len(tickers):
        raise DataError(f"{origin} needs one column for each ticker, each once: found {table.schema.names[:8]}")
    try:
        read = dated_columns(table, dict(zip(tickers, names, strict=True)), date=date, origin=origin).checked()
    except BarsError as error:
        hint = "" if "more than one row" not in str(error) else ", or give the long form with date, ticker and score"
        raise DataError(f"{error}{hint}") from error
    return read.frame.rename_axis(index="session", columns="ticker")


def _check_dates(scores: pd.DataFrame) -> None:
    if not isinstance(scores.index, pd.DatetimeIndex) or scores.index.tz is not None:
        raise DataError("scores need one row per session, its date without a time zone: convert the index")


def _check_axes(scores: pd.DataFrame, panel: Panel) -> None:
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
            f"scores hold {len(foreign)} tickers that the bars lack, such as {foreign[:5]}"
            f"{likely_meant(foreign, panel.tickers)}: drop them, or give their bars"
        )
