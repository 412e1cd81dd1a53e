"""Verdict: the rule that weighs the evidence of a run, made once as a value, and the headline numbers beside it.

``weigh`` is the rule, stated in docs/verdict.md; the rest gathers its grounds. Its words are in ``verdict_words``.
"""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from backtests.breadth import Breadth
from backtests.confidence import CONFIDENCE, Confidence, confidence_among
from backtests.evaluation import MODEL, Evaluation
from backtests.statistics.deflation import Overfitting
from backtests.statistics.metrics import sharpe_ratio
from backtests.statistics.online_error import OnlineTest
from backtests.verdict_words import sequence_words, verdict_sentence
from core.conventions import FEW_TRIALS
from market.panel import Panel
from market.returns import Execution
from market.universe import survivorship
from signals.score_metrics import ICSummary

__all__ = [
    "COLLAPSED",
    "MAX_OVERFITTING",
    "Confidence",
    "Grounds",
    "TrialStanding",
    "Verdict",
    "confidence_among",
    "finite_or_none",
    "gather_grounds",
    "headline",
    "judge",
    "weigh",
]

MAX_OVERFITTING = 0.5  # at this probability of backtest overfitting or more, the choice among trials is worthless
COLLAPSED = "CROSS-SECTION COLLAPSED"
CAPPING_STAMPS = ("DRIFTED", "SECOND OPENING", "QUICK", "LOG EDITED")  # a result that carries one is WEAK at best


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """What the verdict weighs.

    Parameters
    ----------
    confidence : Confidence
        Of the net returns.
    synthetic : bool
        The market is a simulated one.
    executable : bool
        Orders fill after the close at which they are decided.
    ic_above_zero : bool
        The 95 % interval of the mean rank IC lies above zero.
    survivor_biased : bool
        The bars lack delisted names.
    overfitting : float
        Probability of backtest overfitting (PBO); NaN with too few trials on the same sessions.
    capped : bool
        The result is DRIFTED, quick, from a second opening of a hold-out, or counted by a log that was edited.
    collapsed : bool
        In a month of judged sessions or more, less than half of the names that should have a score had one.
    discovered : bool
        The p-value is a discovery by LORD++ in the log's sequence of tests, or no log counts it.
    """

    confidence: Confidence
    synthetic: bool = False
    executable: bool = True
    ic_above_zero: bool = True
    survivor_biased: bool = False
    overfitting: float = math.nan
    capped: bool = False
    collapsed: bool = False
    discovered: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrialStanding:
    """Where a result stands in the trial log.

    Parameters
    ----------
    recorded : int
        Distinct trials in the log, this one included.
    sharpes : tuple of float
        Annual net Sharpe ratio of every distinct trial on the same bars and an overlapping test span, this one
        included; NaN where there were too few sessions.
    uncounted : int
        Results shown in continuous integration, which are logged and not counted.
    overfitting : Overfitting or None
        Of the trials on the same sessions, where at least five kept their returns.
    openings : tuple of str
        Every opening of a sealed hold-out in this store.
    stamps : tuple of (label, sentence)
        What page one must say of this result besides.
    left_out : tuple of str
        Trials whose kept returns cannot be read: the probability of overfitting was measured without them.
    sequence : OnlineTest or None
        Its test in the log's sequence of tests; None where no log counts it.
    """

    recorded: int = 1
    sharpes: tuple[float, ...] = (math.nan,)
    uncounted: int = 0
    overfitting: Overfitting | None = None
    openings: tuple[str, ...] = ()
    stamps: tuple[tuple[str, str], ...] = ()
    left_out: tuple[str, ...] = ()
    sequence: OnlineTest | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verdict:
    """What the evidence allows, and why.

    Parameters
    ----------
    word : {"EVIDENCE", "WEAK", "NOT EVIDENCE"}
        By the rule of ``weigh``.
    sentence : str
        What a sceptical reader may take from the run.
    grounds : Grounds
        What was weighed.
    standing : TrialStanding
        The trials among which the result stands.
    """

    word: str
    sentence: str
    grounds: Grounds
    standing: TrialStanding

    @property
    def trials_note(self) -> str:
        """Deflated Sharpe ratio, test of the log, minimum track record and PBO, in one sentence."""
        confidence, overfitting = self.grounds.confidence, self.grounds.overfitting
        parts = [_deflation(confidence, self.standing)]
        if self.standing.sequence is not None:
            parts.append(sequence_words(self.standing.sequence))
        if math.isfinite(confidence.sessions_needed):
            needed = math.ceil(confidence.sessions_needed)
            parts.append(f"minimum track record at 95 %: {needed:,} sessions, {confidence.sessions:,} judged")
        if math.isfinite(overfitting):
            parts.append(f"probability of backtest overfitting: {overfitting:.2f}")
        return "; ".join(parts) + "."


def weigh(grounds: Grounds) -> str:
    """Decide between ``"EVIDENCE"``, ``"WEAK"`` and ``"NOT EVIDENCE"``."""
    significant = grounds.confidence.probabilistic >= CONFIDENCE and grounds.ic_above_zero
    if grounds.synthetic or not grounds.executable or grounds.collapsed or not significant:
        return "NOT EVIDENCE"
    doubtful = grounds.survivor_biased or grounds.capped or grounds.overfitting >= MAX_OVERFITTING
    paid_for = grounds.confidence.passes_multiple_testing and grounds.discovered
    return "EVIDENCE" if paid_for and not doubtful else "WEAK"


def gather_grounds(
    panel: Panel,
    execution: Execution,
    *,
    ic: ICSummary,
    confidence: Confidence,
    standing: TrialStanding | None = None,
    breadth: Breadth | None = None,
) -> Grounds:
    """Gather what the verdict on one book weighs.

    Parameters
    ----------
    panel : Panel
        Bars that the book traded on.
    execution : Execution
        When its orders fill.
    ic : ICSummary
        Rank IC of the scores behind it.
    confidence : Confidence
        Of its net returns among their trials.
    standing : TrialStanding, optional
        Adds the probability of overfitting, the test of the log and the stamps that cap a verdict.
    breadth : Breadth, optional
        Adds whether the cross-section collapsed.
    """
    overfitting = standing.overfitting if standing else None
    labels = {label for label, _ in standing.stamps} if standing else set()
    return Grounds(
        confidence=confidence,
        synthetic=panel.facts.synthetic,
        executable=not execution.is_optimistic,
        ic_above_zero=ic.interval.low > 0,
        survivor_biased=survivorship(panel).is_biased,
        overfitting=math.nan if overfitting is None else overfitting.probability,
        capped=bool(labels & set(CAPPING_STAMPS)),
        collapsed=COLLAPSED in labels or (breadth is not None and breadth.collapsed),
        discovered=standing is None or standing.sequence is None or standing.sequence.is_discovery,
    )


def judge(evaluation: Evaluation, standing: TrialStanding) -> Verdict:
    """Weigh an evaluation among its trials, once per run; everything after it reads the value.

    Parameters
    ----------
    evaluation : Evaluation
        Scores, books and backtests of the test span.
    standing : TrialStanding
        Trials that the Sharpe ratio is deflated by, and stamps that the result must carry.
    """
    result = evaluation.result
    grounds = gather_grounds(
        evaluation.inputs.panel,
        evaluation.rules.execution,
        ic=evaluation.signal.summary(MODEL),
        confidence=confidence_among(result.net_returns, standing.sharpes, sessions_per_year=result.sessions_per_year),
        standing=standing,
        breadth=evaluation.breadth,
    )
    word = weigh(grounds)
    sentence = verdict_sentence(evaluation, grounds.confidence)
    if word != weigh(replace(grounds, capped=False)):
        capping = [label for label, _ in standing.stamps if label in CAPPING_STAMPS]
        sentence += f" {' and '.join(capping)}: WEAK at best."
    if standing.sequence is not None and word != weigh(replace(grounds, discovered=True)):
        sentence += f" No discovery as test {standing.sequence.number:,} of its log: WEAK at best."
    return Verdict(word=word, sentence=f"{word}: {sentence}", grounds=grounds, standing=standing)


def headline(evaluation: Evaluation, verdict: Verdict) -> dict[str, Any]:
    """Collect the numbers of page one and what must stand beside them, for ``metrics.json``; NaN is None."""
    rules, standing, confidence = evaluation.rules, verdict.standing, verdict.grounds.confidence
    net, panel = evaluation.performance(rules.name), evaluation.inputs.panel
    result, signal = evaluation.result, evaluation.signal.summary(MODEL)
    numbers = {
        "verdict": verdict.word,
        "sentence": verdict.sentence,
        "period": [net.start, net.end],
        "sessions": net.sessions,
        "sessions_per_year": net.sessions_per_year,
        "source": panel.facts.source,
        "universe": panel.facts.universe,
        "survivorship": survivorship(panel).stamp,
        "execution": rules.execution.fill,
        "trade_bps": rules.costs.trade_bps,
        "costs": str(rules.costs),
        "trials": standing.recorded,
        "comparable_trials": confidence.n_trials,
        "probabilistic_sharpe": confidence.probabilistic,
        "deflated_sharpe": confidence.deflated,
        "sessions_needed": confidence.sessions_needed,
        "overfitting_probability": verdict.grounds.overfitting,
        "sharpe_net": net.sharpe,
        "sharpe_standard_error": net.sharpe_standard_error,
        "sharpe_gross": sharpe_ratio(result.gross_returns, sessions_per_year=result.sessions_per_year),
        "annual_return": net.annual_return,
        "volatility": net.volatility,
        "max_drawdown": net.max_drawdown,
        "turnover": float(result.turnover.mean()),
        "rank_ic": signal.mean,
        "rank_ic_standard_error": signal.standard_error,
        "parity": result.parity,
        "engine": result.engine,
        "stamps": [*(label for label, _ in standing.stamps), *([COLLAPSED] if verdict.grounds.collapsed else [])],
        "holdout_openings": list(standing.openings),
    } | ({} if rules.horizon == 1 else {"horizon": rules.horizon})
    numbers |= {} if standing.sequence is None else {f"log_test_{k}": v for k, v in asdict(standing.sequence).items()}
    if longer := evaluation.signal.summary_until_next():
        numbers |= {"rank_ic_until_next": longer.mean, "rank_ic_until_next_standard_error": longer.standard_error}
        numbers |= {"decision_interval": evaluation.signal.pace.interval}
    return {key: finite_or_none(value) for key, value in numbers.items()}


def finite_or_none(value: Any) -> Any:
    """Replace every NaN or infinity in a value by None, for JSON."""
    if isinstance(value, dict):
        return {key: finite_or_none(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite_or_none(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _deflation(confidence: Confidence, standing: TrialStanding) -> str:
    recorded = f"{standing.recorded} trial{'s' if standing.recorded != 1 else ''} recorded"
    if standing.uncounted:
        recorded += f" (and {standing.uncounted} of continuous integration, not counted)"
    if math.isnan(confidence.probabilistic):
        return f"{recorded}; too few sessions to tell"
    comparable = f"{recorded}, {confidence.n_trials} on these bars and this span"
    if confidence.n_trials < FEW_TRIALS:
        return (
            f"{comparable}: too few to deflate by, so the probabilistic Sharpe ratio is shown, "
            f"{confidence.probabilistic:.3f}"
        )
    return f"{comparable}: deflated Sharpe ratio {confidence.deflated:.3f}"
