"""Repeated sessions: dates for which the bars of the session before were written again, which are no session.

Calendars filled forward have them on every weekend and holiday (``asfreq("D").ffill()``), some vendors on holidays. A
date like this has no return, so that it thins volatility, and an order filled there fills at yesterday's price.
"""

import numpy as np
import pandas as pd

from market.panel import PRICE_FIELDS, Panel

__all__ = ["repeated_sessions", "without_repeated_sessions"]

SHARE = 0.95  # of the names that print, that must repeat: one late correction does not make a session
MIN_NAMES = 2  # without a volume, and without a range, one name may well stand still
MIN_MOVING = 10  # sessions that are not repeated; a market with fewer stands still, and every date of it counts
MAX_RUN = 31  # dates: a month filled forward; a longer one is a market that stood still
MAX_WEEKDAY_RUN = 7  # where weekends have no bars: the longest holidays of an exchange
MIN_WEEKEND_SHARE = 0.1
SHOWN = 3


def repeated_sessions(panel: Panel) -> pd.DatetimeIndex:
    """Find the sessions in which nearly every name repeats its last bar: open, high, low, close, and volume.

    A volume of 0 counts as repeated where the close is that of the session before, and so does a bar without a volume
    whose four prices are that close. One name alone must repeat a bar with a range, or a volume. Where hardly a date
    moves, or none does for long, dates are sessions.

    Examples
    --------
    >>> from market.bars.repeated_sessions import repeated_sessions
    >>> len(repeated_sessions(bars))
    0
    """
    close, volume = panel.close.to_numpy(), panel.volume.to_numpy()
    same = np.ones((max(len(close) - 1, 0), close.shape[1]), dtype=bool)
    for name in PRICE_FIELDS:
        prices = getattr(panel, name).to_numpy()
        same &= (prices[1:] == prices[:-1]) | (np.isnan(prices[1:]) & np.isnan(prices[:-1]))
    told = (volume[1:] == volume[:-1]) & (volume[1:] > 0)
    silent = ~(volume[1:] > 0)
    still = close[1:] == close[:-1]
    flat = np.logical_and.reduce([getattr(panel, name).to_numpy()[1:] == close[1:] for name in PRICE_FIELDS])
    repeated = (same & (told | silent)) | (still & silent & ((volume[1:] == 0) | flat))
    printed = ~np.isnan(close[1:])
    sure = told | (panel.high.to_numpy()[1:] > panel.low.to_numpy()[1:])
    names = printed.sum(axis=1)
    enough = (names >= MIN_NAMES) | (printed & sure).any(axis=1)
    rows = (names > 0) & enough & ((repeated & printed).sum(axis=1) >= SHARE * names)
    if len(close) - rows.sum() < MIN_MOVING:
        return panel.sessions[:0]
    on_weekends = (panel.sessions.day_of_week >= 5).mean() > MIN_WEEKEND_SHARE
    return pd.DatetimeIndex(panel.sessions[1:][_in_short_runs(rows, MAX_RUN if on_weekends else MAX_WEEKDAY_RUN)])


def _in_short_runs(rows: np.ndarray, longest: int) -> np.ndarray:
    """The marked rows that follow one another no longer than an exchange ever closes."""
    run = np.cumsum(np.diff(rows.astype(np.int8), prepend=0) != 0)
    length = np.bincount(run, weights=rows)[run] if len(rows) else rows
    short: np.ndarray = rows & (length <= longest)
    return short


def without_repeated_sessions(panel: Panel) -> Panel:
    """Leave out repeated sessions, and say so in the notes."""
    repeated = repeated_sessions(panel)
    if not len(repeated):
        return panel
    days = ", ".join(f"{day:%Y-%m-%d}" for day in repeated[:SHOWN]) + (", …" if len(repeated) > SHOWN else "")
    weekend = (repeated.day_of_week >= 5).mean()
    filled = ": the calendar was filled forward" if weekend > 0.5 else ""
    note = f"{len(repeated):,} dates left out, on which the bars of the session before stand again ({days}){filled}"
    return panel.without_sessions(repeated, note)
