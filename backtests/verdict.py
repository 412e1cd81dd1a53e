"""Verdict: the rule that weighs the evidence of a run, made once as a value, and the headline numbers beside it.

The rule is stated in docs/verdict.md. ``weigh`` is the rule; the rest collects what it weighs or puts it in words.
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
from market.universe import survivorship
from signals.score_metrics import ICSummary

__all__ = [
    "FEW_TRIALS",
    "Confidence",
    "Grounds",
    "TrialStanding",
    "Verdict",
    "confidence_among",
    "finite_or_none",
    "headline",
    "judge",
    "weigh",
]

CONFIDENCE = 0.95  # probability at which a Sharpe ratio counts as above its benchmark
FEW_TRIALS = 5  # below, the spread of the trials says too little to deflate by
MAX_OVERFITTING = 0.5  # probability of backtest overfitting from which the choice among trials is worthless
CAPPING = ("DRIFTED", "SECOND OPENING")  # stamps under which nothing is evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidence:
    """What the net returns alone say, given the trials.

    Parameters
    ----------
    n_trials : int
        Distinct trials on the same bars and an overlapping test span, this one included.
    probabilistic : float
        Probability that the true Sharpe ratio is above 0.
    deflated : float
        The same above what chance shows as the best of the trials; NaN for fewer than five.
    sessions : int
        Sessions judged.
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
    """Everything that the verdict weighs.

    Parameters
    ----------
    confidence : Confidence
        Of the net returns.
    synthetic : bool
        The market is a built-in one.
    executable : bool
        The fill is one that somebody could have had.
    ic_above_zero : bool
        The 95 % range of the rank IC lies above zero.
    survivor_biased : bool
        The bars lack the names that died.
    overfitting : float
        Probability of backtest overfitting; NaN where no sweep gives the paths.
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
    """A result among the trials.

    Parameters
    ----------
    recorded : int
        Distinct trials in the log, this one included.
    sharpes : tuple of float
        Annual net Sharpe ratio of every distinct trial on the same bars and an overlapping test span, this one
        included; NaN where there were too few sessions.
    uncounted : int
        Shown results that a continuous integration declared its own.
    overfitting : Overfitting or None
        Where at least five such trials on the same sessions have left their returns.
    openings : tuple of str
        Every opening of a sealed hold-out in this store.
    stamps : tuple of (label, sentence)
        What else page one must say of this result.
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
        """What the trials do to the Sharpe ratio, and how many sessions would be needed, in words."""
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
    """Return ``"EVIDENCE"``, ``"WEAK"`` or ``"NOT EVIDENCE"``."""
    told = grounds.confidence.probabilistic >= CONFIDENCE and grounds.ic_above_zero
    if grounds.synthetic or not grounds.executable or not told:
        return "NOT EVIDENCE"
    doubted = grounds.survivor_biased or grounds.capped or grounds.overfitting >= MAX_OVERFITTING
    return "WEAK" if doubted or not grounds.confidence.passes_multiple_testing else "EVIDENCE"


def judge(evaluation: Evaluation, standing: TrialStanding) -> Verdict:
    """Weigh an evaluation among its trials; made once a run, and handed on as a value.

    Parameters
    ----------
    evaluation : Evaluation
        What the scores and their book came to.
    standing : TrialStanding
        The trials that the result is deflated by, and the stamps that it must carry.
    """
    grounds = _grounds(evaluation, standing)
    return Verdict(word=weigh(grounds), sentence=_sentence(evaluation, grounds), grounds=grounds, standing=standing)


def headline(evaluation: Evaluation, verdict: Verdict) -> dict[str, Any]:
    """Collect the numbers of page one with what must stand beside them; NaN is None."""
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
    }
    return {key: finite_or_none(value) for key, value in numbers.items()}


def finite_or_none(value: Any) -> Any:
    """Return the value with every NaN or infinity in it as None, for JSON."""
    if isinstance(value, dict):
        return {key: finite_or_none(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite_or_none(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _grounds(evaluation: Evaluation, standing: TrialStanding) -> Grounds:
    panel, signal = evaluation.inputs.panel, evaluation.signal.summary(MODEL)
    labels = {label for label, _ in standing.stamps}
    return Grounds(
        confidence=confidence_among(evaluation.result.net_returns, standing.sharpes),
        synthetic=panel.facts.synthetic,
        executable=not evaluation.rules.execution.is_optimistic,
        ic_above_zero=signal.interval.low > 0,
        survivor_biased=survivorship(panel).is_biased,
        overfitting=math.nan if standing.overfitting is None else standing.overfitting.probability,
        capped=bool(labels & set(CAPPING)),
    )


def _sentence(evaluation: Evaluation, grounds: Grounds) -> str:
    net = evaluation.performance(evaluation.rules.name)
    parts = [
        f"{weigh(grounds)}: over {net.sessions} test sessions the net Sharpe ratio is "
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
            f"{comparable}: fewer than five cannot deflate, so the probabilistic Sharpe ratio is shown, "
            f"{confidence.probabilistic:.3f}"
        )
    return f"{comparable}: deflated Sharpe ratio {confidence.deflated:.3f}"


def _against_chance(confidence: Confidence) -> str:
    if math.isnan(confidence.probabilistic):
        return "too few sessions to tell"
    if confidence.probabilistic < CONFIDENCE:
        return "not told from zero"
    trials = confidence.n_trials
    if not confidence.passes_multiple_testing:
        return f"above zero but not above what {trials} trials show by chance"
    return f"beyond what {'1 trial shows' if trials == 1 else f'{trials} trials show'} by chance"


def _against_baseline(evaluation: Evaluation) -> str:
    """Return the rank IC beside the first baseline: ridge under a model, else the first of those from prices."""
    signal, baseline = evaluation.signal.summary(MODEL), next(name for name in evaluation.signal.ic if name != MODEL)
    gap = evaluation.signal.difference(baseline)
    clear = signal.interval.low > 0 or signal.interval.high < 0
    noise = "" if clear else ", not told from noise,"
    rival = "ridge on the same features" if baseline == "ridge" else baseline
    return (
        f"the rank IC is {signal.mean:+.4f} ± {signal.standard_error:.4f}{noise} and {_compared(gap)} {rival} "
        f"({gap.mean:+.4f} ± {gap.standard_error:.4f})."
    )


def _compared(gap: ICSummary) -> str:
    if gap.minimum == gap.maximum == 0.0:
        return "is that of"
    return "beats" if gap.interval.low > 0 else "does not beat"
