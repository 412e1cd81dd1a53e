"""Trade session: one call that takes a paper log's last decision to the broker and brings back what became of others.

What happens, in this order: the broker is asked what changed since; the news is written into the log and positions are
held against it; the orders of the decision are written into the log, all of them, before the first is sent; each is
sent, and asked for first where it may have been sent before; what the broker made of them is written and positions are
held against the log again. A call that ends anywhere is taken up by the next one, which finds the orders in the log
and plans none again.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd

from core.errors import DataError, RunError
from live.broker.account_news import AFTER, BEFORE, PLANNED, AccountNews, held_against, read_news, reconciled, unwritten
from live.broker.broker_protocol import REJECTED, Broker, BrokerError, MarketClock, OrderRefusedError, plain
from live.broker.client_order_ids import client_order_id
from live.broker.order_plan import PlannedOrder, plan_orders
from live.broker.order_window import LAST_CALL, closed_window
from live.broker.trade_limits import TradeLimits, check_limits
from market.panel import Panel
from strategy.trading.paper.paper_fills import Note, last_attempts, noted, order_states
from strategy.trials.chained_log import Transaction
from strategy.trials.paper_log import DECISION, FILL, ORDER, RECONCILED, PaperLog

__all__ = ["MAX_ATTEMPTS", "TradeDesk", "TradeReport", "trade_session"]

MAX_ATTEMPTS = 3  # of an order that the broker rejects


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeDesk:
    """What trades.

    Parameters
    ----------
    log : PaperLog
        Of the version.
    broker : Broker
        The account, which no one else trades.
    lock : str
        Sha256 of the version's lock.
    limits : TradeLimits
        What a session's orders may come to.
    kill_file : Path
        While it is there no order is sent.
    """

    log: PaperLog
    broker: Broker
    lock: str
    limits: TradeLimits = field(default_factory=TradeLimits)
    kill_file: Path

    @property
    def killed(self) -> str:
        """Why no order is sent: the kill file; empty without it."""
        there = _may_be_there(self.kill_file)
        return f"no order was sent: the kill file {self.kill_file} is there; remove it to trade" if there else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeReport:
    """What one call did, or a dry run would do.

    Parameters
    ----------
    session : str
        Of the decision, an ISO date.
    orders : tuple of dict
        Facts of the decision's orders, as the log keeps them.
    blocked : tuple of (ticker, reason)
        Trades that are not sent.
    obstacles : tuple of str
        Why no order was or would be sent; empty where nothing stood in the way.
    n_fills : int
        Fills that were new.
    equity : Decimal
        As the broker counts it.
    cash_gap : Decimal or None
        Cash at the broker beyond what the log comes to.
    differences : dict of Decimal
        Shares at the broker beyond what the log comes to.
    submitted : bool
        Whether this was no dry run.
    """

    session: str
    orders: tuple[dict[str, Any], ...]
    blocked: tuple[tuple[str, str], ...]
    obstacles: tuple[str, ...]
    n_fills: int
    equity: Decimal
    cash_gap: Decimal | None
    differences: dict[str, Decimal]
    submitted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """Orders to send, those of them that are new, what is not sent, and what stands in the way."""

    session: str
    orders: tuple[dict[str, Any], ...]
    fresh: tuple[dict[str, Any], ...]
    obstacles: tuple[str, ...]
    blocked: tuple[tuple[str, str], ...] = ()
    sized_by: dict[str, Any] = field(default_factory=dict)


def trade_session(desk: TradeDesk, panel: Panel, *, submit: bool = False, adopt: bool = False) -> TradeReport:
    """Take the last committed decision to the broker.

    Parameters
    ----------
    desk : TradeDesk
        Log, broker and limits.
    panel : Panel
        Bars that hold the decision's close.
    submit : bool
        Send orders; by default a dry run, which writes nothing and sends nothing.
    adopt : bool
        Take the positions that the broker has and the log does not know as they are, once.

    Raises
    ------
    DataError
        If the bars lack the decision's close.
    BrokerError
        If the broker cannot be asked.
    """
    entries = desk.log.entries()
    notes = noted(entries)
    _last_decision(desk, notes)  # without one nothing is asked and nothing is written
    asked, clock = desk.log.clock(), desk.broker.clock()
    news = read_news(desk.broker, notes, panel)
    n_fills = sum(note.kind == FILL for note in news.notes)
    if not submit:
        ready = _prepared(desk, [*notes, *news.notes], news, clock=clock, panel=panel)
        return _report(ready, news, n_fills, orders=ready.orders, submitted=False)
    with desk.log.transaction(entries) as held:
        notes = _since(held, notes)
        _append(held, unwritten(notes, news.notes))
        news = held_against(news, notes := _since(held, notes))
        news = _adopted(held, news) if adopt else news
        ready = _prepared(desk, notes, news, clock=clock, panel=panel)
        held.append(RECONCILED, **reconciled(news, ready.session, BEFORE, seen=news.seen, **ready.sized_by))
        if not ready.obstacles:
            _append(held, [Note(ORDER, facts) for facts in ready.fresh])
        notes = _since(held, notes)
    stopped: list[str] = []
    if not ready.obstacles and ready.orders:
        answers, stopped = _sent(desk, ready, since=asked, room=clock.next_open - clock.now - LAST_CALL)
        news, held = _settled(desk, held, notes=notes, answers=answers, session=ready.session, panel=panel)
        notes = _since(held, notes)
    desk.log.remember(held.chain_at(held.entries[-1]))
    states = order_states(notes)
    orders = tuple(states.get(facts["client_order_id"], facts) for facts in ready.orders)
    return _report(ready, news, n_fills, orders=orders, submitted=True, stopped=stopped)


def _may_be_there(path: Path) -> bool:
    """Whether there is a file, a folder or a link to nothing, or it cannot be known."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _prepared(
    desk: TradeDesk, notes: Sequence[Note], news: AccountNews, *, clock: MarketClock, panel: Panel
) -> _Prepared:
    """The orders of the last decision: those that the log has, or else planned ones."""
    decision = _last_decision(desk, notes)
    session, own = str(decision["session"]), _own_orders(notes, str(decision["session"]))
    if pd.Timestamp(session) not in panel.sessions:
        raise DataError(f"the bars lack {session}, at whose close the last decision was made: load later bars")
    obstacles = (*_standing(desk, news), *closed_window(decision, clock, desk.broker))
    if own:
        again = tuple(_next_attempt(desk, facts) for facts in own if _may_repeat(facts))
        waiting = tuple(facts for facts in own if facts["state"] == PLANNED)
        return _Prepared(session=session, orders=(*waiting, *again), fresh=again, obstacles=obstacles)
    early, weights = panel.until(session), pd.Series(decision["weights"], dtype=float)
    plan = plan_orders(decision["weights"], early, held=news.positions, cash=news.cash, lock=desk.lock)
    found = check_limits(desk.limits, plan.orders, early, weights=weights)
    orders = tuple(order.facts(session, PLANNED) for order in plan.orders)
    return _Prepared(
        session=session,
        orders=orders,
        fresh=orders,
        blocked=plan.blocked,
        obstacles=(*obstacles, *(f"no order was sent: {words}" for words in found)),
        sized_by={"prices": plan.prices, "sized_equity": plan.equity},
    )


def _last_decision(desk: TradeDesk, notes: Sequence[Note]) -> Mapping[str, Any]:
    decision = next((note.facts for note in reversed(notes) if note.kind == DECISION), None)
    if decision is None:
        raise RunError(f"no decision of {desk.log.version} is committed: run `quintile paper` after the close")
    return decision


def _standing(desk: TradeDesk, news: AccountNews) -> list[str]:
    """What stands in the way of any order: the kill file, and an account that is not what the log says."""
    found = [desk.killed] if desk.killed else []
    if news.blocked:
        found.append(f"no order was sent: the broker takes none of this account ({news.blocked}): ask the broker")
    if news.differences:
        name, gap = next(iter(news.differences.items()))
        there = news.positions.get(name, Decimal())
        found.append(
            f"no order was sent: the broker holds {plain(there)} {name}, the log comes to {plain(there - gap)} "
            f"({len(news.differences)} names differ): find out why, then take it as it is with --adopt"
        )
    if news.foreign:
        found.append(
            f"no order was sent: {len(news.foreign)} open orders at the broker are not of this log (first "
            f"{news.foreign[0][:48]}): cancel them, or give the version an account of its own"
        )
    return found


def _own_orders(notes: Sequence[Note], session: str) -> list[dict[str, Any]]:
    """The last attempt of each of a decision's orders."""
    return [facts for (day, _, _), facts in last_attempts(notes).items() if day == session]


def _may_repeat(facts: dict[str, Any]) -> bool:
    return bool(facts["state"] == REJECTED and facts["attempt"] < MAX_ATTEMPTS)


def _next_attempt(desk: TradeDesk, facts: dict[str, Any]) -> dict[str, Any]:
    attempt = int(facts["attempt"]) + 1
    words = {name: facts[name] for name in ("ticker", "side", "shares", "last_close", "target_weight", "session")}
    own = client_order_id(desk.lock, words["session"], ticker=words["ticker"], side=words["side"], attempt=attempt)
    return words | {"client_order_id": own, "attempt": attempt, "state": PLANNED}


def _sent(desk: TradeDesk, ready: _Prepared, *, since: dt.datetime, room: dt.timedelta) -> tuple[list[Note], list[str]]:
    """Send each order that waits, and what stopped it; kill file and time are looked at before each."""
    fresh, answers = {facts["client_order_id"] for facts in ready.fresh}, list[Note]()
    for facts in ready.orders:
        if desk.killed:
            return answers, [desk.killed]
        if desk.log.clock() - since > room:
            return answers, ["no further order was sent: the open came too near while orders were sent"]
        planned = PlannedOrder(
            **{name: facts[name] for name in ("client_order_id", "ticker", "side", "last_close")},
            shares=Decimal(facts["shares"]),
        )
        try:
            known = None if planned.client_order_id in fresh else desk.broker.order(planned.client_order_id)
            taken = known or desk.broker.submit(planned.ticket)
        except OrderRefusedError as refused:
            answers.append(Note(ORDER, facts | {"state": REJECTED, "reason": str(refused)}))
            continue
        except BrokerError as error:
            return answers, [str(error)]
        answers.append(Note(ORDER, facts | {"state": taken.state, "order_id": taken.order_id}))
        if (taken.ticker, taken.side, taken.shares) != (planned.ticker, planned.side, planned.shares):
            seen = f"{taken.side} {plain(taken.shares)} {taken.ticker}"
            told = f"the broker took {seen} for {planned.side} {facts['shares']} {planned.ticker}"
            return answers, [f"no further order was sent: {told}: look at the account there"]
    return answers, []


def _settled(
    desk: TradeDesk,
    before: Transaction,
    *,
    notes: Sequence[Note],
    answers: Sequence[Note],
    session: str,
    panel: Panel,
) -> tuple[AccountNews, Transaction]:
    """Write what the broker made of the orders, hold positions against the log again, and give the log as it is."""
    news = read_news(desk.broker, [*notes, *answers], panel)
    with desk.log.transaction(before.entries) as held:
        _append(held, unwritten(_since(held, notes), [*answers, *news.notes]))
        held.append(RECONCILED, **reconciled(news, session, AFTER))
    return news, held


def _adopted(held: Transaction, news: AccountNews) -> AccountNews:
    """Take the positions as they are."""
    if news.differences:
        session = f"{held.now:%Y-%m-%d}"
        held.append(RECONCILED, **reconciled(news, session, BEFORE, adopted=True, seen=news.seen))
    return replace(news, differences={})


def _since(held: Transaction, notes: Sequence[Note]) -> list[Note]:
    """The notes that were read before, and those that came since: a log only grows, and reading it takes its time."""
    return [*notes, *noted(held.entries[len(notes) :])]


def _append(held: Transaction, notes: Iterable[Note]) -> None:
    for note in notes:
        held.append(note.kind, **_untimed(note.facts))


def _untimed(facts: Any) -> dict[str, Any]:
    """Facts without the moment at which another entry kept them."""
    return {name: value for name, value in facts.items() if name != "time"}


def _report(
    ready: _Prepared,
    news: AccountNews,
    n_fills: int,
    *,
    orders: tuple[dict[str, Any], ...],
    submitted: bool,
    stopped: Sequence[str] = (),
) -> TradeReport:
    return TradeReport(
        session=ready.session,
        orders=orders,
        blocked=ready.blocked,
        obstacles=(*ready.obstacles, *stopped),
        n_fills=n_fills,
        equity=news.equity,
        cash_gap=news.cash_gap,
        differences=news.differences,
        submitted=submitted,
    )
