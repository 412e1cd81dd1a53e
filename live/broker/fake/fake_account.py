"""Fake account: what the fake broker takes, refuses and fills, and what a session's open does to what is held."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_UP, Decimal, InvalidOperation
from typing import Any

from live.broker.broker_protocol import BUY, NEW_YORK, REJECTED, SELL, plain
from live.broker.fake.corporate_actions import CorporateAction
from live.broker.fake.fake_faults import FakeFaults
from live.broker.fake.fake_market import FakeMarket
from live.broker.fake.fake_state import FakeState, Held

__all__ = ["CENT", "FakeAccount", "RefusalError"]

CENT, NINTH = Decimal("0.01"), Decimal("0.000000001")
TEN_THOUSAND = Decimal(10_000)
LAST_CALL, FIRST_CALL = dt.time(9, 28), dt.time(19, 0)  # no order for the opening auction is taken between them
NAMESPACE = uuid.UUID("6f1c1f0e-5d3a-4c39-9b11-6a0f1cf2a001")


class RefusalError(Exception):
    """A request that is refused, with its HTTP status."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


@dataclass(frozen=True, kw_only=True)
class FakeAccount:
    """An account on a fake market.

    Parameters
    ----------
    state : FakeState
        On disk.
    market : FakeMarket
        Prices.
    faults : FakeFaults
        How it fills and what goes wrong.
    """

    state: FakeState
    market: FakeMarket
    faults: FakeFaults

    @property
    def now(self) -> dt.datetime:
        """Its clock."""
        return dt.datetime.fromisoformat(self.state.fact("now"))

    @property
    def row(self) -> int:
        """The session that opened last; −1 before the first."""
        return self.market.n_opened(self.now) - 1

    @property
    def is_open(self) -> bool:
        """Whether the market is open."""
        return self.market.n_opened(self.now) > self.market.n_closed(self.now)

    def marks(self) -> dict[str, Decimal]:
        """What a share of each held name is worth: its last close, on today's split basis."""
        closed = self.market.n_closed(self.now) - 1
        prices = {name: self.market.last_close(closed, name, basis_of=self.row) for name in self.state.positions()}
        return {name: price or Decimal() for name, price in prices.items()}

    def equity(self) -> Decimal:
        """Cash and what is held, at the last closes."""
        marks = self.marks()
        return self.state.cash + sum(
            (held.shares * marks[name] for name, held in self.state.positions().items()), Decimal()
        )

    def submit(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """Take an order, or refuse it."""
        ticker, side, shares = _wanted(told)
        client = str(told.get("client_order_id") or uuid.uuid4())
        if self.state.order(client=client) is not None:
            raise RefusalError(422, "client_order_id must be unique")
        self._check_window(told)
        self._check_name(ticker, side, shares)
        if self.faults.draw("reject", client) < self.faults.reject / 2.0:
            raise RefusalError(403, f"order of {ticker} refused by the fault reject")
        order = _new_order(self.state.fact("now"), client, ticker, side=side, shares=shares) | {
            "time_in_force": told["time_in_force"]
        }
        self.state.add_order(order)
        return order

    def cancel(self, order: dict[str, Any], status: str = "canceled") -> None:
        """End an open order without a further fill."""
        field = {"canceled": "canceled_at", "expired": "expired_at", REJECTED: "failed_at"}[status]
        self.state.change_order(order | {"status": status, field: self.state.fact("now")})

    def move_clock(self, moment: dt.datetime) -> None:
        """Let time pass: every session that opens until then pays out, splits and fills."""
        if moment < self.now:
            raise RefusalError(422, f"the clock stands at {self.state.fact('now')} and does not run backwards")
        if self.market.n_opened(moment) > self.market.n_rows:
            raise RefusalError(422, f"the bars end {self.market.sessions[-2]}: start with later ones")
        while self.row + 1 < self.market.n_opened(moment):
            self.state.keep("now", self.market.opening(self.row + 1).isoformat())
            self._open(self.row)
        self.state.keep("now", moment.astimezone(NEW_YORK).isoformat())

    def _check_window(self, told: Mapping[str, Any]) -> None:
        if self.is_open:
            raise RefusalError(422, "the fake broker fills at opens: send orders while the market is closed")
        time, session = self.now.timetz().replace(tzinfo=None), self.now.date() in self.market.sessions
        if told["time_in_force"] == "opg" and session and LAST_CALL <= time < FIRST_CALL:
            raise RefusalError(422, "opg orders are taken from 19:00 to 09:28 New York time")

    def _check_name(self, ticker: str, side: str, shares: Decimal) -> None:
        if not self.market.is_listed(self.row, ticker):
            raise RefusalError(422, f"asset {ticker} is not active")
        held = self.state.held(ticker).shares
        pending = [order for order in self.state.orders() if order["symbol"] == ticker]
        waiting = sum((Decimal(order["qty"]) for order in pending if order["side"] == side), Decimal())
        closes = held if side == SELL else -held
        if closes > 0 and shares + waiting > closes:
            raise RefusalError(
                403, f"insufficient qty available for order (requested: {shares}, available: {closes - waiting})"
            )
        if closes <= 0:
            self._check_power(ticker, shares)
            if side == SELL and shares != shares.to_integral_value():
                raise RefusalError(422, "fractional orders cannot be sold short")

    def _check_power(self, ticker: str, shares: Decimal) -> None:
        """Refuse what would hold more than the account may, at last closes."""
        closed = self.market.n_closed(self.now) - 1
        marks, gross = self.marks(), Decimal()
        for name, held in self.state.positions().items():
            gross += abs(held.shares) * marks[name]
        for order in self.state.orders():
            price = self.market.last_close(closed, order["symbol"], basis_of=self.row) or Decimal()
            gross += Decimal(order["qty"]) * price * (-1 if self._closes(order) else 1)
        wanted = shares * (self.market.last_close(closed, ticker, basis_of=self.row) or Decimal())
        if gross + wanted > Decimal(str(self.faults.multiplier)) * self.equity():
            raise RefusalError(403, "insufficient buying power")

    def _closes(self, order: Mapping[str, Any]) -> bool:
        held = self.state.held(order["symbol"]).shares
        return held > 0 if order["side"] == SELL else held < 0

    def _open(self, row: int) -> None:
        """One session's open: corporate actions first, then what waits for it."""
        for action in self.market.acting(row):
            (self._split if action.kind == "split" else self._pay_dividend)(action, row)
        for ticker, paid in self.market.paid_out.get(row, {}).items():
            self._pay_out(ticker, paid, row)
        for order in self.state.orders():
            self._fill(order, row)

    def _split(self, action: CorporateAction, row: int) -> None:
        """Multiply shares, pay for fractions where none trade, and cancel orders that were counted in old shares."""
        for order in self.state.orders():
            if order["symbol"] == action.ticker:
                self.cancel(order)
        held, ratio = self.state.held(action.ticker), Decimal(repr(action.ratio))
        if not held.shares:
            return
        exact, step = held.shares * ratio, NINTH if self.market.panel.facts.lot is None else Decimal(1)
        whole = exact.quantize(step, rounding=ROUND_DOWN)
        self.state.hold(action.ticker, Held(whole, held.cost))
        self._note("SPLIT", row, symbol=action.ticker, qty=whole - held.shares)
        price = self.market.last_close(row - 1, action.ticker, basis_of=row) or Decimal()
        self._book_cash("CIL", row, (exact - whole) * price, symbol=action.ticker)

    def _pay_dividend(self, action: CorporateAction, row: int) -> None:
        shares = self.state.held(action.ticker).shares
        amount = Decimal(repr(action.cash))
        self._book_cash("DIV", row, shares * amount, symbol=action.ticker, qty=shares, per_share_amount=amount)

    def _pay_out(self, ticker: str, paid: float, row: int) -> None:
        """Pay holders of a name that left at its last close and delisting return."""
        for order in self.state.orders():
            if order["symbol"] == ticker:
                self.cancel(order)
        shares = self.state.held(ticker).shares
        if shares:
            price = self.market.last_close(row - 1, ticker, basis_of=row) or Decimal()
            self.state.hold(ticker, Held(Decimal(), Decimal()))
            self._book_cash("REORG", row, shares * price * (1 + Decimal(repr(paid))), symbol=ticker, qty=-shares)

    def _fill(self, order: dict[str, Any], row: int) -> None:
        """Fill an order at the open, as far as the session's volume lets it; the rest expires."""
        price, ticker = self.market.opened_at(row, order["symbol"]), order["symbol"]
        if self.faults.draw("reject", order["client_order_id"]) < self.faults.reject:
            self.cancel(order, REJECTED)
            return
        wanted = Decimal(order["qty"])
        room = Decimal(repr(self.faults.volume_share * self.market.volume(row, ticker)))
        filled = min(wanted, room.to_integral_value(rounding=ROUND_DOWN))
        if price is None or filled <= 0:
            self.cancel(order, "expired")
            return
        sign = 1 if order["side"] == BUY else -1
        price *= 1 + sign * Decimal(repr(self.faults.slippage_bps)) / TEN_THOUSAND
        price = price.quantize(Decimal("0.0001"))
        self._move(ticker, sign * filled, price)
        done = filled == wanted
        told = {"filled_qty": plain(filled), "filled_avg_price": plain(price), "filled_at": self.state.fact("now")}
        self.state.change_order(order | told | {"status": "filled" if done else "expired"})
        self.state.add_activity(_fill_activity(order, filled, price, done=done) | {"transaction_time": self._utc()})
        fee = (filled * price * Decimal(repr(self.faults.fee_bps)) / TEN_THOUSAND).quantize(CENT, rounding=ROUND_UP)
        self._book_cash("FEE", row, -fee, symbol=ticker)

    def _move(self, ticker: str, shares: Decimal, price: Decimal) -> None:
        """Change a position and pay for it."""
        held = self.state.held(ticker)
        grows = held.shares * shares >= 0
        cost = held.cost + shares * price if grows else held.cost * (1 + shares / held.shares)
        self.state.hold(ticker, Held(held.shares + shares, cost))
        self.state.pay(-shares * price)

    def _book_cash(self, kind: str, row: int, amount: Decimal, **told: Any) -> None:
        """Pay an amount to the cent and note it; a REORG is noted for its shares even where they were worth nothing."""
        cents = amount.quantize(CENT)
        if cents or kind == "REORG":
            self.state.pay(cents)
            self._note(kind, row, net_amount=cents, **told)

    def _note(self, kind: str, row: int, **told: Any) -> None:
        amounts = {name: plain(value) if isinstance(value, Decimal) else value for name, value in told.items()}
        common = {"activity_type": kind, "date": f"{self.market.sessions[row]}", "status": "executed"}
        self.state.add_activity(common | {"net_amount": "0", "description": ""} | amounts)

    def _utc(self) -> str:
        return self.now.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


def _wanted(told: Mapping[str, Any]) -> tuple[str, str, Decimal]:
    """Name, side and shares of an order; all else than a market order for the open is refused."""
    if told.get("type") != "market" or told.get("time_in_force") not in ("opg", "day") or told.get("notional"):
        raise RefusalError(422, "the fake broker takes market orders by qty with time_in_force opg or day")
    try:
        shares = Decimal(str(told.get("qty"))).quantize(NINTH)
    except InvalidOperation:
        raise RefusalError(422, "qty must be a number") from None
    if shares <= 0 or told.get("side") not in (BUY, SELL):
        raise RefusalError(422, "qty must be above 0 and side buy or sell")
    if told["time_in_force"] == "opg" and shares != shares.to_integral_value():
        raise RefusalError(422, "fractional orders must be DAY orders")
    return str(told.get("symbol")), str(told["side"]), shares


def _new_order(now: str, client: str, ticker: str, *, side: str, shares: Decimal) -> dict[str, Any]:
    order_id = str(uuid.uuid5(NAMESPACE, client))
    times = dict.fromkeys(("created_at", "updated_at", "submitted_at"), now)
    blank = ("filled_at", "expired_at", "canceled_at", "failed_at", "replaced_at", "replaced_by", "replaces")
    words = {"asset_class": "us_equity", "order_class": "", "order_type": "market", "type": "market"}
    told = {"id": order_id, "client_order_id": client, "asset_id": str(uuid.uuid5(NAMESPACE, ticker)), "symbol": ticker}
    amounts = {"notional": None, "qty": plain(shares), "filled_qty": "0", "filled_avg_price": None}
    ends = {"limit_price": None, "stop_price": None, "status": "accepted", "extended_hours": False, "legs": None}
    return told | times | dict.fromkeys(blank) | words | amounts | ends | {"side": side}


def _fill_activity(order: Mapping[str, Any], filled: Decimal, price: Decimal, *, done: bool) -> dict[str, Any]:
    return {
        "activity_type": "FILL",
        "type": "fill" if done else "partial_fill",
        "price": plain(price),
        "qty": plain(filled),
        "side": order["side"],
        "symbol": order["symbol"],
        "leaves_qty": plain(Decimal(order["qty"]) - filled),
        "order_id": order["id"],
        "cum_qty": plain(filled),
        "order_status": "filled" if done else "partially_filled",
    }
