"""Obstacles: what speaks against trading on given bars today, known at the close of their last session."""

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import pandas as pd

from market.calendar import check_calendar, exchange_sessions
from market.panel import Panel

__all__ = ["EXCHANGE", "RECENT_SESSIONS", "Obstacles", "find_obstacles", "last_expected_session"]

EXCHANGE = "XNYS"
CLOSES_AT, ZONE = 17, ZoneInfo("America/New_York")  # an hour after the bell
RECENT_SESSIONS = 90
LEAST_PRINTS = 0.8  # of the universe in the last session; fewer look like an unfinished file


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacles:
    """What stands between a decision and its trades.

    Parameters
    ----------
    everything : tuple of str
        Reasons to trade nothing: stale or missing bars.
    notes : tuple of str
        What the reader should know.
    """

    everything: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def last_expected_session(as_of: str | None = None, *, exchange: str = EXCHANGE) -> pd.Timestamp:
    """Return the last session whose close lies before the end of a day, by default before now in New York.

    Raises
    ------
    ValueError
        If ``as_of`` is not an ISO date.
    """
    if as_of is None:
        now = dt.datetime.now(ZONE)
        day = now.date() if now.hour >= CLOSES_AT else now.date() - dt.timedelta(days=1)
    else:
        try:
            day = dt.date.fromisoformat(as_of)
        except ValueError as error:
            raise ValueError(f"as-of must be an ISO date like 2026-01-30, was {as_of!r}") from error
    end = pd.Timestamp(day)
    return exchange_sessions(exchange, start=end - pd.Timedelta(days=14), end=end)[-1]


def find_obstacles(panel: Panel, *, as_of: str | None = None) -> Obstacles:
    """Return what speaks against trading on these bars at all: they are stale, or sessions or prints are missing.

    Parameters
    ----------
    panel : Panel
        Bars up to the decision.
    as_of : str, optional
        The day of the decision; by default now. Ignored for the built-in market, which has no calendar.
    """
    last, everything = panel.sessions[-1], []
    if not panel.facts.synthetic:
        expected = last_expected_session(as_of)
        if last < expected:
            behind = len(exchange_sessions(EXCHANGE, start=last, end=expected)) - 1
            everything.append(
                f"stale data: the bars end {last:%Y-%m-%d}, {max(behind, 1)} sessions before {expected:%Y-%m-%d}; "
                "load later bars, or state the day with --as-of"
            )
        everything += _missing_sessions(panel)
    eligible = panel.universe.iloc[-1]
    printed = int((eligible & panel.printed.iloc[-1]).sum())
    if printed < LEAST_PRINTS * int(eligible.sum()):
        everything.append(
            f"missing bars: {printed} of {int(eligible.sum())} names of the universe printed on {last:%Y-%m-%d}; "
            "load that session again"
        )
    return Obstacles(everything=tuple(everything))


def _missing_sessions(panel: Panel) -> list[str]:
    recent = panel.between(panel.sessions[-min(len(panel.sessions), RECENT_SESSIONS)], None)
    missing = check_calendar(recent, EXCHANGE).missing
    if not missing:
        return []
    return [
        f"missing bars: {len(missing)} sessions of the last {RECENT_SESSIONS} are not in the bars, the first "
        f"{missing[0]:%Y-%m-%d}; load them"
    ]
