"""Reference gates: the thresholds that the reference documents set for a strategy, against what was measured.

They are the reference's targets, tested as they stand; passing them proves nothing and failing one is no verdict.
"""

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import pandas as pd
from pydantic import Field

from backtests.statistics.bootstrap_intervals import mean_interval
from backtests.statistics.metrics import PerformanceSummary
from core.intervals import Interval
from core.settings import Later, Settings

__all__ = ["Gate", "GateSettings", "paper_gates", "reference_gates", "win_rate_interval"]

Status = Literal["PASS", "FAIL", "NOT MEASURED"]
PAPER = "paper trading has not been run"
UNKNOWN = Interval(math.nan, math.nan, math.nan)


class GateSettings(Settings):
    """Thresholds of the gates; the reference's by default. They decide no trade."""

    sharpe: Later[float] = Field(default=1.5, description="least net Sharpe ratio asked for")
    win_rate: Later[float] = Field(default=0.55, ge=0, le=1, description="least share of sessions with a gain")
    drawdown: Later[float] = Field(default=0.15, ge=0, le=1, description="deepest drawdown that passes")
    accuracy: Later[float] = Field(default=0.58, ge=0, le=1, description="least share of right signs")
    loss_gap: Later[float] = Field(
        default=0.10, description="(validation − training loss) ÷ training loss must be below this"
    )
    paper_sharpe: Later[float] = Field(default=1.0, description="Sharpe ratio of paper trading must be above this")
    paper_sessions: Later[int] = Field(default=60, ge=20, description="sessions before paper trading is judged")
    paper_drawdown: Later[float] = Field(
        default=0.10, ge=0, le=1, description="drawdown of paper trading must be below this"
    )
    paper_flat: Later[float] = Field(
        default=0.15, ge=0, le=1, description="share of kill-switch days of paper trading must be below this"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One threshold and what was measured; a measured number of NaN is not measured.

    Parameters
    ----------
    name : str
        What is measured.
    asked : str
        The threshold as it prints.
    measured : float
        The number, a ratio or a fraction.
    status : {"PASS", "FAIL", "NOT MEASURED"}
        Whether the point estimate passes; errors are not counted.
    detail : str
        What exactly was measured, or why it was not.
    is_fraction : bool
        Whether ``measured`` prints as a percentage.
    interval : Interval
        95 % bounds of ``measured``; NaN where there are none.
    """

    name: str
    asked: str
    measured: float
    status: Status
    detail: str
    is_fraction: bool = True
    interval: Interval = UNKNOWN


def reference_gates(
    net: PerformanceSummary,
    settings: GateSettings | None = None,
    *,
    accuracy: float,
    train_loss: float,
    validation_loss: float,
    intervals: Mapping[str, Interval] | None = None,
) -> tuple[Gate, ...]:
    """Every gate of the reference, in its order.

    Parameters
    ----------
    net : PerformanceSummary
        Of the net returns over the test span.
    settings : GateSettings, optional
        Thresholds; the reference's by default.
    accuracy : float
        Share of correct signs over all scored name-sessions, a fraction.
    train_loss, validation_loss : float
        Of the epoch kept; NaN for scores without a model.
    intervals : mapping of str to Interval, optional
        95 % bounds by name of gate.
    """
    thresholds, bounds = settings or GateSettings(), intervals or {}
    gap = (validation_loss - train_loss) / train_loss if train_loss > 0 else math.nan
    sign = "share of correct signs, all scored names; the reference says 58 to 60 %"
    split = "(validation − training loss) ÷ training loss at the epoch kept, training under dropout"
    gates = (
        _gate("Sharpe ratio", Threshold("≥", thresholds.sharpe, is_fraction=False), net.sharpe, "net, test span"),
        _gate("Win rate", Threshold("≥", thresholds.win_rate), net.win_rate, "share of sessions with a gain, net"),
        _gate("Drawdown", Threshold("≤", thresholds.drawdown), -net.max_drawdown, "deepest, net, test span"),
        _gate("Accuracy", Threshold("≥", thresholds.accuracy), accuracy, sign),
        _gate("Train to validation gap", Threshold("<", thresholds.loss_gap), gap, split),
    )
    known = tuple(replace(gate, interval=bounds.get(gate.name, UNKNOWN)) for gate in gates)
    return (*known, *paper_gates(settings=thresholds))


def win_rate_interval(net_returns: pd.Series) -> Interval:
    """Win rate, the share of gains among sessions with a return other than 0, with its 95 % bounds."""
    moved = net_returns[net_returns.notna() & (net_returns != 0.0)]
    return mean_interval((moved > 0).astype(float))


def paper_gates(
    net: PerformanceSummary | None = None,
    *,
    n_sessions: int = 0,
    flat_share: float = math.nan,
    settings: GateSettings | None = None,
    sharpe_range: Interval = UNKNOWN,
) -> tuple[Gate, ...]:
    """Gates that the reference sets for paper trading; none is measured before ``paper_sessions``.

    Parameters
    ----------
    net : PerformanceSummary, optional
        Of the scored sessions' net returns.
    n_sessions : int
        Sessions scored.
    flat_share : float
        Share of the decisions in which a kill switch held the book flat; NaN where the strategy has none.
    settings : GateSettings, optional
        Thresholds; the reference's by default.
    sharpe_range : Interval
        95 % bounds of the Sharpe ratio.
    """
    thresholds = settings or GateSettings()
    if net is None or n_sessions < thresholds.paper_sessions:
        detail = PAPER if net is None else f"{n_sessions} of {thresholds.paper_sessions} sessions scored"
        sharpe, drawdown, flat = math.nan, math.nan, math.nan
    else:
        detail = f"net, {n_sessions} sessions decided before their open"
        sharpe, drawdown, flat = net.sharpe, -net.max_drawdown, flat_share
    switch = detail if net is None or not math.isnan(flat_share) else "the strategy has no kill switch"
    over = f" over ≥ {thresholds.paper_sessions} sessions"
    ratio = _gate(
        "Paper trading: Sharpe ratio", Threshold(">", thresholds.paper_sharpe, is_fraction=False), sharpe, detail
    )
    return (
        replace(ratio, asked=ratio.asked + over, interval=UNKNOWN if math.isnan(sharpe) else sharpe_range),
        _gate("Paper trading: drawdown", Threshold("<", thresholds.paper_drawdown), drawdown, detail),
        _gate("Paper trading: kill-switch days", Threshold("<", thresholds.paper_flat), flat, switch),
    )


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold and the side of it that passes."""

    sign: Literal["≥", ">", "≤", "<"]
    level: float
    is_fraction: bool = field(default=True, kw_only=True)

    def __str__(self) -> str:
        shown = f"{100 * self.level:g} %" if self.is_fraction else f"{float(self.level)}"
        return f"{self.sign} {shown}"

    def passes(self, measured: float) -> bool:
        """Whether a number is on the right side of the threshold."""
        return bool(SIDES[self.sign](measured, self.level))


SIDES: Mapping[str, Callable[[float, float], bool]] = {
    "≥": operator.ge,
    ">": operator.gt,
    "≤": operator.le,
    "<": operator.lt,
}


def _gate(name: str, threshold: Threshold, measured: float, detail: str) -> Gate:
    status: Status = "NOT MEASURED" if math.isnan(measured) else "PASS" if threshold.passes(measured) else "FAIL"
    return Gate(
        name=name,
        asked=str(threshold),
        measured=measured,
        status=status,
        detail=detail,
        is_fraction=threshold.is_fraction,
    )
