"""Calendar: the sessions of the bars held against those of their exchange."""

import warnings
from dataclasses import dataclass

import pandas as pd

from market.panel import Panel

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
        found = [_listed(self.missing, "missing from the bars"), _listed(self.extra, "not held by the exchange")]
        return f"calendar {self.exchange}: " + "; ".join(part for part in found if part)


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
    """Return the sessions of an exchange from ``start`` to ``end``, both included.

    Raises
    ------
    ValueError
        If the exchange has no calendar.
    """
    import exchange_calendars

    # a calendar cannot be empty, so it is drawn wider than asked for
    margin = pd.Timedelta(days=14)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library meets pandas 3.1's deprecations
            calendar = exchange_calendars.get_calendar(exchange, start=start - margin, end=end + margin)
    except exchange_calendars.errors.InvalidCalendarName as error:
        raise ValueError(f"no calendar for exchange {exchange!r}: give a market identifier code like XNYS") from error
    sessions = pd.DatetimeIndex(calendar.sessions).as_unit("ns")
    return sessions[(sessions >= start) & (sessions <= end)]


def _listed(sessions: tuple[pd.Timestamp, ...], what: str) -> str:
    if not sessions:
        return ""
    days = ", ".join(f"{session:%Y-%m-%d}" for session in sessions[:3])
    return f"{len(sessions):,} sessions {what} ({days}{', …' if len(sessions) > 3 else ''})"
