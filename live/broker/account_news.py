"""Account news: what became of a log's orders and account since it was read, and whether both agree on what is held.

Nothing is written here: a dry run reads the same news.
"""

import datetime as dt
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from live.broker.broker_protocol import ENDED, Activity, Broker, BrokerOrder, plain
from market.panel import Panel
from strategy.trading.paper.paper_fills import Note, held_cash, held_shares, order_states
from strategy.trials.paper_log import ACTION, DECISION, FILL, ORDER, RECONCILED

__all__ = ["AFTER", "BEFORE", "PLANNED", "AccountNews", "held_against", "read_news", "reconciled", "unwritten"]

BEFORE, AFTER = "before", "after"  # the orders of a session are sent
PLANNED = "planned"
UNSENT = "unsent"  # planned for an open that has passed, and never at the broker
TRADE = "FILL"  # the broker's word
TOLD = (ORDER, FILL, ACTION)
OVERLAP = dt.timedelta(days=7)  # a broker may book a dividend days after its date


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountNews:
    """What a broker told.

    Parameters
    ----------
    notes : tuple of Note
        Fills, actions and ended orders that the log lacked, oldest first.
    positions : dict of Decimal
        Signed shares that the broker holds.
    cash, equity : Decimal
        As the broker counts them.
    differences : dict of Decimal
        Shares that the broker holds beyond what the log comes to with the news.
    cash_gap : Decimal or None
        Cash beyond what the log comes to; None in a log that has not read an account before.
    blocked : str
        Why the account takes no orders; empty where it does.
    seen : str
        Id of the newest activity: a log that begins reads from there.
    foreign : tuple of str
        Client ids of open orders that the log does not know.
    """

    notes: tuple[Note, ...]
    positions: dict[str, Decimal]
    cash: Decimal
    equity: Decimal
    differences: dict[str, Decimal]
    cash_gap: Decimal | None
    blocked: str
    seen: str
    foreign: tuple[str, ...]


def read_news(broker: Broker, notes: Sequence[Note], panel: Panel) -> AccountNews:
    """Read what changed, and hold the positions against the log.

    Parameters
    ----------
    broker : Broker
        The account.
    notes : sequence of Note
        The paper log.
    panel : Panel
        Bars that tell at which price a session opened.
    """
    opening = next((note for note in notes if note.kind == RECONCILED), None)
    activities = broker.activities(_read_until(notes))
    account, positions = broker.account(), broker.positions()
    states = order_states(notes)
    seen = "" if opening is None else str(opening.facts.get("seen", ""))
    fresh = [each for each in activities if each.activity_id > seen] if opening else []
    waiting = _waiting(broker, states)
    known = {facts["order_id"]: name for name, facts in states.items() if "order_id" in facts}
    known |= {order.order_id: order.client_order_id for order in waiting}
    own = [each for each in fresh if each.kind != TRADE or each.order_id in known]  # a stranger's trade is a difference
    ended = [_ended(order, states[order.client_order_id]) for order in waiting if order.state in ENDED]
    ended += _unsent(notes, states, {order.client_order_id for order in waiting})
    news = [*ended, *unwritten(notes, [_note(each, known, panel) for each in own])]
    told = AccountNews(
        notes=tuple(news),
        positions=positions,
        cash=account.cash,
        equity=account.equity,
        differences={},
        cash_gap=None,
        blocked=account.blocked,
        seen=max((each.activity_id for each in activities), default=""),
        foreign=tuple(each.client_order_id for each in broker.open_orders()),
    )
    return held_against(told, [*notes, *news])


def held_against(news: AccountNews, notes: Sequence[Note]) -> AccountNews:
    """The same news held against a log that holds them, and what else was written into it."""
    opened = any(note.kind == RECONCILED for note in notes)
    states = order_states(notes)
    return replace(
        news,
        differences=_differences(news.positions, held_shares(notes)),
        cash_gap=news.cash - held_cash(notes) if opened else None,
        foreign=tuple(name for name in news.foreign if name not in states),
    )


def reconciled(news: AccountNews, session: str, moment: str, **beside: Any) -> dict[str, Any]:
    """What the log keeps of a reconciliation."""
    return {
        "session": session,
        "moment": moment,
        "cash": plain(news.cash),
        "equity": plain(news.equity),
        "positions": {name: plain(shares) for name, shares in news.positions.items()},
        "differences": {name: plain(shares) for name, shares in news.differences.items()},
        **({} if news.cash_gap is None else {"cash_gap": plain(news.cash_gap)}),
        **beside,
    }


def unwritten(notes: Sequence[Note], news: Sequence[Note]) -> list[Note]:
    """The news that a log lacks: a fill or an action by its id, a state of an order by the order and the state."""
    known = {_key(note) for note in notes if note.kind in TOLD}
    told = {_key(note): note for note in news if note.kind in TOLD}  # once, though an answer tells it twice
    return [note for key, note in told.items() if key not in known]


def _key(note: Note) -> tuple[str, ...]:
    words = ("client_order_id", "state") if note.kind == ORDER else ("activity",)
    return (note.kind, *(str(note.facts[word]) for word in words))


def _read_until(notes: Sequence[Note]) -> dt.date | None:
    """From which date activities are read, with room for what a broker books late."""
    days = [str(note.facts["session"]) for note in notes if note.kind in (FILL, ACTION, RECONCILED)]
    return dt.date.fromisoformat(max(days)) - OVERLAP if days else None


def _waiting(broker: Broker, states: Mapping[str, Mapping[str, Any]]) -> list[BrokerOrder]:
    """Orders of the broker that have not ended in the log."""
    names = [name for name, facts in states.items() if facts["state"] not in (*ENDED, UNSENT)]
    recent = {order.client_order_id: order for order in broker.recent_orders()} if names else {}
    found = (recent.get(name) or broker.order(name) for name in names)
    return [order for order in found if order is not None]


def _ended(order: BrokerOrder, facts: Mapping[str, Any]) -> Note:
    told = {"state": order.state, "filled": plain(order.filled), "order_id": order.order_id}
    return Note(ORDER, dict(facts) | told)


def _unsent(notes: Sequence[Note], states: Mapping[str, Mapping[str, Any]], there: Container[str]) -> list[Note]:
    """Orders of former decisions that no broker has: they are asked for no more."""
    last = max((str(note.facts["session"]) for note in notes if note.kind == DECISION), default="")
    late = (
        facts
        for name, facts in states.items()
        if facts["state"] == PLANNED and str(facts["session"]) < last and name not in there
    )
    return [Note(ORDER, dict(facts) | {"state": UNSENT}) for facts in late]


def _note(activity: Activity, orders: Mapping[str, str], panel: Panel) -> Note:
    facts = {"session": f"{activity.session}", "activity": activity.activity_id, "ticker": activity.ticker}
    facts["shares"] = plain(activity.shares)
    if activity.kind != TRADE:
        return Note(ACTION, facts | {"type": activity.kind, "cash": plain(activity.cash)})
    words = {"price": plain(activity.price), "client_order_id": orders[activity.order_id]}
    return Note(FILL, facts | words | _opened(activity, panel))


def _opened(activity: Activity, panel: Panel) -> dict[str, float]:
    """At which price the session of a fill opened, where the bars tell."""
    session = pd.Timestamp(activity.session)
    if activity.ticker not in panel.tickers or session not in panel.sessions:
        return {}
    price = float(panel.open[activity.ticker].loc[session])
    return {} if np.isnan(price) else {"open": price}


def _differences(there: Mapping[str, Decimal], expected: Mapping[str, Decimal]) -> dict[str, Decimal]:
    gaps = {name: there.get(name, Decimal()) - expected.get(name, Decimal()) for name in sorted({*there, *expected})}
    return {name: gap for name, gap in gaps.items() if gap}
