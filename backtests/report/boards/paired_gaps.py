"""Paired gaps: whether numbers of two runs can be told apart, on the sessions that both have.

Every difference is paired by session, with a studentised stationary block bootstrap
(``backtests.statistics.bootstrap_intervals``). With more than two runs each is held against the first, and a difference
counts only if it stands Holm's correction; its p-value is that of a normal law scaled so that the bound of the 95 %
range has p = 0.05.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from backtests.report.boards.compared_run import ComparedRun
from backtests.report.formats import ratio
from backtests.statistics.bootstrap_intervals import mean_interval, sharpe_gap_interval
from backtests.statistics.inference import holm
from backtests.statistics.metrics import MIN_SESSIONS
from core.intervals import Interval

__all__ = ["PairedGap", "letters", "p_value", "paired_gaps"]

LEVEL = 0.05
NORMAL_BOUND = 1.959963984540054
UNKNOWN = Interval(math.nan, math.nan, math.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedGap:
    """The first run's number less another's, paired by session.

    Parameters
    ----------
    measure : {"Sharpe ratio", "rank IC"}
        Annual net Sharpe ratio, or mean rank IC.
    other : int
        Place of the other run.
    interval : Interval
        The difference and its 95 % range; NaN where it is not known.
    n_sessions : int
        Sessions that both have.
    apart : bool
        Whether it can be told from 0, after Holm's correction where several were held against the first.
    why : str
        Why it is not known; empty where it is.
    """

    measure: str
    other: int
    interval: Interval
    n_sessions: int
    apart: bool = False
    why: str = ""

    def sentence(self) -> str:
        """What the difference allows to say, in plain words."""
        ours, theirs, what = letters(1)[0], letters(self.other + 1)[self.other], self.measure
        if self.why:
            return f"The difference of the {what} of {ours} and {theirs} is not known: {self.why}."
        gap, low, high = self.interval
        if not self.apart:
            corrected = "" if low <= 0.0 <= high else " once all comparisons with the first are counted"
            return (
                f"{ours} and {theirs} cannot be told apart by {what}{corrected}: the difference is "
                f"{self._figure(gap)} [{self._figure(low)} to {self._figure(high)}]."
            )
        if gap < 0.0:
            ours, theirs, gap, low, high = theirs, ours, -gap, -high, -low
        return (
            f"{ours}'s {what} is higher than {theirs}'s by {self._figure(gap)} [{self._figure(low)} to "
            f"{self._figure(high)}]."
        )

    def _figure(self, value: float) -> str:
        return ratio(value, 2 if self.measure == "Sharpe ratio" else 4)


def letters(count: int) -> tuple[str, ...]:
    """Names of so many runs: A, B, … Z, then R27 and on."""
    return tuple(chr(ord("A") + place) if place < 26 else f"R{place + 1}" for place in range(count))


def paired_gaps(runs: Sequence[ComparedRun], common: pd.DatetimeIndex) -> tuple[PairedGap, ...]:
    """The first run against each other one on the common sessions, by Sharpe ratio and by rank IC."""
    found = [*_judged([_sharpe_gap(runs, place, common) for place in range(1, len(runs))])]
    found += _judged([_ic_gap(runs, place, common) for place in range(1, len(runs))])
    return tuple(sorted(found, key=lambda gap: gap.other))


def _judged(gaps: Sequence[PairedGap]) -> list[PairedGap]:
    """Whether each can be told from 0 among all that were measured alike."""
    adjusted = holm([p_value(gap.interval) for gap in gaps])
    return [replace(gap, apart=p < LEVEL) for gap, p in zip(gaps, adjusted, strict=True)]


def p_value(interval: Interval) -> float:
    """Two-sided, of a normal law whose 95 % bound is the range's; 1 where nothing differs."""
    reach = interval.high - interval.estimate
    if math.isnan(reach):
        return math.nan
    if reach == 0.0:
        return 1.0 if interval.estimate == 0.0 else 0.0
    return math.erfc(NORMAL_BOUND * abs(interval.estimate) / reach / math.sqrt(2.0))


def _sharpe_gap(runs: Sequence[ComparedRun], place: int, common: pd.DatetimeIndex) -> PairedGap:
    ours, theirs = runs[0], runs[place]
    interval, why = UNKNOWN, ""
    if ours.sessions_per_year != theirs.sessions_per_year:
        why = f"they are annual by {ours.sessions_per_year:g} and {theirs.sessions_per_year:g} sessions a year"
    elif len(common) < MIN_SESSIONS:
        why = f"they share {len(common)} sessions, fewer than {MIN_SESSIONS}"
    else:
        net = (run.net.reindex(common) for run in (ours, theirs))
        interval = sharpe_gap_interval(*net, sessions_per_year=ours.sessions_per_year)
        why = "returns of one of them do not move" if math.isnan(interval.estimate) else ""
    return PairedGap(measure="Sharpe ratio", other=place, interval=interval, n_sessions=len(common), why=why)


def _ic_gap(runs: Sequence[ComparedRun], place: int, common: pd.DatetimeIndex) -> PairedGap:
    ours, theirs = runs[0], runs[place]
    interval, why, n_sessions = UNKNOWN, "", 0
    if ours.ic is None or theirs.ic is None:
        why = "one of them kept no rank IC by session"
    elif ours.horizon != theirs.horizon:
        why = f"their scores look {ours.horizon} and {theirs.horizon} sessions ahead"
    else:
        gap = (ours.ic.reindex(common) - theirs.ic.reindex(common)).dropna()
        n_sessions = len(gap)
        interval = mean_interval(gap, horizon=ours.horizon)
        why = f"they share {n_sessions} of them, fewer than {MIN_SESSIONS}" if math.isnan(interval.estimate) else ""
    return PairedGap(measure="rank IC", other=place, interval=interval, n_sessions=n_sessions, why=why)
