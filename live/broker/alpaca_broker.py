"""Alpaca broker: the protocol over alpaca-py, for the paper endpoint, the live one and the fake broker alike.

Keys come from the environment and are never printed. The library repeats refused requests by itself, without jitter
and deaf to Retry-After, and waits for an answer without end: here it is told to do neither.
"""

import datetime as dt
import os
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import urlsplit

from core.bounded_text import json_value
from live.broker.backoff import Backoff
from live.broker.broker_protocol import (
    BUY,
    NEW_YORK,
    SELL,
    Account,
    Activity,
    BrokerError,
    BrokerOrder,
    MarketClock,
    OrderRefusedError,
    OrderTicket,
)
from models.forecasters.forecast_extra import forecast_library

__all__ = ["LIVE_WORD", "AlpacaBroker", "open_alpaca"]

LIVE_WORD = "real-money"
KEYS = ("APCA_API_KEY_ID", "APCA_API_SECRET_KEY")
FAKE_KEYS = ("fake", "fake")  # for loopback, where a true key is never sent
LOOPBACK = ("127.0.0.1", "localhost", "::1")
LIVE_HOST = "api.alpaca.markets"
MAX_ORDERS = 500  # in one answer, the most that are given
PAGE = 100  # activities in one answer, the most that are given
TOO_MANY, NOT_FOUND, SERVER = 429, 404, 500
MAX_TOLD = 200  # characters of a broker's own words
# what reading an answer raises that is none of the protocol: a state, an amount or a field that is not known
UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError)
Answer = TypeVar("Answer")


def open_alpaca(
    url: str | None = None,
    *,
    live: str | None = None,
    environment: Mapping[str, str] = os.environ,
    backoff: Backoff | None = None,
) -> "AlpacaBroker":
    """A broker behind Alpaca's protocol.

    Parameters
    ----------
    url : str, optional
        Another server than Alpaca's: https, or http on loopback, where no key is needed and none is sent.
    live : str, optional
        ``"real-money"`` for the live endpoint; by default the paper endpoint.
    environment : mapping
        Holds ``APCA_API_KEY_ID`` and ``APCA_API_SECRET_KEY``.
    backoff : Backoff, optional
        Patience.

    Raises
    ------
    ValueError
        If the word, the address or the keys are not what they must be.
    MissingExtraError
        Without alpaca-py.
    """
    if live not in (None, LIVE_WORD):
        raise ValueError(f"live orders need the word {LIVE_WORD}, was {live!r}: leave it out for the paper endpoint")
    local = _check_address(url, live)
    keys = FAKE_KEYS if local else tuple(environment.get(name, "") for name in KEYS)
    if not all(key.isascii() and key.isprintable() and key.strip() == key != "" for key in keys):
        raise ValueError(f"the broker needs keys: set {KEYS[0]} and {KEYS[1]} in the environment, as they were given")
    patience = backoff or Backoff()
    return AlpacaBroker(client=_client(keys, url, paper=live is None, timeout=patience.timeout), backoff=patience)


def _check_address(url: str | None, live: str | None) -> bool:
    """Whether an address is on loopback; one that must not get a key is refused."""
    if url is None:
        return False
    if {"@", "\\", "%"} & set(url):  # a client reads another host out of them than is read here
        raise ValueError("--broker takes an address without a user, a password, a backslash or a percent sign")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ValueError(f"--broker takes the address of a server, was {url[:100]!r} ({error})") from error
    host = (parts.hostname or "").rstrip(".")
    local = host in LOOPBACK
    if host == LIVE_HOST or live is not None:
        raise ValueError(f"{url} is no place for paper orders: give --broker alpaca --live {LIVE_WORD} for real money")
    if parts.scheme != "https" and not (local and parts.scheme == "http"):
        raise ValueError(f"{url} would carry the keys in clear: give an https address, or http on 127.0.0.1")
    return local


def _client(keys: tuple[str, ...], url: str | None, *, paper: bool, timeout: float) -> Any:
    """A client of alpaca-py that asks once and waits ``timeout`` seconds."""
    library = _library("trading.client")
    from requests import TooManyRedirects
    from requests.adapters import HTTPAdapter

    class Bounded(HTTPAdapter):
        def send(self, *words: Any, **settings: Any) -> Any:
            answer = super().send(*words, **(settings | {"timeout": timeout}))
            if answer.is_redirect:  # keys go nowhere else, and what is there is no answer
                raise TooManyRedirects("the address answers with another")
            return answer

    class AskedOnce(library.TradingClient):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__(*keys, paper=paper, url_override=url)
            self._retry = 0
            self._session.trust_env = False  # neither a proxy nor a netrc of the machine sees the keys
            for scheme in ("http://", "https://"):
                self._session.mount(scheme, Bounded())

    return AskedOnce()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlpacaBroker:
    """:class:`~live.broker.broker_protocol.Broker` over a ``TradingClient``."""

    client: Any
    backoff: Backoff = field(default_factory=Backoff)

    def clock(self) -> MarketClock:
        """Its clock."""
        return self._ask(lambda: _clock(self.client.get_clock()))

    def account(self) -> Account:
        """Cash and equity."""
        return self._ask(lambda: _account(self.client.get_account()))

    def positions(self) -> dict[str, Decimal]:
        """Signed shares by ticker."""
        return self._ask(lambda: _positions(self.client.get_all_positions()))

    def sessions(self, first: dt.date, last: dt.date) -> list[dt.date]:
        """Sessions from ``first`` to ``last``."""
        filters = _requests().GetCalendarRequest(start=first, end=last)
        return self._ask(lambda: [each.date for each in self.client.get_calendar(filters)])

    def submit(self, ticket: OrderTicket) -> BrokerOrder:
        """Send an order, once; where the answer was lost, ask for the order before sending it again."""
        wanted = _request(ticket)
        for number, last in enumerate(self.backoff.tries()):
            try:
                return _order(self.client.submit_order(wanted))
            except _failures() as error:
                if _status(error) == TOO_MANY and not last:
                    self.backoff.wait(number, asked=_retry_after(error))
                    continue
                if (known := self.order(ticket.client_order_id)) is not None:
                    return known
                if _is_refused(error):
                    raise OrderRefusedError(self._words(error)) from None
                if last or _is_unreadable(error):
                    raise BrokerError(_unanswered(error, self.backoff.attempts)) from None
                self.backoff.wait(number)
        raise AssertionError("the last attempt returns or raises")

    def order(self, client_order_id: str) -> BrokerOrder | None:
        """An order by its client's id."""
        return self._ask(lambda: _order(self.client.get_order_by_client_id(client_order_id)), missing=True)

    def open_orders(self) -> list[BrokerOrder]:
        """Orders that may still fill."""
        return self._orders("open")

    def recent_orders(self) -> list[BrokerOrder]:
        """The newest orders, whatever became of them."""
        return self._orders("all")

    def activities(self, after: dt.date | None = None) -> list[Activity]:
        """What changed the account; pages are read to the last."""
        told: dict[str, Any] = {"direction": "asc", "page_size": PAGE}
        if after is not None:
            told["after"] = f"{after}"
        found: list[Activity] = []
        while True:
            page = self._ask(lambda: [_activity(each) for each in self.client.get("/account/activities", dict(told))])
            found += page
            if len(page) < PAGE or page[-1].activity_id == told.get("page_token"):
                return found
            told["page_token"] = page[-1].activity_id

    def _orders(self, status: str) -> list[BrokerOrder]:
        filters = _requests().GetOrdersRequest(status=status, limit=MAX_ORDERS)
        return self._ask(lambda: [_order(each) for each in self.client.get_orders(filters)])

    def _ask(self, call: Callable[[], Answer], *, missing: bool = False) -> Answer | Any:
        """Ask what changes nothing, again where no answer came; with ``missing`` None for what is not there."""
        for number, last in enumerate(self.backoff.tries()):
            try:
                return call()
            except _failures() as error:
                if missing and _status(error) == NOT_FOUND:
                    return None
                if _is_refused(error):
                    raise BrokerError(self._words(error)) from None
                if last or _is_unreadable(error):
                    raise BrokerError(_unanswered(error, self.backoff.attempts)) from None
                self.backoff.wait(number, asked=_retry_after(error))
        raise AssertionError("the last attempt returns or raises")

    def _words(self, error: Exception) -> str:
        """The broker's own words, in one line, without a key that they repeat."""
        words = str(error)
        with suppress(ValueError):
            told = json_value(words)
            words = str(told["message"]) if isinstance(told, dict) and "message" in told else words
        for key in {self.client._api_key, self.client._secret_key} - {None, *FAKE_KEYS}:
            words = words.replace(key, "KEY")
        return f"the broker refused ({_status(error)}): {' '.join(words.split())[:MAX_TOLD]}"


def _library(module: str) -> Any:
    """A module of alpaca-py, which brings a module that its own dependency calls deprecated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return forecast_library(f"alpaca.{module}", extra="broker")


def _requests() -> Any:
    return _library("trading.requests")


def _request(ticket: OrderTicket) -> Any:
    """A market order for the opening auction; fractions of a share wait for the same open as day orders."""
    return _requests().MarketOrderRequest(
        symbol=ticket.ticker,
        qty=float(ticket.shares),
        side=ticket.side,
        time_in_force="opg" if ticket.is_whole else "day",
        client_order_id=ticket.client_order_id,
    )


def _clock(seen: Any) -> MarketClock:
    return MarketClock(now=seen.timestamp, is_open=seen.is_open, next_open=seen.next_open)


def _account(seen: Any) -> Account:
    names = ("trading_blocked", "account_blocked", "trade_suspended_by_user")
    blocked = next((name for name in names if getattr(seen, name)), "")
    return Account(cash=_amount(seen.cash), equity=_amount(seen.equity), blocked=blocked)


def _positions(seen: Any) -> dict[str, Decimal]:
    signed = {each.symbol: _signed(_amount(each.qty), each.side.value) for each in seen}
    return {ticker: shares for ticker, shares in sorted(signed.items()) if shares}


def _amount(told: Any) -> Decimal:
    """A number that a log can keep."""
    amount = Decimal(str(told))
    if not amount.is_finite():
        raise ValueError(f"{told} is no amount")
    return amount


def _order(seen: Any) -> BrokerOrder:
    return BrokerOrder(
        order_id=str(seen.id),
        client_order_id=seen.client_order_id,
        ticker=seen.symbol,
        side=seen.side.value,
        shares=_amount(seen.qty),
        filled=_amount(seen.filled_qty or 0),
        state=seen.status.value,
    )


def _activity(seen: Mapping[str, Any]) -> Activity:
    """An activity as Alpaca writes it: fills have a moment, all else has a date."""
    amounts = {name: _amount(seen.get(name) or 0) for name in ("qty", "price", "net_amount")}
    common = {"activity_id": str(seen["id"]), "kind": seen["activity_type"], "ticker": seen.get("symbol") or ""}
    if seen["activity_type"] != "FILL":
        moved = amounts["qty"] if seen["activity_type"] in MOVES_SHARES else Decimal()
        session = dt.date.fromisoformat(seen["date"])
        return Activity(**common, session=session, shares=moved, cash=amounts["net_amount"])
    if amounts["qty"] <= 0 or amounts["price"] <= 0:
        raise ValueError(f"a fill of {amounts['qty']} shares at {amounts['price']}")
    moment = dt.datetime.fromisoformat(seen["transaction_time"].replace("Z", "+00:00"))
    return Activity(
        **common,
        session=moment.astimezone(NEW_YORK).date(),
        shares=amounts["qty"] * SIGNS[seen["side"]],
        price=amounts["price"],
        order_id=seen["order_id"],
    )


SIGNS = {BUY: 1, SELL: -1, "sell_short": -1}  # by the side of a fill
# kinds whose quantity changes the position; others tell one that stays where it is
MOVES_SHARES = ("SPLIT", "SSP", "REORG", "MA", "SPIN", "SSO", "SC", "NC", "ACATS", "JNLS")


def _signed(shares: Decimal, side: str) -> Decimal:
    """Shares of a position, negative for a short however the broker writes it."""
    return -abs(shares) if side == "short" else shares


def _failures() -> tuple[type[Exception], ...]:
    from requests import RequestException

    return (_library("common.exceptions").APIError, RequestException, *UNREADABLE)


def _status(error: Exception) -> int | None:
    """The HTTP status of a refusal; None where no answer came."""
    status: int | None = getattr(error, "status_code", None)
    return status


def _is_refused(error: Exception) -> bool:
    status = _status(error)
    return status is not None and status < SERVER and status != TOO_MANY


def _is_unreadable(error: Exception) -> bool:
    """Whether something was answered that is none of the protocol; a body that is cut is a lost answer."""
    return isinstance(error, UNREADABLE) and not isinstance(error, OSError)


def _retry_after(error: Exception) -> float:
    """Seconds that a refusal asks for; 0 where it names none."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    asked = str(headers.get("Retry-After", "")).strip()
    return min(float(asked), 600.0) if asked.replace(".", "", 1).isdigit() else 0.0


def _unanswered(error: Exception, attempts: int) -> str:
    if _is_unreadable(error):
        return f"the broker gave an answer that cannot be read ({type(error).__name__}): look at the account there"
    status = _status(error)
    why = f"answered {status}" if status is not None else f"gave no answer ({type(error).__name__})"
    return f"the broker {why} {attempts} times: repeat the command later, it goes on where it stopped"
