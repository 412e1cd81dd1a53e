"""A broker that answers what it should not: nothing more is sent, no key is told, and the log stays one to be read."""

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from requests import Response
from requests.adapters import HTTPAdapter

from core.errors import DataError
from live.broker.account_news import held_against, read_news
from live.broker.alpaca_broker import AlpacaBroker, open_alpaca
from live.broker.backoff import Backoff
from live.broker.broker_protocol import NEW_YORK, BrokerError, BrokerOrder, MarketClock, OrderRefusedError, OrderTicket
from live.broker.fake.corporate_actions import CorporateAction, as_known
from live.broker.fake.fake_faults import FakeFaults
from live.broker.fake.fake_market import FakeMarket
from live.broker.order_plan import PlannedOrder, _sized
from live.broker.order_window import closed_window
from live.broker.told_numbers import told_numbers
from live.broker.trade_limits import TradeLimits, check_limits
from strategy.trading.paper.paper_fills import Note, noted, order_states
from strategy.trials import chained_log
from strategy.trials.chained_log import Entry
from strategy.trials.paper_log import ORDER, PaperLog
from tests.broker_desk import desk, small_panel

BOOK = {"AAA": 0.4, "BBB": 0.3, "CCC": -0.2}
KEYS = {"APCA_API_KEY_ID": "PKSECRET", "APCA_API_SECRET_KEY": "verysecret"}
FILL = {
    "id": "1::1",
    "activity_type": "FILL",
    "order_id": "x",
    "symbol": "AAA",
    "side": "buy",
    "qty": "1",
    "price": "10",
    "transaction_time": "2026-01-05T14:30:00Z",
}


def answering(monkeypatch: pytest.MonkeyPatch, status: int, body: object, **headers: str) -> AlpacaBroker:
    """Alpaca's paper endpoint, with true keys, that answers everything alike."""
    seen = Response()
    seen.status_code, seen._content = status, body.encode() if isinstance(body, str) else json.dumps(body).encode()
    seen.headers.update(headers)

    def answered(_: HTTPAdapter, request: Any, **__: Any) -> Response:
        seen.url, seen.request = request.url, request
        return seen

    monkeypatch.setattr(HTTPAdapter, "send", answered)
    return open_alpaca(environment=KEYS, backoff=Backoff(attempts=2, sleep=lambda seconds: None))


@pytest.mark.parametrize(
    "body",
    ["", "null", "[]", {}, {"cash": "NaN", "equity": "1"}, [{"symbol": "A", "qty": "x"}], "[" * 100_000],
    ids=lambda body: str(body)[:20],
)
def test_an_answer_that_is_none_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch, body: object) -> None:
    broker = answering(monkeypatch, 200, body)
    broker = replace(broker, backoff=Backoff(sleep=lambda _: pytest.fail("it was asked again")))
    ask: list[Callable[[], object]] = [broker.clock, broker.account, lambda: broker.order("a")]
    for each in ask if body != [] else ask[:1]:
        with pytest.raises(BrokerError, match=r"^the broker gave an answer that cannot be read \(\w+\): look at"):
            each()


@pytest.mark.parametrize(
    "wrong", [{"price": "-3"}, {"price": "0"}, {"price": "NaN"}, {"qty": "Infinity"}, {"qty": "-1"}, {"side": "hold"}]
)
def test_a_fill_that_cannot_be_is_not_taken(monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str]) -> None:
    assert len(answering(monkeypatch, 200, [FILL]).activities()) == 1
    with pytest.raises(BrokerError, match="cannot be read"):
        answering(monkeypatch, 200, [FILL | wrong]).activities()


def test_a_fill_that_is_told_twice_is_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tell = AlpacaBroker.activities
    monkeypatch.setattr(AlpacaBroker, "activities", lambda *words: [each for each in tell(*words) for _ in range(2)])
    with desk(tmp_path) as at:
        at.commit(BOOK)
        at.trade()
        at.evening()
        assert at.trade(submit=False).differences == {}
        report = at.trade()
        assert (report.n_fills, report.differences) == (3, {})


def test_a_refusal_that_is_nested_without_end_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = answering(monkeypatch, 403, "[" * 100_000)
    with pytest.raises(BrokerError, match=r"^the broker refused \(403\): \[+$"):
        broker.account()


def test_activities_are_read_to_the_last_page(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = answering(monkeypatch, 200, [])
    rows = [FILL | {"id": f"{number:03d}"} for number in range(250)]

    def page(_: str, told: dict[str, Any]) -> list[dict[str, str]]:
        start = int(told.get("page_token", -1)) + 1
        return rows[start : start + told["page_size"]]

    monkeypatch.setattr(broker.client, "get", page)
    assert [each.activity_id for each in broker.activities()] == [row["id"] for row in rows]
    deaf = iter([rows[:100], rows[:100]])  # to the page that is asked for
    monkeypatch.setattr(broker.client, "get", lambda *_: next(deaf))
    assert {each.activity_id for each in broker.activities()} == {row["id"] for row in rows[:100]}


def test_neither_a_refusal_nor_another_address_gets_a_key_out(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = answering(monkeypatch, 403, {"message": "forbidden for PKSECRET with verysecret"})
    with pytest.raises(BrokerError, match=r"refused \(403\): forbidden for KEY with KEY$"):
        broker.account()
    broker = answering(monkeypatch, 302, "", Location="https://example.org/")
    with pytest.raises(BrokerError, match=r"gave no answer \(TooManyRedirects\)"):
        broker.account()


@pytest.mark.parametrize(
    "url",
    [
        "https://api.alpaca.markets./",
        "https://API%2ealpaca.markets/",
        "https://a:b@example.org",
        "https://api.alpaca.markets\\@example.org",
    ],
)
def test_an_address_in_disguise_gets_no_key(url: str) -> None:
    with pytest.raises(ValueError, match=r"no place for paper orders|takes an address without a user") as told:
        open_alpaca(url, environment=KEYS)
    assert "a:b" not in str(told.value)
    with pytest.raises(ValueError, match="takes the address of a server, was 'http://"):
        open_alpaca("http://[::1", environment=KEYS)
    with pytest.raises(ValueError, match="as they were given"):
        open_alpaca(environment=KEYS | {"APCA_API_SECRET_KEY": "verysecret\n"})


def test_a_kill_file_may_be_a_folder_or_a_link_to_nothing(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        assert at.trade_desk.killed == ""
        at.trade_desk.kill_file.symlink_to(tmp_path / "gone")
        assert "KILL is there" in at.trade_desk.killed
        at.trade_desk.kill_file.unlink()
        at.trade_desk.kill_file.mkdir()
        assert "KILL is there" in at.trade_desk.killed
        (tmp_path / "no_folder").touch()
        assert replace(at.trade_desk, kill_file=tmp_path / "no_folder" / "KILL").killed == ""
        assert replace(at.trade_desk, kill_file=tmp_path / ("K" * 300)).killed, "what cannot be known stops orders"


def test_bars_before_a_split_tell_prices_and_volumes_of_their_evening() -> None:
    panel = small_panel()
    split = CorporateAction(session=f"{panel.sessions[4]:%Y-%m-%d}", ticker="AAA", kind="split", ratio=2.0)
    early = as_known(panel, (split,), panel.sessions[3])
    assert early.close["AAA"].iloc[3] == 2.0 * panel.close["AAA"].iloc[3]
    assert early.volume["AAA"].iloc[3] == 0.5 * panel.volume["AAA"].iloc[3]
    assert as_known(panel, (split,), panel.sessions[4]).volume.equals(panel.volume.iloc[:5])


@pytest.mark.parametrize("wrong", [{"ticker": "NOPE"}, {"session": "2026-13-45"}])
def test_an_action_of_another_market_is_refused_before_anything_is_served(wrong: dict[str, str]) -> None:
    panel = small_panel()
    told = {"session": f"{panel.sessions[4]:%Y-%m-%d}", "ticker": "AAA", "kind": "split", "ratio": 2.0} | wrong
    with pytest.raises(DataError, match=r"is none of these bars: they have no such (name|session); take it out"):
        FakeMarket(panel, (CorporateAction.model_validate(told),))


def test_a_limit_is_given_once() -> None:
    with pytest.raises(ValueError, match="--faults names seed 2 times"):
        told_numbers(FakeFaults, "seed=1,seed=2", option="--faults")
    with pytest.raises(ValueError, match="--limits names names 2 times"):
        told_numbers(TradeLimits, "names=5,names=500", option="--limits")


def refusing(*_: object) -> BrokerOrder:
    raise OrderRefusedError("cannot be sold short")


def test_an_order_is_tried_three_times_in_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AlpacaBroker, "submit", refusing)
    with desk(tmp_path) as at:
        at.commit({"CCC": -0.2})
        sent = [len(at.trade().orders) for _ in range(5)]
        assert sent == [1, 1, 1, 0, 0]
        [*_, last] = order_states(at.log.entries()).values()
        assert (last["attempt"], last["reason"]) == (3, "cannot be sold short")
        assert at.log.faults() == []


@pytest.mark.parametrize("other", [{"side": "buy"}, {"shares": Decimal(1)}, {"ticker": "DDD"}])
def test_another_order_than_was_sent_stops_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: dict[str, Any]
) -> None:
    send = AlpacaBroker.submit
    monkeypatch.setattr(AlpacaBroker, "submit", lambda broker, ticket: replace(send(broker, ticket), **other))
    with desk(tmp_path) as at:
        at.commit(BOOK)
        report = at.trade()
        assert [order["state"] for order in report.orders] == ["accepted", "planned", "planned"]
        assert "no further order was sent: the broker took" in report.obstacles[0]


def test_sending_that_lasts_into_the_open_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    send = AlpacaBroker.submit
    with desk(tmp_path) as at:
        at.commit(BOOK)

        def slow(broker: AlpacaBroker, ticket: OrderTicket) -> BrokerOrder:
            at.now += dt.timedelta(hours=13.5)  # from 20:00 to 09:30
            return send(broker, ticket)

        monkeypatch.setattr(AlpacaBroker, "submit", slow)
        report = at.trade()
        assert [order["state"] for order in report.orders] == ["accepted", "planned", "planned"]
        assert "the open came too near" in report.obstacles[0]


def test_orders_that_missed_their_open_are_asked_for_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(tmp_path) as at:
        at.commit(BOOK)
        monkeypatch.setattr(AlpacaBroker, "submit", gone)
        at.trade()
        monkeypatch.undo()
        at.evening()
        at.commit(BOOK)
        at.trade()
        states = [facts["state"] for facts in order_states(at.log.entries()).values()]
        assert states == ["unsent"] * 3 + ["accepted"] * 3
        monkeypatch.setattr(AlpacaBroker, "order", gone)
        at.trade()
        at.evening()
        assert at.trade().n_fills == 3


def test_orders_that_were_sent_before_a_crash_are_not_called_unsent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with desk(tmp_path) as at:
        at.commit(BOOK)
        monkeypatch.setattr("live.broker.trade_session._settled", gone)
        with pytest.raises(BrokerError):
            at.trade()
        monkeypatch.undo()
        at.evening()
        at.commit(BOOK)
        at.trade()
        assert [facts["state"] for facts in order_states(at.log.entries()).values()][:3] == ["filled"] * 3


def test_an_order_that_a_person_replaced_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = AlpacaBroker.recent_orders
    with desk(tmp_path) as at:
        at.commit(BOOK)
        at.trade()
        replaced = [replace(each, state="replaced") for each in seen(at.broker)]
        monkeypatch.setattr(AlpacaBroker, "recent_orders", lambda _: replaced)
        at.trade()
        assert {facts["state"] for facts in order_states(at.log.entries()).values()} == {"replaced"}


def gone(*_: object, **__: object) -> BrokerOrder:
    raise BrokerError("the broker gave no answer")


def test_positions_are_adopted_once_by_two_calls_that_read_the_same_news(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with desk(tmp_path) as at:
        at.broker.submit(OrderTicket(client_order_id="mine", ticker="DDD", side="buy", shares=Decimal(7)))
        at.commit({})
        at.trade()
        at.evening()
        at.commit({})
        stale = read_news(at.broker, noted(at.log.entries()), at.panel)
        assert stale.differences == {"DDD": Decimal(7)}
        assert at.trade(adopt=True).differences == {}
        own = Note(ORDER, {"client_order_id": "own"})
        assert held_against(replace(stale, foreign=("own", "other")), [own]).foreign == ("other",)
        assert held_against(stale, noted(at.log.entries())).differences == {}
        monkeypatch.setattr("live.broker.trade_session.read_news", lambda *_: stale)
        assert at.trade(adopt=True).differences == {}
        assert at.held() == {"DDD": Decimal(7)}


def test_a_call_reads_the_paper_log_once_and_the_trial_log_knows_where_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with desk(tmp_path) as at:
        at.commit(BOOK)
        read, entry = list[int](), chained_log._entry

        def counted(noun: str, *row: Any) -> Entry:
            read.extend(row[:1] if noun == PaperLog.NOUN else ())
            return entry(noun, *row)

        monkeypatch.setattr(chained_log, "_entry", counted)
        assert len(at.trade().orders) == 3
        assert read.count(1) == 1
        monkeypatch.undo()
        assert at.log.is_remembered()


@pytest.mark.parametrize(("time", "said"), [("13:30", "13:30 in New York"), ("19:00", ""), ("09:27", "")])
def test_after_a_half_day_no_order_goes_before_the_evening(time: str, said: str) -> None:
    day = dt.date(2026, 11, 27)
    now = dt.datetime.combine(day, dt.time.fromisoformat(time), tzinfo=NEW_YORK)
    monday = dt.datetime(2026, 11, 30, 9, 30, tzinfo=NEW_YORK)
    broker: Any = SimpleNamespace(sessions=lambda first, last: [day] if first == day else [])
    clock = MarketClock(now=now, is_open=False, next_open=monday)
    found = closed_window({"session": f"{day}", "late": False, "fills": "2026-11-30"}, clock, broker)
    assert (said in found[0]) if said else found == []
    opened = replace(clock, is_open=True)
    assert (
        "the market is open"
        in closed_window({"session": f"{day}", "late": False, "fills": "2026-11-30"}, opened, broker)[0]
    )
    holiday = replace(clock, now=now.replace(day=26))
    assert closed_window({"session": f"{day}", "late": False, "fills": "2026-11-30"}, holiday, broker) == []


def test_a_short_is_sold_in_whole_shares_and_a_fraction_of_what_is_held_may_go() -> None:
    assert _sized(-10.7, Decimal()) == ("sell", Decimal(10))
    assert _sized(-10.7, Decimal("10.5")) == ("sell", Decimal("10.5"))
    assert _sized(10.7, Decimal()) == ("buy", Decimal("10.7"))


def test_a_name_without_volume_is_beyond_the_limit() -> None:
    panel = small_panel()
    silent = replace(panel, volume=panel.volume * float("nan"))
    order = PlannedOrder(client_order_id="a", ticker="AAA", side="buy", shares=Decimal(1), last_close=10.0)
    [found] = check_limits(TradeLimits(), [order], silent, weights=panel.close.iloc[-1] * 0.0)
    assert "AAA has no volume to hold it against" in found
