"""Sizing words: the plain sentence of a study and its tables as text, the same on the terminal and on the page."""

from collections.abc import Callable, Sequence

from backtests.report.formats import percent, plus_minus, ranged, ratio
from core.intervals import Interval
from live.sizing.sizing_result import (
    MIN_RECOVERY,
    MIN_SEED_RECOVERY,
    Gap,
    NullRow,
    PlantedRow,
    SizedRow,
    SizingStudy,
    allowed_by_chance,
)
from strategy.studies.planted_alpha.study_tables import TextTable

__all__ = ["CONVENTIONS", "conditions", "sentence", "text_tables"]

NOT_BEATEN = "did not beat"
CONVENTIONS = (
    "A scale is decided at each close from what is known there, and multiplies the decided weights; all figures are "
    "the engine's, after all costs, from cash over the test span alone.",
    "Reward of a decision: z − κ/2 z², z the net return of the scaled book from its fill to the next ÷ the standard "
    "deviation of the book in training, κ = 1/√(sessions a year).",
    "The oracle holds the largest scale before a gain and the smallest before a loss, and pays for every change.",
    f"Planted future: found at {MIN_RECOVERY:.0%} of the oracle's gain over all seeds, and {MIN_SEED_RECOVERY:.0%} "
    "with every seed. Null market: nothing found where the mean gap over seeds is not above 0 by its 95 % t range.",
    "Each gap is paired by session, with a studentised stationary bootstrap; an agent beats a rule where its mean "
    "scale over all seeds has the higher Sharpe ratio with Holm's p below 5 %. No seed is chosen.",
    "The volatility target is the house's overlay at the book's own volatility in training, within the same bounds.",
    "Of a training's four moments the first of the best on validation decides; the agents are not kept.",
)


def sentence(study: SizingStudy) -> str:
    """What the study came to, in one plain sentence that ends in the verdict."""
    names = [row.agent for row in study.planted]
    behind = [_against(name, [gap for gap in study.gaps if gap.agent == name]) for name in names]
    return (
        f"{_planted_words(study.planted)}; {_null_words(study.null)}; on {study.book} {'; '.join(behind)}: "
        f"{study.verdict}."
    )


def conditions(study: SizingStudy) -> list[str]:
    """What must stand beside the Sharpe ratios, a line each."""
    told = study.conditions
    accounts = f"the environment's accounts are within {study.account_gap:.1e} of the engine's, by session"
    return [
        f"Test: {told['test']}. Training: {told['training']}.",
        f"Universe: {told['universe']}.",
        f"Costs: {told['costs']}; {told['year']}; {accounts}.",
        f"Trials: {told['trials']}.",
    ]


def text_tables(study: SizingStudy) -> list[TextTable]:
    """The four tables of a study."""
    seeds = study.settings.seeds
    planted = [
        [row.agent.upper(), _range(row.recovery, percent), _all(row.by_seed), "FOUND" if row.found else "NOT FOUND"]
        for row in study.planted
    ]
    null = [_null_cells(row) for row in study.null]
    return [
        TextTable(
            f"Planted future, {seeds} made markets (SYNTHETIC)",
            ["agent", "share of the oracle's gain", "by seed", "result"],
            planted,
        ),
        TextTable(
            f"Null market, the same {seeds} without the future (SYNTHETIC)",
            ["agent", "Sharpe gap to constant", "seeds above 0", "seeds below 0", "result"],
            null,
        ),
        TextTable(
            f"{study.book} on its test span",
            ["sized by", "Sharpe, net", "return", "volatility", "drawdown", "turnover", "scale", "change"],
            [_sized_cells(row) for row in study.rows],
        ),
        TextTable(
            "Agents against rules, paired by session",
            ["agent", "rule", "Sharpe gap", "p, Holm", "result"],
            [_gap_cells(gap) for gap in study.gaps],
        ),
    ]


def _planted_words(rows: Sequence[PlantedRow]) -> str:
    shares = ", ".join(f"{row.agent.upper()} {percent(row.recovery.estimate, 0)}" for row in rows)
    of = f"{shares} of what the oracle earns over constant exposure"
    missed = [row.agent.upper() for row in rows if not row.found]
    if not missed:
        return f"The agents found the planted future ({of})"
    return f"{' and '.join(missed)} did not find the planted future ({of}), so {_results(missed)} count for nothing"


def _null_words(rows: Sequence[NullRow]) -> str:
    gaps = ", ".join(f"{row.agent.upper()} {_gap_words(row.gap)}" for row in rows)
    finders = [row.agent.upper() for row in rows if not row.nothing]
    paid = [row.agent.upper() for row in rows if row.gap.high < 0.0]
    cost = f", {' and '.join(paid)} at a cost" if paid else ""
    if not finders:
        return f"on the null market they found nothing{cost} (Sharpe gap to constant exposure: {gaps})"
    there = f"{' and '.join(finders)} found what is not there ({gaps})"
    return f"on the null market {there}, so {_results(finders)} count for nothing"


def _results(agents: Sequence[str]) -> str:
    return "its results" if len(agents) == 1 else "their results"


def _against(agent: str, gaps: Sequence[Gap]) -> str:
    told, before = agent.upper(), ""
    for gap in gaps:
        verb = _verb(gap)
        joined = " " if not before else " nor " if verb == before == NOT_BEATEN else " and "
        told += f"{joined}{'' if verb == before else f'{verb} '}{gap.rule} (difference {_gap_words(gap.interval)})"
        before = verb
    return told


def _verb(gap: Gap) -> str:
    return "beats" if gap.beats else "is worse than" if gap.is_worse else NOT_BEATEN


def _gap_words(gap: Interval) -> str:
    return f"{ratio(gap.estimate)}, range {ranged(gap)}"


def _null_cells(row: NullRow) -> list[str]:
    n_seeds = len(row.by_seed)
    above = f"{row.above} of {n_seeds} (chance allows {allowed_by_chance(n_seeds)})"
    result = "NOTHING" if row.nothing else "FALSE FIND"
    return [row.agent.upper(), _range(row.gap, ratio), above, f"{row.below} of {n_seeds}", result]


def _sized_cells(row: SizedRow) -> list[str]:
    told = row.figures
    return [
        row.name,
        plus_minus(told["sharpe"], told["standard_error"]),
        *(percent(told[name]) for name in ("annual_return", "volatility", "max_drawdown", "turnover")),
        ratio(told["scale"]),
        ratio(told["change"], 3),
    ]


def _gap_cells(gap: Gap) -> list[str]:
    result = "beats" if gap.beats else "worse" if gap.is_worse else "not told apart"
    return [gap.agent.upper(), gap.rule, _range(gap.interval, ratio), ratio(gap.p_value, 3), result]


def _range(interval: Interval, shown: Callable[[float], str]) -> str:
    return f"{shown(interval.estimate)} ({shown(interval.low)} to {shown(interval.high)})"


def _all(shares: Sequence[float]) -> str:
    return ", ".join(percent(share, 0) for share in shares)
