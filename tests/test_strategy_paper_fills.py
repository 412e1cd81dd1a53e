"""Fills in a paper log: shares and cash to the last digit, fees by notional, and what no entry may lack."""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from strategy.trading.paper.paper_fills import held_cash, held_shares, order_states, paper_fills
from strategy.trials.paper_log import PaperLog

NOW = dt.datetime(2026, 1, 6, 22, tzinfo=dt.UTC)
DAY = "2026-01-06"


def log_of(folder: Path, *entries: tuple[str, dict[str, Any]]) -> PaperLog:
    log = PaperLog(folder / "paper" / "mine-1.0.0", lambda: NOW)
    with log.transaction() as held:
        for kind, facts in entries:
            held.append(kind, **{"session": DAY, **facts})
    log.remember()
    return log


def fill(ticker: str, shares: str, price: str) -> tuple[str, dict[str, Any]]:
    return "fill", {"ticker": ticker, "shares": shares, "price": price, "client_order_id": f"id-{ticker}", "open": 10.0}


def action(kind: str, ticker: str, *, shares: str = "0", cash: str = "0") -> tuple[str, dict[str, Any]]:
    return "action", {"type": kind, "ticker": ticker, "shares": shares, "cash": cash}


def read(**facts: Any) -> tuple[str, dict[str, Any]]:
    return "reconciled", {"moment": "before", "cash": "100", "equity": "100", "positions": {}, **facts}


def test_shares_and_cash_are_counted_to_the_last_digit(tmp_path: Path) -> None:
    log = log_of(
        tmp_path,
        read(),
        fill("A", "3", "10.1"),
        fill("A", "-1", "10.3"),
        fill("B", "-0.1", "0.3"),
        action("SPLIT", "A", shares="2"),
        action("DIV", "A", cash="0.07"),
        action("FEE", "", cash="-0.02"),
    )
    assert held_shares(log.entries()) == {"A": Decimal(4), "B": Decimal("-0.1")}
    assert held_cash(log.entries()) == Decimal("80.08")
    assert list(log.faults()) == []


def test_what_is_sold_again_is_not_held_and_adopted_positions_are(tmp_path: Path) -> None:
    log = log_of(
        tmp_path,
        read(differences={"C": "7", "A": "-2"}, adopted=True),
        read(differences={"D": "9"}),
        fill("A", "2", "1"),
    )
    assert held_shares(log.entries()) == {"C": Decimal(7)}


def test_fees_are_divided_by_notional_among_the_fills_they_are_for(tmp_path: Path) -> None:
    log = log_of(
        tmp_path,
        fill("A", "1", "10"),
        fill("A", "-2", "10"),
        fill("B", "1", "30"),
        action("FEE", "A", cash="-0.3"),
        action("FEE", "", cash="-0.6"),
        ("action", {"session": "2026-01-07", "type": "FEE", "ticker": "B", "shares": "0", "cash": "-5"}),
        ("action", {"session": "2026-01-05", "type": "FEE", "ticker": "", "shares": "0", "cash": "-9"}),
    )
    table = paper_fills(log)
    assert list(table.columns[:6]) == ["session", "ticker", "shares", "price", "fee", "client_order_id"]
    assert table["shares"].tolist() == [1.0, -2.0, 1.0]
    assert table["fee"].to_list() == pytest.approx([0.2, 0.4, 5.3])
    assert paper_fills(log_of(tmp_path / "none")).empty


def test_an_order_has_the_state_that_it_came_to_last(tmp_path: Path) -> None:
    facts = {"client_order_id": "a", "ticker": "A", "side": "buy", "shares": "5"}
    log = log_of(
        tmp_path, ("order", facts | {"state": "planned", "last_close": 9.5}), ("order", facts | {"state": "filled"})
    )
    assert order_states(log.entries())["a"]["state"] == "filled"
    assert order_states(log.entries())["a"]["last_close"] == 9.5


@pytest.mark.parametrize("shares", ["", "NaN", "Infinity", 5, "5 shares"])
def test_a_fill_without_a_number_is_a_fault_of_the_log(tmp_path: Path, shares: object) -> None:
    log = log_of(tmp_path, ("fill", {"ticker": "A", "shares": shares, "price": "1", "client_order_id": "a"}))
    assert list(log.faults()) == ["entry 2 of the paper log has no shares that can be read"]
