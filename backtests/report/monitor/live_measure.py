"""Live measure: one daily number of a monitored version on its test span and since, and the facts beside them."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from backtests.report.formats import bps, count, percent, ratio

__all__ = [
    "Call",
    "Coverage",
    "Finding",
    "Grade",
    "Measure",
    "SwitchState",
    "Unit",
    "last_row",
    "plain_number",
    "printed",
]

Grade = Literal["WATCH", "BROKEN"]
Unit = Literal["ratio", "bps", "share"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """When an always-valid bound was first crossed.

    Parameters
    ----------
    session : Timestamp
        At whose outcome.
    since : Timestamp
        First session of the mean that crossed it: the first unseen one, or the first of a later quarter.
    """

    session: pd.Timestamp
    since: pd.Timestamp


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measure:
    """One daily number of the version, on its test span and since.

    Parameters
    ----------
    label : str
        What it is.
    unit : {"ratio", "bps", "share"}
        How it prints.
    test, live : Series of float
        By session; NaN where there is none.
    sequence : DataFrame
        ``mean_confidence_sequence`` of ``live`` at 95 %: ``n``, ``mean``, ``lower``, ``upper``.
    difference : DataFrame
        ``difference_confidence_sequence`` of ``live`` against ``test`` at the level of the rule; empty where the test
        span has too few.
    call : Call or None
        When the rule's bound was crossed; None while it was not.
    role : str
        What the rule makes of it: ``"BROKEN"``, ``"WATCH"`` or ``"shown"``.
    horizon : int
        Sessions that each number looks ahead.
    """

    label: str
    unit: Unit
    test: pd.Series
    live: pd.Series
    sequence: pd.DataFrame
    difference: pd.DataFrame
    call: Call | None = None
    role: str = "shown"
    horizon: int = 1

    @property
    def n(self) -> int:
        """Live sessions with a number."""
        return int(self.live.count())

    def as_record(self) -> dict[str, Any]:
        """Plain numbers for JSON; what is not known is None."""
        last, gap = last_row(self.sequence), last_row(self.difference)
        return {
            "n": self.n,
            "live": plain_number(self.live.mean()),
            "low": plain_number(last["lower"]),
            "high": plain_number(last["upper"]),
            "test": plain_number(self.test.mean()),
            "test_n": int(self.test.count()),
            "difference_low": plain_number(gap["lower"]),
            "difference_high": plain_number(gap["upper"]),
            "called": None if self.call is None else f"{self.call.session:%Y-%m-%d}",
            "called_since": None if self.call is None else f"{self.call.since:%Y-%m-%d}",
        }

    def row(self) -> tuple[str, ...]:
        """Cells of a table: label, live mean with its range, test mean, sessions, and what the rule says."""
        last = last_row(self.sequence)
        low, high = printed(last["lower"], self.unit), printed(last["upper"], self.unit)
        reach = "n/a" if "n/a" in (low, high) else f"{low} to {high}"
        says = (
            "–"
            if self.role == "shown"
            else "within"
            if self.call is None
            else f"{self.role} {self.call.session:%Y-%m-%d}"
        )
        live, test = printed(self.live.mean(), self.unit), printed(self.test.mean(), self.unit)
        return (self.label, live, reach, test, count(self.n), says)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Names scored, in the test span and since.

    Parameters
    ----------
    test_scored, live_scored : float
        Median names with a score a session; live over the latest 20 sessions.
    test_eligible, live_eligible : float
        The same of names in the universe; NaN where the test span's bars are not at hand.
    n_live : int
        Unseen sessions.
    unscored : tuple of Timestamp
        Unseen sessions in which no name was scored.
    """

    test_scored: float
    live_scored: float
    test_eligible: float
    live_eligible: float
    n_live: int
    unscored: tuple[pd.Timestamp, ...] = ()

    @property
    def kept(self) -> float:
        """Live scored names over those of the test span; NaN where the test span has none."""
        return self.live_scored / self.test_scored if self.test_scored > 0 else math.nan

    def __str__(self) -> str:
        return (
            f"{count(self.live_scored)} of {count(self.live_eligible)} names scored, {count(self.test_scored)} of "
            f"{count(self.test_eligible)} in the test span"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchState:
    """The risk overlays of the book after the last session.

    Parameters
    ----------
    is_out : bool or None
        A kill switch keeps the book flat; None where the strategy has none.
    sessions_out : int
        Unseen sessions in which it did.
    scale : float or None
        Factor of the volatility target; None without one.
    events : tuple of str
        Each time a switch turned since, in words.
    """

    is_out: bool | None
    sessions_out: int = 0
    scale: float | None = None
    events: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.is_out is None and self.scale is None:
            return "the strategy has none"
        switch = (
            ""
            if self.is_out is None
            else f"{'OUT: the book is flat' if self.is_out else 'in'}; {self.sessions_out} sessions out since"
        )
        scale = "" if self.scale is None else f"volatility scale {self.scale:.2f}"
        return "; ".join(part for part in (switch, scale) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that the rule says a word about.

    Parameters
    ----------
    grade : {"WATCH", "BROKEN"}
        What it makes of the verdict.
    about : str
        A word: ``"rank IC"``, ``"coverage"``, ``"bars"`` and so on.
    words : str
        One sentence.
    """

    grade: Grade
    about: str
    words: str


def printed(number: float, unit: Unit) -> str:
    """A number of a measure in its unit."""
    if unit == "bps":
        return bps(number)
    return percent(number) if unit == "share" else ratio(number, 4)


def last_row(frame: pd.DataFrame) -> pd.Series:
    """The last row of a confidence sequence; NaN where there is none."""
    return frame.iloc[-1] if len(frame) else pd.Series(math.nan, index=["n", "mean", "lower", "upper"])


def plain_number(number: float) -> float | None:
    """A number for JSON; None where it is not finite."""
    return float(number) if math.isfinite(number) else None
