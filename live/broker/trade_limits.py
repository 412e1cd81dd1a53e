"""Trade limits: what one session's orders may come to at most; checked before any order is sent."""

from collections.abc import Sequence

import pandas as pd
from pydantic import Field

from core.settings import Settings
from live.broker.order_plan import PlannedOrder
from market.panel import Panel

__all__ = ["TradeLimits", "check_limits"]

VOLUME_SESSIONS = 20  # sessions of the average volume


class TradeLimits(Settings):
    """What a session's orders may come to; one that goes beyond stops them all, for a book sent in parts is another.

    Parameters
    ----------
    order_notional, session_notional : float
        Of one order and of all, at the last closes, in the currency of the bars.
    names : int
        Names with an order.
    volume_share : float
        Of a name's average volume, the mean over its prints in the last 20 sessions.
    gross : float
        Gross exposure of the decided book over equity.
    """

    order_notional: float = Field(default=25_000.0, gt=0)
    session_notional: float = Field(default=250_000.0, gt=0)
    names: int = Field(default=200, ge=1)
    volume_share: float = Field(default=0.01, gt=0, le=1)
    gross: float = Field(default=2.0, gt=0)


def check_limits(limits: TradeLimits, orders: Sequence[PlannedOrder], panel: Panel, *, weights: pd.Series) -> list[str]:
    """Every limit that orders go beyond, in words that name the limit, the value seen and the remedy.

    Parameters
    ----------
    limits : TradeLimits
        The limits.
    orders : sequence of PlannedOrder
        Those that would be sent.
    panel : Panel
        Bars up to the decision's close, which tell the volumes.
    weights : Series of float
        The decided book.
    """
    worst = max(orders, key=lambda order: order.notional, default=None)
    traded, gross = sum(order.notional for order in orders), float(weights.abs().sum())
    found = []
    if worst is not None and worst.notional > limits.order_notional:
        found.append(_told("order_notional", f"the order of {worst.ticker} is {worst.notional:,.0f}"))
    if traded > limits.session_notional:
        found.append(_told("session_notional", f"the orders come to {traded:,.0f}"))
    if len({order.ticker for order in orders}) > limits.names:
        found.append(_told("names", f"{len(orders)} names have an order"))
    if gross > limits.gross * (1.0 + 1e-9):
        found.append(_told("gross", f"the book has a gross exposure of {gross:.2f}"))
    return [*found, *_beyond_volume(limits, orders, panel)]


def _beyond_volume(limits: TradeLimits, orders: Sequence[PlannedOrder], panel: Panel) -> list[str]:
    names = [order.ticker for order in orders]
    usual = panel.volume[names].iloc[-VOLUME_SESSIONS:].mean()
    shares = [(float(order.shares) / usual[order.ticker], order.ticker) for order in orders]
    share, ticker = max(((part, name) for part, name in shares if not part <= limits.volume_share), default=(0.0, ""))
    if not ticker:
        return []
    told = "has no volume to hold it against" if pd.isna(share) else f"is {share:.2%} of its average volume"
    return [_told("volume_share", f"the order of {ticker} {told}")]


def _told(limit: str, seen: str) -> str:
    return f"{seen}, beyond the limit {limit}: give --limits {limit}=NUMBER if that is meant"
