"""Fake answers: the requests of Alpaca's protocol that the fake broker knows, as plain functions of an account."""

import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from live.broker.broker_protocol import NEW_YORK, plain
from live.broker.fake.fake_account import CENT, NAMESPACE, FakeAccount, RefusalError
from live.broker.fake.fake_market import CLOSES, OPENS

__all__ = ["answer"]

ACCOUNT_ID = "00000000-0000-4000-8000-000000000000"
PAGE = 100
MAX_ORDERS = 500
Told = Mapping[str, Any]


def answer(account: FakeAccount, method: str, path: str, told: Told) -> tuple[int, Any]:
    """The status and the JSON value that answer a request; None has no body.

    Parameters
    ----------
    account : FakeAccount
        Whose requests they are.
    method, path : str
        Of HTTP; the path without its query.
    told : mapping
        The query of a GET or DELETE, the body of a POST.

    Raises
    ------
    RefusalError
        With the status of what is refused.
    """
    known = ROUTES.get((method, path))
    if known is not None:
        return known(account, told)
    head, _, last = path.rpartition("/")
    inner = ROUTES.get((method, f"{head}/*"))
    if inner is None or not last:
        raise RefusalError(404, "endpoint not found")
    return inner(account, {**told, "*": last})


def _account(account: FakeAccount, _: Told) -> tuple[int, Any]:
    marks, positions = account.marks(), account.state.positions()
    worth = {name: held.shares * marks[name] for name, held in positions.items()}
    equity, cash = account.equity(), account.state.cash
    long = sum((each for each in worth.values() if each > 0), Decimal())
    short = sum((each for each in worth.values() if each < 0), Decimal())
    power = max(Decimal(), Decimal(str(account.faults.multiplier)) * equity - long + short)
    money = {"cash": cash, "equity": equity, "portfolio_value": equity, "last_equity": equity, "buying_power": power}
    money |= {"long_market_value": long, "short_market_value": short}
    return 200, {
        "id": ACCOUNT_ID,
        "account_number": "FAKE",
        "status": "ACTIVE",
        "currency": "USD",
        "shorting_enabled": True,
        "multiplier": str(account.faults.multiplier),
        **{name: plain(amount) for name, amount in money.items()},
        **dict.fromkeys(("trading_blocked", "transfers_blocked", "account_blocked", "trade_suspended_by_user"), False),
    }


def _positions(account: FakeAccount, _: Told) -> tuple[int, Any]:
    marks = account.marks()
    return 200, [_position(name, held, marks[name]) for name, held in account.state.positions().items()]


def _one_position(account: FakeAccount, told: Told) -> tuple[int, Any]:
    found = [each for each in _positions(account, told)[1] if each["symbol"] == told["*"]]
    if not found:
        raise RefusalError(404, "position does not exist")
    return 200, found[0]


def _position(name: str, held: Any, price: Decimal) -> dict[str, Any]:
    return {
        "asset_id": _asset_id(name),
        "symbol": name,
        "exchange": "NYSE",
        "asset_class": "us_equity",
        "avg_entry_price": plain((held.cost / held.shares).quantize(Decimal("0.0001"))),
        "qty": plain(held.shares),
        "side": "long" if held.shares > 0 else "short",
        "market_value": plain((held.shares * price).quantize(CENT)),
        "cost_basis": plain(held.cost.quantize(CENT)),
        "current_price": plain(price),
    }


def _submit(account: FakeAccount, told: Told) -> tuple[int, Any]:
    return 200, account.submit(told)


def _orders(account: FakeAccount, told: Told) -> tuple[int, Any]:
    status = str(told.get("status", "open"))
    if status not in ("open", "closed", "all"):
        raise RefusalError(422, f"status {status} is none of open, closed and all")
    wanted = {name for name in str(told.get("symbols", "")).split(",") if name}
    found = [order for order in account.state.orders(status) if not wanted or order["symbol"] in wanted]
    newest_first = told.get("direction", "desc") != "asc"
    limit = min(_whole(told.get("limit", 50)), MAX_ORDERS)
    return 200, (found[::-1] if newest_first else found)[:limit]


def _one_order(account: FakeAccount, told: Told) -> tuple[int, Any]:
    return 200, _found(account.state.order(id_=str(told["*"])))


def _order_of_client(account: FakeAccount, told: Told) -> tuple[int, Any]:
    return 200, _found(account.state.order(client=str(told.get("client_order_id"))))


def _found(order: dict[str, Any] | None) -> dict[str, Any]:
    if order is None:
        raise RefusalError(404, "order not found")
    return order


def _cancel(account: FakeAccount, told: Told) -> tuple[int, Any]:
    order = _found(account.state.order(id_=str(told["*"])))
    if order["status"] != "accepted":
        raise RefusalError(422, f"order is already in state {order['status']}")
    account.cancel(order)
    return 204, None


def _cancel_all(account: FakeAccount, _: Told) -> tuple[int, Any]:
    waiting = account.state.orders()
    for order in waiting:
        account.cancel(order)
    return 207, [{"id": order["id"], "status": 200} for order in waiting]


def _clock(account: FakeAccount, _: Told) -> tuple[int, Any]:
    market, opened, closed = account.market, account.market.n_opened(account.now), account.market.n_closed(account.now)
    return 200, {
        "timestamp": account.now.isoformat(),
        "is_open": account.is_open,
        "next_open": market.opening(min(opened, market.n_rows)).isoformat(),
        "next_close": market.closing(min(closed, market.n_rows)).isoformat(),
    }


def _calendar(account: FakeAccount, told: Told) -> tuple[int, Any]:
    first, last = (str(told.get(name) or "")[:10] for name in ("start", "end"))
    days = [day for day in account.market.sessions if first <= f"{day}" and (not last or f"{day}" <= last)]
    return 200, [{"date": f"{day}", "open": f"{OPENS:%H:%M}", "close": f"{CLOSES:%H:%M}"} for day in days]


def _assets(account: FakeAccount, _: Told) -> tuple[int, Any]:
    return 200, [_asset(account, name) for name in account.market.columns]


def _one_asset(account: FakeAccount, told: Told) -> tuple[int, Any]:
    if told["*"] not in account.market.columns:
        raise RefusalError(404, f"asset not found for {told['*']}")
    return 200, _asset(account, str(told["*"]))


def _asset(account: FakeAccount, name: str) -> dict[str, Any]:
    listed = account.market.is_listed(account.row, name)
    words = {"id": _asset_id(name), "class": "us_equity", "exchange": "NYSE", "symbol": name, "name": name}
    marks = dict.fromkeys(("tradable", "marginable", "shortable", "easy_to_borrow"), listed)
    return words | {"status": "active" if listed else "inactive", "fractionable": True} | marks


def _activities(account: FakeAccount, told: Told) -> tuple[int, Any]:
    kinds = {kind for kind in str(told.get("*") or told.get("activity_types") or "").split(",") if kind}
    after, until, day = (str(told.get(name) or "")[:10] for name in ("after", "until", "date"))
    found = [each for each in account.state.activities() if not kinds or each["activity_type"] in kinds]
    found = [each for each in found if after <= _date(each) and (not until or _date(each) <= until)]
    found = [each for each in found if not day or _date(each) == day]
    if told.get("direction", "desc") != "asc":
        found = found[::-1]
    token = told.get("page_token")
    start = 1 + next((n for n, each in enumerate(found) if each["id"] == token), -1)
    return 200, found[start : start + min(_whole(told.get("page_size", PAGE)), PAGE)]


def _move_clock(account: FakeAccount, told: Told) -> tuple[int, Any]:
    account.move_clock(_moment(account, str(told.get("to"))))
    return _clock(account, told)


def _moment(account: FakeAccount, word: str) -> dt.datetime:
    """A moment that a word names: the next ``open``, ``close`` or ``evening`` (20:00), or ISO with a zone."""
    market = account.market
    if word == "open":
        return market.opening(market.n_opened(account.now))
    if word in ("close", "evening"):
        row = market.n_closed(account.now)
        return market.closing(row) + dt.timedelta(hours=0 if word == "close" else 4)
    try:
        moment = dt.datetime.fromisoformat(word)
    except ValueError:
        raise RefusalError(422, f"{word[:40]} is no moment: give open, close, evening or ISO with a zone") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=NEW_YORK)


def _date(activity: Told) -> str:
    """The date of an activity in New York."""
    if "date" in activity:
        return str(activity["date"])
    moment = dt.datetime.fromisoformat(str(activity["transaction_time"]).replace("Z", "+00:00"))
    return f"{moment.astimezone(NEW_YORK).date()}"


def _asset_id(name: str) -> str:
    return str(uuid.uuid5(NAMESPACE, name))


def _whole(text: object) -> int:
    if not str(text).isdecimal() or int(str(text)) < 1:
        raise RefusalError(422, f"{str(text)[:40]} is no whole number above 0")
    return int(str(text))


ROUTES: dict[tuple[str, str], Callable[[FakeAccount, Told], tuple[int, Any]]] = {
    ("GET", "/v2/account"): _account,
    ("GET", "/v2/positions"): _positions,
    ("GET", "/v2/positions/*"): _one_position,
    ("POST", "/v2/orders"): _submit,
    ("GET", "/v2/orders"): _orders,
    ("GET", "/v2/orders/*"): _one_order,
    ("GET", "/v2/orders:by_client_order_id"): _order_of_client,
    ("DELETE", "/v2/orders"): _cancel_all,
    ("DELETE", "/v2/orders/*"): _cancel,
    ("GET", "/v2/clock"): _clock,
    ("GET", "/v2/calendar"): _calendar,
    ("GET", "/v2/assets"): _assets,
    ("GET", "/v2/assets/*"): _one_asset,
    ("GET", "/v2/account/activities"): _activities,
    ("GET", "/v2/account/activities/*"): _activities,
    ("POST", "/fake/clock"): _move_clock,
}
