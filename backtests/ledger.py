"""Ledger: explicit bookkeeping of shares and cash, session by session; the arithmetic every result is read from.

A session has two moments, the fill and the close. At the fill, names that left are paid out first, then equity is taken
at fill prices, then every fillable order trades to its weight of that equity. At the close the book is marked. A name
without a print is valued at the last price known at that moment.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.costs import Costs
from market import Execution, Panel, cash_outs, fill_prices

__all__ = ["Bar", "Fills", "LedgerRun", "LedgerState", "keep_ledger", "mark_to_close", "trade_session"]


class LedgerState(NamedTuple):
    """What the book holds between two moments; arrays of shape (n_tickers,)."""

    shares: np.ndarray
    cash: float
    known_price: np.ndarray  # last price seen, NaN before the first
    pending: np.ndarray  # target weight of an order not filled yet, NaN for none


class Bar(NamedTuple):
    """One session as the ledger sees it; arrays of shape (n_tickers,)."""

    fill_price: np.ndarray  # NaN without a print
    close: np.ndarray  # NaN without a print
    due: np.ndarray  # weights that come due, all NaN for none
    payout: np.ndarray  # return at which holders are paid out, NaN for none


class Fills(NamedTuple):
    """What happened at the fill; arrays of shape (n_tickers,)."""

    equity: float  # after pay-outs, before trades
    traded: np.ndarray  # signed shares
    paid: np.ndarray  # shares that were paid out
    missed: np.ndarray  # target weight of each order that found no price, else NaN
    cost: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LedgerRun:
    """The whole history of one book, currency and shares; arrays over sessions or sessions × tickers.

    Parameters
    ----------
    equity, cash : ndarray, shape (n_sessions,)
        At each close.
    fill_equity : ndarray, shape (n_sessions,)
        At the fill of each session, after pay-outs and before its trades and their cost.
    cost : ndarray, shape (n_sessions,)
        Paid at the fill.
    shares : ndarray, shape (n_sessions, n_tickers)
        Held at each close.
    fill_prices, marks : ndarray, shape (n_sessions, n_tickers)
        Last price known at the fill and at the close; NaN before a name's first print.
    traded, paid : ndarray, shape (n_sessions, n_tickers)
        Signed shares traded, and shares paid out to a holder of a name that left.
    missed : ndarray, shape (n_sessions, n_tickers)
        Target weight of each order that found no price, else NaN.
    """

    equity: np.ndarray
    cash: np.ndarray
    fill_equity: np.ndarray
    cost: np.ndarray
    shares: np.ndarray
    fill_prices: np.ndarray
    marks: np.ndarray
    traded: np.ndarray
    paid: np.ndarray
    missed: np.ndarray


def keep_ledger(
    panel: Panel, due: pd.DataFrame, *, execution: Execution, costs: Costs, capital: float = 1e6
) -> LedgerRun:
    """Keep the books of due weights over all sessions of the panel.

    Parameters
    ----------
    panel : Panel
        Bars and delistings.
    due : DataFrame of float, shape (n_sessions, n_tickers)
        Weights that come due in each session, from ``due_weights``; rows of NaN hold.
    execution, costs : Execution, Costs
        Which bar field fills, and what a trade costs.
    capital : float
        Cash at the start, in the currency of the bars.

    Returns
    -------
    LedgerRun
        Nothing is refused here: solvency and borrowing are for the caller to judge.
    """
    bars = _rows(fill_prices(panel, execution), panel.close, due, cash_outs(panel))
    nothing = np.full(due.shape[1], np.nan)
    state = LedgerState(shares=np.zeros(due.shape[1]), cash=float(capital), known_price=nothing, pending=nothing)
    record = _blank(due.shape)
    for row, bar in enumerate(zip(*bars, strict=True)):
        filled, fills = trade_session(state, Bar(*bar), costs.trade_fraction)
        state = mark_to_close(filled, bar[1])
        record.fill_prices[row] = filled.known_price
        _write(record, row, state, fills)
    return record


def trade_session(state: LedgerState, bar: Bar, fee: float) -> tuple[LedgerState, Fills]:
    """Pay out names that left, then trade every order that has a price to its weight of equity."""
    leaving = ~np.isnan(bar.payout)
    paid = np.where(leaving, state.shares, 0.0)
    cash = state.cash + _value(paid, state.known_price * (1.0 + bar.payout))
    shares = np.where(leaving, 0.0, state.shares)
    price = np.where(np.isnan(bar.fill_price), state.known_price, bar.fill_price)
    equity = cash + _value(shares, price)

    pending = np.where(np.isnan(bar.due), state.pending, bar.due)
    ordered = ~np.isnan(pending)
    fillable = ordered & ~np.isnan(bar.fill_price) & ~leaving
    traded = np.where(fillable, pending * equity / price - shares, 0.0)
    missed = np.where(ordered & ~fillable & ((pending != 0.0) | (shares != 0.0)), pending, np.nan)
    cost = fee * _value(np.abs(traded), price)
    after = LedgerState(
        shares=shares + traded,
        cash=cash - _value(traded, price) - cost,
        known_price=price,
        pending=np.where(leaving, np.nan, missed),
    )
    return after, Fills(equity=equity, traded=traded, paid=paid, missed=missed, cost=cost)


def mark_to_close(state: LedgerState, close: np.ndarray) -> LedgerState:
    """Value the book at the close, at the last known price where a name did not print."""
    return state._replace(known_price=np.where(np.isnan(close), state.known_price, close))


def _value(shares: np.ndarray, price: np.ndarray) -> float:
    """Value of ``shares``; a name never seen has no price and no shares."""
    return float(np.where(shares == 0.0, 0.0, shares * price).sum())


def _rows(*frames: pd.DataFrame) -> list[np.ndarray]:
    return [np.ascontiguousarray(frame.to_numpy()) for frame in frames]  # one session contiguous


def _blank(shape: tuple[int, int]) -> LedgerRun:
    sessions = shape[0]
    lines = {name: np.empty(sessions) for name in ("equity", "cash", "fill_equity", "cost")}
    tables = {name: np.empty(shape) for name in ("shares", "fill_prices", "marks", "traded", "paid", "missed")}
    return LedgerRun(**lines, **tables)


def _write(record: LedgerRun, row: int, state: LedgerState, fills: Fills) -> None:
    record.equity[row] = state.cash + _value(state.shares, state.known_price)
    record.cash[row] = state.cash
    record.fill_equity[row] = fills.equity
    record.cost[row] = fills.cost
    record.shares[row], record.marks[row] = state.shares, state.known_price
    record.traded[row], record.paid[row], record.missed[row] = fills.traded, fills.paid, fills.missed
