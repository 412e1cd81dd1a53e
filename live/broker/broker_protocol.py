"""Broker protocol: what a broker must answer, as small values; amounts are decimal numbers, times carry their zone.

Every order is a market order for the next open. An order is known by the id that its client gave it, so that whoever
lost an answer can ask for the order instead of sending it again.
"""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol
from zoneinfo import ZoneInfo

from core.errors import RunError

__all__ = [
    "BUY",
    "ENDED",
    "NEW_YORK",
    "REJECTED",
    "SELL",
    "Account",
    "Activity",
    "Broker",
    "BrokerError",
    "BrokerOrder",
    "MarketClock",
    "OrderRefusedError",
    "OrderTicket",
    "plain",
]

BUY, SELL = "buy", "sell"
REJECTED = "rejected"
# states from which an order does not move
ENDED = ("filled", "canceled", "expired", "done_for_day", "replaced", REJECTED)
NEW_YORK = ZoneInfo("America/New_York")


class BrokerError(RunError):
    """A broker that cannot be reached, or answers what it should not."""


class OrderRefusedError(BrokerError):
    """An order that the broker did not take; sending it again would not help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketClock:
    """The broker's clock; it decides whether the market is closed.

    Parameters
    ----------
    now, next_open : datetime
        With their zone.
    is_open : bool
        Whether the regular session is on.
    """

    now: dt.datetime
    is_open: bool
    next_open: dt.datetime

    @property
    def next_session(self) -> dt.date:
        """The date of the next open, in New York."""
        return self.next_open.astimezone(NEW_YORK).date()


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Cash and equity as the broker counts them, and why it takes no orders; empty where it does."""

    cash: Decimal
    equity: Decimal
    blocked: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTicket:
    """An order to send: a market order that fills at the next open; shares are positive, ``side`` tells the sign."""

    client_order_id: str
    ticker: str
    side: str
    shares: Decimal

    @property
    def is_whole(self) -> bool:
        """Whether it asks for whole shares; only such orders go to an opening auction."""
        return self.shares == self.shares.to_integral_value()


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerOrder:
    """An order as the broker has it.

    Parameters
    ----------
    order_id : str
        The broker's own.
    client_order_id, ticker, side, shares
        As they were sent.
    filled : Decimal
        Shares filled so far.
    state : str
        The broker's word; those of ``ENDED`` are final.
    """

    order_id: str
    client_order_id: str
    ticker: str
    side: str
    shares: Decimal
    filled: Decimal
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One thing that changed the account.

    Parameters
    ----------
    activity_id : str
        The broker's own; it begins with the moment and never repeats.
    kind : str
        ``"FILL"``, or the broker's word for a split, a dividend, a pay-out, a fee and the like.
    session : date
        In New York.
    ticker : str
        Empty where it is of no name.
    shares : Decimal
        Signed change of the position.
    cash : Decimal
        Signed change of the cash; 0 for a fill, which has a price.
    price : Decimal
        Of a fill, else 0.
    order_id : str
        Of a fill, else empty.
    """

    activity_id: str
    kind: str
    session: dt.date
    ticker: str = ""
    shares: Decimal = Decimal()
    cash: Decimal = Decimal()
    price: Decimal = Decimal()
    order_id: str = ""


class Broker(Protocol):
    """A broker with one account.

    Every call may raise :class:`BrokerError`, in one line and without a key in it.
    """

    def clock(self) -> MarketClock:
        """Its clock."""
        ...

    def account(self) -> Account:
        """Cash and equity."""
        ...

    def positions(self) -> dict[str, Decimal]:
        """Signed shares by ticker, without names of which none are held."""
        ...

    def sessions(self, first: dt.date, last: dt.date) -> list[dt.date]:
        """Sessions from ``first`` to ``last``, both included."""
        ...

    def submit(self, ticket: OrderTicket) -> BrokerOrder:
        """Send an order, once: an id that the broker knows gives the order that it has.

        Raises
        ------
        OrderRefusedError
            If the broker did not take it.
        """
        ...

    def order(self, client_order_id: str) -> BrokerOrder | None:
        """An order by its client's id; None where the broker has none."""
        ...

    def open_orders(self) -> list[BrokerOrder]:
        """Orders that may still fill."""
        ...

    def recent_orders(self) -> list[BrokerOrder]:
        """The newest orders, whatever became of them; at least 500 where there are so many."""
        ...

    def activities(self, after: dt.date | None = None) -> list[Activity]:
        """What changed the account since a date, oldest first; without a date everything."""
        ...


def plain(number: Decimal) -> str:
    """A number as text without an exponent and without zeros at its end."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
