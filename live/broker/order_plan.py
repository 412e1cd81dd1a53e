"""Order plan: the orders that lead from what is held to what was decided, each with an id that is always the same.

The arithmetic is that of :func:`strategy.trading.orders.plan_trades`: whole lots, towards no trade.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Any

import pandas as pd

from live.broker.broker_protocol import BUY, SELL, OrderTicket, plain
from live.broker.client_order_ids import client_order_id
from market.panel import Panel
from strategy.trading.data_checks import check_data
from strategy.trading.holdings import Holdings
from strategy.trading.orders import plan_trades

__all__ = ["OrderPlan", "PlannedOrder", "plan_orders"]

STEP = Decimal("0.000000001")  # of a share, the least that brokers count


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedOrder:
    """One order.

    Parameters
    ----------
    client_order_id, ticker, side : str
        Of its ticket.
    shares : Decimal
        Positive.
    last_close : float
        At which it was sized.
    target_weight : float
        Fraction of equity.
    attempt : int
        From 1.
    """

    client_order_id: str
    ticker: str
    side: str
    shares: Decimal
    last_close: float
    target_weight: float = 0.0
    attempt: int = 1

    @property
    def notional(self) -> float:
        """Shares at the last close."""
        return float(self.shares) * self.last_close

    @property
    def ticket(self) -> OrderTicket:
        """What is sent."""
        words = {"client_order_id": self.client_order_id, "ticker": self.ticker, "side": self.side}
        return OrderTicket(**words, shares=self.shares)

    def facts(self, session: str, state: str) -> dict[str, Any]:
        """What the paper log keeps of it."""
        words = {"client_order_id": self.client_order_id, "ticker": self.ticker, "side": self.side, "state": state}
        numbers = {"shares": plain(self.shares), "last_close": self.last_close, "attempt": self.attempt}
        return {"session": session, **words, **numbers, "target_weight": self.target_weight}


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPlan:
    """The orders of a decision.

    Parameters
    ----------
    orders : tuple of PlannedOrder
        Sales first, then by name.
    blocked : tuple of (ticker, reason)
        Trades that are not sent.
    prices : dict of float
        Last closes of the names that are held or wanted.
    equity : float
        By which they are sized: cash and shares at the last closes of the bars.
    """

    orders: tuple[PlannedOrder, ...]
    blocked: tuple[tuple[str, str], ...]
    prices: dict[str, float]
    equity: float


def plan_orders(
    weights: Mapping[str, float], panel: Panel, *, held: Mapping[str, Decimal], cash: Decimal, lock: str
) -> OrderPlan:
    """Plan the orders of a decision.

    Parameters
    ----------
    weights : mapping of float
        Decided target weights, of the names that have one.
    panel : Panel
        Bars that end at the decision's close, on the split basis of that day.
    held : mapping of Decimal
        Signed shares.
    cash : Decimal
        Of the account.
    lock : str
        Sha256 of the version's lock, for the ids.

    Raises
    ------
    DataError
        If a held name has no price.
    """
    target = pd.Series(weights, dtype=float).reindex(panel.tickers, fill_value=0.0)
    amounts = pd.Series({name: float(shares) for name, shares in held.items()}, dtype=float)
    holdings = Holdings(amounts=amounts, in_shares=True, cash=float(cash), told_cash=True)
    session = f"{panel.sessions[-1]:%Y-%m-%d}"
    table, equity = plan_trades(target, panel, holdings=holdings, checks=check_data(panel, as_of=session))
    assert equity is not None  # holdings in shares with their cash tell it
    wanted, blocked = [], [(name, "no bars of this name") for name in sorted(set(weights).difference(panel.tickers))]
    for ticker, row in table.iterrows():
        side, shares = _sized(row["order_shares"], held.get(str(ticker), Decimal()))
        if row["blocked_by"]:
            blocked.append((str(ticker), str(row["blocked_by"])))
        elif shares > 0:
            wanted.append(_planned(str(ticker), row, side=side, shares=shares, words=(lock, session)))
    wanted.sort(key=lambda order: (order.side == BUY, order.ticker))
    prices = {str(name): float(price) for name, price in table["last_close"].dropna().items()}
    return OrderPlan(orders=tuple(wanted), blocked=tuple(blocked), prices=prices, equity=equity)


def _planned(ticker: str, row: Any, *, side: str, shares: Decimal, words: tuple[str, str]) -> PlannedOrder:
    return PlannedOrder(
        client_order_id=client_order_id(*words, ticker=ticker, side=side, attempt=1),
        ticker=ticker,
        side=side,
        shares=shares,
        last_close=float(row["last_close"]),
        target_weight=float(row["target_weight"]),
    )


def _sized(shares: float, held: Decimal) -> tuple[str, Decimal]:
    """Side and size of a trade, as brokers take it.

    A trade through zero ends at zero, and the next decision goes on from there: no broker sells in one order what is
    held and what is not. A short is sold in whole shares.
    """
    if pd.isna(shares):
        return BUY, Decimal()
    signed = Decimal(repr(float(shares))).quantize(STEP, rounding=ROUND_DOWN)
    side = BUY if signed > 0 else SELL
    if held and (held > 0) != (signed > 0):
        return side, min(abs(signed), abs(held))
    return side, abs(signed) if side == BUY else abs(signed).to_integral_value(rounding=ROUND_DOWN)
