"""Paper log: what a frozen version decided and earned on paper, in a chained log that the trial log remembers.

The trial log keeps length and head of every paper log after each of its sessions, and a decision keeps those of the
trial log: either is found cut, rewritten or begun anew where the other survives.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from numbers import Real
from pathlib import Path
from typing import Any, ClassVar

from core.errors import RunError
from strategy.trials.chained_log import Chain, ChainedLog, Entry, Transaction, broken_links, contradiction
from strategy.trials.log import TrialLog

__all__ = [
    "ACTION",
    "DECISION",
    "FILL",
    "ORDER",
    "PAPER",
    "RECONCILED",
    "RESTATED",
    "SCORE",
    "VERSION",
    "PaperLog",
    "paper_logs",
]

VERSION, DECISION, SCORE, RESTATED = "version", "decision", "score", "restated"
ORDER, FILL, ACTION, RECONCILED = "order", "fill", "action", "reconciled"
PAPER = "paper"  # the kind under which the trial log remembers a paper log, and the folder of paper logs in a store
SHAPES: dict[str, dict[str, type]] = {
    VERSION: {"version": str, "lock": str},
    DECISION: {"session": dt.date, "fills": str, "late": bool, "flat": bool, "weights": dict},
    SCORE: {"session": dt.date, "net": Real, "gross": Real, "turnover": Real, "cost": Real},
    RESTATED: {"session": dt.date},
    ORDER: {"session": dt.date, "client_order_id": str, "ticker": str, "side": str, "shares": Decimal, "state": str},
    FILL: {"session": dt.date, "client_order_id": str, "ticker": str, "shares": Decimal, "price": Decimal},
    ACTION: {"session": dt.date, "type": str, "ticker": str, "shares": Decimal, "cash": Decimal},
    RECONCILED: {"session": dt.date, "moment": str, "cash": Decimal, "equity": Decimal, "positions": Mapping},
}
BESIDE: dict[str, type] = {  # not in every release, or not in every entry of the kind
    "missed": list,
    "stamps": list,
    "sessions_per_year": Real,
    "open": Real,
    "differences": Mapping,
}


class PaperLog(ChainedLog):
    """The paper log of one version, in ``<store of runs>/paper/<name>-<number>/``.

    Entries are of kind ``"begin"``, ``"version"`` (whose log it is), ``"decision"`` (weights decided at a close, and
    whether they came too late), ``"score"`` (what one session came to) and ``"restated"`` (a scored session whose bars
    are others now). Where a broker trades the decisions there are also ``"order"`` (planned before it is sent, and
    again with each state that it came to), ``"fill"`` (signed shares at a price), ``"action"`` (a split, a dividend, a
    pay-out, a fee) and ``"reconciled"`` (what the broker said is held). Their amounts are decimal numbers as text.
    """

    __slots__ = ()

    FILE: ClassVar[str] = "paper.sqlite"
    NOUN: ClassVar[str] = "paper log"

    @property
    def version(self) -> str:
        """The version whose log this is, ``name@number``."""
        return "@".join(self.store.name.rsplit("-", 1))

    @property
    def trials(self) -> TrialLog:
        """The trial log of the store, which remembers this one."""
        return TrialLog(self.store.parents[1], self.clock)

    @contextmanager
    def transaction(self, known: Sequence[Entry] = ()) -> Iterator[Transaction]:
        """Hold the log alone, as every chained log; its time never runs backwards.

        Raises
        ------
        RunError
            If the clock stands before the last entry.
        """
        with super().transaction(known) as held:
            if held.entries and held.now < held.entries[-1].time:
                clock, last = (f"{moment:%Y-%m-%d %H:%M}" for moment in (held.now, held.entries[-1].time))
                raise RunError(f"the clock says {clock} UTC, the last entry of {self.path} {last}: set the clock right")
            yield held

    def remember(self, stands: Chain | None = None) -> None:
        """Have the trial log keep where this log stands, unless it knows; without ``stands`` it is read."""
        chain = stands or self.chain()
        if chain is None:
            return
        with self.trials.transaction() as held:
            known = _remembered(held.entries, self.store.name)
            if not known or known[-1] != chain.as_dict():
                held.append(PAPER, version=self.version, paper=self.store.name, chain=chain.as_dict())

    def is_remembered(self) -> bool:
        """Whether the trial log knows where this log stands now."""
        chain = self.chain()
        return chain is None or chain.as_dict() in _remembered(self.trials.entries(), self.store.name)

    def examined(self) -> tuple[list[Entry], list[str]]:
        """Every entry, and what is wrong with the log by itself or with what the trial log remembers of it."""
        remembered = _remembered(self.trials.entries(), self.store.name)
        entries = self.entries()  # read last: the log only grows, so it holds what was remembered before
        broken = [*broken_links(entries, self.NOUN), *_strange(entries)]
        if broken:
            return entries, broken
        for claim in remembered:
            against = "knew a paper log, and it is gone" if not entries else contradiction(entries, claim, self.NOUN)
            if against:
                return entries, [f"the trial log {against}"]
        return entries, []

    def faults(self) -> list[str]:
        """What is wrong with the log by itself, and how it contradicts what the trial log remembers of it."""
        return self.examined()[1]


def paper_logs(trials: TrialLog) -> list[PaperLog]:
    """The paper logs of a store: those that are there, and those that its trial log remembers."""
    home = trials.store / PAPER
    there = {path.parent.name for path in home.glob(f"*/{PaperLog.FILE}")}
    known = {_folder(entry) for entry in trials.entries() if entry.kind == PAPER}
    return [PaperLog(home / name, trials.clock) for name in sorted(there | known)]


def _remembered(trials: Sequence[Entry], paper: str) -> list[object]:
    """What the trial log remembers of a paper log, oldest first."""
    return [entry.facts["chain"] for entry in trials if entry.kind == PAPER and entry.facts["paper"] == paper]


def _folder(entry: Entry) -> str:
    """The folder of the paper log that an entry of the trial log remembers."""
    name = entry.facts["paper"]
    if not isinstance(name, str) or Path(name).name != name:
        raise ValueError(f"entry {entry.sequence} of the trial log was edited: it names no paper log")
    return name


def _strange(entries: Sequence[Entry]) -> Iterator[str]:
    """Yield the entries that lack what an entry of their kind holds."""
    for entry in entries:
        facts, shape = entry.facts, SHAPES.get(entry.kind, {})
        for name, kind in (shape | {name: kind for name, kind in BESIDE.items() if shape and name in facts}).items():
            if not _is(facts.get(name), kind):
                yield f"entry {entry.sequence} of the paper log has no {name} that can be read"
                return


def _is(value: Any, kind: type) -> bool:
    if kind is dt.date:
        return isinstance(value, str) and _is_day(value)
    if kind is Decimal:
        return isinstance(value, str) and _is_amount(value)
    if kind is Mapping:
        return isinstance(value, dict) and all(_is(amount, Decimal) for amount in value.values())
    if kind is list:
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    if kind is dict:
        return isinstance(value, dict) and all(_is(weight, Real) for weight in value.values())
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _is_day(text: str) -> bool:
    try:
        return f"{dt.date.fromisoformat(text)}" == text
    except ValueError:
        return False


def _is_amount(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False
