"""Trading on paper: committed decisions become orders once, fills come back to the share, and nothing goes twice."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from core.errors import DataError, RunError
from live.broker.alpaca_broker import AlpacaBroker, open_alpaca
from live.broker.backoff import Backoff
from live.broker.broker_protocol import Account, BrokerError, BrokerOrder, OrderRefusedError, OrderTicket
from live.broker.fake.corporate_actions import CorporateAction
from live.broker.fake.fake_faults import FakeFaults
from live.broker.told_numbers import told_numbers
from live.broker.trade_limits import TradeLimits
from live.broker.trade_session import trade_session
from strategy.trading.paper.paper_fills import order_states, paper_fills
from strategy.trading.paper.paper_record import paper_record
from strategy.trading.paper.traded_record import traded_record
from tests.broker_desk import FIRST, FREE, Desk, desk, halted, small_panel

BOOK = {"AAA": 0.4, "BBB": 0.3, "CCC": -0.2}
EDGE = "no order was sent: "


def agrees(at: Desk) -> None:
    """Positions agree to the share, equity to the cent."""
    assert at.held() == at.broker.positions()
    assert at.worth() == at.broker.account().equity.quantize(Decimal("0.01"))


def session_of(row: int) -> str:
    return f"{small_panel().sessions[row]:%Y-%m-%d}"


def test_a_decision_is_traded_at_the_next_open_and_held_to_the_share(tmp_path: Path) -> None:
    with desk(tmp_path, faults=FakeFaults(slippage_bps=3, fee_bps=1)) as at:
        at.commit(BOOK)
        report = at.trade()
        assert [order["state"] for order in report.orders] == ["accepted"] * 3
        assert [order["side"] for order in report.orders] == ["sell", "buy", "buy"], "sales first"
        close = at.panel.close.iloc[-1]
        assert report.orders[1]["shares"] == f"{int(0.4 * 100_000 / close['AAA'])}"
        at.evening()
        assert at.trade().n_fills == 3
        agrees(at)
        fills = paper_fills(at.log)
        sent = [float(order["shares"]) for order in report.orders]
        assert fills["shares"].tolist() == [-sent[0], *sent[1:]]
        slipped = (fills["price"] / fills["open"] - 1.0) * fills["shares"].map(lambda shares: 1 if shares > 0 else -1)
        assert slipped.to_numpy() == pytest.approx(3e-4, abs=2e-6)
        record = traded_record(at.log)
        assert record is not None
        assert record.slippage_bps == pytest.approx(3.0, abs=0.02)
        assert record.sessions[["orders", "filled", "partly", "missing"]].iloc[0].tolist() == [3, 3, 0, 0]
        assert 0.0 < record.sessions["weight_gap"].iloc[0] < 3 * close.max() / 100_000, "less than a share a name"
        assert fills["fee"].to_numpy() == pytest.approx((fills["shares"] * fills["price"]).abs() * 1e-4, abs=0.01)
        assert list(at.log.faults()) == []


def test_sending_twice_changes_nothing(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        at.commit(BOOK)
        at.trade()
        before, states = at.broker.recent_orders(), order_states(at.log.entries())
        assert at.trade().orders == ()
        assert at.broker.recent_orders() == before
        assert order_states(at.log.entries()) == states
        again = at.broker.submit(
            OrderTicket(client_order_id=before[0].client_order_id, ticker="AAA", side="buy", shares=Decimal(9))
        )
        assert again == before[0], "an id that is known gives the order that is there"


def test_a_dry_run_says_the_same_and_writes_nothing(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        at.commit(BOOK)
        entries = len(at.log.entries())
        dry = at.trade(submit=False)
        assert len(at.log.entries()) == entries
        assert at.broker.recent_orders() == []
        sent = at.trade()
        assert [order["client_order_id"] for order in dry.orders] == [order["client_order_id"] for order in sent.orders]
        at.evening()
        entries = len(at.log.entries())
        assert at.trade(submit=False).n_fills == 3
        assert len(at.log.entries()) == entries


def test_no_order_goes_without_a_committed_decision_or_for_a_late_one(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        with pytest.raises(RunError, match=r"no decision of mine@1.0.0 is committed"):
            at.trade()
        at.commit(BOOK, opening=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
        assert at.trade().obstacles == (
            f"{EDGE}the decision of {session_of(FIRST)} was committed after its open, and is never traded",
        )
        at.evening()
        at.commit(BOOK)
        at.evening()
        assert "the broker's next open is" in at.trade().obstacles[0], "its open has passed"
        assert at.broker.recent_orders() == []


def test_while_the_kill_file_is_there_nothing_is_sent(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        at.commit(BOOK)
        at.trade_desk.kill_file.touch()
        assert at.trade().obstacles == (f"{EDGE}the kill file {tmp_path / 'KILL'} is there; remove it to trade",)
        assert (at.broker.recent_orders(), order_states(at.log.entries())) == ([], {})
        at.trade_desk.kill_file.unlink()
        assert len(at.trade().orders) == 3


def test_a_kill_file_stops_a_session_between_two_orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(tmp_path) as at:
        at.commit(BOOK)
        send = AlpacaBroker.submit

        def sent(broker: AlpacaBroker, ticket: OrderTicket) -> BrokerOrder:
            at.trade_desk.kill_file.touch()
            return send(broker, ticket)

        monkeypatch.setattr(AlpacaBroker, "submit", sent)
        assert [order["state"] for order in at.trade().orders] == ["accepted", "planned", "planned"]
        at.trade_desk.kill_file.unlink()
        monkeypatch.undo()
        assert [order["state"] for order in at.trade().orders] == ["accepted", "accepted"]
        assert len(at.broker.recent_orders()) == 3


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"order_notional": 100.0}, "the order of AAA is 39,"),
        ({"session_notional": 1e4}, "the orders come to 89,"),
        ({"names": 2}, "3 names have an order"),
        ({"volume_share": 1e-4}, "of its average volume"),
        ({"gross": 0.8}, "the book has a gross exposure of 0.90"),
    ],
)
def test_one_order_beyond_a_limit_stops_them_all(tmp_path: Path, limits: dict[str, Any], words: str) -> None:
    with desk(tmp_path) as at:
        at.commit(BOOK)
        at.limits = FREE.model_copy(update=limits)
        [obstacle] = at.trade().obstacles
        assert words in obstacle
        assert f"give --limits {next(iter(limits))}=NUMBER" in obstacle
        assert (at.broker.recent_orders(), order_states(at.log.entries())) == ([], {})


def test_the_default_limits_are_tight() -> None:
    assert told_numbers(TradeLimits, None, option="--limits") == TradeLimits()
    assert told_numbers(TradeLimits, " names=7, gross=1", option="--limits") == TradeLimits(names=7, gross=1)
    with pytest.raises(ValueError, match="--limits: unknown key shares: remove it, or use order_notional, "):
        told_numbers(TradeLimits, "shares=7", option="--limits")
    with pytest.raises(ValueError, match="--faults: reject: input should be less than or equal to 1, was '2'"):
        told_numbers(FakeFaults, "reject=2", option="--faults")


def test_positions_that_the_log_does_not_know_stop_all_orders_until_they_are_adopted(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        at.broker.submit(OrderTicket(client_order_id="mine", ticker="DDD", side="buy", shares=Decimal(7)))
        at.commit(BOOK)
        assert "1 open orders at the broker are not of this log (first mine)" in at.trade().obstacles[0]
        at.evening()
        at.commit(BOOK)
        assert "the broker holds 7 DDD, the log comes to 0 (1 names differ)" in at.trade().obstacles[0]
        assert at.trade(adopt=True).obstacles == ()
        assert at.held() == {"DDD": Decimal(7)}
        at.evening()
        at.trade()
        agrees(at)
        assert "DDD" not in at.held(), "what was adopted and is not wanted is sold"


def test_an_account_that_takes_no_orders_gets_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(tmp_path) as at:
        at.commit(BOOK)
        money = {"cash": Decimal(100_000), "equity": Decimal(100_000)}
        monkeypatch.setattr(AlpacaBroker, "account", lambda _: Account(**money, blocked="trading_blocked"))
        assert at.trade().obstacles == (
            f"{EDGE}the broker takes none of this account (trading_blocked): ask the broker",
        )
        assert at.broker.recent_orders() == []


def test_two_calls_at_once_send_each_order_once(tmp_path: Path) -> None:
    with desk(tmp_path) as at, ThreadPoolExecutor(2) as pool:
        at.commit(BOOK)
        desks = [replace(at.trade_desk, broker=open_alpaca(at.url, backoff=at.broker.backoff)) for _ in range(2)]
        panel = at.panel
        both = [pool.submit(trade_session, each, panel, submit=True) for each in desks]
        assert all(each.result().submitted for each in both)
        at.trade()
        assert len(at.broker.recent_orders()) == 3
        assert {order["state"] for order in order_states(at.log.entries()).values()} == {"accepted"}
        assert list(at.log.faults()) == []
        for each in desks:
            each.broker.client._session.close()  # type: ignore[attr-defined]


def test_a_rejected_order_leaves_the_log_right_and_is_tried_again_under_another_id(tmp_path: Path) -> None:
    with desk(tmp_path, faults=FakeFaults(reject=0.9, seed=4)) as at:
        at.commit(BOOK)
        first = {order["ticker"]: order for order in at.trade().orders}
        refused = [ticker for ticker, order in first.items() if order["state"] == "rejected"]
        assert refused, "a seed that refuses some"
        second = {order["ticker"]: order for order in at.trade().orders}
        assert set(second) == set(refused)
        assert all(order["attempt"] == 2 for order in second.values())
        assert all(second[name]["client_order_id"] != first[name]["client_order_id"] for name in second)
        for _ in range(5):
            at.trade()
        assert max(order["attempt"] for order in order_states(at.log.entries()).values()) == 3
        at.evening()
        at.trade()
        agrees(at)
        ended = {order["state"] for order in order_states(at.log.entries()).values()}
        assert ended <= {"rejected", "filled"}


def test_part_of_the_volume_fills_and_the_rest_expires(tmp_path: Path) -> None:
    with desk(tmp_path, faults=FakeFaults(volume_share=1e-3)) as at:
        at.commit(BOOK)
        at.trade()
        at.evening()
        at.trade()
        volume = at.panel.volume.iloc[-1]
        assert at.held() == {
            name: Decimal(int(volume[name] * 1e-3)) * (1 if weight > 0 else -1) for name, weight in BOOK.items()
        }
        assert {order["state"] for order in order_states(at.log.entries()).values()} == {"expired"}
        record = paper_record(at.log)
        assert record.traded is not None
        assert record.traded.as_dict()["partly"] == 3
        assert record.traded.as_dict()["weight_gap"]["max"] == pytest.approx(
            0.9 - sum(abs(float(at.held()[name])) * at.panel.close[name].iloc[-2] / 100_000 for name in BOOK)
        )
        assert "1 sessions, 3 orders, 0 filled, 3 in part, 0 not" in str(record)
        agrees(at)


def test_a_halted_name_keeps_what_is_held_and_its_order_expires(tmp_path: Path) -> None:
    with desk(tmp_path, halted(small_panel(), "AAA", slice(FIRST + 1, FIRST + 3))) as at:
        at.commit(BOOK)
        at.trade()
        at.evening()
        at.commit(BOOK)
        report = at.trade()
        assert report.blocked == (("AAA", f"halted: no print since {session_of(FIRST)}"),)
        assert set(at.held()) == {"BBB", "CCC"}
        at.evening()
        at.trade()
        agrees(at)


def test_a_trade_through_zero_ends_at_zero(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        for sign in (1, -1, -1):
            at.commit({"AAA": 0.3 * sign})
            at.trade()
            at.evening()
            at.trade()
            agrees(at)
            if sign == 1:
                bought = at.held()["AAA"]
        assert bought > 0 > at.held()["AAA"]
        sizes = paper_fills(at.log)["shares"].tolist()
        assert sizes[1] == -float(bought)


@pytest.mark.parametrize(("ratio", "in_lieu"), [(3.0, 0), (0.3, 2)])
def test_a_split_keeps_worth(tmp_path: Path, ratio: float, in_lieu: int) -> None:
    action = CorporateAction(session=session_of(FIRST + 3), ticker="AAA", kind="split", ratio=ratio)
    short = CorporateAction(session=session_of(FIRST + 3), ticker="CCC", kind="split", ratio=ratio)
    with desk(tmp_path, actions=(action, short)) as at:
        at.commit(BOOK)
        at.trade()
        at.evening()
        at.trade()
        before, closes = at.held(), at.panel.close.iloc[-1]
        at.evening()
        at.commit({**BOOK, "DDD": 0.1, "AAA": 0.5})
        at.trade()
        at.move("open")
        at.trade(submit=False)
        at.move("close")
        at.move("evening")
        report = at.trade()
        assert report.differences == {}
        assert at.held()["AAA"] == int(before["AAA"] * Decimal(str(ratio)))
        assert "canceled" in {order["state"] for order in order_states(at.log.entries()).values()}
        kinds = [entry.facts["type"] for entry in at.log.entries() if entry.kind == "action"]
        assert kinds.count("CIL") == in_lieu
        agrees(at)
        assert closes["AAA"] == pytest.approx(at.market.panel.close["AAA"].iloc[FIRST + 1] * ratio)


def test_a_dividend_is_paid_to_who_is_long_and_by_who_is_short(tmp_path: Path) -> None:
    day = session_of(FIRST + 2)
    paid = tuple(
        CorporateAction(session=day, ticker=name, kind="dividend", cash=0.37) for name in ("AAA", "CCC", "DDD")
    )
    with desk(tmp_path, actions=paid) as at:
        at.commit(BOOK)
        at.trade()
        at.evening()
        at.trade()
        held = at.held()
        at.evening()
        at.trade()
        got = {
            entry.facts["ticker"]: Decimal(entry.facts["cash"]) for entry in at.log.entries() if entry.kind == "action"
        }
        assert got == {name: (held[name] * Decimal("0.37")).quantize(Decimal("0.01")) for name in ("AAA", "CCC")}
        assert got["CCC"] < 0 < got["AAA"]
        agrees(at)


def test_a_name_that_leaves_is_paid_out_at_its_delisting_return(tmp_path: Path) -> None:
    import pandas as pd

    panel = halted(small_panel(), "AAA", slice(FIRST + 3, None))
    gone = pd.DataFrame({"session": [panel.sessions[FIRST + 2]], "delisting_return": [-0.3]}, index=["AAA"])
    with desk(tmp_path, replace(panel, delistings=gone.rename_axis("ticker"))) as at:
        at.commit(BOOK)
        at.trade()
        at.evening()
        at.trade()
        shares = at.held()["AAA"]
        at.evening()
        at.commit(BOOK)
        report = at.trade()
        assert report.blocked == (("AAA", "no longer listed: its holders are paid out"),)
        close = Decimal(repr(float(panel.close["AAA"].iloc[FIRST + 2]))).quantize(Decimal("0.0001"))
        at.evening()
        at.trade()
        [cash] = [Decimal(entry.facts["cash"]) for entry in at.log.entries() if entry.kind == "action"]
        assert cash == (shares * close * Decimal("0.7")).quantize(Decimal("0.01"))
        assert "AAA" not in at.held()
        agrees(at)


def test_the_market_must_be_closed_and_the_bars_must_hold_the_decision(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        at.commit(BOOK)
        early = at.panel.until(session_of(FIRST - 1))
        with pytest.raises(DataError, match=f"the bars lack {session_of(FIRST)}"):
            trade_session(at.trade_desk, early, submit=True)
        at.move("open")
        at.move("close")
        at.commit(BOOK)
        assert "it is 16:00 in New York, orders for the open are taken from 19:00" in at.trade().obstacles[0]
        with pytest.raises(OrderRefusedError, match="opg orders are taken from 19:00"):
            at.broker.submit(OrderTicket(client_order_id="x", ticker="AAA", side="buy", shares=Decimal(1)))
        at.move(f"{session_of(FIRST + 2)}T09:29:00")
        assert "the market opens within two minutes" in at.trade().obstacles[0]


def test_a_lost_answer_is_asked_for_before_anything_is_sent_again(tmp_path: Path) -> None:
    faults = FakeFaults(drop_before=0.1, drop_after=0.2, too_many=0.1, retry_after=7, seed=5)
    with desk(tmp_path, faults=faults) as at:
        at.commit(BOOK)
        report = at.trade()
        at.evening()
        at.trade()
        assert [order["state"] for order in report.orders] == ["accepted"] * 3
        assert len(at.broker.recent_orders()) == 3
        assert max(at.slept) >= 7.0, "as long as the broker asked"
        agrees(at)


def test_a_broker_that_never_answers_is_left_and_taken_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with desk(tmp_path) as at:
        at.commit(BOOK)

        def gone(*_: object) -> BrokerOrder:
            raise BrokerError("the broker gave no answer")

        monkeypatch.setattr(AlpacaBroker, "submit", gone)
        report = at.trade()
        assert report.obstacles == ("the broker gave no answer",)
        assert [order["state"] for order in report.orders] == ["planned"] * 3
        monkeypatch.undo()
        assert [order["state"] for order in at.trade().orders] == ["accepted"] * 3
    quiet = open_alpaca("http://127.0.0.1:9", backoff=Backoff(attempts=2, sleep=lambda seconds: None))
    with pytest.raises(BrokerError, match=r"gave no answer \(ConnectionError\) 2 times: repeat the command later"):
        quiet.clock()


@pytest.mark.parametrize("place", ["plan", "first", "second", "answers"])
def test_a_crash_anywhere_is_taken_up_without_a_second_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    class Crash(BaseException):
        pass

    send, sent = AlpacaBroker.submit, list[str]()

    def crashing(broker: AlpacaBroker, ticket: OrderTicket) -> BrokerOrder:
        if place == "plan":
            raise Crash
        taken = send(broker, ticket)
        sent.append(ticket.ticker)
        if len(sent) == {"first": 1, "second": 2}.get(place):
            raise Crash
        return taken

    def no_answers(*_: object, **__: object) -> None:
        raise Crash

    with desk(tmp_path) as at:
        at.commit(BOOK)
        monkeypatch.setattr(AlpacaBroker, "submit", crashing)
        if place == "answers":
            monkeypatch.setattr("live.broker.trade_session._settled", no_answers)
        with pytest.raises(Crash):
            at.trade()
        monkeypatch.undo()
        there, again = {order.ticker for order in at.broker.recent_orders()}, list[str]()

        def counted(broker: AlpacaBroker, ticket: OrderTicket) -> BrokerOrder:
            again.append(ticket.ticker)
            return send(broker, ticket)

        monkeypatch.setattr(AlpacaBroker, "submit", counted)
        assert [order["state"] for order in at.trade().orders] == ["accepted"] * 3
        assert set(again) == {*BOOK} - there, "what is there is asked for, not sent"
        assert len(at.broker.recent_orders()) == 3
        at.evening()
        at.trade()
        agrees(at)


def test_keys_go_nowhere_but_to_the_broker(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = {"APCA_API_KEY_ID": "PKSECRET", "APCA_API_SECRET_KEY": "verysecret"}
    with pytest.raises(ValueError, match="set APCA_API_KEY_ID and APCA_API_SECRET_KEY in the environment"):
        open_alpaca(environment={})
    with pytest.raises(ValueError, match="live orders need the word real-money, was 'yes'"):
        open_alpaca(live="yes", environment=keys)
    for url in ("http://example.org", "https://api.alpaca.markets", "http://169.254.1.1:80"):
        with pytest.raises(ValueError, match=r"no place for paper orders|would carry the keys in clear"):
            open_alpaca(url, environment=keys)
    assert str(open_alpaca(environment=keys).client._base_url.value) == "https://paper-api.alpaca.markets"
    assert str(open_alpaca(live="real-money", environment=keys).client._base_url.value) == "https://api.alpaca.markets"
    with desk(tmp_path) as at:
        local = open_alpaca(at.url, environment=keys)
        assert local.client._api_key == "fake", "loopback gets no true key"
        assert requests.get(f"{at.url}/v2/account", timeout=5).status_code == 401
        local.client._session.close()
    said = repr(open_alpaca(environment=keys))
    assert "SECRET" not in said + "".join(capsys.readouterr())
    assert "verysecret" not in said
