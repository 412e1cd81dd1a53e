"""Order window: whether orders can still reach the open that they were decided for, by the broker's clock."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from live.broker.broker_protocol import NEW_YORK, Broker, MarketClock

__all__ = ["LAST_CALL", "closed_window"]

LAST_CALL = dt.timedelta(minutes=2)  # before an open its auction takes no more orders
AUCTION, FIRST_CALL = dt.time(9, 28), dt.time(19, 0)  # between them on a session no order for the next one is taken
AFTER = "after "


def closed_window(decision: Mapping[str, Any], clock: MarketClock, broker: Broker) -> list[str]:
    """Why the orders of a decision cannot be sent now; empty where they can.

    Parameters
    ----------
    decision : mapping
        Facts of a committed decision.
    clock : MarketClock
        The broker's.
    broker : Broker
        Its calendar tells the next session where the bars' own could not.
    """
    session = str(decision["session"])
    if decision["late"]:
        return [f"no order was sent: the decision of {session} was committed after its open, and is never traded"]
    meant, told = _meant(decision, clock, broker), f"{clock.next_session}"
    if meant != told:
        missed = f"fills at the open of {meant}, the broker's next open is {told}"
        return [f"no order was sent: the decision of {session} {missed}: commit the next one with `quintile paper`"]
    if clock.is_open:
        return ["no order was sent: the market is open; orders wait for an open, send them while it is closed"]
    local = clock.now.astimezone(NEW_YORK)
    if clock.next_open - clock.now < LAST_CALL:
        return ["no order was sent: the market opens within two minutes, its auction takes no more orders"]
    if AUCTION <= local.time() < FIRST_CALL and broker.sessions(local.date(), local.date()):  # half days end early
        return [f"no order was sent: it is {local:%H:%M} in New York, orders for the open are taken from 19:00"]
    return []


def _meant(decision: Mapping[str, Any], clock: MarketClock, broker: Broker) -> str:
    """The session at whose open a decision fills."""
    fills = str(decision["fills"])
    if not fills.startswith(AFTER):
        return fills
    decided = dt.date.fromisoformat(str(decision["session"]))
    days = broker.sessions(decided + dt.timedelta(days=1), clock.next_session)
    return f"{days[0]}" if days else fills
