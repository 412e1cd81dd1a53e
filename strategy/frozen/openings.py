"""Openings: who has seen a sealed hold-out. What is sealed is a span of bars, whoever opens it and under which name.

An opening is logged with the names and sessions that it shows. A later one that shares a name and a session with it, or
with a trial that was judged on the same bars inside the seal, is no test any more: of the same weights under another
version, of another seed, of another strategy.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import pandas as pd

from core.errors import DataError
from market.holdout import HoldoutSettings
from market.panel import Panel
from strategy.frozen.archive import read_expected
from strategy.frozen.versions import VersionFolder
from strategy.trials.chained_log import Entry
from strategy.trials.log import TrialLog

__all__ = ["OPENING", "SealedSpan", "is_open", "log_span", "seen_before"]

OPENING = "opening"
FOREVER = "9999-12-31"


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedSpan:
    """The sessions and names that an opening shows.

    Parameters
    ----------
    first, last : str
        ISO dates of its sessions.
    names : frozenset of str
        Tickers.
    panel : str
        Fingerprint of the bars with the span; empty where they are not known yet.
    """

    first: str
    last: str
    names: frozenset[str]
    panel: str = ""

    @classmethod
    def of(cls, folder: VersionFolder, seal: HoldoutSettings, panel: Panel | None) -> Self:
        """What a version shows of bars from its seal on; without bars, all later sessions of its own names.

        Raises
        ------
        DataError
            If the bars end before the seal.
        """
        if panel is None:
            names = map(str, read_expected(folder.path)["bar_returns"].columns)
            return cls(first=f"{seal.start}", last=FOREVER, names=frozenset(names))
        sealed = panel.sessions[panel.sessions >= pd.Timestamp(seal.start)]
        if not len(sealed):
            raise DataError(
                f"the hold-out stays sealed: bars end {panel.sessions[-1]:%Y-%m-%d}, before the seal of {seal.start}: "
                "name later ones with --bars"
            )
        first, last = (f"{session:%Y-%m-%d}" for session in (sealed[0], sealed[-1]))
        return cls(first=first, last=last, names=frozenset(map(str, panel.tickers)), panel=panel.fingerprint())

    def meets(self, first: str, last: str) -> bool:
        """Whether a session lies in both."""
        return self.first <= last and first <= self.last

    def as_facts(self) -> dict[str, Any]:
        """What the log keeps of it."""
        return {"first": self.first, "last": self.last, "names": sorted(self.names), "panel": self.panel}


def log_span(log: TrialLog, folder: VersionFolder, span: SealedSpan, *, seal: HoldoutSettings) -> list[str]:
    """Log that a version opens a span, and say when and by whom it was seen before, oldest first.

    Parameters
    ----------
    log : TrialLog
        Held alone meanwhile: of two that open at once, one is the first.
    folder : VersionFolder
        The version.
    span : SealedSpan
        What it opens.
    seal : HoldoutSettings
        Its seal.
    """
    lock = folder.sha256
    with log.transaction() as held:
        before = list(seen_before(held.entries, span, lock=lock))
        held.append(OPENING, version=str(folder.version), lock=lock, holdout=f"{seal.start}", **span.as_facts())
    return before


def seen_before(entries: Iterable[Entry], span: SealedSpan, *, lock: str) -> Iterator[str]:
    """Yield when something of a span was seen, and by whom."""
    for entry in entries:
        facts = entry.facts
        if entry.kind == OPENING and (facts.get("lock") == lock or _shares(facts, span)):
            yield f"{facts['time'][:10]} by {facts.get('version')}"
        key = facts.get("key")
        if isinstance(key, dict) and _judged(key, span):
            yield f"{facts['time'][:10]} by run {facts.get('run')}"


def is_open(entries: Sequence[Entry], lock: str) -> bool:
    """Whether the version with this lock has opened its hold-out."""
    return any(entry.kind == OPENING and entry.facts.get("lock") == lock for entry in entries)


def _shares(facts: dict[str, Any], span: SealedSpan) -> bool:
    """Whether an opening showed a name and a session of the span; one that was logged without them did not say."""
    names, first = facts.get("names"), facts.get("first")
    if not isinstance(names, list) or not isinstance(first, str):
        return False
    return span.meets(first, str(facts.get("last"))) and not span.names.isdisjoint(names)


def _judged(key: dict[str, Any], span: SealedSpan) -> bool:
    """Whether a trial was judged on the same bars and sessions of the span."""
    same = bool(span.panel) and key.get("panel") == span.panel
    return same and span.meets(str(key.get("first")), str(key.get("last")))
