"""Calendar: the sessions of the bars held against those of their exchange."""

import warnings
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import ValidationError

from core.errors import SourceError
from core.files import read_json, write_json
from core.settings import Settings
from market.panel import Panel
from market.store.data_set_names import store_home

__all__ = ["CalendarCheck", "check_calendar", "exchange_sessions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarCheck:
    """How the sessions of a panel differ from those of an exchange, between its first and last.

    Parameters
    ----------
    exchange : str
        Market identifier code, e.g. ``"XNYS"``.
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
        if not self.missing and not self.extra:
            return f"calendar {self.exchange}: all {self.n_sessions:,} sessions match"
        parts = [_listed(self.missing, "missing from the bars"), _listed(self.extra, "not held by the exchange")]
        return f"calendar {self.exchange}: " + "; ".join(part for part in parts if part)


def check_calendar(panel: Panel, exchange: str = "XNYS") -> CalendarCheck:
    """Compare the sessions of a panel with the calendar of an exchange.

    Raises
    ------
    ValueError
        If the exchange has no calendar.
    """
    held = exchange_sessions(exchange, start=panel.sessions[0], end=panel.sessions[-1])
    return CalendarCheck(
        exchange=exchange,
        n_sessions=len(panel.sessions),
        missing=tuple(held.difference(panel.sessions)),
        extra=tuple(panel.sessions.difference(held)),
    )


def exchange_sessions(exchange: str, *, start: pd.Timestamp, end: pd.Timestamp) -> pd.DatetimeIndex:
    """Sessions of an exchange from ``start`` to ``end``, both included.

    They are cached beside the stored data sets, where there are any: computing a calendar takes a third of a second.

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
    # a calendar cannot be empty, so it is computed wider than requested
    margin = pd.Timedelta(days=14)
    path, library = _cache_path(exchange), version("exchange-calendars")
    cached = None if path is None else _read(path, library)
    if cached is None or start < pd.Timestamp(cached.first) or end > pd.Timestamp(cached.last):
        first = min(start - margin, pd.Timestamp(cached.first) if cached else start)
        last = max(end + margin, pd.Timestamp(cached.last) if cached else end)
        cached = _computed(exchange, first, last, library)
        if path is not None:
            with suppress(OSError):  # a store that nobody may write to has none
                write_json(path, cached.model_dump())
    sessions = pd.DatetimeIndex(np.array(cached.sessions, dtype="datetime64[ns]"))
    return sessions[(sessions >= start) & (sessions <= end)]


class _CachedSessions(Settings):
    """An exchange's sessions, as a version of the library has them, from ``first`` to ``last``; ISO dates."""

    library: str
    first: str
    last: str
    sessions: tuple[str, ...]


def _computed(exchange: str, first: pd.Timestamp, last: pd.Timestamp, library: str) -> _CachedSessions:
    import exchange_calendars

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library meets pandas 3.1's deprecations
            calendar = exchange_calendars.get_calendar(exchange, start=first, end=last)
    except exchange_calendars.errors.InvalidCalendarName as error:
        raise ValueError(f"no calendar for exchange {exchange!r}: give a market identifier code like XNYS") from error
    days = tuple(f"{session:%Y-%m-%d}" for session in calendar.sessions)
    return _CachedSessions(library=library, first=f"{first:%Y-%m-%d}", last=f"{last:%Y-%m-%d}", sessions=days)


def _cache_path(exchange: str) -> Path | None:
    """File that caches an exchange's sessions; None without a store, or for a name that is no plain word."""
    cacheable = exchange.replace("_", "").isalnum() and store_home().is_dir()
    return store_home() / ".calendars" / f"{exchange}.json" if cacheable else None


def _read(path: Path, library: str) -> _CachedSessions | None:
    try:
        cached = _CachedSessions.model_validate(read_json(path))
    except (OSError, SourceError, ValidationError):
        return None
    return cached if cached.library == library else None


def _listed(sessions: tuple[pd.Timestamp, ...], what: str) -> str:
    if not sessions:
        return ""
    days = ", ".join(f"{session:%Y-%m-%d}" for session in sessions[:3])
    return f"{len(sessions):,} sessions {what} ({days}{', …' if len(sessions) > 3 else ''})"
