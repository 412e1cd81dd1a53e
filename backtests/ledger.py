"""Ledger: explicit bookkeeping of shares and cash, session by session; the arithmetic every result is read from.

A session has three moments: the night before it, the fill and the close. For the night, borrow fees and interest are
charged on what the book held. At the fill, names that left are paid out first, then equity is taken at fill prices,
then every fillable order trades to its weight of that equity. At the close the book is marked and its margin looked
at. A name without a print is valued at the last price known at that moment. The arithmetic is compiled, in ``kernel``.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtests.costs import BASIS, Costs
from backtests.frictions import BorrowFees, average_dollar_volume, borrow_rates, night_years
from backtests.schedule import first_due
from market import Execution, Panel, cash_outs, fill_prices

if TYPE_CHECKING:
    from backtests.kernel import Bars, Terms

__all__ = ["LedgerRun", "keep_ledger", "ledger_bars", "ledger_terms"]

LINES = ("equity", "cash", "fill_equity", "trade", "impact", "borrow", "interest", "called", "cut")
TABLES = ("shares", "fill_prices", "marks", "traded", "paid", "missed", "trade_impact")
NAN_UNLESS_WRITTEN = ("called", "cut", "missed")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LedgerRun:
    """The whole history of one book, currency and shares; arrays over sessions or sessions × tickers.

    Parameters
    ----------
    equity, cash : ndarray, shape (n_sessions,)
        At each close.
    fill_equity : ndarray, shape (n_sessions,)
        At the fill of each session, after the night and pay-outs and before its trades and their cost.
    trade, impact : ndarray, shape (n_sessions,)
        Commission and half-spread, and impact, paid at the fill.
    borrow, interest : ndarray, shape (n_sessions,)
        Charged for the night before the session; interest is negative where more is earned than paid.
    called, cut : ndarray, shape (n_sessions,)
        Equity ÷ gross exposure where margin was called at the close, and where the book was cut at the fill; else NaN.
    shares : ndarray, shape (n_sessions, n_tickers)
        Held at each close.
    fill_prices, marks : ndarray, shape (n_sessions, n_tickers)
        Last price known at the fill and at the close; NaN before a name's first print.
    traded, paid : ndarray, shape (n_sessions, n_tickers)
        Signed shares traded, and shares paid out to a holder of a name that left.
    missed : ndarray, shape (n_sessions, n_tickers)
        Target weight of each order that found no price, else NaN.
    trade_impact : ndarray, shape (n_sessions, n_tickers) or (0, 0)
        Impact of each trade; no row where no impact is charged.
    stop : int
        Row in which an insolvent margin account was closed out, −1 for none; it stays flat from there on.
    closed : ndarray, shape (n_tickers,)
        Shares closed out there, at the last price known, without a fee.
    """

    equity: np.ndarray
    cash: np.ndarray
    fill_equity: np.ndarray
    trade: np.ndarray
    impact: np.ndarray
    borrow: np.ndarray
    interest: np.ndarray
    called: np.ndarray
    cut: np.ndarray
    shares: np.ndarray
    fill_prices: np.ndarray
    marks: np.ndarray
    traded: np.ndarray
    paid: np.ndarray
    missed: np.ndarray
    trade_impact: np.ndarray
    closed: np.ndarray
    stop: int

    @property
    def cost(self) -> np.ndarray:
        """Everything charged for a session, less what was earned; shape (n_sessions,)."""
        total: np.ndarray = self.trade + self.impact + self.borrow + self.interest
        return total


def keep_ledger(
    panel: Panel,
    due: pd.DataFrame,
    *,
    execution: Execution,
    costs: Costs,
    capital: float = 1e6,
    borrow_fees: BorrowFees | None = None,
) -> LedgerRun:
    """Keep the books of due weights over all sessions of the panel.

    Parameters
    ----------
    panel : Panel
        Bars and delistings.
    due : DataFrame of float, shape (n_sessions, n_tickers)
        Weights that come due in each session, from ``due_weights``; rows of NaN hold.
    execution, costs : Execution, Costs
        Which bar field fills, and what trading and holding cost.
    capital : float
        Cash at the start, in the currency of the bars.
    borrow_fees : Series or DataFrame, optional
        Borrow fees by name, in place of ``costs.borrow_bps``.

    Returns
    -------
    LedgerRun
        Without margin nothing is refused or stopped here: solvency and borrowing are for the caller to judge.
    """
    from backtests.kernel import Record, keep_books

    bars = ledger_bars(panel, execution, costs, borrow_fees)
    shape, nothing = due.shape, (0, 0)
    lines = {name: _blank(name, shape[:1]) for name in LINES}
    shapes = dict.fromkeys(TABLES, shape) | ({} if bars.volume.size else {"trade_impact": nothing})
    tables = {name: _blank(name, shapes[name]) for name in TABLES}
    record = Record(**lines, **tables, closed=np.zeros(shape[1]))
    terms = ledger_terms(costs, bars, capital=capital, start=first_due(due))
    stop = keep_books(bars, np.ascontiguousarray(due.to_numpy()), terms, record)
    return LedgerRun(**record._asdict(), stop=stop)


def ledger_bars(panel: Panel, execution: Execution, costs: Costs, borrow_fees: BorrowFees | None = None) -> "Bars":
    """Return what every book on these bars sees, one session contiguous."""
    from backtests.kernel import Bars

    payout = _rows(cash_outs(panel))
    has_impact = costs.impact != "none"
    return Bars(
        fill_price=_rows(fill_prices(panel, execution)),
        close=_rows(panel.close),
        payout=payout,
        leaving=~np.isnan(payout).all(axis=1),
        nights=night_years(panel.sessions),
        borrow=borrow_rates(panel, costs, borrow_fees),
        volume=_rows(average_dollar_volume(panel, execution)) if has_impact else np.empty((0, 0)),
    )


def ledger_terms(costs: Costs, bars: "Bars", *, capital: float, start: int) -> "Terms":
    """Return the terms of one book, as fractions."""
    from backtests.kernel import Terms

    yearly = (costs.cash_bps / BASIS, (costs.borrowing_bps or 0.0) / BASIS, costs.rebate_bps / BASIS)
    return Terms(
        capital=float(capital),
        start=start,
        trade=costs.trade_fraction,
        impact=costs.impact_bps / BASIS,
        square_root=costs.impact == "square_root",
        cash=yearly[0],
        borrowing=yearly[1],
        rebate=yearly[2],
        overnight=bool(bars.borrow.any() or any(yearly)),
        maintenance=costs.maintenance_margin or 0.0,
        initial=costs.initial_margin or 0.0,
    )


def _rows(frame: pd.DataFrame) -> np.ndarray:
    return np.ascontiguousarray(frame.to_numpy(dtype=float))


def _blank(name: str, shape: tuple[int, ...]) -> np.ndarray:
    return np.full(shape, np.nan) if name in NAN_UNLESS_WRITTEN else np.zeros(shape)
