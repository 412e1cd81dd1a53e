"""How often an adaptive search fools the verdict: ``python -m benchmarks adaptive_search``.

Searches that choose each question by the last answer look at validation 200 times; each winner is judged once on test
by the rule of the verdict. On null markets nothing is there to be found, and EVIDENCE is an error; on planted ones it
is power. Beside them stand what is commonly done: the winner's own validation result at face value, and the same search
let loose on test.
"""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from backtests.confidence import CONFIDENCE, Confidence, confidence_among
from backtests.statistics.inference import probabilistic_sharpe_ratio
from backtests.statistics.online_error import lord_plus_plus, spending
from backtests.verdict import Grounds, weigh
from benchmarks.adaptive_search_agents import AGENTS, best_of
from benchmarks.adaptive_search_market import Judged, Market, Size, Spec, draw_market
from benchmarks.runner import Options
from benchmarks.runner.page import machine
from core.parallel import mapped

__all__ = ["Design", "Found", "rule_shares", "search_validation", "search_with_test", "section"]

TURNS = ("hill climbing", "greedy agent", "hill climbing", "greedy agent", "TPE")  # in turn
WORKERS = 2
FEWER, FEWEST = 50, 25  # searches beside the two markets that the claim is about
SIZES = ((100, 500), (300, 500), (500, 500), (100, 1000))  # names, and sessions of test
SEED = 19
FIRST_LEVEL = lord_plus_plus([1.0]).levels[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """How much is searched, and on which markets."""

    searches: int = 200
    looks: int = 200
    size: Size = field(default_factory=Size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one search came to.

    Parameters
    ----------
    confidence : Confidence
        Of the winner on test, among its search's looks.
    ic_above_zero : bool
        On test.
    looked_at : float
        PSR of the winner on the span that the search looked at.
    place : int
        Which test of its own log the winner is, from 1.
    """

    confidence: Confidence
    ic_above_zero: bool
    looked_at: float
    place: int = 1

    @property
    def p_value(self) -> float:
        """One-sided, on test."""
        return 1.0 - self.confidence.probabilistic

    def word(self, *, discovered: bool = True, n_trials: int | None = None) -> str:
        """The verdict's word; ``n_trials`` of 1 forgets the looks."""
        confidence = self.confidence if n_trials is None else replace(self.confidence, n_trials=n_trials)
        # the markets are simulated: weighed as real ones, which the rule would otherwise refuse
        return weigh(
            Grounds(confidence=confidence, synthetic=False, ic_above_zero=self.ic_above_zero, discovered=discovered)
        )


def search_validation(design: Design, number: int) -> Found:
    """Search on validation, and judge the winner once on test, deflated by the points that were looked at."""
    validation, test = draw_market(design.size, SEED * 10_000 + number)
    winner, points = _searched(design, validation, number)
    known = np.full(len(points) - 1, np.nan)  # points count, and have no Sharpe ratio on test
    return _found(test.judged(winner), known.tolist(), looked_at=validation.judged(winner))


def search_with_test(design: Design, number: int) -> Found:
    """Search on test itself, every look of it logged as a trial."""
    _, test = draw_market(design.size, SEED * 10_000 + number)
    winner, points = _searched(design, test, number)
    judged, others = test.judged(winner), [sharpe for spec, sharpe in points.items() if spec != winner]
    place = list(points).index(winner) + 1
    return _found(judged, [each for each in others if np.isfinite(each)], looked_at=judged, place=place)


def rule_shares(found: Sequence[Found]) -> dict[str, float]:
    """Share of winners that each rule lets pass."""
    p_values = [each.p_value for each in found]
    apart = lord_plus_plus(p_values).discoveries
    same_days = lord_plus_plus(p_values, conflicts=[range(place) for place in range(len(found))]).discoveries
    rules = {
        "the winner's own validation result at face value, PSR ≥ .95": [each.looked_at >= CONFIDENCE for each in found],
        "test once: PSR ≥ .95 and rank IC above zero": [each.word(n_trials=1) == "EVIDENCE" for each in found],
        "and deflated by the points": [each.word() == "EVIDENCE" for each in found],
        "the verdict, a fresh log a search": [_is_evidence(each, each.p_value <= FIRST_LEVEL) for each in found],
        "the verdict, one log, markets of other days": list(map(_is_evidence, found, apart)),
        "the verdict, one log, all on the same days": list(map(_is_evidence, found, same_days)),
    }
    return {rule: float(np.mean(passed)) for rule, passed in rules.items()}


def looked_test_shares(found: Sequence[Found]) -> dict[str, float]:
    """The same where the search looked at test itself."""
    allowed = [FIRST_LEVEL / spending(1) * spending(each.place) for each in found]  # all of a log on the same days
    rules = {
        "the winner's own test result at face value, PSR ≥ .95": [each.looked_at >= CONFIDENCE for each in found],
        "the verdict, looks kept out of the log": [
            each.word(n_trials=1, discovered=each.p_value <= FIRST_LEVEL) == "EVIDENCE" for each in found
        ],
        "the verdict, every look logged": [
            _is_evidence(each, each.p_value <= level) for each, level in zip(found, allowed, strict=True)
        ],
    }
    return {rule: float(np.mean(passed)) for rule, passed in rules.items()}


def section(_: Options) -> str:
    """The tables of the benchmarks' page; nothing here is timed but the whole."""
    design, spent = Design(), list[float]()
    planted = replace(design, size=replace(design.size, planted_ic=0.03))
    on_test = replace(design, searches=FEWER, size=replace(design.size, test=500, trade_bps=0.0))
    looked = {"null, no costs": looked_test_shares(_run(search_with_test, on_test, spent))}
    power = {f"{names} names, {test:,} sessions": _power(planted, names, test, spent) for names, test in SIZES}
    markets = {"null": design, "rank IC .03": planted}
    once = {name: rule_shares(_run(search_validation, each, spent)) for name, each in markets.items()}
    facts = f"`python -m benchmarks adaptive_search`: {machine()}; {sum(spent) / 60.0:.0f} processor minutes."
    parts = ["## Adaptive searches and the verdict", facts, _how(design), _table("rule", once)]
    parts += [LOOKED, _table("rule", looked), POWER, _table("names and test", {"EVIDENCE": power})]
    return "\n\n".join(parts) + "\n"


LOOKED = f"{FEWER} of the same searches let loose on 500 sessions of test, each look a test result:"
POWER = f"{FEWEST} searches each at a planted rank IC of .03, a fresh log a search, by what there was to be judged on:"


def _how(design: Design) -> str:
    size = design.size
    return (
        f"{design.searches} searches of {design.looks} looks at validation each (two in five climb hills, two in five "
        "are a greedy agent that edits its specification, one in five is TPE), each on a market of its own: "
        f"{size.names} names, {size.validation} sessions of validation and {size.test:,} of test, {size.trade_bps:g} "
        "bps. Share of searches whose winner passes; the standard error of 5 % is 1.5 points, of 80 % 2.8. Simulated "
        "markets are weighed as real ones here, which the verdict otherwise never calls EVIDENCE."
    )


def _power(planted: Design, names: int, test: int, spent: list[float]) -> float:
    size = replace(planted.size, names=names, test=test)
    found = _run(search_validation, replace(planted, searches=FEWEST, size=size), spent)
    return float(np.mean([_is_evidence(each, each.p_value <= FIRST_LEVEL) for each in found]))


def _table(corner: str, columns: Mapping[str, Mapping[str, float]]) -> str:
    lines = [f"| {corner} | {' | '.join(columns)} |", f"| --- |{' ---: |' * len(columns)}"]
    for row in next(iter(columns.values())):
        lines.append(f"| {row} | {' | '.join(f'{column[row]:.1%}' for column in columns.values())} |")
    return "\n".join(lines)


def _searched(design: Design, span: Market, number: int) -> tuple[Spec, dict[Spec, float]]:
    """The winner, and every distinct point with its Sharpe ratio on the span."""
    search = AGENTS[TURNS[number % len(TURNS)]]
    looked = search(span.look, design.looks, np.random.default_rng([SEED, number]))
    return best_of(looked), dict(looked)


def _found(judged: Judged, others: Sequence[float], *, looked_at: Judged, place: int = 1) -> Found:
    own = judged.sharpe
    return Found(
        confidence=confidence_among(judged.net, (own, *others)),
        ic_above_zero=judged.ic.interval.low > 0,
        looked_at=probabilistic_sharpe_ratio(looked_at.net),
        place=place,
    )


def _is_evidence(found: Found, discovered: bool) -> bool:
    return found.word(discovered=discovered) == "EVIDENCE"


def _run(search: Callable[[Design, int], Found], design: Design, spent: list[float]) -> list[Found]:
    """Every search of a design; the processor seconds of each are added to ``spent``."""
    done = list(mapped(partial(_timed, search, design), range(design.searches), workers=WORKERS))
    spent.extend(seconds for _, seconds in done)
    print(
        f"{design}: {sum(spent):.0f} s so far, {rule_shares([found for found, _ in done])}", file=sys.stderr, flush=True
    )
    return [found for found, _ in done]


def _timed(search: Callable[[Design, int], Found], design: Design, number: int) -> tuple[Found, float]:
    begun = time.process_time()
    return search(design, number), time.process_time() - begun
