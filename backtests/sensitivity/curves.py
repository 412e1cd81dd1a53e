"""Curves: performance of the same decided weights as one cost or delay varies, everything else unchanged."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from backtests.engine.backtest_result import BacktestResult
from backtests.engine.many_books import Case
from backtests.sensitivity.case_metrics import case_metrics
from core.conventions import BASIS_POINTS
from market import Execution, Panel

__all__ = ["borrow_curve", "break_even_bps", "cost_curve", "delay_curve"]

BORROW_BPS = (0.0, 25.0, 50.0, 100.0, 200.0, 400.0, 800.0)
DELAYS = (1, 2, 5)


def cost_curve(panel: Panel, base: Case, *, trade_bps: Iterable[float]) -> pd.DataFrame:
    """Performance of a book by half-spread and commission.

    Parameters
    ----------
    panel : Panel
        Bars that the book trades on.
    base : Case
        The book as it was traded; its own costs join the grid, its other frictions stay.
    trade_bps : iterable of float
        One-way costs in basis points of traded notional.

    Returns
    -------
    DataFrame, index ``trade_bps``, columns of ``case_metrics``
    """
    grid = sorted({*trade_bps, base.costs.trade_bps})
    return case_metrics(panel, [(bps, _charged(base, trade_bps=bps)) for bps in grid]).rename_axis("trade_bps")


def borrow_curve(panel: Panel, base: Case, *, borrow_bps: Iterable[float] = BORROW_BPS) -> pd.DataFrame:
    """Performance of a book by borrow fee, in annual basis points of short market value.

    Parameters and columns are those of ``cost_curve``; the index is ``borrow_bps``.
    """
    grid = sorted({*borrow_bps, base.costs.borrow_bps})
    return case_metrics(panel, [(bps, _charged(base, borrow_bps=bps)) for bps in grid]).rename_axis("borrow_bps")


def delay_curve(panel: Panel, base: Case, *, delays: Iterable[int] = DELAYS) -> pd.DataFrame:
    """Performance of a book when the same decisions fill later.

    Parameters
    ----------
    panel : Panel
        Bars that the book trades on.
    base : Case
        The book as it was traded; its own delay joins the grid.
    delays : iterable of int
        Sessions between decision and fill. A later fill begins later, so the span loses its first sessions.

    Returns
    -------
    DataFrame, index ``delay``, columns of ``case_metrics``
    """
    own = base.execution.delay
    grid = sorted({*(delay for delay in delays if delay >= own), own})
    cases = [(delay, replace(base, execution=_later(base.execution, delay - own))) for delay in grid]
    return case_metrics(panel, cases).rename_axis("delay")


def break_even_bps(result: BacktestResult) -> float:
    """Break-even one-way cost in basis points: the mean net return is 0 at it, other frictions unchanged.

    The mean return before trading costs ÷ the mean two-way traded notional, both as fractions of equity: what is held
    and traded is taken as it was. Negative where the book loses without costs; NaN where it never traded.
    """
    traded = float(result.traded.mean())
    before = float((result.net_returns + result.cost_parts["trade"]).mean())
    return BASIS_POINTS * before / traded if traded > 0 else np.nan


def _charged(base: Case, **changes: Any) -> Case:
    return replace(base, costs=base.costs.model_copy(update=changes))


def _later(execution: Execution, sessions: int) -> Execution:
    return execution.model_copy(update={"extra_delay": execution.extra_delay + sessions})
