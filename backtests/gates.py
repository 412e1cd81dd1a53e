"""Gates: the thresholds that the reference documents ask a strategy to pass, against what was measured.

They are the reference's, kept as a target to test honestly; passing them proves nothing and failing one is no verdict.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from backtests.metrics import PerformanceSummary

__all__ = ["Gate", "paper_gates", "reference_gates"]

Status = Literal["PASS", "FAIL", "NOT MEASURED"]
PAPER = "paper trading has not been run"
PAPER_SESSIONS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One threshold and what was measured; a measured number of NaN is not measured.

    Parameters
    ----------
    name : str
        What is asked for.
    asked : str
        The threshold in words.
    measured : float
        The number, a ratio or a fraction.
    status : {"PASS", "FAIL", "NOT MEASURED"}
        Whether the point estimate passes; errors are not counted.
    detail : str
        What exactly was measured, or why it was not.
    is_fraction : bool
        Whether ``measured`` prints as a percentage.
    """

    name: str
    asked: str
    measured: float
    status: Status
    detail: str
    is_fraction: bool = True


def reference_gates(
    net: PerformanceSummary, *, accuracy: float, train_loss: float, validation_loss: float
) -> tuple[Gate, ...]:
    """Return every gate of the reference, in its order.

    Parameters
    ----------
    net : PerformanceSummary
        Of the net returns over the test span.
    accuracy : float
        Share of right signs over all scored name-sessions, a fraction.
    train_loss, validation_loss : float
        Of the epoch kept; NaN for scores without a model.
    """
    gap = (validation_loss - train_loss) / train_loss if train_loss > 0 else math.nan
    sign = "share of right signs, all scored names; the reference says 58 to 60 %"
    split = "(validation − training loss) ÷ training loss at the epoch kept, training under dropout"
    return (
        _gate("Sharpe ratio", "≥ 1.5", net.sharpe, _at_least(1.5), "net, test span", is_fraction=False),
        _gate("Win rate", "≥ 55 %", net.win_rate, _at_least(0.55), "share of sessions with a gain, net"),
        _gate("Drawdown", "≤ 15 %", -net.max_drawdown, _at_most(0.15), "deepest, net, test span"),
        _gate("Accuracy", "≥ 58 %", accuracy, _at_least(0.58), sign),
        _gate("Train to validation gap", "< 10 %", gap, _below(0.10), split),
        *paper_gates(),
    )


def paper_gates(
    net: PerformanceSummary | None = None, *, n_sessions: int = 0, flat_share: float = math.nan
) -> tuple[Gate, ...]:
    """Return the gates that the reference asks of paper trading; none is measured before 60 sessions.

    Parameters
    ----------
    net : PerformanceSummary, optional
        Of the scored sessions' net returns.
    n_sessions : int
        Sessions scored.
    flat_share : float
        Share of the decisions in which a kill switch held the book flat; NaN where the strategy has none.
    """
    if net is None or n_sessions < PAPER_SESSIONS:
        detail = PAPER if net is None else f"{n_sessions} of {PAPER_SESSIONS} sessions scored"
        sharpe, drawdown, flat = math.nan, math.nan, math.nan
    else:
        detail = f"net, {n_sessions} sessions decided before their open"
        sharpe, drawdown, flat = net.sharpe, -net.max_drawdown, flat_share
    switch = detail if net is None or not math.isnan(flat_share) else "the strategy has no kill switch"
    return (
        _gate(
            "Paper trading: Sharpe ratio", "> 1.0 over ≥ 60 sessions", sharpe, _above(1.0), detail, is_fraction=False
        ),
        _gate("Paper trading: drawdown", "< 10 %", drawdown, _below(0.10), detail),
        _gate("Paper trading: kill-switch days", "< 15 %", flat, _below(0.15), switch),
    )


def _gate(
    name: str, asked: str, measured: float, passes: Callable[[float], bool], detail: str, *, is_fraction: bool = True
) -> Gate:
    status: Status = "NOT MEASURED" if math.isnan(measured) else "PASS" if passes(measured) else "FAIL"
    return Gate(name=name, asked=asked, measured=measured, status=status, detail=detail, is_fraction=is_fraction)


def _at_least(threshold: float) -> Callable[[float], bool]:
    return lambda measured: measured >= threshold


def _above(threshold: float) -> Callable[[float], bool]:
    return lambda measured: measured > threshold


def _at_most(threshold: float) -> Callable[[float], bool]:
    return lambda measured: measured <= threshold


def _below(threshold: float) -> Callable[[float], bool]:
    return lambda measured: measured < threshold
