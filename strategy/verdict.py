"""Verdict: the headline numbers of a run and the one sentence they allow."""

import math
from typing import Any

from backtests.metrics import sharpe_ratio
from market.universe import survivorship
from strategy.outcome import MODEL, Outcome

__all__ = ["finite_or_none", "headline", "verdict_sentence", "verdict_word"]

TWO_SIDED = 1.96  # standard errors of a 95 % interval


def verdict_word(outcome: Outcome) -> str:
    """Return EVIDENCE's absence or its weakness: ``"NOT EVIDENCE"`` or ``"WEAK"``.

    A synthetic market, a fill that nobody can trade, and a net Sharpe ratio or rank IC within 1.96 standard errors of
    zero are no evidence. What passes is weak: it is not deflated for the trials that led to it.
    """
    net = outcome.performance(outcome.spec.name)
    signal = outcome.signal.summary(MODEL)
    proven = (
        not outcome.inputs.panel.facts.synthetic
        and not outcome.spec.execution.is_optimistic
        and net.sharpe > TWO_SIDED * net.sharpe_standard_error
        and signal.mean > TWO_SIDED * signal.standard_error
    )
    return "WEAK" if proven else "NOT EVIDENCE"


def verdict_sentence(outcome: Outcome) -> str:
    """Return what a sceptical reader may take from the run."""
    net = outcome.performance(outcome.spec.name)
    parts = [
        f"{verdict_word(outcome)}: over {net.sessions} test sessions the net Sharpe ratio is "
        f"{net.sharpe:.2f} ± {net.sharpe_standard_error:.2f}, {_against_zero(net.sharpe, net.sharpe_standard_error)};",
        _against_ridge(outcome),
    ]
    if outcome.inputs.panel.facts.synthetic:
        parts.append("The market is synthetic: this shows that the machinery works, never that a strategy does.")
    return " ".join(parts)


def headline(outcome: Outcome, *, trials: int) -> dict[str, Any]:
    """Return the numbers of page one with what must stand beside them; NaN is None."""
    net = outcome.performance(outcome.spec.name)
    result, panel = outcome.result, outcome.inputs.panel
    signal = outcome.signal.summary(MODEL)
    numbers = {
        "verdict": verdict_word(outcome),
        "sentence": verdict_sentence(outcome),
        "period": [net.start, net.end],
        "sessions": net.sessions,
        "source": panel.facts.source,
        "universe": panel.facts.universe,
        "survivorship": survivorship(panel).stamp,
        "execution": outcome.spec.execution.fill,
        "trade_bps": outcome.spec.costs.trade_bps,
        "trials": trials,
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
    }
    return {key: finite_or_none(value) for key, value in numbers.items()}


def finite_or_none(value: Any) -> Any:
    """Return the value with every NaN or infinity in it as None, for JSON."""
    if isinstance(value, dict):
        return {key: finite_or_none(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite_or_none(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _against_zero(ratio: float, error: float) -> str:
    if math.isnan(ratio) or math.isnan(error):
        return "too few sessions to tell"
    return "beyond chance at 95 %, not deflated for trials" if ratio > TWO_SIDED * error else "not told from zero"


def _against_ridge(outcome: Outcome) -> str:
    signal, gap = outcome.signal.summary(MODEL), outcome.signal.difference("ridge")
    beats = gap.mean > TWO_SIDED * gap.standard_error
    words = "beats" if beats else "does not beat"
    return (
        f"the rank IC is {signal.mean:+.4f} ± {signal.standard_error:.4f} and {words} ridge on the same features "
        f"({gap.mean:+.4f} ± {gap.standard_error:.4f})."
    )
