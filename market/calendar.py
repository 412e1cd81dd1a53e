"""Calendar: the sessions of the bars held against those of their exchange, and the sessions that come next.

Bars that follow no exchange have a calendar of their own: the days of the week on which they usually print.
"""

import datetime as dt
import hashlib
import warnings
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import ValidationError

from core.errors import SourceError
from core.files import read_json, write_json
from core.settings import Settings
from market.exchange_fit import fitting_exchange, own_sessions_per_year
from market.exchanges import LOTS, NO_EXCHANGE, Exchange, exchange_code, exchange_of, table_library
from market.panel import Panel
from market.store.data_set_names import store_home

__all__ = [
    "CalendarCheck",
    "check_calendar",
    "exchange_sessions",
    "finished_day",
    "longest_gap",
    "next_session",
    "not_closed",
    "opening_after",
    "sessions_per_year",
    "with_exchange",
]

SETTLED = dt.timedelta(hours=1)  # after the close a vendor's bar of the day counts as finished
LATEST_CLOSE = "XNYS"
RECENT_SESSIONS = 90
MIN_WEEKDAY_SHARE = 0.2  # of the sessions that a weekday has on the busiest one, for it to be one of the bars' own


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarCheck:
    """How the sessions of a panel differ from those of an exchange, between its first and last.

    Parameters
    ----------
    exchange : str
        Market identifier code, e.g. ``"XNYS"``, or ``"none"``.
    n_sessions : int
        Sessions of the panel.
    missing : tuple of Timestamp
        Sessions of the exchange that the bars lack.
    extra : tuple of Timestamp
        Sessions of the bars that the exchange did not hold.
    """

    exchange: str
    n_sessions: int
    missing: tuple[pd.Timestamp, ...]
    extra: tuple[pd.Timestamp, ...]

    @property
    def note(self) -> str:
        """One line for the report."""
        if self.exchange == NO_EXCHANGE:
            return f"calendar of the bars themselves: {self.n_sessions:,} sessions, none known to be missing"
        if not self.missing and not self.extra:
            return f"calendar {self.exchange}: all {self.n_sessions:,} sessions match"
        parts = [_listed(self.missing, "missing from the bars"), _listed(self.extra, "not held by the exchange")]
        return f"calendar {self.exchange}: " + "; ".join(part for part in parts if part)


def with_exchange(panel: Panel, exchange: str | None = None, *, reason: str | None = None) -> Panel:
    """Say whose sessions a panel has, how many of them make a year, in which currency, and which are missing.

    Parameters
    ----------
    panel : Panel
        Bars of a real market.
    exchange : str, optional
        A code, or ``"none"``; by default inferred, see :func:`market.exchange_fit.fitting_exchange`.
    reason : str, optional
        Why it is this one, where more is known than that it was given.

    Raises
    ------
    ValueError
        If no exchange is called so.
    """
    given = None if exchange is None else exchange_code(exchange)
    code, why = fitting_exchange(panel.sessions, panel.tickers, exchange=given)
    facts = replace(
        panel.facts,
        exchange=code,
        exchange_reason=reason if reason is not None and code == given else why,
        sessions_per_year=sessions_per_year(code, panel.sessions),
        currency=None if code == NO_EXCHANGE else exchange_of(code).currency,
        lot=_lot(code, panel.facts.lot),
    )
    placed = replace(panel, facts=facts)
    return placed if code == NO_EXCHANGE else placed.with_notes(check_calendar(placed).note)


def _lot(exchange: str, of_volumes: float | None) -> float | None:
    """Shares that orders come in: of an exchange that trades in lots as the volumes tell, elsewhere single ones.

    Volumes that a vendor rounds to hundreds make no lot. Around the clock fractions are traded.
    """
    if exchange == "24/7":
        return None
    usual = LOTS.get(exchange)
    if usual is None:
        return None if of_volumes is None else 1.0
    return float(usual) if of_volumes is None else of_volumes


def sessions_per_year(exchange: str, sessions: pd.DatetimeIndex) -> float:
    """Sessions a year of an exchange, over a fixed span of years; of bars that follow none, as many as they have."""
    if exchange == NO_EXCHANGE:
        return own_sessions_per_year(sessions)
    return float(exchange_of(exchange).sessions_per_year)


def check_calendar(panel: Panel, exchange: str | None = None) -> CalendarCheck:
    """Compare the sessions of a panel with the calendar of an exchange, as far as its holidays are known.

    Parameters
    ----------
    panel : Panel
        The bars.
    exchange : str, optional
        That of the bars by default.

    Raises
    ------
    ValueError
        If the exchange has no calendar.
    """
    code = panel.facts.exchange if exchange is None else exchange_code(exchange)
    missing: tuple[pd.Timestamp, ...] = ()
    extra: tuple[pd.Timestamp, ...] = ()
    if code != NO_EXCHANGE:
        held = exchange_sessions(code, start=panel.sessions[0], end=panel.sessions[-1])
        known = exchange_of(code)
        missing, extra = (
            tuple(day for day in days if known.first <= day.to_datetime64() <= known.last)
            for days in (held.difference(panel.sessions), panel.sessions.difference(held))
        )
    return CalendarCheck(exchange=code, n_sessions=len(panel.sessions), missing=missing, extra=extra)


def next_session(panel: Panel, *, delay: int = 1) -> pd.Timestamp | None:
    """The session that comes ``delay`` sessions after the panel's last; None where no calendar tells it.

    The built-in market trades on every weekday.
    """
    last = panel.sessions[-1]
    if panel.facts.synthetic:
        return last + delay * pd.offsets.BusinessDay()
    if panel.facts.exchange == NO_EXCHANGE:
        return None
    room = pd.Timedelta(days=21 + 3 * delay)
    after = exchange_sessions(panel.facts.exchange, start=last + pd.Timedelta(days=1), end=last + room)
    return after[delay - 1]


def opening_after(panel: Panel, *, delay: int = 1) -> dt.datetime:
    """The moment before which a decision of the last close must be made to fill ``delay`` sessions later.

    It is when that session of the exchange opens. Trading that never pauses opens at the very close that decides, so
    that an hour is left from there. Where no calendar tells the next session, it is taken to be the earliest day on
    which it can be, the bars printing on no other days of the week, from midnight UTC; as for the built-in market.
    """
    session = next_session(panel, delay=delay)
    if session is None:
        days = _own_weekdays(panel.sessions)
        ahead = pd.date_range(panel.sessions[-1] + pd.Timedelta(days=1), periods=7 * (delay + 1))
        session = ahead[[day.weekday() in days for day in ahead]][delay - 1]
    if panel.facts.exchange == NO_EXCHANGE:
        return dt.datetime.combine(session.date(), dt.time(), tzinfo=dt.UTC) + SETTLED
    exchange = exchange_of(panel.facts.exchange)
    return exchange.opening(session.date()) + (SETTLED if _is_around_the_clock(exchange) else dt.timedelta())


def finished_day(exchange: str, now: dt.datetime) -> dt.date:
    """The last date whose bar counts as finished: an hour after the close, in the exchange's own time zone.

    A day that trades around the clock ends at midnight UTC, and so does one of bars that follow no exchange.
    """
    around = exchange == NO_EXCHANGE or _is_around_the_clock(exchange_of(exchange))
    if around:
        return now.astimezone(dt.UTC).date() - dt.timedelta(days=1)
    known = exchange_of(exchange)
    today = now.astimezone(known.closing(now.date()).tzinfo).date()
    for day in (today + dt.timedelta(days=1), today):
        if now >= known.closing(day) + SETTLED:
            return day
    return today - dt.timedelta(days=1)


def not_closed(panel: Panel, now: dt.datetime) -> str | None:
    """Why the last bar cannot be known at a time: that session is still to close, or is none; None where it can be.

    Sessions of an exchange with hours, or that trades around the clock every day, close when it does by its usual
    hours. Where only weekdays are known, they close when New York does, which is as late as any stock exchange.

    Examples
    --------
    >>> import datetime as dt
    >>> from market.synthetic import synthetic_market
    >>> panel = synthetic_market().panel
    >>> not_closed(panel, dt.datetime.now(dt.UTC)) is None
    True
    """
    session, code = panel.sessions[-1].date(), panel.facts.exchange
    usual = _usual_weekdays(panel)
    if session.weekday() not in usual and not _is_held(code, panel.sessions[-1]):
        whose = "these bars usually do not print" if code == NO_EXCHANGE else f"{code} holds no session"
        return f"the bars end {session}, a {session:%A}, on which {whose}: load them without it"
    closes = exchange_of(LATEST_CLOSE if code in (NO_EXCHANGE, "24/5") else code).closing(session)
    if now >= closes:
        return None
    end, clock = (f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M}" for moment in (closes, now))
    return (
        f"the bars end {session}, a session that ends {end} UTC, and the clock says {clock}: wait for the close, "
        "set the clock right, or name their exchange"
    )


def longest_gap(sessions: pd.DatetimeIndex) -> int:
    """Calendar days of the longest pause between two of the last 90 sessions; 7 for a single one."""
    recent = sessions[-RECENT_SESSIONS:]
    return int(np.diff(recent.to_numpy()).max() / np.timedelta64(1, "D")) if len(recent) > 1 else 7


def exchange_sessions(exchange: str, *, start: pd.Timestamp, end: pd.Timestamp) -> pd.DatetimeIndex:
    """Sessions of an exchange from ``start`` to ``end``, both included.

    They come from the table of exchanges; dates that lie beyond it, or all where another version of the library is
    installed, are computed by exchange-calendars, and cached beside the stored data sets, where there are any. Where
    neither knows the holidays, every weekday is one.

    Parameters
    ----------
    exchange : str
        Market identifier code, e.g. ``"XNYS"``.
    start, end : Timestamp
        First and last date.

    Raises
    ------
    ValueError
        If the exchange has no calendar.
    """
    known, library = exchange_of(exchange_code(exchange)), version("exchange-calendars")
    told = known.sessions(start.to_datetime64(), end.to_datetime64()).astype("datetime64[ns]")
    inside = known.first <= start.to_datetime64() and end.to_datetime64() <= known.last
    if (inside and library == table_library()) or _has_no_holidays(known):
        return pd.DatetimeIndex(told)
    computed = _from_library(known.code, start, end, library)
    return pd.DatetimeIndex(told) if computed is None else computed


class _CachedSessions(Settings):
    """An exchange's sessions, as a version of the library has them, from ``first`` to ``last``; ISO dates."""

    library: str
    first: str
    last: str
    sessions: tuple[str, ...]
    sha256: str = ""

    def sum(self) -> str:
        """Sha256 of the rest."""
        return hashlib.sha256(self.model_dump_json(exclude={"sha256"}).encode()).hexdigest()


def _from_library(code: str, start: pd.Timestamp, end: pd.Timestamp, library: str) -> pd.DatetimeIndex | None:
    """Sessions as exchange-calendars has them; None where it does not know the whole span."""
    # a calendar cannot be empty, so it is computed wider than requested
    margin = pd.Timedelta(days=14)
    path = _cache_path(code)
    cached = None if path is None else _read(path, library)
    if cached is None or start < pd.Timestamp(cached.first) or end > pd.Timestamp(cached.last):
        first = min(start - margin, pd.Timestamp(cached.first) if cached else start)
        last = max(end + margin, pd.Timestamp(cached.last) if cached else end)
        cached = _computed(code, first, last, library)
        if path is not None and cached is not None:
            with suppress(OSError):  # a store that nobody may write to has none
                write_json(path, cached.model_dump())
    if cached is None:
        return None
    sessions = pd.DatetimeIndex(np.array(cached.sessions, dtype="datetime64[ns]"))
    return sessions[(sessions >= start) & (sessions <= end)]


def _computed(code: str, first: pd.Timestamp, last: pd.Timestamp, library: str) -> _CachedSessions | None:
    import exchange_calendars

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library meets pandas 3.1's deprecations
            calendar = exchange_calendars.get_calendar(code, start=first, end=last)
    except (ValueError, NotImplementedError, exchange_calendars.errors.CalendarError):
        return None  # holidays of those years are not recorded, or the library meets a pandas that it does not know
    days = tuple(f"{session:%Y-%m-%d}" for session in calendar.sessions)
    found = _CachedSessions(library=library, first=f"{first:%Y-%m-%d}", last=f"{last:%Y-%m-%d}", sessions=days)
    return found.model_copy(update={"sha256": found.sum()})


def _cache_path(code: str) -> Path | None:
    """File that caches an exchange's sessions; None without a store, or for a name that is no plain word."""
    cacheable = code.replace("_", "").isalnum() and store_home().is_dir()
    return store_home() / ".calendars" / f"{code}.json" if cacheable else None


def _read(path: Path, library: str) -> _CachedSessions | None:
    try:
        cached = _CachedSessions.model_validate(read_json(path))
    except (OSError, SourceError, ValidationError):
        return None
    return cached if cached.library == library and cached.sha256 == cached.sum() else None


def _has_no_holidays(exchange: Exchange) -> bool:
    return not len(exchange.changed)


def _is_around_the_clock(exchange: Exchange) -> bool:
    return exchange.opens == exchange.closes == dt.time() and exchange.zone == "UTC"


def _own_weekdays(sessions: pd.DatetimeIndex) -> frozenset[int]:
    """Days of the week on which the bars print, Monday being 0; days that are rare among them do not count."""
    counts = np.bincount(sessions[-4 * RECENT_SESSIONS :].day_of_week, minlength=7)
    return frozenset(np.flatnonzero(counts >= max(1.0, MIN_WEEKDAY_SHARE * counts.max())).tolist())


def _usual_weekdays(panel: Panel) -> frozenset[int]:
    """Days of the week on which sessions are usual: the exchange's, or those of the bars before the last."""
    if panel.facts.exchange == NO_EXCHANGE:
        return _own_weekdays(panel.sessions[:-1]) if len(panel.sessions) > RECENT_SESSIONS else frozenset(range(7))
    return frozenset(day for day, usual in enumerate(exchange_of(panel.facts.exchange).week) if usual == "1")


def _is_held(code: str, session: pd.Timestamp) -> bool:
    return code != NO_EXCHANGE and len(exchange_sessions(code, start=session, end=session)) > 0


def _listed(sessions: tuple[pd.Timestamp, ...], what: str) -> str:
    if not sessions:
        return ""
    days = ", ".join(f"{session:%Y-%m-%d}" for session in sessions[:3])
    return f"{len(sessions):,} sessions {what} ({days}{', …' if len(sessions) > 3 else ''})"
