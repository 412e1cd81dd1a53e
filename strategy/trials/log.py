"""Trial log: every test result that was shown, in a chained log beside the runs.

Every run folder and every version keeps the chain's head and length of its day, so that a cut of the log is found where
one of them survives.
"""

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    import pandas as pd

from core.conventions import SESSIONS_PER_YEAR
from strategy.trials.chained_log import ChainedLog, Entry

__all__ = [
    "CI",
    "COMPANION",
    "POINT",
    "SWEEP",
    "TRIAL",
    "TrialKey",
    "TrialLog",
    "comparable",
    "distinct",
    "trial_kind",
    "trial_sharpe",
]

TRIAL, COMPANION, CI = "trial", "companion", "ci"
POINT, SWEEP = "point", "sweep"  # settings that a sweep looked at on validation; and what it came to
COUNTED = (TRIAL, COMPANION, POINT)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialKey:
    """Identity of a trial: equal keys count once.

    Parameters
    ----------
    spec, panel : str
        Fingerprints of strategy, with the scores or model it was given, and of bars.
    first, last : str
        Test span, of a sweep's point the validation span; ISO dates.
    """

    spec: str
    panel: str
    first: str
    last: str

    @classmethod
    def of(cls, identity: Mapping[str, str], sessions: "pd.Index") -> Self:
        """The key of a result: scores or a model that were given are part of what was tried.

        Parameters
        ----------
        identity : mapping of str to str
            Fingerprints: ``"spec"`` and ``"panel"``, and ``"scores"`` and ``"model"`` where they were given.
        sessions : Index of Timestamp
            Tested sessions, in order.
        """
        tried = (identity["spec"], identity.get("scores"), identity.get("model"))
        return cls(
            spec=":".join(filter(None, tried)),
            panel=identity["panel"],
            first=f"{sessions[0]:%Y-%m-%d}",
            last=f"{sessions[-1]:%Y-%m-%d}",
        )

    @classmethod
    def logged(cls, entry: Entry) -> Self:
        """The key of an entry that counts; further facts of it, from a later release, are left out.

        Raises
        ------
        ValueError
            If the entry has none.
        """
        key = entry.facts["key"]
        parts = [key.get(part.name) if isinstance(key, dict) else None for part in fields(cls)]
        if not all(isinstance(part, str) for part in parts):
            raise ValueError(f"entry {entry.sequence} of the trial log has no key that can be read")
        return cls(**{part.name: key[part.name] for part in fields(cls)})

    def until_judged(self, entry: Entry) -> Self:
        """The key of a sweep's point with the span that the winner of its sweep is judged on.

        Raises
        ------
        ValueError
            If its entry does not say.
        """
        judged = entry.facts["judged"]
        if not (isinstance(judged, list) and len(judged) == 2 and all(isinstance(day, str) for day in judged)):
            raise ValueError(f"entry {entry.sequence} of the trial log does not say what its sweep is judged on")
        return replace(self, first=judged[0], last=judged[1])

    def is_comparable(self, other: "TrialKey") -> bool:
        """Whether the other trial saw the same bars on an overlapping test span."""
        return self.panel == other.panel and self.first <= other.last and other.first <= self.last


class TrialLog(ChainedLog):
    """The log of a store of runs.

    Entries of kind ``"trial"`` and ``"companion"``, a further book of the same page, count: a reader may pick either.
    ``"point"``, settings that a sweep looked at on validation, counts against every test of what was chosen by it.
    ``"begin"``, ``"ci"``, ``"baseline"``, ``"stress"``, ``"walk"``, ``"sweep"``, ``"look"``, ``"replay"``,
    ``"freeze"``, ``"opening"`` and ``"paper"`` are kept and not counted. Baselines, stresses and paths show how far a
    result can be trusted; whoever goes on with a row of them runs it, and that counts.
    """

    __slots__ = ()

    FILE: ClassVar[str] = "trials.sqlite"
    NOUN: ClassVar[str] = "trial log"


def distinct(entries: Iterable[Entry]) -> dict[TrialKey, Entry]:
    """The trials that count, the first entry of each."""
    first_entries: dict[TrialKey, Entry] = {}
    for entry in entries:
        if entry.kind in COUNTED:
            key = TrialKey.logged(entry)
            if key not in first_entries or first_entries[key].kind == POINT != entry.kind:
                first_entries[key] = entry
    return first_entries


def comparable(entries: Iterable[Entry], key: TrialKey) -> dict[TrialKey, Entry]:
    """The distinct trials on the same bars and an overlapping test span, and points of sweeps judged on such a span.

    A point whose own strategy was tested there is that trial, and no other one.
    """
    found = distinct(entries)
    tests = {other: entry for other, entry in found.items() if entry.kind != POINT and key.is_comparable(other)}
    tested = {key.spec, *(each.spec for each in tests)}
    points = {
        other: entry
        for other, entry in found.items()
        if entry.kind == POINT and other.spec not in tested and key.is_comparable(other.until_judged(entry))
    }
    return tests | points


def trial_sharpe(entry: Entry, sessions_per_year: float) -> float:
    """Sharpe ratio of a logged trial over its test span, annual by the given sessions a year; NaN where it has none.

    A sweep's point has none: it counts, and its ratio on validation says nothing of how far those on test lie apart.
    An entry says by how many sessions a year its own is annual; one without the number means 252.
    """
    if entry.kind == POINT:
        return math.nan
    sharpe, own = entry.facts["sharpe"], entry.facts.get("sessions_per_year", SESSIONS_PER_YEAR)
    if not all(number is None or type(number) in (int, float) for number in (sharpe, own)) or not own:
        raise ValueError(f"entry {entry.sequence} of the trial log has no Sharpe ratio that can be read")
    return math.nan if sharpe is None else float(sharpe) * math.sqrt(sessions_per_year / own)


def trial_kind(shown: str = TRIAL) -> str:
    """The kind of a shown test result: the one given, or ``"ci"`` where the environment sets CI."""
    return CI if os.environ.get("CI", "").lower() in ("1", "true", "yes") else shown
