"""Claims: the headline of a run or version, held against what its recomputed numbers give.

A headline is words in a file. Its verdict and figures follow from returns, scores and bars, and are measured again
here; what they owe to the trial log is taken from that log where it is known, and from the headline where it is not.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from backtests.breadth import breadth_of
from backtests.confidence import Confidence, confidence_among
from backtests.engine.backtest_result import BacktestResult
from backtests.evaluation import pace_of
from backtests.judged_span import judged_part, judged_scores, judged_span, until_judged
from backtests.statistics.metrics import performance_summary, sharpe_ratio
from backtests.verdict import CAPPING_STAMPS, COLLAPSED, Grounds, finite_or_none, gather_grounds, weigh
from market.inputs import Inputs
from market.panel import Panel
from market.returns import forward_returns
from market.universe import survivorship
from signals.score_metrics import information_coefficient, summarize_ic
from strategy.definitions.spec import StrategySpec
from strategy.frozen.version_comparison import close_figures
from strategy.frozen.versions import plain
from strategy.learning.decide import Recomputed

__all__ = ["false_claim", "false_fact"]

BARS_WORDS = ("source", "universe")  # what bars say of themselves


def false_claim(
    headline: Mapping[str, Any],
    spec: StrategySpec,
    panel: Panel,
    recomputed: Recomputed,
    *,
    sharpes: tuple[float, ...] | None = None,
    same_bars: bool = True,
) -> str:
    """The first claim of a headline that does not follow from the numbers, in words; empty where all do.

    Parameters
    ----------
    headline : mapping
        From ``metrics.json`` or a lock.
    spec : StrategySpec
        The strategy.
    panel : Panel
        Its bars.
    recomputed : Recomputed
        What its weights give on them.
    sharpes : tuple of float, optional
        Annual Sharpe ratios of the comparable trials, its own among them; without them the headline's count counts.
    same_bars : bool
        The bars are the version's own, so that their words must be as well; a user's may be called otherwise.
    """
    found = finite_or_none(_found(headline, spec, panel, recomputed, sharpes))
    left_out = () if same_bars else BARS_WORDS
    for name, value in found.items():
        claimed = headline.get(name, value)  # a headline of an earlier release lacks some
        if name not in left_out and not _agrees(claimed, value):
            return f"{name} {_shown(claimed)} kept, {_shown(value)} found"
    return _false_sentence(headline)


def false_fact(body: Mapping[str, Any], spec: StrategySpec, panel: Panel, recomputed: Recomputed) -> str:
    """The first fact of a lock's body that its spec, bars and scores do not bear out, in words; empty where all do.

    Parameters
    ----------
    body : mapping
        The lock's.
    spec : StrategySpec
        The resolved spec.
    panel : Panel
        The version's bars, as they are loaded.
    recomputed : Recomputed
        What its weights give on them.
    """
    tested = recomputed.scores.index
    split = spec.split
    unresolved = [
        spec.model_copy(update={"split": split.model_copy(update=dict.fromkeys(names))}).fingerprint()
        for names in ((), ("train_end",), ("validation_end",), ("train_end", "validation_end"))
    ]
    found = {
        "spec.resolved": (body["spec"]["resolved"], spec.fingerprint()),
        "spec.run": (body["spec"]["run"] in unresolved, True),
        "kind": (body.get("kind", spec.model.kind), "+".join(spec.model.kinds)),
        "seeds": (body["seeds"], {"training": spec.training.seed}),
        "test_span": (body["test_span"], [f"{tested[0]:%Y-%m-%d}", f"{tested[-1]:%Y-%m-%d}"]),
        "sessions_per_year": (
            body.get("sessions_per_year", panel.facts.sessions_per_year),
            panel.facts.sessions_per_year,
        ),
    }
    for name, (claimed, value) in found.items():
        if claimed != value:
            return f"{name} {_shown(claimed)} kept, {_shown(value)} found"
    return ""


def _found(
    headline: Mapping[str, Any],
    spec: StrategySpec,
    panel: Panel,
    recomputed: Recomputed,
    sharpes: tuple[float, ...] | None,
) -> dict[str, Any]:
    """What the numbers give, by key of a headline."""
    rules = spec.rules
    span = judged_span(recomputed.scores, panel, rules)
    seen, scores = until_judged(Inputs(panel=panel), span), judged_scores(recomputed.scores, span)
    result = judged_part(recomputed.result, span)
    year = result.sessions_per_year
    net = performance_summary(result.net_returns, sessions_per_year=year)
    forward = forward_returns(seen.panel, rules.execution, horizon=rules.horizon).loc[scores.index]
    pace, _ = pace_of(rules, seen, scores, span)
    ic = summarize_ic(
        information_coefficient(scores, forward),
        horizon=pace.overlap(rules.horizon),
        decisions_per_year=pace.per_year,
    )
    confidence = _confidence(headline, result, sharpes)
    breadth = breadth_of(scores, seen.panel, span, held_weights=result.held_weights)
    grounds = gather_grounds(panel, spec.execution, ic=ic, confidence=confidence, breadth=breadth)
    return {
        "verdict": _word(headline, grounds),
        "period": [net.start, net.end],
        "sessions": net.sessions,
        "source": panel.facts.source,
        "universe": panel.facts.universe,
        "survivorship": survivorship(panel).stamp,
        "execution": rules.execution.fill,
        "trade_bps": rules.costs.trade_bps,
        "costs": str(rules.costs),
        "comparable_trials": confidence.n_trials,
        "probabilistic_sharpe": confidence.probabilistic,
        "deflated_sharpe": confidence.deflated,
        "sharpe_net": net.sharpe,
        "sharpe_standard_error": net.sharpe_standard_error,
        "sharpe_gross": sharpe_ratio(result.gross_returns, sessions_per_year=year),
        "annual_return": net.annual_return,
        "volatility": net.volatility,
        "max_drawdown": net.max_drawdown,
        "turnover": float(result.turnover.mean()),
        "rank_ic": ic.mean,
        "rank_ic_standard_error": ic.standard_error,
    }


def _confidence(headline: Mapping[str, Any], result: BacktestResult, sharpes: tuple[float, ...] | None) -> Confidence:
    """Confidence among the trials; where they are not known, their number and what they deflate are the headline's."""
    year = result.sessions_per_year
    if sharpes is not None:
        return confidence_among(result.net_returns, sharpes, sessions_per_year=year)
    alone = confidence_among(result.net_returns, (math.nan,), sessions_per_year=year)
    deflated = headline.get("deflated_sharpe")
    claimed = math.nan if deflated is None else min(float(deflated), alone.probabilistic)  # no trial makes it likelier
    return replace(alone, n_trials=int(headline.get("comparable_trials", 1)), deflated=claimed)


def _word(headline: Mapping[str, Any], grounds: Grounds) -> str:
    """The verdict of the rule; what is not measured here, the headline says of itself."""
    stamps, overfitting = set(headline.get("stamps", ())), headline.get("overfitting_probability")
    allowed, p_value = headline.get("log_test_allowed"), 1.0 - grounds.confidence.probabilistic
    return weigh(
        replace(
            grounds,
            overfitting=math.nan if overfitting is None else float(overfitting),
            capped=bool(stamps & set(CAPPING_STAMPS)),
            collapsed=grounds.collapsed or COLLAPSED in stamps,
            discovered=allowed is None or p_value <= float(allowed),
        )
    )


def _false_sentence(headline: Mapping[str, Any]) -> str:
    """What is wrong with the sentence of the verdict: its word, or a figure in it."""
    sentence = headline.get("sentence")
    if not sentence:
        return ""
    figures = {"sharpe_net": ".2f", "rank_ic": "+.4f"}
    kept = {name: format(headline[name], form) for name, form in figures.items() if headline.get(name) is not None}
    missing = [name for name, figure in kept.items() if figure not in sentence]
    if not str(sentence).startswith(f"{headline['verdict']}: "):
        return f"sentence begins {plain(str(sentence)[:20])}, the verdict is {headline['verdict']}"
    return f"sentence lacks its {missing[0]}, {kept[missing[0]]}" if missing else ""


def _agrees(claimed: Any, found: Any) -> bool:
    numbers = [isinstance(value, int | float) and not isinstance(value, bool) for value in (claimed, found)]
    if all(numbers):
        return close_figures(claimed, found)
    return bool(claimed == found)


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else plain(value)
