"""Due weights: decided weights at the session of their fill; beside forward returns, the only place that moves time."""

import numpy as np
import pandas as pd

from core.errors import UnsupportedBookError
from market import Execution, Panel
from market.panel import aligned_frame

__all__ = ["comes_due", "due_rows", "due_weights", "first_due"]

ROUNDING = 1e-9  # a net exposure of 1 may miss it by this much


def due_weights(panel: Panel, weights: pd.DataFrame, execution: Execution, *, may_borrow: bool = False) -> pd.DataFrame:
    """Shift decided weights to the sessions of the panel in which they come due.

    Parameters
    ----------
    panel : Panel
        Bars that the weights are traded on.
    weights : DataFrame of float, shape (n_decisions, n_tickers)
        Fractions of equity **decided** at the close of each session; a row of NaN is no rebalance. The tickers of the
        panel, on some or all of its sessions.
    execution : Execution
        Sessions between decision and fill.
    may_borrow : bool
        Whether net exposure may be above 1.

    Returns
    -------
    DataFrame of float, shape (n_sessions, n_tickers)
        Row *t* was decided ``execution.delay`` sessions before *t*; NaN where nothing comes due.

    Raises
    ------
    ValueError
        If tickers or sessions are unknown, a row is partly NaN, a weight is infinite, or nothing ever comes due.
    UnsupportedBookError
        If a decided net exposure is above 1 and the book may not borrow.
    """
    due = np.empty(panel.close.shape, order="F")
    _place(_checked(panel, weights, may_borrow=may_borrow), due, execution.delay)
    return aligned_frame(due, panel.sessions, panel.tickers)


def due_rows(panel: Panel, weights: pd.DataFrame, execution: Execution, *, may_borrow: bool = False) -> np.ndarray:
    """Shift as ``due_weights`` does, into an array with one session contiguous."""
    due = np.empty(panel.close.shape)
    _place(_checked(panel, weights, may_borrow=may_borrow), due, execution.delay)
    return due


def first_due(due: pd.DataFrame | np.ndarray) -> int:
    """Row of the first due weights that hold anything, of the first due for a flat book, or −1."""
    from backtests.engine.kernel import row_of_first

    return int(row_of_first(np.asarray(due)))


def comes_due(panel: Panel, weights: pd.DataFrame, execution: Execution) -> bool:
    """Whether weights hold a decision that fills within the bars; ``due_weights`` refuses those that hold none."""
    last = len(panel.sessions) - 1 - execution.delay
    return last >= 0 and bool(weights.loc[: panel.sessions[last]].notna().any(axis=None))


def _checked(panel: Panel, weights: pd.DataFrame, *, may_borrow: bool) -> np.ndarray:
    """Decided weights on the panel's sessions and tickers."""
    _check_axes(panel, weights)
    _check_rows(weights, may_borrow=may_borrow)
    return weights.reindex(index=panel.sessions, columns=panel.tickers).to_numpy(dtype=float)


def _place(decided: np.ndarray, due: np.ndarray, delay: int) -> None:
    """Write decided weights into the rows in which they come due."""
    due[:delay] = np.nan
    due[delay:] = decided[: max(len(decided) - delay, 0)]
    if first_due(due) < 0:
        raise ValueError("weights hold no decision that comes due within the bars: decide earlier or give later bars")


def _check_axes(panel: Panel, weights: pd.DataFrame) -> None:
    if weights.columns.equals(panel.tickers) and weights.index.equals(panel.sessions):
        return
    strangers = weights.columns.symmetric_difference(panel.tickers)
    if len(strangers):
        raise ValueError(
            f"weights and panel differ in tickers {list(strangers[:5])}: decide on the panel that is traded"
        )
    unknown = weights.index.difference(panel.sessions)
    if len(unknown):
        raise ValueError(
            f"weights of {unknown[0]:%Y-%m-%d} have no session in the panel: decide on sessions of the bars"
        )


def _check_rows(weights: pd.DataFrame, *, may_borrow: bool) -> None:
    values = weights.to_numpy(dtype=float)
    net = values.sum(axis=1)
    odd = np.flatnonzero(~np.isfinite(net))  # only these rows can hold a NaN or an infinite weight
    missing = np.isnan(values[odd])
    partly = missing.any(axis=1) & ~missing.all(axis=1)
    if partly.any():
        row = int(np.argmax(partly))
        ticker = weights.columns[int(np.argmax(missing[row]))]
        raise ValueError(
            f"weight of {ticker} on {weights.index[odd[row]]:%Y-%m-%d} is NaN: 0 exits a name, a row of NaN holds all"
        )
    if np.isinf(values[odd]).any():
        raise ValueError("weights must be finite, some are infinite: check the rule that sized them")
    net[odd[missing.all(axis=1)]] = 0.0
    if not may_borrow and (net > 1.0 + ROUNDING).any():
        row = int(np.argmax(net > 1.0 + ROUNDING))
        raise UnsupportedBookError(
            f"net exposure decided on {weights.index[row]:%Y-%m-%d} is {net[row]:.4f} of equity: "
            "it needs borrowed cash, set costs.borrowing_bps, lower the long leg or raise the short one"
        )
