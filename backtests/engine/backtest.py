"""Backtest: decided weights to a result, by two engines that must agree wherever both can keep the book."""

from importlib.metadata import version

import numpy as np
import pandas as pd

from backtests.engine.accounts import BacktestTerms, settle_accounts
from backtests.engine.backtest_result import BacktestResult
from backtests.engine.due_weights import due_weights, first_due
from backtests.engine.frictions import BorrowFees
from backtests.engine.ledger import LedgerRun, keep_ledger
from backtests.engine.vectorbt_engine import ENGINE, vectorbt_equity
from core.errors import ParityError, UnsupportedBookError
from market import Execution, Panel
from portfolio.costs import Costs

__all__ = ["PARITY_LIMIT", "ledger_backtest", "run_backtest"]

PARITY_LIMIT = 1e-9  # of capital
MIN_CASH = -1e-12  # of equity; rounding of a book that spends its last cent


def run_backtest(
    panel: Panel,
    weights: pd.DataFrame,
    *,
    execution: Execution,
    costs: Costs,
    capital: float = 1e6,
    borrow_fees: BorrowFees | None = None,
) -> BacktestResult:
    """Trade decided weights and account for every share, with vectorbt beside it as a second opinion.

    vectorbt knows neither borrow fees nor interest, borrowed cash, margin or impact. A book to which one of these
    happened is kept by the ledger alone, and its result says so.

    Parameters
    ----------
    panel : Panel
        Bars, universe and delistings.
    weights : DataFrame of float, shape (n_decisions, n_tickers)
        Fractions of equity decided at the close of each session; a row of NaN is no rebalance, never part of a row.
    execution : Execution
        Sessions and price between a decision and its fill.
    costs : Costs
        Taken from cash at the fill and overnight.
    capital : float
        Cash at the start, in the currency of the bars; positive.
    borrow_fees : Series or DataFrame, optional
        Borrow fees by name in annual basis points, in place of ``costs.borrow_bps``: by ticker, or sessions × tickers
        with row *t* known at the close of *t*.

    Returns
    -------
    BacktestResult
        From the session of the first fill on: the first in which weights other than 0 come due. Orders without a print
        are carried until they fill or a newer decision replaces them. A name that leaves is paid out without a fee at
        its last known price × (1 + delisting return), before the session's orders are sized, and its order is dropped.

    Raises
    ------
    ValueError
        If capital is not positive or weights or fees do not fit the panel.
    UnsupportedBookError
        If the book borrows cash (net exposure above 1) without a rate for it, or becomes insolvent without margin.
    ParityError
        If the engines differ by more than 1e-9 of capital in any session.
    """
    if not capital > 0:
        raise ValueError(f"capital must be positive, was {capital}")
    due = due_weights(panel, weights, execution, may_borrow=costs.may_borrow)
    start = first_due(due)
    run = keep_ledger(panel, due, execution=execution, costs=costs, capital=capital, borrow_fees=borrow_fees)
    _check_solvent(run, panel.sessions, costs)
    terms = BacktestTerms(execution=execution, costs=costs, capital=capital, start=start)
    if alone := _beyond_vectorbt(run):
        engine = f"ledger only: vectorbt knows no {', '.join(alone)}"
        return settle_accounts(run, panel, due, terms=terms, parity=np.nan, engine=engine)
    other = vectorbt_equity(panel, due, execution=execution, costs=costs, start=start)
    parity = _check_parity(run.equity[start:], capital * other, panel.sessions[start:], capital)
    engine = f"vectorbt {version('vectorbt')} ({ENGINE})"
    return settle_accounts(run, panel, due, terms=terms, parity=parity, engine=engine)


def ledger_backtest(
    panel: Panel, weights: pd.DataFrame, *, execution: Execution, costs: Costs, capital: float = 1e6
) -> BacktestResult:
    """``run_backtest`` without its second opinion: the same numbers, which no other engine has checked."""
    due = due_weights(panel, weights, execution, may_borrow=costs.may_borrow)
    run = keep_ledger(panel, due, execution=execution, costs=costs, capital=capital)
    _check_solvent(run, panel.sessions, costs)
    terms = BacktestTerms(execution=execution, costs=costs, capital=capital, start=first_due(due))
    return settle_accounts(run, panel, due, terms=terms, parity=np.nan, engine="ledger only: not compared")


def _beyond_vectorbt(run: LedgerRun) -> list[str]:
    """Name what happened to the book that vectorbt cannot express."""
    happened = {
        "impact": run.impact.any(),
        "borrow fees": run.borrow.any(),
        "interest": run.interest.any(),
        "borrowed cash": _borrows(run).any(),
        "margin": not np.isnan(run.called).all(),
    }
    return [name for name, did in happened.items() if did]


def _borrows(run: LedgerRun) -> np.ndarray:
    open_ = slice(None) if run.stop < 0 else slice(run.stop)  # what an insolvent account owes is no financing
    return np.asarray(run.cash[open_] < MIN_CASH * run.equity[open_])


def _check_solvent(run: LedgerRun, sessions: pd.DatetimeIndex, costs: Costs) -> None:
    worst = np.minimum(run.equity, run.fill_equity)
    if run.stop < 0 and (worst <= 0).any():
        row = int(np.argmax(worst <= 0))
        raise UnsupportedBookError(
            f"the book is insolvent on {sessions[row]:%Y-%m-%d}, equity {worst[row]:,.0f}: "
            "no return is defined from there on, lower long, short or max_position or set costs.maintenance_margin"
        )
    borrowed = _borrows(run)
    if borrowed.any() and not costs.may_borrow:
        row = int(np.argmax(borrowed))
        net = 1.0 - run.cash[row] / run.equity[row]
        raise UnsupportedBookError(
            f"fills on {sessions[row]:%Y-%m-%d} would need borrowed cash, net exposure {net:.4f} after costs and "
            "unfilled orders: raise cash_buffer, lower the long leg or set costs.borrowing_bps"
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
