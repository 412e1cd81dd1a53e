"""Trading on paper: committed decisions become orders once, fills come back to the share, and nothing goes twice."""

from pathlib import Path

import pytest

from live.broker.broker_protocol import BrokerOrder
from live.broker.fake.fake_faults import FakeFaults
from strategy.trading.paper.paper_fills import paper_fills
from tests.broker_desk import Desk, desk

BOOK = {"AAA": 0.4, "BBB": 0.3, "CCC": -0.2}


def orders_at_broker(at: Desk) -> list[BrokerOrder]:
    return at.broker.recent_orders()


def agrees(at: Desk) -> None:
    """Positions agree to the share, equity to the cent."""
    assert at.held() == at.broker.positions()
    assert at.worth() == at.broker.account().equity


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
        assert fills["shares"].tolist() == [
            -float(report.orders[0]["shares"]),
            *(float(each["shares"]) for each in report.orders[1:]),
        ]
        slipped = (fills["price"] / fills["open"] - 1.0) * fills["shares"].map(lambda shares: 1 if shares > 0 else -1)
        assert slipped.to_numpy() == pytest.approx(3e-4, abs=2e-6)
        assert (fills["fee"] > 0).all()
        assert list(at.log.faults()) == []
