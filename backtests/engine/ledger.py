"""Ledger: explicit bookkeeping of shares and cash, session by session; the arithmetic every result is read from.

A session has three moments: the night before it, the fill and the close. For the night, borrow fees and interest are
charged on what the book held. At the fill, names that left are paid out first, then equity is taken at fill prices,
then every fillable order trades to its weight of that equity. At the close the book is marked and its margin
checked. A name without a print is valued at the last price known at that moment. ``kernel`` holds the compiled
arithmetic.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtests.engine.due_weights import first_due
from backtests.engine.frictions import BorrowFees, average_dollar_volume, borrow_rates, night_years
from core.conventions import BASIS_POINTS
from market import Execution, Panel, fill_prices
from market.delistings import pay_outs
from portfolio.costs import Costs

if TYPE_CHECKING:
    from backtests.engine.kernel import Bars, Record, Terms

__all__ = ["LedgerRun", "blank_record", "keep_ledger", "ledger_bars", "ledger_terms"]

LINES = ("equity", "cash", "fill_equity", "trade", "impact", "borrow", "interest", "called", "cut")
TABLES = ("shares", "traded", "paid", "missed", "trade_impact")
NAMES = ("closed", "closed_at")
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
    missed : ndarray, shape (n_sessions, n_tickers) or (0, 0)
        Target weight of each order that found no price, else NaN; no row where every fill has every price.
    trade_impact : ndarray, shape (n_sessions, n_tickers) or (0, 0)
        Impact of each trade; no row where no impact is charged.
    stop : int
        Row in which an insolvent margin account was closed out, −1 for none; it stays flat from there on.
    closed : ndarray, shape (n_tickers,)
        Shares closed out there, without a fee.
    closed_at : ndarray, shape (n_tickers,)
        Last prices known there, at which they were; 0 without a stop.
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
    closed_at: np.ndarray
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
    from backtests.engine.kernel import keep_books

    bars = ledger_bars(panel, execution, costs, borrow_fees)
    record = blank_record(bars)
    terms = ledger_terms(costs, bars, capital=capital, start=first_due(due))
    stop = keep_books(bars, _rows(due), terms, record)
    return LedgerRun(**record._asdict(), fill_prices=bars.at_fill, marks=bars.at_close, stop=stop)


def ledger_bars(panel: Panel, execution: Execution, costs: Costs, borrow_fees: BorrowFees | None = None) -> "Bars":
    """Arrays that every book on these bars shares, one session contiguous."""
    from backtests.engine.kernel import Bars

    payout, leaving = _leavers(panel)
    has_impact = costs.impact != "none"
    return Bars(
        **_prices(_rows(fill_prices(panel, execution)), _rows(panel.close)),
        payout=payout,
        leaving=leaving,
        nights=night_years(panel.sessions),
        borrow=borrow_rates(panel, costs, borrow_fees),
        volume=_rows(average_dollar_volume(panel, execution)) if has_impact else np.empty((0, 0)),
    )


def ledger_terms(costs: Costs, bars: "Bars", *, capital: float, start: int) -> "Terms":
    """Terms of one book, as fractions."""
    from backtests.engine.kernel import Terms

    rates = (costs.cash_bps, costs.borrowing_bps or 0.0, costs.rebate_bps)
    cash, borrowing, rebate = (bps / BASIS_POINTS for bps in rates)
    return Terms(
        capital=float(capital),
        start=start,
        trade=costs.trade_fraction,
        impact=costs.impact_bps / BASIS_POINTS,
        square_root=costs.impact == "square_root",
        cash=cash,
        borrowing=borrowing,
        rebate=rebate,
        overnight=bool(bars.borrow.any() or cash or borrowing or rebate),
        maintenance=costs.maintenance_margin or 0.0,
        initial=costs.initial_margin or 0.0,
    )


def blank_record(bars: "Bars", *, tables: bool = True) -> "Record":
    """Allocate a record; without tables, only what happens to the book as a whole is kept."""
    from backtests.engine.kernel import Record

    shape = bars.fill_price.shape
    unneeded = {"trade_impact": not bars.volume.size, "missed": not (bars.payout.size or _has_gaps(bars))}
    shapes = {name: shape if tables and not unneeded.get(name) else (0, 0) for name in TABLES}
    lines = {name: _blank(name, shape[:1]) for name in LINES}
    return Record(
        **lines,
        **{name: _blank(name, kept) for name, kept in shapes.items()},
        **{name: np.zeros(shape[1] if tables else 0) for name in NAMES},
    )


def _rows(frame: pd.DataFrame) -> np.ndarray:
    return np.ascontiguousarray(frame.to_numpy(dtype=float))


def _prices(fills: np.ndarray, closes: np.ndarray) -> dict[str, np.ndarray]:
    """Fill prices and the last prices known; the same arrays where every name always prints."""
    from backtests.engine.kernel import know_last

    known = {"at_fill": fills, "at_close": closes}
    if np.isnan(fills.min()) or np.isnan(closes.min()):
        known = {name: prices.copy() for name, prices in known.items()}
        know_last(**known)
    return {"fill_price": fills, **known}


def _has_gaps(bars: "Bars") -> bool:
    return bars.at_fill is not bars.fill_price


def _leavers(panel: Panel) -> tuple[np.ndarray, np.ndarray]:
    """Pay-outs of the sessions that have any, and the row of each session among them."""
    paid = pay_outs(panel)
    sessions, rows = np.unique(paid.rows, return_inverse=True)
    payout, leaving = np.full((len(sessions), len(panel.tickers)), np.nan), np.full(len(panel.sessions), -1)
    payout[rows, paid.columns] = paid.returns
    leaving[sessions] = np.arange(len(sessions))
    return payout, leaving


def _blank(name: str, shape: tuple[int, ...]) -> np.ndarray:
    return np.full(shape, np.nan) if name in NAN_UNLESS_WRITTEN else np.zeros(shape)
