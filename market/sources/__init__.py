"""Sources: daily bars from files, from Yahoo Finance or from the built-in market, as one aligned Panel."""

import datetime
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from core.conventions import clock_day
from core.errors import SourceError
from market.bars.assembly import Origin, panel_from_rows
from market.bars.bar_files import bars_from_path
from market.bars.long_form import LongBars
from market.bars.repeated_sessions import without_repeated_sessions
from market.bars.thin_sessions import without_thin_sessions
from market.builtin_words import is_builtin
from market.calendar import finished_day, with_exchange
from market.exchanges import exchange_code, zone_of
from market.panel import Panel
from market.sources.builtin_bars import builtin_market
from market.sources.yahoo import panel_from_yahoo, parse_tickers
from market.store import DataFolder, Version, find_version, origin_of, stored_bars

__all__ = ["checked_span", "cut_rows", "load_bars"]

YFINANCE = "yfinance:"


def load_bars(
    source: str | Path,
    *,
    start: str | None = None,
    end: str | None = None,
    point_in_time: bool = False,
    exchange: str | None = None,
    keep_thin_sessions: bool = False,
) -> Panel:
    """Load daily bars, adjusted, aligned and checked.

    Parameters
    ----------
    source : str or Path
        ``"builtin"`` for the built-in synthetic market, ``"builtin:seed=2,planted_ic=0"`` for another one,
        ``"yfinance:AAPL,MSFT"``, a .parquet or .csv file in long form (date, ticker, open, high, low, close, volume and
        maybe adj_close, in any case) or with yfinance's wide columns, a folder with one such file per ticker, or the
        name of a stored data set (:mod:`market.store`), as ``"us"`` or, for one of its versions, ``"us@3f2a"``.
    start, end : str, optional
        ISO dates; bars are cut to them, both included, before splits are inferred.
    point_in_time : bool
        The caller's word that the source holds the names as they were, dead ones included;
        :func:`market.universe.survivorship` tests it. The built-in market knows this about itself.
    exchange : str, optional
        Whose sessions the bars hold: a code of exchange-calendars, ``"24/7"``, or ``"none"`` for bars that follow no
        calendar; that of a stored data set, else inferred by :func:`market.exchange_fit.fitting_exchange`. The built-in
        market has its own.
    keep_thin_sessions : bool
        Keep sessions in which fewer than half of the names that usually trade did; they are left out otherwise, and
        the notes name them (:func:`market.bars.thin_sessions.thin_sessions`).

    Returns
    -------
    Panel
        Every name with a print is in the universe. Where adj_close exists, prices are multiplied by adj_close / close,
        and dollar volume = close × volume is taken before; ``facts`` says so, names the exchange and the sessions a
        year, and carries what the loader and the check against the exchange's calendar found.

    Raises
    ------
    SourceError
        If nothing usable is there.
    BarsError
        If a column is missing or a row cannot be used; the message names the row.
    ValueError
        If start or end is not an ISO date, ``source`` names both a stored data set and a file, or no exchange is called
        so.
    """
    first, last = checked_span(start, end)
    named = None if exchange is None else exchange_code(exchange)
    if is_builtin(source):
        return builtin_market(str(source)).panel.between(first, last)
    text, reason = str(source), None
    stored = None if text.startswith(YFINANCE) else find_version(text)
    if text.startswith(YFINANCE):
        tickers = parse_tickers(text.removeprefix(YFINANCE))
        panel = panel_from_yahoo(tickers, start=first, end=last, point_in_time=point_in_time)
    elif stored is not None:
        panel = _stored_panel(stored, first, last, point_in_time)
        named, reason = (stored[1].exchange, "as the data set has it") if named is None else (named, None)
    else:
        path = Path(source)
        parts = cut_rows([bars_from_path(path, zone=zone_of(named))], first, last, path.name)
        panel = panel_from_rows(*parts, origin=Origin(name=path.name, point_in_time=point_in_time))
    if not keep_thin_sessions:
        panel = without_thin_sessions(without_repeated_sessions(panel))
    placed = with_exchange(panel, named, reason=reason)
    return _without_unfinished(placed) if text.startswith(YFINANCE) else placed


def _without_unfinished(panel: Panel) -> Panel:
    """Leave out bars of a day that the exchange had not finished when they were fetched."""
    finished = f"{finished_day(panel.facts.exchange, datetime.datetime.now(datetime.UTC)):%Y-%m-%d}"
    if panel.sessions[-1] <= pd.Timestamp(finished):
        return panel
    note = f"the bars of {panel.sessions[-1]:%Y-%m-%d} are left out: that session was not finished when they came"
    return panel.until(finished).with_notes(note)


def _stored_panel(
    stored: tuple[DataFolder, Version], first: str | None, last: str | None, point_in_time: bool
) -> Panel:
    folder, version = stored
    if Path(version.name).exists():
        raise ValueError(
            f"{version.name} is a stored data set and a path: write ./{version.name} for the path, or move it"
        )
    origin = origin_of(version, point_in_time=point_in_time)
    parts = stored_bars(folder, version, start=first, end=last)
    return panel_from_rows(*cut_rows(parts, first, last, origin.name), origin=origin)


def checked_span(start: str | datetime.date | None, end: str | datetime.date | None) -> tuple[str | None, str | None]:
    """Read the first and the last date, text or dates, as ISO dates.

    Raises
    ------
    ValueError
        If one is no date, or the first comes after the last.
    """
    first, last = _iso_date("start", start), _iso_date("end", end)
    if first is not None and last is not None and first > last:
        raise ValueError(f"start must not be after end, was {start} and {end}")
    return first, last


def _iso_date(word: str, value: str | datetime.date | None) -> str | None:
    if value is None:
        return None
    try:
        day = value if isinstance(value, datetime.date) else datetime.date.fromisoformat(value)
        return f"{day:%Y-%m-%d}"
    except (TypeError, ValueError) as error:
        raise ValueError(f"{word} must be an ISO date like 2015-01-31, was {value!r}") from error


def cut_rows(parts: Sequence[LongBars], first: str | None, last: str | None, origin: str) -> Sequence[LongBars]:
    """Cut rows to the dates from the first to the last; parts without any are left out.

    Raises
    ------
    SourceError
        If no row is left.
    """
    if (first is None and last is None) or not any(len(part.dates) for part in parts):
        return parts
    earliest, latest = min(part.dates.min() for part in parts), max(part.dates.max() for part in parts)
    start = earliest if first is None else np.datetime64(clock_day(first))
    end = latest if last is None else np.datetime64(clock_day(last))
    inside = [(part.dates >= start) & (part.dates <= end) for part in parts]
    if not any(rows.any() for rows in inside):
        span = [np.datetime_as_string(day, unit="D") for day in (earliest, latest)]
        raise SourceError(
            f"{origin} has no bar from {first or span[0]} to {last or span[1]}: it runs from {span[0]} to {span[1]}"
        )
    return [part if rows.all() else part.select(rows) for part, rows in zip(parts, inside, strict=True) if rows.any()]
