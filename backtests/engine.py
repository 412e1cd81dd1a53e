"""Engine: decided weights to a backtest result, by two engines that must agree."""

from importlib.metadata import version

import numpy as np
import pandas as pd

from backtests.accounts import Terms, settle_accounts
from backtests.costs import Costs
from backtests.ledger import LedgerRun, keep_ledger
from backtests.result import BacktestResult
from backtests.schedule import due_weights, first_due
from backtests.vectorbt_engine import ENGINE, vectorbt_equity
from market import Execution, Panel, ParityError, UnsupportedBookError

__all__ = ["PARITY_LIMIT", "run_backtest"]

PARITY_LIMIT = 1e-9  # of capital
LEAST_CASH = -1e-12  # of equity; rounding of a book that spends its last cent


def run_backtest(
    panel: Panel, weights: pd.DataFrame, *, execution: Execution, costs: Costs, capital: float = 1e6
) -> BacktestResult:
    """Trade decided weights and account for every share, with vectorbt beside it as a second opinion.

    Parameters
    ----------
    panel : Panel
        Bars, universe and delistings.
    weights : DataFrame of float, shape (n_decisions, n_tickers)
        Fractions of equity decided at the close of each session; a row of NaN is no rebalance, never part of a row.
    execution : Execution
        Sessions and price between a decision and its fill.
    costs : Costs
        Taken from cash at the fill.
    capital : float
        Cash at the start, in the currency of the bars; positive.

    Returns
    -------
    BacktestResult
        From the session of the first fill on: the first in which weights other than 0 come due. Orders without a print
        are carried until they fill or a newer decision replaces them. A name that leaves is paid out without a fee at
        its last known price × (1 + delisting return), before the session's orders are sized, and its order is dropped.

    Raises
    ------
    ValueError
        If capital is not positive or weights do not fit the panel.
    UnsupportedBookError
        If the book borrows cash (net exposure above 1) or becomes insolvent.
    ParityError
        If the engines differ by more than 1e-9 of capital in any session.
    """
    if not capital > 0:
        raise ValueError(f"capital must be positive, was {capital}")
    due = due_weights(panel, weights, execution)
    start = first_due(due)
    run = keep_ledger(panel, due, execution=execution, costs=costs, capital=capital)
    _check_solvent(run, panel.sessions)
    other = vectorbt_equity(panel, due, execution=execution, costs=costs, start=start)
    parity = _check_parity(run.equity[start:], capital * other, panel.sessions[start:], capital)
    terms = Terms(execution=execution, costs=costs, capital=capital, start=start)
    return settle_accounts(
        run, panel, due, terms=terms, parity=parity, engine=f"vectorbt {version('vectorbt')} ({ENGINE})"
    )


def _check_solvent(run: LedgerRun, sessions: pd.DatetimeIndex) -> None:
    worst = np.minimum(run.equity, run.fill_equity)
    if (worst <= 0).any():
        row = int(np.argmax(worst <= 0))
        raise UnsupportedBookError(
            f"the book is insolvent on {sessions[row]:%Y-%m-%d}, equity {worst[row]:,.0f}: "
            "no return is defined from there on, lower long, short or max_position"
        )
    borrowed = run.cash < LEAST_CASH * run.equity
    if borrowed.any():
        row = int(np.argmax(borrowed))
        net = 1.0 - run.cash[row] / run.equity[row]
        raise UnsupportedBookError(
            f"fills on {sessions[row]:%Y-%m-%d} would need borrowed cash, net exposure {net:.4f} after costs and "
            "unfilled orders: raise cash_buffer or lower the long leg"
        )


def _check_parity(ledger: np.ndarray, other: np.ndarray, sessions: pd.DatetimeIndex, capital: float) -> float:
    difference = np.abs(ledger - other) / capital
    parity = float(difference.max())
    if not parity <= PARITY_LIMIT:  # also when an engine gave NaN
        row = int(np.argmax(~(difference <= PARITY_LIMIT)))
        raise ParityError(
            f"ledger and vectorbt differ by {parity:.1e} of capital, first on {sessions[row]:%Y-%m-%d} "
            f"({ledger[row]:.6f} and {other[row]:.6f}): report it with the weights of that session"
        )
    return parity
