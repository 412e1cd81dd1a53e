"""Data checks: whether bars are current and complete enough to trade on, as of the close of their last session.

What is expected of them follows their exchange. Bars that follow none are held against their own pauses.
"""

import datetime as dt
from dataclasses import dataclass

import pandas as pd

from market.calendar import check_calendar, exchange_sessions, finished_day, longest_gap, not_closed
from market.exchanges import NO_EXCHANGE
from market.panel import Panel

__all__ = ["RECENT_SESSIONS", "DataChecks", "check_data", "last_expected_session"]

RECENT_SESSIONS = 90
LONGEST_CLOSURE = dt.timedelta(days=21)  # of an exchange
YEARS = range(1900, 2100)  # nanoseconds, in which calendars count, wrap after 2262
MIN_PRINTED = 0.8  # of the universe in the last session; fewer look like an unfinished file


@dataclass(frozen=True, slots=True, kw_only=True)
class DataChecks:
    """The outcome of the checks.

    Parameters
    ----------
    blocking : tuple of str
        Reasons to block every order: stale or missing bars, or a last one that cannot be known yet.
    notes : tuple of str
        What to keep in mind when trading.
    """

    blocking: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def last_expected_session(as_of: str | None = None, *, exchange: str) -> pd.Timestamp:
    """Last session of an exchange that had closed by the end of a day, by default by now.

    Parameters
    ----------
    as_of : str, optional
        ISO date.
    exchange : str
        Its code; of ``"none"``, the last day that has ended.

    Raises
    ------
    ValueError
        If ``as_of`` is not an ISO date of 1900 to 2099.
    """
    end = pd.Timestamp(finished_day(exchange, dt.datetime.now(dt.UTC)) if as_of is None else _iso_day(as_of))
    if exchange == NO_EXCHANGE:
        return end
    return exchange_sessions(exchange, start=end - LONGEST_CLOSURE, end=end)[-1]


def _iso_day(as_of: str) -> dt.date:
    try:
        day = dt.date.fromisoformat(as_of)
    except (TypeError, ValueError) as error:
        raise ValueError(f"as-of must be an ISO date like 2026-01-30, was {as_of!r}") from error
    if day.year not in YEARS:
        raise ValueError(f"as-of must lie in the years {YEARS[0]} to {YEARS[-1]}, was {as_of!r}")
    return day


def check_data(panel: Panel, *, as_of: str | None = None) -> DataChecks:
    """Check that bars are not stale, that the last is known, and that no recent session or print is missing.

    Parameters
    ----------
    panel : Panel
        Bars up to the decision.
    as_of : str, optional
        The day of the decision; by default now. Ignored for the built-in market, which has no calendar.
    """
    last = panel.sessions[-1]
    blocking: list[str] = []
    notes: tuple[str, ...] = ()
    if as_of is not None:
        _iso_day(as_of)  # wrong words are refused where they are ignored, too
    if not panel.facts.synthetic:
        missing = _missing_sessions(panel)
        early = not_closed(panel, dt.datetime.now(dt.UTC)) if as_of is None else None
        blocking = [*([] if early is None else [early]), *_stale(panel, as_of), *missing.blocking]
        notes = missing.notes
    eligible = panel.universe.iloc[-1]
    printed = int((eligible & panel.printed.iloc[-1]).sum())
    if printed < MIN_PRINTED * int(eligible.sum()):
        blocking.append(
            f"missing bars: {printed} of {int(eligible.sum())} names of the universe printed on {last:%Y-%m-%d}; "
            "load that session again"
        )
    return DataChecks(blocking=tuple(blocking), notes=notes)


def _stale(panel: Panel, as_of: str | None) -> list[str]:
    """Say that later bars should be there: a session that closed, or a pause longer than any of late."""
    last, exchange = panel.sessions[-1], panel.facts.exchange
    expected = last_expected_session(as_of, exchange=exchange)
    remedy = "load later bars, or state the day with --as-of"
    if exchange == NO_EXCHANGE:
        days, longest = (expected - last).days, longest_gap(panel.sessions)
        if days <= longest:
            return []
        return [
            f"stale data: the bars end {last:%Y-%m-%d}, {days} days before {expected:%Y-%m-%d}, and never paused for "
            f"more than {longest} of late; {remedy}"
        ]
    if last >= expected:
        return []
    behind = len(exchange_sessions(exchange, start=last + pd.Timedelta(days=1), end=expected))
    return [
        f"stale data: the bars end {last:%Y-%m-%d}, {_sessions(behind)} before {expected:%Y-%m-%d} "
        f"(calendar {exchange}); {remedy}"
    ]


def _missing_sessions(panel: Panel) -> DataChecks:
    """Recent sessions of the exchange that the bars lack block; those whose bars the loader left out are noted."""
    recent = panel.between(panel.sessions[-min(len(panel.sessions), RECENT_SESSIONS)], None)
    missing = check_calendar(recent).missing
    left_out = [day for day in missing if f"{day:%Y-%m-%d}" in panel.facts.left_out]
    lost = [day for day in missing if day not in left_out]
    blocking: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    if lost:
        blocking = (
            f"missing bars: {_sessions(len(lost))} of the last {RECENT_SESSIONS} not in the bars, the first "
            f"{lost[0]:%Y-%m-%d} (calendar {panel.facts.exchange}); load them",
        )
    if left_out:
        notes = (
            f"{_sessions(len(left_out))} of the last {RECENT_SESSIONS} left out, for hardly a name traded: the first "
            f"{left_out[0]:%Y-%m-%d}",
        )
    return DataChecks(blocking=blocking, notes=notes)


def _sessions(count: int) -> str:
    return f"{count} session{'' if count == 1 else 's'}"
