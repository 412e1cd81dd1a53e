"""Scaled account: the ledger's arithmetic for one book whose size is decided step by step, without tables.

It reads the very arrays of the engine (``backtests.engine.ledger.ledger_bars``): decided at the close of *t*, filled
``delay`` sessions later, orders without a print carried, leavers paid out, the costs of trading and of the nights
charged. Values are fractions of the equity at the last fill moment, so nothing here knows a currency.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from core.conventions import BASIS_POINTS
from core.errors import UnsupportedBookError

if TYPE_CHECKING:
    from backtests.engine.kernel import Bars
    from portfolio.costs import Costs

__all__ = ["AccountBars", "Earned", "ScaledAccount", "account_bars"]


class Earned(NamedTuple):
    """What one fill came to.

    Parameters
    ----------
    net : float
        Simple net return of the session of the fill, close to close: what the engine reports.
    until_next : float
        Simple net return from just before this fill to just before the next: what the decision alone answers for.
    """

    net: float
    until_next: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AccountBars:
    """Growth factors between the moments of a session, shape (n_sessions, n_tickers) unless said otherwise.

    Parameters
    ----------
    intraday : ndarray of float
        Last price known at the close ÷ that known at the fill; 1 before a name's first print, when nobody holds it.
    overnight : ndarray of float
        Last price known at the next session's fill ÷ that at the close; of a name that leaves there, its pay-out. 1 in
        the last session.
    has_fill : ndarray of bool
        The name has a price to fill at.
    leaves : ndarray of bool
        The name leaves at the next session's fill.
    fees : ndarray of float
        Borrow fee of the night after the session, as a fraction of a short position.
    night : ndarray of float, shape (n_sessions,)
        Years to the next session; 0 in the last.
    trade, cash, borrowing, rebate : float
        Cost of traded notional; annual rates on free cash, on borrowed cash and on the collateral of shorts.
    """

    intraday: np.ndarray
    overnight: np.ndarray
    has_fill: np.ndarray
    leaves: np.ndarray
    fees: np.ndarray
    night: np.ndarray
    trade: float
    cash: float
    borrowing: float
    rebate: float


def account_bars(bars: "Bars", costs: "Costs") -> AccountBars:
    """Turn the engine's arrays into growth factors.

    Raises
    ------
    UnsupportedBookError
        If costs know impact or margin, which depend on the size of the account.
    """
    if costs.impact != "none" or costs.maintenance_margin is not None:
        raise UnsupportedBookError(
            "sizing knows neither impact nor margin, and the book is kept under one: set costs.impact to none and "
            "costs.maintenance_margin to nothing, and run the strategy again"
        )
    n_sessions = len(bars.at_fill)
    next_fill = np.vstack([bars.at_fill[1:], bars.at_close[-1:]])
    leaves, overnight = np.zeros(bars.at_fill.shape, dtype=bool), _ratio(next_fill, bars.at_close)
    for row in np.flatnonzero(bars.leaving[1:] >= 0):
        payout = bars.payout[bars.leaving[row + 1]]
        leaves[row] = ~np.isnan(payout)
        overnight[row, leaves[row]] = 1.0 + payout[leaves[row]]
    night = np.append(bars.nights[1:], 0.0)
    borrow = np.broadcast_to(bars.borrow, bars.at_fill.shape) if len(bars.borrow) == 1 else bars.borrow
    rates = (costs.cash_bps, costs.borrowing_bps or 0.0, costs.rebate_bps)
    cash, borrowing, rebate = (bps / BASIS_POINTS for bps in rates)
    return AccountBars(
        intraday=_ratio(bars.at_close, bars.at_fill),
        overnight=overnight,
        has_fill=~np.isnan(bars.fill_price),
        leaves=leaves,
        fees=np.vstack([borrow[1:], np.zeros((1, borrow.shape[1]))]) * night.reshape(n_sessions, 1),
        night=night,
        trade=costs.trade_fraction,
        cash=cash,
        borrowing=borrowing,
        rebate=rebate,
    )


class ScaledAccount:
    """A book from its first fill on, one session after the other; flat before it.

    Parameters
    ----------
    bars : AccountBars
        What it is kept on.
    """

    def __init__(self, bars: AccountBars) -> None:
        self._bars = bars
        n_tickers = bars.intraday.shape[1]
        self._value = np.zeros(n_tickers)  # of each name at the coming fill, fractions of equity there
        self._pending = np.full(n_tickers, np.nan)
        self._gap = 1.0  # equity at the coming fill ÷ equity at the close before

    def fill(self, row: int, due: np.ndarray) -> Earned:
        """Trade what comes due in a session, and keep the book until just before the next session's fill.

        Parameters
        ----------
        row : int
            The session; each call is of the one after the last.
        due : ndarray of float, shape (n_tickers,)
            Target weights, NaN to hold.

        Raises
        ------
        UnsupportedBookError
            If nothing is left of the equity.
        """
        bars = self._bars
        wanted = np.where(np.isnan(due), self._pending, due)
        trades = bars.has_fill[row] & ~np.isnan(wanted)
        change = np.where(trades, wanted - self._value, 0.0)
        self._pending = np.where(bars.has_fill[row] | ((wanted == 0.0) & (self._value == 0.0)), np.nan, wanted)
        held = self._value + change
        cost = bars.trade * float(np.abs(change).sum())
        closing = held * bars.intraday[row]
        equity = 1.0 - cost + float((closing - held).sum())
        net = self._gap * equity - 1.0
        opening = closing * bars.overnight[row]
        after = equity - self._charge(row, closing, equity) + float((opening - closing).sum())
        if min(equity, after) <= 0.0:
            raise UnsupportedBookError("the scaled book is insolvent: lower the bound of the scale, or its exposure")
        left = bars.leaves[row]
        self._value = np.where(left, 0.0, opening) / after
        self._pending = np.where(left, np.nan, self._pending)
        self._gap = after / equity
        return Earned(net=net, until_next=after - 1.0)

    def _charge(self, row: int, closing: np.ndarray, equity: float) -> float:
        """What the night costs, less what it earns."""
        bars = self._bars
        shorts = np.minimum(closing, 0.0)
        short = -float(shorts.sum())
        free = equity - float(closing.sum()) - short
        earned = bars.rebate * short + (bars.cash if free > 0.0 else bars.borrowing) * free
        return -float((shorts * bars.fees[row]).sum()) - earned * float(bars.night[row])


def _ratio(later: np.ndarray, earlier: np.ndarray) -> np.ndarray:
    """Growth between two prices; 1 where a name has not printed yet, for nobody can hold it."""
    known = ~(np.isnan(later) | np.isnan(earlier))
    growth: np.ndarray = np.divide(later, earlier, out=np.ones(later.shape), where=known)
    return growth
