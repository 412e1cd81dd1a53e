"""Verdict words: what was found, in the direction in which it was found, and no claim from a number that is missing."""

import math

from backtests.breadth import Breadth
from backtests.confidence import CONFIDENCE, Confidence
from backtests.evaluation import MODEL, Evaluation
from backtests.statistics.online_error import OnlineTest
from core.intervals import Interval
from signals.score_metrics import ICSummary

__all__ = ["breadth_words", "missing_ic", "sequence_words", "side_of_zero", "verdict_sentence"]

MIN_NAMES = 5  # with a score and a return, for a rank IC of the session


def verdict_sentence(evaluation: Evaluation, confidence: Confidence) -> str:
    """Sharpe ratio and rank IC with their errors and sides of zero, the first baseline beside them, and the caveats."""
    breadth = evaluation.breadth
    parts = [f"{_sharpe_words(evaluation, confidence)}; {_ic_words(evaluation)}."]
    if breadth is not None and breadth.collapsed:
        parts.append(breadth_words(breadth))
    if evaluation.inputs.panel.facts.synthetic:
        parts.append("The market is synthetic: this shows that the machinery works, never that a strategy does.")
    return " ".join(parts)


def side_of_zero(found: Interval) -> str | None:
    """``"above zero"`` or ``"below zero"`` where the whole interval is; None where it holds zero or has no bounds."""
    if found.low > 0:
        return "above zero"
    return "below zero" if found.high < 0 else None


def breadth_words(breadth: Breadth) -> str:
    """How far the cross-section fell, and for how long."""
    words = f"The fewest names were scored at the close of {breadth.worst_session:%Y-%m-%d}: {breadth.worst_scored:,}"
    words += f" of {breadth.worst_eligible:,} that should have a score"
    if not breadth.collapsed or breadth.thin_from is None:
        return f"{words}."
    return (
        f"The cross-section collapsed: for {breadth.thin_sessions:,} sessions from {breadth.thin_from:%Y-%m-%d} on, "
        f"less than half of the names that should have a score had one. {words}."
    )


def sequence_words(test: OnlineTest) -> str:
    """What the sequence of tests of a log allows this one, and whether it is a discovery."""
    if math.isnan(test.p_value):
        return f"test {test.number:,} of this log: no p-value, no discovery"
    return (
        f"test {test.number:,} of this log: LORD++ allows {test.allowed:.2g} (alpha-investing {test.invested:.2g}), "
        f"p = {test.p_value:.2g}: {'a' if test.is_discovery else 'no'} discovery"
    )


def missing_ic(evaluation: Evaluation) -> str:
    """Why the scores have no rank IC in any session; empty where they have one."""
    if next(iter(evaluation.signal.ic.values())).notna().any():
        return ""
    scores = evaluation.scores
    enough = scores[scores.notna().sum(axis=1) >= MIN_NAMES]
    if len(enough) and not (enough.max(axis=1) > enough.min(axis=1)).any():
        return "no rank IC: all scores of a session are the same"
    varied = " or the returns of a session are all the same" if len(enough) else ""
    return f"no rank IC: fewer than five names have a score and a return{',' if varied else ''}{varied}"


def _sharpe_words(evaluation: Evaluation, confidence: Confidence) -> str:
    net = evaluation.performance(evaluation.rules.name)
    if math.isnan(net.sharpe):
        return (
            f"over {net.sessions} test sessions there is no net Sharpe ratio: too few of them, or the book never moved"
        )
    error = "" if math.isnan(net.sharpe_standard_error) else f" ± {net.sharpe_standard_error:.2f}"
    return (
        f"over {net.sessions} test sessions the net Sharpe ratio is {net.sharpe:.2f}{error}, "
        f"{_against_chance(confidence)}"
    )


def _against_chance(confidence: Confidence) -> str:
    if math.isnan(confidence.probabilistic):
        return "too few sessions to tell"
    if confidence.probabilistic <= 1.0 - CONFIDENCE:
        return "below zero"
    if confidence.probabilistic < CONFIDENCE:
        return "indistinguishable from zero"
    trials = confidence.n_trials
    if not confidence.passes_multiple_testing:
        return f"above zero but not above what {trials} trials show by chance"
    return f"beyond what {'1 trial shows' if trials == 1 else f'{trials} trials show'} by chance"


def _ic_words(evaluation: Evaluation) -> str:
    signal = evaluation.signal.summary(MODEL)
    if math.isnan(signal.mean):
        return missing_ic(evaluation)
    horizon = evaluation.rules.horizon
    over = "" if horizon == 1 else f" over {horizon} sessions"
    if horizon == 1 and not evaluation.signal.pace.is_daily:
        over = " of one session after each score"
    if math.isnan(signal.standard_error):
        return f"the rank IC{over} is {signal.mean:+.4f} over too few sessions for an error"
    side = side_of_zero(signal.interval) or "indistinguishable from noise"
    found = f"the rank IC{over} is {signal.mean:+.4f} ± {signal.standard_error:.4f}, {side},"
    return f"{found} and {_against_baseline(evaluation)}".removesuffix(", and ")


def _against_baseline(evaluation: Evaluation) -> str:
    """Compare the rank IC with the first baseline that has one: ridge for a model, else the first from prices."""
    for name in evaluation.signal.ic:
        if name != MODEL and math.isfinite((gap := evaluation.signal.difference(name)).standard_error):
            return _compared(gap, "ridge on the same features" if name == "ridge" else name)
    return ""


def _compared(gap: ICSummary, opponent: str) -> str:
    if gap.minimum == gap.maximum == 0.0:
        return f"is that of {opponent}"
    measured = f"{gap.standard_error:.4f} of rank IC, paired by session"
    side = side_of_zero(gap.interval)
    if side is None:
        return f"does not beat {opponent}: the difference is {gap.mean:+.4f} ± {measured}"
    return f"{'beats' if side == 'above zero' else 'is worse than'} {opponent} by {abs(gap.mean):.4f} ± {measured}"
