"""Verdict: the headline numbers of a run, the rule that weighs them, and the one sentence they allow.

The rule is told in docs/verdict.md. ``weigh`` is the rule; everything else collects what it weighs or says it in words.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from backtests.deflation import deflated_sharpe_ratio, minimum_track_record_length
from backtests.inference import probabilistic_sharpe_ratio
from backtests.metrics import sharpe_ratio
from market.universe import survivorship
from signals.evaluation import ICSummary
from strategy.outcome import MODEL, Outcome
from strategy.standing import Standing

__all__ = [
    "Confidence",
    "Grounds",
    "confidence",
    "deflation_sentence",
    "finite_or_none",
    "grounds_of",
    "headline",
    "verdict_sentence",
    "verdict_word",
    "weigh",
]

BELIEF = 0.95  # probability at which a Sharpe ratio counts as told from its benchmark
FEW_TRIALS = 5  # below, the spread of the trials says too little to deflate by
COIN_FLIP = 0.5  # probability of overfitting from which the choice among trials is worthless
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
    def survives_trials(self) -> bool:
        """Whether the trials are paid for: deflated, or with few of them at a bar raised by their number."""
        if self.n_trials < FEW_TRIALS:
            return self.probabilistic >= 1.0 - (1.0 - BELIEF) / self.n_trials
        return self.deflated >= BELIEF


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
    signal_told : bool
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
    signal_told: bool = True
    survivor_biased: bool = False
    overfitting: float = math.nan
    capped: bool = False


def confidence(net_returns: pd.Series, sharpes: tuple[float, ...]) -> Confidence:
    """Return what net returns say among the annual Sharpe ratios of the comparable trials, their own included."""
    trials = np.array(sharpes)
    few = len(trials) < FEW_TRIALS
    return Confidence(
        n_trials=len(trials),
        probabilistic=probabilistic_sharpe_ratio(net_returns),
        deflated=math.nan if few else deflated_sharpe_ratio(net_returns, trials),
        sessions=len(net_returns.dropna()),
        sessions_needed=minimum_track_record_length(net_returns, confidence=BELIEF),
    )


def weigh(grounds: Grounds) -> str:
    """Return ``"EVIDENCE"``, ``"WEAK"`` or ``"NOT EVIDENCE"``."""
    told = grounds.confidence.probabilistic >= BELIEF and grounds.signal_told
    if grounds.synthetic or not grounds.executable or not told:
        return "NOT EVIDENCE"
    doubted = grounds.survivor_biased or grounds.capped or grounds.overfitting >= COIN_FLIP
    return "WEAK" if doubted or not grounds.confidence.survives_trials else "EVIDENCE"


def grounds_of(outcome: Outcome, standing: Standing) -> Grounds:
    """Return what the verdict on an outcome weighs."""
    panel, signal = outcome.inputs.panel, outcome.signal.summary(MODEL)
    labels = {label for label, _ in standing.stamps}
    return Grounds(
        confidence=confidence(outcome.result.net_returns, standing.sharpes),
        synthetic=panel.facts.synthetic,
        executable=not outcome.spec.execution.is_optimistic,
        signal_told=signal.interval.low > 0,
        survivor_biased=survivorship(panel).stamp == "SURVIVOR-BIASED",
        overfitting=math.nan if standing.overfitting is None else standing.overfitting.probability,
        capped=bool(labels & set(CAPPING)),
    )


def verdict_word(outcome: Outcome, standing: Standing) -> str:
    """Return the verdict on an outcome in one word or two."""
    return weigh(grounds_of(outcome, standing))


def verdict_sentence(outcome: Outcome, standing: Standing) -> str:
    """Return what a sceptical reader may take from the run."""
    net = outcome.performance(outcome.spec.name)
    parts = [
        f"{verdict_word(outcome, standing)}: over {net.sessions} test sessions the net Sharpe ratio is "
        f"{net.sharpe:.2f} ± {net.sharpe_standard_error:.2f}, {_against_chance(outcome, standing)};",
        _against_baseline(outcome),
    ]
    if outcome.inputs.panel.facts.synthetic:
        parts.append("The market is synthetic: this shows that the machinery works, never that a strategy does.")
    return " ".join(parts)


def headline(outcome: Outcome, *, standing: Standing) -> dict[str, Any]:
    """Return the numbers of page one with what must stand beside them; NaN is None."""
    net = outcome.performance(outcome.spec.name)
    result, panel = outcome.result, outcome.inputs.panel
    signal, found = outcome.signal.summary(MODEL), grounds_of(outcome, standing)
    numbers = {
        "verdict": weigh(found),
        "sentence": verdict_sentence(outcome, standing),
        "period": [net.start, net.end],
        "sessions": net.sessions,
        "source": panel.facts.source,
        "universe": panel.facts.universe,
        "survivorship": survivorship(panel).stamp,
        "execution": outcome.spec.execution.fill,
        "trade_bps": outcome.spec.costs.trade_bps,
        "costs": str(outcome.spec.costs),
        "trials": standing.recorded,
        "comparable_trials": found.confidence.n_trials,
        "probabilistic_sharpe": found.confidence.probabilistic,
        "deflated_sharpe": found.confidence.deflated,
        "sessions_needed": found.confidence.sessions_needed,
        "overfitting_probability": found.overfitting,
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


def deflation_sentence(found: Confidence, standing: Standing) -> str:
    """Return what the trials do to the Sharpe ratio, in words."""
    recorded = f"{standing.recorded} trial{'s' if standing.recorded != 1 else ''} recorded"
    if standing.uncounted:
        recorded += f" (and {standing.uncounted} of continuous integration, not counted)"
    if math.isnan(found.probabilistic):
        return f"{recorded}; too few sessions to tell"
    if found.n_trials < FEW_TRIALS:
        return (
            f"{recorded}, {found.n_trials} on these bars and this span: fewer than five cannot deflate, so the "
            f"probabilistic Sharpe ratio is shown, {found.probabilistic:.3f}"
        )
    return f"{recorded}, {found.n_trials} on these bars and this span: deflated Sharpe ratio {found.deflated:.3f}"


def finite_or_none(value: Any) -> Any:
    """Return the value with every NaN or infinity in it as None, for JSON."""
    if isinstance(value, dict):
        return {key: finite_or_none(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite_or_none(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _against_chance(outcome: Outcome, standing: Standing) -> str:
    found = confidence(outcome.result.net_returns, standing.sharpes)
    if math.isnan(found.probabilistic):
        return "too few sessions to tell"
    if found.probabilistic < BELIEF:
        return "not told from zero"
    if not found.survives_trials:
        return f"above zero but not above what {found.n_trials} trials show by chance"
    return f"beyond what {'1 trial shows' if found.n_trials == 1 else f'{found.n_trials} trials show'} by chance"


def _against_baseline(outcome: Outcome) -> str:
    """Return the rank IC beside the first baseline: ridge under a model, else the first of those from prices."""
    signal, baseline = outcome.signal.summary(MODEL), next(name for name in outcome.signal.ic if name != MODEL)
    gap = outcome.signal.difference(baseline)
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
