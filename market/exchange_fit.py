"""Exchange fit: whose sessions bars hold, as named or as their sessions tell, and how many make a year.

Sessions are compared day by day with every calendar of the table. A calendar fits where it explains most of the days on
which the bars or the exchange leave the usual week, or where the bars keep nearly all of its holidays, and few sessions
differ: some holes of a vendor, or bars of a holiday, do not hide an exchange.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.conventions import SESSIONS_PER_YEAR, regular_rate
from market.exchanges import NO_EXCHANGE, Exchange, exchange_of, exchange_of_tickers, known_exchanges

__all__ = ["MIN_DAILY", "fitting_exchange", "frequency_of", "own_sessions_per_year"]

DAYS_PER_YEAR = 365.25
MIN_DAILY = 150.0  # bars a year; fewer are weekly, monthly or the like
NAMES = {52: "weekly", 26: "fortnightly", 12: "monthly", 4: "quarterly", 1: "yearly"}
MAX_DAILY_GAP = 4.0  # days, in the middle, of bars too few to count by the year: a long weekend
MIN_WEEKEND_SHARE = 0.02  # of sessions, from which on weekends are days like others
MAX_DIFFERENT = 0.05  # of the sessions
MIN_EXPLAINED = 0.6  # of the days that leave the usual week
MIN_EXPLAINED_BY_NAME = 0.3  # where the tickers name the exchange
MIN_OWN_EXPLAINED = 0.9  # of the days on which the exchange alone leaves the usual week, where bars lack sessions
MIN_OWN_DAYS = 5  # such days
MAX_NO_HOLIDAYS = 0.01  # of the sessions, that differ from a week without any holiday: every exchange has more
MIN_SESSIONS = 20  # of bars whose tickers name none; fewer fit anything
TWIN_SPAN = np.datetime64("2016-01-01"), np.datetime64("2025-12-31")
# of calendars that fit equally well, which the shape of most tickers speaks for
SHAPES = {r"\d{4}": ("XTKS", "XTAI", "XHKG", "XKLS"), r"\d{5}": ("XHKG",), r"\d{6}": ("XSHG", "XKRX")}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """How an exchange's calendar fits sessions: those that differ, and the share of odd days that it explains.

    ``kept`` is whether bars keep nearly all holidays of the exchange, whatever sessions they lack; where it has none,
    whether hardly a session differs.
    """

    code: str
    different: int
    share: float
    explained: float
    kept: bool

    @property
    def fits(self) -> bool:
        return self.share <= MAX_DIFFERENT and (self.explained >= MIN_EXPLAINED or self.kept)


def own_sessions_per_year(sessions: pd.DatetimeIndex) -> float:
    """Measure the sessions a year of bars that follow no exchange, to a whole number.

    Weekly, monthly and other regular bars have the number of their name; bars of weekdays are counted by weekday, so
    that a part of a year is none the less told; others by calendar day. A single session tells nothing.
    """
    if len(sessions) < 2:
        return float(SESSIONS_PER_YEAR)
    gaps = np.diff(sessions.to_numpy()) / np.timedelta64(1, "D")
    rate = DAYS_PER_YEAR / gaps.mean()
    if rate < MIN_DAILY and (len(sessions) >= MIN_SESSIONS or np.median(gaps) > MAX_DAILY_GAP):
        return regular_rate(rate) or float(max(round(rate), 1))
    if (sessions.day_of_week >= 5).mean() > MIN_WEEKEND_SHARE:
        return float(round(rate))
    weekdays = len(pd.bdate_range(sessions[0], sessions[-1]))
    return float(max(round(len(sessions) / weekdays * 5 / 7 * DAYS_PER_YEAR), MIN_DAILY))


def frequency_of(sessions_per_year: float) -> str:
    """What bars of so many sessions a year are: ``"daily"``, ``"weekly"``, ``"monthly"`` …, or their number a year."""
    if sessions_per_year >= MIN_DAILY:
        return "daily"
    return NAMES.get(round(sessions_per_year), f"{sessions_per_year:g} a year")


def fitting_exchange(sessions: pd.DatetimeIndex, tickers: pd.Index, *, exchange: str | None = None) -> tuple[str, str]:
    """Choose the exchange whose sessions bars hold, and say why.

    Parameters
    ----------
    sessions : DatetimeIndex
        Dates with a bar, sorted.
    tickers : Index of str
        Names of the bars.
    exchange : str, optional
        The code that the user gave.

    Returns
    -------
    code, reason : str
        The code given; else the one whose suffix the tickers carry if its calendar agrees, else the one whose calendar
        fits best if it fits well, else ``"none"``. Calendars that fit equally well are told apart by the shape of the
        tickers, then taken in the order of ``known_exchanges``. Bars that are not daily have none, whatever was given.
    """
    own = own_sessions_per_year(sessions)
    if own < MIN_DAILY:
        ignored = "" if exchange in (None, NO_EXCHANGE) else f", so that {exchange} is not their calendar"
        return NO_EXCHANGE, f"these bars are not daily but {frequency_of(own)}{ignored}"
    if exchange is not None:
        return exchange, "as given"
    fits, total = _fits(sessions), f"of {len(sessions):,} sessions differ"
    named = exchange_of_tickers(tickers)
    by_name = next((fit for fit in fits if fit.code == named), None)
    if by_name is not None and by_name.share <= MAX_DIFFERENT and by_name.explained >= MIN_EXPLAINED_BY_NAME:
        return by_name.code, f"by the tickers, such as {tickers[0]}; {by_name.different:,} {total}"
    if len(sessions) < MIN_SESSIONS:
        return NO_EXCHANGE, f"{len(sessions)} sessions are too few to tell it"
    best = min(fits, key=lambda fit: fit.different)
    if not best.fits:
        return NO_EXCHANGE, f"no calendar fits: of the nearest, {best.code}, {best.different:,} {total}"
    equal = [fit.code for fit in fits if fit.fits and fit.different == best.different]
    code = _likeliest(equal, tickers)
    others = [each for each in equal if not _is_twin(each, code)]
    also = f"; that of {', '.join(others[:3])}{' and others' if len(others) > 3 else ''} as well" if others else ""
    return code, f"inferred: its calendar fits best, {best.different:,} {total}{also}"


def _is_twin(code: str, other: str) -> bool:
    """Whether two exchanges held the same sessions for ten years."""
    return np.array_equal(exchange_of(code).sessions(*TWIN_SPAN), exchange_of(other).sessions(*TWIN_SPAN))


def _fits(sessions: pd.DatetimeIndex) -> list[_Fit]:
    """How every known calendar fits, in the order in which equal ones are preferred."""
    dated = sessions.to_numpy().astype("datetime64[D]")
    days = np.arange(dated[0], dated[-1] + 1)
    held = np.isin(days, dated)
    weekday = (days.astype(np.int64) + 3) % 7 < 5
    return [_fit(exchange_of(code), days, held, weekday) for code in known_exchanges()]


def _fit(exchange: Exchange, days: np.ndarray, held: np.ndarray, weekday: np.ndarray) -> _Fit:
    known = (days >= exchange.first) & (days <= exchange.last)
    theirs = np.isin(days, exchange.sessions(days[0], days[-1]))
    different = int(np.count_nonzero((held != theirs) & known))
    sessions = int(np.count_nonzero((held | theirs) & known))
    odd = ((held != weekday) | (theirs != weekday)) & known
    explained = float((held == theirs)[odd].mean()) if odd.any() else 1.0
    own = (theirs != weekday) & known
    few = np.count_nonzero(held & known) < 0.5 * np.count_nonzero(held)  # most sessions lie where no holiday is known
    share = 1.0 if few or not sessions else different / sessions
    kept = share <= MAX_NO_HOLIDAYS and not own.any()
    if np.count_nonzero(own) >= MIN_OWN_DAYS:
        kept = bool((held == theirs)[own].mean() >= MIN_OWN_EXPLAINED)
    if share == 1.0:
        different = len(days)
    return _Fit(code=exchange.code, different=different, share=share, explained=explained, kept=kept)


def _likeliest(codes: Sequence[str], tickers: pd.Index) -> str:
    """Of calendars that fit equally well, the one that the shape of most tickers speaks for, else the first."""
    for shape, exchanges in SHAPES.items():
        if tickers.str.fullmatch(shape).mean() > 0.5:
            found = [code for code in exchanges if code in codes]
            return found[0] if found else codes[0]
    return codes[0]
