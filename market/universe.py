"""Universe: which names may be held after each close, chosen with nothing but the past, and what the choice is worth.

Whatever the rule, a name is eligible only while it is listed and has printed within the last five sessions: a feature
of a name without a fresh print is at best five sessions old.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from core.errors import BarsError, UniverseError
from market.bars.csv import ending_note
from market.delistings import listed
from market.eligibility import FRESH_SESSIONS, Eligibility
from market.panel import Panel, aligned_frame
from market.sources.members import MemberLists, MemberSpans, read_members
from market.ticker_names import likely_meant

__all__ = ["Survivorship", "choose_universe", "survivorship", "top_by_dollar_volume"]

DOLLAR_VOLUME_SESSIONS = 63
DOLLAR_VOLUME_PRINTS = 40
STALE_LIST_DAYS = 62

DEATHS_PER_YEAR = 0.03  # of listed US names that merge, fail or are taken private; low on purpose
MIN_EXPECTED_DEATHS = 8.0  # then fewer than a quarter of them has a Poisson chance below 1 %


def choose_universe(panel: Panel, universe: str | Path) -> Panel:
    """Choose the eligible names of each session.

    Parameters
    ----------
    panel : Panel
        Bars of every candidate.
    universe : str or Path
        ``"all"``: every listed name. ``"topN"``: the N names with the largest mean dollar volume over the 63 sessions
        that end with a month's last one (at least 40 prints); the list holds from the next session to the next
        month-end session. A member file (.parquet or .csv): with date and ticker, the last list dated before the
        session; with ticker, start and end, the names whose membership began by the session and does not end with it
        (no end: it lasts). ``,age=N`` and ``,price=X`` behind any of them ask for N sessions since the first print
        in the bars and for a last close of at least X; see :class:`market.eligibility.Eligibility`.

    Returns
    -------
    Panel
        ``universe`` row *t* is known at the close of *t*, and says who may be held from then on; rows before the first
        list are False. ``facts.universe`` describes the rule, ``facts.notes`` what it met.

    Raises
    ------
    ValueError
        If ``universe`` is none of the three, or a condition has no number.
    UniverseError
        If no session has an eligible name, a member file cannot be used, or adjusted prices have to meet a price.

    Examples
    --------
    >>> chosen = qt.choose_universe(bars, "top20")
    >>> int(chosen.universe.iloc[-1].sum())
    20
    """
    eligibility = Eligibility.parse(str(universe))
    members, described, notes = _members(panel, eligibility.source)
    eligible = members & _fresh(panel) & eligibility.holds(panel)
    if not eligible.any():
        raise UniverseError(_why_empty(panel, str(universe), eligibility.source))
    described = f"{described}{eligibility.description}, with a print in the last {FRESH_SESSIONS} sessions"
    chosen = panel.with_universe(aligned_frame(eligible, panel.sessions, panel.tickers), described=described)
    return chosen.with_notes(*notes)


def _why_empty(panel: Panel, universe: str, source: str) -> str:
    """Why no name is eligible in any session, and what to do."""
    traded, printed = (int(table.sum(axis=0).max()) for table in (panel.dollar_volume > 0, panel.printed))
    if source.startswith("top") and traded < DOLLAR_VOLUME_PRINTS <= printed:
        return (
            f"universe {universe} ranks names by dollar volume of {DOLLAR_VOLUME_PRINTS} sessions, and no name of "
            f"these bars has more than {traded} sessions with volume: give bars with volume, or --universe all or a "
            "member file"
        )
    return f"universe {universe} has no eligible name in any session: give more history"


def top_by_dollar_volume(panel: Panel, n_names: int) -> pd.DataFrame:
    """List the ``n_names`` with the largest trailing mean dollar volume at each month's last session.

    Equal volumes are ordered by ticker. A name needs 40 prints in the 63 sessions and a fresh one.

    Returns
    -------
    DataFrame of bool, shape (n_month_ends, n_tickers)
        Row *m* is known at the close of its session, and fit to be used from the next session on. The last row is the
        panel's last session, whether its month is over or not: no session of the panel comes after it.
    """
    rows = _month_end_rows(panel.sessions)
    volume, fresh = panel.dollar_volume.to_numpy(), _fresh(panel)
    tickers = np.argsort(panel.tickers.to_numpy().astype(str), kind="stable")  # so that ties go by ticker
    chosen = np.zeros((len(rows), volume.shape[1]), dtype=bool)
    for month, row in enumerate(rows):
        mean = _trailing_mean(volume[max(0, row + 1 - DOLLAR_VOLUME_SESSIONS) : row + 1])
        mean[~fresh[row]] = np.nan
        largest = tickers[np.argsort(-mean[tickers], kind="stable")][:n_names]  # NaN sorts last
        chosen[month, largest] = ~np.isnan(mean[largest])
    return pd.DataFrame(chosen, index=panel.sessions[rows], columns=panel.tickers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Survivorship:
    """Whether a panel holds the names that died, in one stamp and the evidence for it."""

    stamp: Literal["SURVIVOR-BIASED", "DECLARED POINT-IN-TIME", "UNKNOWN"]
    evidence: str

    @property
    def is_biased(self) -> bool:
        """Whether the names that died are missing."""
        return self.stamp == "SURVIVOR-BIASED"


def survivorship(panel: Panel) -> Survivorship:
    """Judge by the dead whether a panel is a selection of survivors.

    A name is dead if it is no longer listed at the last session. Of listed US names at least 3 % a year stop trading
    (mergers, failures, buy-outs), so that the name-years of the panel say how many to expect. The test has power from
    an expectation of eight on; then fewer than a quarter of it (Poisson chance below 1 %) marks survivors.

    Returns
    -------
    Survivorship
        SURVIVOR-BIASED where the test has power and finds too few dead, whatever the source says; DECLARED
        POINT-IN-TIME where the source says so and the test, with power, agrees; UNKNOWN otherwise.
    """
    alive = listed(panel).drop(columns=list(panel.facts.beside), errors="ignore").to_numpy()
    traded = alive.any(axis=0)
    n_names, dead = int(traded.sum()), int((traded & ~alive[-1]).sum())
    name_years = alive.sum() / panel.facts.sessions_per_year
    expected = DEATHS_PER_YEAR * name_years
    counted = (
        f"{dead:,} of {n_names:,} names stop trading before the end; at {DEATHS_PER_YEAR:.0%} a year "
        f"{expected:,.0f} would be expected of {name_years:,.0f} name-years"
    )
    if expected < MIN_EXPECTED_DEATHS:
        return Survivorship(stamp="UNKNOWN", evidence=f"{counted}: too few to tell")
    if dead < expected / 4:
        return Survivorship(stamp="SURVIVOR-BIASED", evidence=f"{counted}: the dead are missing")
    if panel.facts.point_in_time:
        return Survivorship(stamp="DECLARED POINT-IN-TIME", evidence=f"{counted}: the source's word is plausible")
    return Survivorship(stamp="UNKNOWN", evidence=f"{counted}, but the source does not say that it is point in time")


def _members(panel: Panel, source: str) -> tuple[np.ndarray, str, tuple[str, ...]]:
    """Members of each session, a description of the rule, and notes."""
    if source == "all":
        return np.ones(panel.close.shape, dtype=bool), "all listed names", ()
    if re.fullmatch(r"top\d+", source):
        return _top(panel, int(source.removeprefix("top")))
    return _from_file(panel, Path(source))


def _fresh(panel: Panel) -> np.ndarray:
    """Names that are listed and printed in this session or one of the four before it."""
    recent = panel.printed.rolling(FRESH_SESSIONS, min_periods=1).max().to_numpy() > 0
    fresh: np.ndarray = recent & listed(panel).to_numpy()
    return fresh


def _top(panel: Panel, n_names: int) -> tuple[np.ndarray, str, tuple[str, ...]]:
    if n_names < 1:
        raise ValueError("universe topN needs at least 1 name, was top0; write it like top400")
    lists = top_by_dollar_volume(panel, n_names)
    described = (
        f"top {n_names} by mean dollar volume of {DOLLAR_VOLUME_SESSIONS} sessions, listed at each month's last "
        "session and held from the next"
    )
    few = len(panel.tickers) < n_names
    described += f"; the bars hold only {len(panel.tickers)} names" if few else ""
    notes = (f"universe top{n_names} is larger than the {len(panel.tickers)} names there are",) if few else ()
    return _held_from_next(lists, panel.sessions), described, notes


def _month_end_rows(sessions: pd.DatetimeIndex) -> np.ndarray:
    month = sessions.year.to_numpy() * 12 + sessions.month.to_numpy()
    return np.flatnonzero(np.r_[month[1:] != month[:-1], True])


def _trailing_mean(volume: np.ndarray) -> np.ndarray:
    """Mean dollar volume of the prints in a window (n_sessions, n_tickers); NaN with fewer than 40."""
    prints = (~np.isnan(volume)).sum(axis=0)
    enough = prints >= DOLLAR_VOLUME_PRINTS
    return np.where(enough, np.nansum(volume, axis=0) / np.where(enough, prints, 1), np.nan)


def _held_from_next(lists: pd.DataFrame, sessions: pd.DatetimeIndex) -> np.ndarray:
    """Spread lists over sessions: each takes the last list dated before it, none is all False."""
    last = lists.index.searchsorted(sessions, side="left") - 1
    held: np.ndarray = (last >= 0)[:, None] & lists.to_numpy()[np.maximum(last, 0)]
    return held


def _from_file(panel: Panel, path: Path) -> tuple[np.ndarray, str, tuple[str, ...]]:
    if not path.is_file() and (path.suffix or path.parent != Path()):
        raise UniverseError(f"there is no member file {path}: give all, topN like top400, or the path of one")
    if not path.is_file():
        raise ValueError(f'universe must be "all", "topN" like top400, or a member file, was {str(path)!r}')
    try:
        members = read_members(path)
    except BarsError as error:
        raise UniverseError(str(error)) from error
    columns = panel.tickers.get_indexer(pd.Index(members.tickers, dtype="str"))
    if not (columns >= 0).any():
        raise UniverseError(f"{path.name} names none of the {len(panel.tickers)} tickers of the bars: check spelling")
    if isinstance(members, MemberSpans):
        held, described, notes = _from_spans(panel, members, columns, path.name)
    else:
        held, described, notes = _from_lists(panel, members, columns, path.name)
    return held, described, (*notes, *ending_note(path))


def _from_spans(
    panel: Panel, spans: MemberSpans, columns: np.ndarray, name: str
) -> tuple[np.ndarray, str, tuple[str, ...]]:
    known = columns >= 0
    steps = np.zeros((len(panel.sessions) + 1, len(panel.tickers)), dtype=np.int32)
    np.add.at(steps, (panel.sessions.searchsorted(spans.starts[known]), columns[known]), 1)
    np.add.at(steps, (panel.sessions.searchsorted(spans.ends[known]), columns[known]), -1)
    described = f"members of {name}: {len(known)} spans, each until the session before its end"
    return steps.cumsum(axis=0)[:-1] > 0, described, _stranger_notes(name, spans.tickers[~known], panel)


def _from_lists(
    panel: Panel, members: MemberLists, columns: np.ndarray, name: str
) -> tuple[np.ndarray, str, tuple[str, ...]]:
    days, rows = np.unique(members.dates, return_inverse=True)
    if days[0] >= panel.sessions[-1].to_numpy():
        raise UniverseError(f"{name} has no list before the last session: its first is of {_day(days[0])}")
    known = columns >= 0
    lists = np.zeros((len(days), len(panel.tickers)), dtype=bool)
    lists[rows[known], columns[known]] = True
    held = _held_from_next(pd.DataFrame(lists, index=pd.DatetimeIndex(days)), panel.sessions)
    described = f"members of {name}: {len(days)} lists, each held from the session after its date"
    return held, described, _member_notes(name, members.tickers[~known], days[-1], panel)


def _stranger_notes(name: str, unknown: np.ndarray, panel: Panel) -> tuple[str, ...]:
    strangers = sorted(set(unknown.tolist()))
    if not strangers:
        return ()
    meant = likely_meant(strangers, panel.tickers)
    return (f"{name} names {len(strangers)} tickers without bars: {', '.join(strangers[:5])}{meant}",)


def _member_notes(name: str, unknown: np.ndarray, last_list: np.datetime64, panel: Panel) -> tuple[str, ...]:
    notes = list(_stranger_notes(name, unknown, panel))
    if (panel.sessions[-1] - pd.Timestamp(last_list)).days > STALE_LIST_DAYS:
        notes.append(f"the last list of {name} is of {_day(last_list)} and holds to the end of the bars")
    return tuple(notes)


def _day(date: np.datetime64) -> str:
    return str(np.datetime_as_string(date, unit="D"))
