"""Data checks: whether bars are current and complete enough to trade on, as of the close of their last session."""

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import pandas as pd

from market.calendar import check_calendar, exchange_sessions
from market.panel import Panel

__all__ = ["EXCHANGE", "RECENT_SESSIONS", "DataChecks", "check_data", "last_expected_session"]

EXCHANGE = "XNYS"
CLOSES_AT, ZONE = 17, ZoneInfo("America/New_York")  # an hour after the bell
RECENT_SESSIONS = 90
MIN_PRINTED = 0.8  # of the universe in the last session; fewer look like an unfinished file


@dataclass(frozen=True, slots=True, kw_only=True)
class DataChecks:
    """The outcome of the checks.

    Parameters
    ----------
    blocking : tuple of str
        Reasons to block every order: stale or missing bars.
    notes : tuple of str
        What to keep in mind when trading.
    """

    blocking: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def last_expected_session(as_of: str | None = None, *, exchange: str = EXCHANGE) -> pd.Timestamp:
    """Last session whose close lies before the end of a day, by default before now in New York.

    Raises
    ------
    ValueError
        If ``as_of`` is not an ISO date.
    """
    if as_of is None:
        now = dt.datetime.now(ZONE)
        day = now.date() if now.hour >= CLOSES_AT else now.date() - dt.timedelta(days=1)
    else:
        day = _iso_day(as_of)
    end = pd.Timestamp(day)
    return exchange_sessions(exchange, start=end - pd.Timedelta(days=14), end=end)[-1]


def _iso_day(as_of: str) -> dt.date:
    try:
        return dt.date.fromisoformat(as_of)
    except (TypeError, ValueError) as error:
        raise ValueError(f"as-of must be an ISO date like 2026-01-30, was {as_of!r}") from error


def check_data(panel: Panel, *, as_of: str | None = None) -> DataChecks:
    """Check that bars are not stale and that no recent session or print is missing.

    Parameters
    ----------
    panel : Panel
        Bars up to the decision.
    as_of : str, optional
        The day of the decision; by default now. Ignored for the built-in market, which has no calendar.
    """
    last, blocking = panel.sessions[-1], []
    if as_of is not None:
        _iso_day(as_of)  # wrong words are refused where they are ignored, too
    if not panel.facts.synthetic:
        expected = last_expected_session(as_of)
        if last < expected:
            behind = len(exchange_sessions(EXCHANGE, start=last, end=expected)) - 1
            blocking.append(
                f"stale data: the bars end {last:%Y-%m-%d}, {max(behind, 1)} sessions before {expected:%Y-%m-%d}; "
                "load later bars, or state the day with --as-of"
            )
        blocking += _missing_sessions(panel)
    eligible = panel.universe.iloc[-1]
    printed = int((eligible & panel.printed.iloc[-1]).sum())
    if printed < MIN_PRINTED * int(eligible.sum()):
        blocking.append(
            f"missing bars: {printed} of {int(eligible.sum())} names of the universe printed on {last:%Y-%m-%d}; "
            "load that session again"
        )
    return DataChecks(blocking=tuple(blocking))


def _missing_sessions(panel: Panel) -> list[str]:
    recent = panel.between(panel.sessions[-min(len(panel.sessions), RECENT_SESSIONS)], None)
    missing = check_calendar(recent, EXCHANGE).missing
    if not missing:
        return []
    return [
        f"missing bars: {len(missing)} sessions of the last {RECENT_SESSIONS} are not in the bars, the first "
        f"{missing[0]:%Y-%m-%d}; load them"
    ]
