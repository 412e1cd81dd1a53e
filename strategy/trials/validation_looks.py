"""Validation looks: how often a search was answered about a validation span, kept in the trial log, and what is left.

Each answer tells the next question something of the span. After as many answers as it has sessions nothing of its word
need be left: the bias of a mean, after k plain answers to questions that build on each other, can grow to about √(k/n)
standard deviations of one of its n sessions. So the plain answers have a budget, and past it a search may have answers
protected by Thresholdout, or none.
"""

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import Field

from backtests.statistics.thresholdout import Thresholdout
from core.errors import LooksSpentError
from core.settings import Settings
from strategy.trials.chained_log import Entry, Transaction
from strategy.trials.log import TrialKey

__all__ = ["LOOK", "Guard", "LookAnswer", "Measured", "look", "looks_taken"]

LOOK = "look"  # the kind of an entry; it is no trial
DISAGREEMENT_SHARE = 4  # a quarter of the looks: were the noise to hide nothing, the bias grows by √1.25 at most
How = Literal["plain", "training", "protected"]
PLAIN: How = "plain"
TRAINING: How = "training"
PROTECTED: How = "protected"


class Guard(Settings):
    """What a search may ask of validation."""

    looks: int | None = Field(
        default=None,
        ge=1,
        description="plain answers for the same bars and span; by default one per validation session",
    )
    protect: bool = Field(default=False, description="answer through Thresholdout once the looks are spent")
    threshold: float = Field(
        default=4.0, ge=0.0, description="standard errors by which training and validation rank IC may differ"
    )
    noise: float = Field(default=0.5, ge=0.0, description="scale of the protecting noise, in standard errors")
    disagreements: int | None = Field(
        default=None,
        ge=0,
        description="protected answers that may tell of validation; by default a quarter of the looks",
    )

    def budget(self, sessions: int) -> int:
        """Plain answers about a span of as many sessions."""
        return max(1, sessions) if self.looks is None else self.looks

    def told(self, sessions: int) -> int:
        """Protected answers that may tell of such a span."""
        return self.budget(sessions) // DISAGREEMENT_SHARE if self.disagreements is None else self.disagreements


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured of one specification, before anything of it is shown.

    Parameters
    ----------
    validation : float
        Mean rank IC on the validation span; NaN where there is none.
    training : float
        Mean rank IC of the same fitted model on its training span. It is the protected answer where one of the three
        is missing.
    standard_error : float
        Of the validation mean.
    sessions : int
        Validation sessions.
    """

    validation: float
    training: float
    standard_error: float
    sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LookAnswer:
    """What the search may be told.

    Parameters
    ----------
    number : int
        Which look at these bars and this span it is, from 1.
    budget : int
        Plain looks that there are.
    rank_ic : float
        The validation rank IC; where protected, the training one, or the validation one with noise.
    how : {"plain", "training", "protected"}
        Which of them.
    """

    number: int
    budget: int
    rank_ic: float
    how: How

    @property
    def is_plain(self) -> bool:
        """Whether other numbers of the validation span may be shown with it."""
        return self.how == PLAIN


def look(held: Transaction, key: TrialKey, measured: Measured, guard: Guard) -> LookAnswer:
    """Answer a search about one specification, and log the look; the same one asked again has the same answer.

    The noise depends on the log and the number of the look alone, so that a search that is killed and resumed is told
    the same. Whoever reads the log can take it off: it protects against what a search learns, not against its author.

    Parameters
    ----------
    held : Transaction
        Of the trial log; looks are numbered in the order of their entries.
    key : TrialKey
        Specification, bars and validation span.
    measured : Measured
        Of it.
    guard : Guard
        The budget.

    Raises
    ------
    LooksSpentError
        If no look is left.
    """
    taken = _looks(held.entries, key)
    again = next((entry for entry in taken if _key(entry).spec == key.spec), None)
    if again is not None:
        return _told(again)
    number, budget = len(_specs(taken)) + 1, guard.budget(measured.sessions)
    _require(taken, number, measured.sessions, guard)
    rank_ic, how = measured.validation, PLAIN
    if number > budget:
        rank_ic, how = _protected(_seed(held, key), taken, measured, guard)
    answer = LookAnswer(number=number, budget=budget, rank_ic=rank_ic, how=how)
    kept = rank_ic if math.isfinite(rank_ic) else None
    held.append(LOOK, key=asdict(key), **{**asdict(answer), "rank_ic": kept})
    return answer


def looks_taken(entries: Iterable[Entry], key: TrialKey) -> int:
    """Distinct specifications that were answered about these bars and a validation span that overlaps this one."""
    return len(_specs(_looks(entries, key)))


def _looks(entries: Iterable[Entry], key: TrialKey) -> list[Entry]:
    """Looks at the same bars and an overlapping span: a span moved by a session is no new one."""
    return [entry for entry in entries if entry.kind == LOOK and _key(entry).is_comparable(key)]


def _key(entry: Entry) -> TrialKey:
    return TrialKey.logged(entry)


def _specs(taken: Iterable[Entry]) -> set[str]:
    return {_key(entry).spec for entry in taken}


def _require(taken: Sequence[Entry], number: int, sessions: int, guard: Guard) -> None:
    budget = guard.budget(sessions)
    if number <= budget:
        return
    if not guard.protect:
        raise LooksSpentError(
            f"{budget:,} looks at this validation span are spent: judge the best point once on test, take other "
            "bars or another span, or go on with protected answers (--guard)"
        )
    told = guard.told(sessions)
    if _disagreements(taken) >= told:
        raise LooksSpentError(
            f"{budget:,} looks at this validation span and {told:,} protected answers about it are spent: judge the "
            "best point once on test, or take other bars or another span"
        )


def _disagreements(taken: Iterable[Entry]) -> int:
    return sum(entry.facts["how"] == PROTECTED for entry in taken)


def _seed(held: Transaction, key: TrialKey) -> int:
    """Of the noise about a span; the first entry of a log is random, and it has one by the time the looks are spent."""
    named = f"{held.entries[0].sha256} {key.panel} {key.first} {key.last}"
    return int.from_bytes(hashlib.sha256(named.encode()).digest()[:16], "big")


def _protected(seed: int, taken: Sequence[Entry], measured: Measured, guard: Guard) -> tuple[float, How]:
    numbers = (measured.training, measured.validation, measured.standard_error)
    if not (all(map(math.isfinite, numbers)) and measured.standard_error > 0.0):
        return measured.training, TRAINING
    found = Thresholdout(threshold=guard.threshold, noise=guard.noise, seed=seed).ask(
        measured.training,
        measured.validation,
        error=measured.standard_error,
        question=len(_specs(taken)) + 1,
        disagreements=_disagreements(taken),
    )
    return found.answer, PROTECTED if found.disagrees else TRAINING


def _told(entry: Entry) -> LookAnswer:
    """The answer that an entry keeps."""
    facts: dict[str, Any] = entry.facts
    rank_ic = math.nan if facts["rank_ic"] is None else float(facts["rank_ic"])
    how: How = facts["how"]
    if how not in (PLAIN, TRAINING, PROTECTED):
        raise ValueError(f"entry {entry.sequence} of the trial log was edited: it is answered {how!r}")
    return LookAnswer(number=int(facts["number"]), budget=int(facts["budget"]), rank_ic=rank_ic, how=how)
