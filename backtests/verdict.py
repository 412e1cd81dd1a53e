"""Verdict: the rule that weighs the evidence of a run, made once as a value, and the headline numbers beside it.

``weigh`` is the rule, stated in docs/verdict.md; the rest gathers its grounds and writes the sentences of page one.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from backtests.evaluation import MODEL, Evaluation
from backtests.statistics.deflation import Overfitting, deflated_sharpe_ratio, minimum_track_record_length
from backtests.statistics.inference import probabilistic_sharpe_ratio
from backtests.statistics.metrics import sharpe_ratio
from core.conventions import FEW_TRIALS
from market.panel import Panel
from market.returns import Execution
from market.universe import survivorship
from signals.score_metrics import ICSummary

__all__ = [
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

CONFIDENCE = 0.95  # probability at which a Sharpe ratio counts as above its benchmark
MAX_OVERFITTING = 0.5  # at this probability of backtest overfitting or more, the choice among trials is worthless
CAPPING_STAMPS = ("DRIFTED", "SECOND OPENING")  # a result that carries one is WEAK at best


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidence:
    """Probabilistic and deflated Sharpe ratio of net returns, and the track record they need.

    Parameters
    ----------
    n_trials : int
        Distinct trials on the same bars and an overlapping test span, this one included.
    probabilistic : float
        Probability that the true Sharpe ratio is above 0 (PSR).
    deflated : float
        Probability that it is above the expected maximum of as many trials without skill (DSR); NaN for fewer than
        five.
    sessions : int
        Sessions with a return.
    sessions_needed : float
        Minimum track record length at 95 %.
    """

    n_trials: int
    probabilistic: float
    deflated: float
    sessions: int
    sessions_needed: float

    @property
    def passes_multiple_testing(self) -> bool:
        """Whether it passes the multiple-testing test: deflated Sharpe ratio, Bonferroni below five trials."""
        if self.n_trials < FEW_TRIALS:
            return self.probabilistic >= 1.0 - (1.0 - CONFIDENCE) / self.n_trials
        return self.deflated >= CONFIDENCE


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
        The result is DRIFTED or comes from a second opening of a hold-out.
    """

    confidence: Confidence
    synthetic: bool = False
    executable: bool = True
    ic_above_zero: bool = True
    survivor_biased: bool = False
    overfitting: float = math.nan
    capped: bool = False


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
    """

    recorded: int = 1
    sharpes: tuple[float, ...] = (math.nan,)
    uncounted: int = 0
    overfitting: Overfitting | None = None
    openings: tuple[str, ...] = ()
    stamps: tuple[tuple[str, str], ...] = ()


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
        """The deflated Sharpe ratio, minimum track record and probability of overfitting, in one sentence."""
        confidence, overfitting = self.grounds.confidence, self.grounds.overfitting
        parts = [_deflation(confidence, self.standing)]
        if math.isfinite(confidence.sessions_needed):
            needed = math.ceil(confidence.sessions_needed)
            parts.append(f"minimum track record at 95 %: {needed:,} sessions, {confidence.sessions:,} judged")
        if math.isfinite(overfitting):
            parts.append(f"probability of backtest overfitting: {overfitting:.2f}")
        return "; ".join(parts) + "."


def confidence_among(net_returns: pd.Series, sharpes: tuple[float, ...]) -> Confidence:
    """PSR and DSR of net returns, given the annual Sharpe ratios of all comparable trials, their own included."""
    trials = np.array(sharpes)
    few = len(trials) < FEW_TRIALS
    return Confidence(
        n_trials=len(trials),
        probabilistic=probabilistic_sharpe_ratio(net_returns),
        deflated=math.nan if few else deflated_sharpe_ratio(net_returns, trials),
        sessions=len(net_returns.dropna()),
        sessions_needed=minimum_track_record_length(net_returns, confidence=CONFIDENCE),
    )


def weigh(grounds: Grounds) -> str:
    """Decide between ``"EVIDENCE"``, ``"WEAK"`` and ``"NOT EVIDENCE"``."""
    significant = grounds.confidence.probabilistic >= CONFIDENCE and grounds.ic_above_zero
    if grounds.synthetic or not grounds.executable or not significant:
        return "NOT EVIDENCE"
    doubtful = grounds.survivor_biased or grounds.capped or grounds.overfitting >= MAX_OVERFITTING
    return "WEAK" if doubtful or not grounds.confidence.passes_multiple_testing else "EVIDENCE"


def gather_grounds(
    panel: Panel,
    execution: Execution,
    *,
    ic: ICSummary,
    confidence: Confidence,
    standing: TrialStanding | None = None,
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
        Adds the probability of overfitting and the stamps that cap a verdict.
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
    grounds = gather_grounds(
        evaluation.inputs.panel,
        evaluation.rules.execution,
        ic=evaluation.signal.summary(MODEL),
        confidence=confidence_among(evaluation.result.net_returns, standing.sharpes),
        standing=standing,
    )
    word = weigh(grounds)
    sentence = f"{word}: {_sentence(evaluation, grounds)}"
    return Verdict(word=word, sentence=sentence, grounds=grounds, standing=standing)


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
        "sharpe_gross": sharpe_ratio(result.gross_returns),
        "annual_return": net.annual_return,
        "volatility": net.volatility,
        "max_drawdown": net.max_drawdown,
        "turnover": float(result.turnover.mean()),
        "rank_ic": signal.mean,
        "rank_ic_standard_error": signal.standard_error,
        "parity": result.parity,
        "engine": result.engine,
        "stamps": [label for label, _ in standing.stamps],
        "holdout_openings": list(standing.openings),
    } | ({} if rules.horizon == 1 else {"horizon": rules.horizon})
    return {key: finite_or_none(value) for key, value in numbers.items()}


def finite_or_none(value: Any) -> Any:
    """Replace every NaN or infinity in a value by None, for JSON."""
    if isinstance(value, dict):
        return {key: finite_or_none(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite_or_none(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _sentence(evaluation: Evaluation, grounds: Grounds) -> str:
    net = evaluation.performance(evaluation.rules.name)
    parts = [
        f"over {net.sessions} test sessions the net Sharpe ratio is "
        f"{net.sharpe:.2f} ± {net.sharpe_standard_error:.2f}, {_against_chance(grounds.confidence)};",
        _against_baseline(evaluation),
    ]
    if grounds.synthetic:
        parts.append("The market is synthetic: this shows that the machinery works, never that a strategy does.")
    return " ".join(parts)


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


def _against_chance(confidence: Confidence) -> str:
    if math.isnan(confidence.probabilistic):
        return "too few sessions to tell"
    if confidence.probabilistic < CONFIDENCE:
        return "not significantly above zero"
    trials = confidence.n_trials
    if not confidence.passes_multiple_testing:
        return f"above zero but not above what {trials} trials show by chance"
    return f"beyond what {'1 trial shows' if trials == 1 else f'{trials} trials show'} by chance"


def _against_baseline(evaluation: Evaluation) -> str:
    """Compare the rank IC with the first baseline: ridge for a model, else the first of those from prices."""
    signal, baseline = evaluation.signal.summary(MODEL), next(name for name in evaluation.signal.ic if name != MODEL)
    gap = evaluation.signal.difference(baseline)
    clear = signal.interval.low > 0 or signal.interval.high < 0
    noise = "" if clear else ", indistinguishable from noise,"
    opponent = "ridge on the same features" if baseline == "ridge" else baseline
    return (
        f"the rank IC{_over(evaluation.rules.horizon)} is {signal.mean:+.4f} ± {signal.standard_error:.4f}{noise} "
        f"and {_compared(gap)} {opponent} ({gap.mean:+.4f} ± {gap.standard_error:.4f})."
    )


def _over(horizon: int) -> str:
    return "" if horizon == 1 else f" over {horizon} sessions"


def _compared(gap: ICSummary) -> str:
    if gap.minimum == gap.maximum == 0.0:
        return "is that of"
    return "beats" if gap.interval.low > 0 else "does not beat"
