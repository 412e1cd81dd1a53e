"""Judgement log: every judgement of a challenger in the trial log of a store, and the error that each may spend.

The judgements of one name are one sequence of tests. LORD++ (``backtests.statistics.online_error``) gives each its
level from those before it, so that at most 5 % of the discoveries are false, in expectation, however often a champion
is challenged. A judgement earns nothing from one that shares sessions with it, nor from one of a champion that was not
the newest: it is easy to be better than what was replaced, and that buys no level. Before the first discovery the
levels sum to 2.5 %: while no challenger is better, that bounds the chance that any is ever discovered, whatever the
judgements share. A judgement is made once: the same models on the same sessions are not asked again, and take no
second place.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from backtests.statistics.online_error import OnlineTest, last_test
from strategy.trials.chained_log import Entry

__all__ = ["RETRAIN", "JudgementKey", "judgements_of", "next_level", "place_of"]

RETRAIN = "retrain"  # entries that are kept and not counted: the challenger's run is the trial


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgementKey:
    """Identity of a judgement: equal keys are one.

    Parameters
    ----------
    champion : str
        Hash of its lock.
    spec, panel : str
        Fingerprints of the challenger's strategy, dates included, and of its bars.
    first, last : str
        Judged sessions, ISO dates.
    """

    champion: str
    spec: str
    panel: str
    first: str
    last: str

    def as_dict(self) -> dict[str, str]:
        """The parts as JSON values."""
        return asdict(self)

    def is_of(self, facts: Mapping[str, Any]) -> bool:
        """Whether an entry is of this judgement."""
        return bool(facts.get("judgement") == self.as_dict())


def judgements_of(entries: Iterable[Entry], name: str, *, synthetic: bool | None = None) -> list[dict[str, Any]]:
    """The facts of every judgement of a name, oldest first; of simulated markets, of others, or of both."""
    facts = [entry.facts for entry in entries if entry.kind == RETRAIN]
    return [
        each
        for each in facts
        if each.get("name") == name and (synthetic is None or bool(each.get("synthetic")) == synthetic)
    ]


def place_of(before: Iterable[Mapping[str, Any]], key: JudgementKey, p_value: float) -> OnlineTest:
    """The next test of a sequence.

    Parameters
    ----------
    before : iterable of mappings
        Facts of the judgements made before it, from ``judgements_of``.
    key : JudgementKey
        Its judged sessions; it earns nothing from judgements that share one.
    p_value : float
        One-sided; NaN is no discovery and takes its place all the same.

    Raises
    ------
    ValueError
        If an earlier judgement cannot be read.
    """
    spans, p_values = list[tuple[str, str]](), list[float]()
    for facts in before:
        spans.append(_span(facts))
        p_values.append(math.nan if facts.get("newer") else _number(facts["p_value"]))
    spans.append((key.first, key.last))
    overlapping = [_sharing(spans, place) for place in range(len(spans))]
    return last_test([*p_values, p_value], overlapping)


def next_level(before: list[dict[str, Any]], sessions: tuple[str, str]) -> tuple[int, float]:
    """Which judgement the next one is, and the p-value that it is allowed.

    Parameters
    ----------
    before : list of dict
        As in ``place_of``.
    sessions : pair of str
        First and last session that it judges, ISO dates.
    """
    key = JudgementKey(champion="", spec="", panel="", first=sessions[0], last=sessions[1])
    test = place_of(before, key, math.nan)
    return test.number, test.allowed


def _sharing(spans: list[tuple[str, str]], place: int) -> set[int]:
    """Earlier judgements that share a session with one."""
    first, last = spans[place]
    return {other for other in range(place) if first <= spans[other][1] and spans[other][0] <= last}


def _span(facts: Mapping[str, Any]) -> tuple[str, str]:
    match facts.get("judgement"):
        case {"first": str(first), "last": str(last)}:
            return first, last
    raise ValueError("a judgement in the trial log does not say its sessions: see `quintile trials --check`")


def _number(value: Any) -> float:
    if value is None:
        return float("nan")
    if type(value) in (int, float):
        return float(value)
    raise ValueError("a judgement in the trial log has no p-value that can be read: see `quintile trials --check`")
