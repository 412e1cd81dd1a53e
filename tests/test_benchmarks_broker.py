"""The study of days at a broker: a few of its days end without a difference, and a broker that cheats is found."""

from decimal import Decimal

import pytest

from benchmarks import broker_days
from live.broker.fake.fake_account import FakeAccount

pytestmark = pytest.mark.slow


def test_a_few_days_with_kills_and_all_faults_agree_to_the_share_and_the_cent() -> None:
    found = broker_days.study(days=8, kills=4, seed=5)
    assert (found.days, found.wrong) == (8, [])
    assert found.kills > 0
    assert found.states["filled"] > 0


def test_a_broker_that_takes_a_cent_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    move = FakeAccount._move

    def taking(account: FakeAccount, ticker: str, shares: Decimal, price: Decimal) -> None:
        move(account, ticker, shares, price)
        account.state.pay(Decimal("-0.01"))

    monkeypatch.setattr(FakeAccount, "_move", taking)
    found = broker_days.study(days=2, kills=0, seed=5)
    assert any("equity" in words for words in found.wrong)
