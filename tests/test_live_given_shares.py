"""Books of given shares: names that leave, by the engine and by hand; and the wanted book that fills tell."""

import numpy as np
import pandas as pd
import pytest

from backtests.engine.due_weights import due_weights, first_due
from backtests.engine.ledger import keep_ledger
from live.differences.given_shares import GivenFills, keep_fills, keep_whole_shares
from live.differences.inferred_rules import inferred_rules
from market.delistings import pay_outs
from market.panel import Panel
from market.returns import Execution
from portfolio.costs import Costs
from tests.oracles.markets import delisting_table, panel_of

NAN, FREE, OPEN = np.nan, Costs(trade_bps=0.0), Execution()


def fills_of(panel: Panel, *rows: tuple[int, float, float], capital: float) -> GivenFills:
    """Fills of the first name: row of the session, shares, price."""
    places, shares, prices = (np.array(each) for each in zip(*rows, strict=True))
    table = {"session": panel.sessions[places], "ticker": panel.tickers[0], "shares": shares, "price": prices}
    return GivenFills(table=pd.DataFrame(table).assign(fee=0.0), capital=capital)


@pytest.fixture
def leaving() -> Panel:
    """One name at 100 that is delisted after its third session at 60 % of its last price."""
    closes = np.array([[100.0, 10.0]] * 3 + [[NAN, 10.0]] * 3)
    sessions = panel_of(closes, closes).sessions
    return panel_of(closes, closes, delistings=delisting_table(["T000"], [sessions[2]], [-0.4]))


def test_a_name_that_left_is_paid_out_once(leaving: Panel) -> None:
    kept = keep_fills(leaving, fills_of(leaving, (1, 10.0, 100.0), capital=2000.0), execution=OPEN, costs=None)
    np.testing.assert_allclose(kept.net_returns, [0.0, 0.0, -0.2, 0.0, 0.0])  # 10 shares at 60 and 1,000 in cash


def test_a_later_fill_says_that_nobody_was_paid_out(leaving: Panel) -> None:
    given = fills_of(leaving, (1, 10.0, 100.0), (4, -10.0, 50.0), capital=2000.0)
    kept = keep_fills(leaving, given, execution=OPEN, costs=None)
    np.testing.assert_allclose(kept.net_returns, [0.0, 0.0, 0.0, -0.25, 0.0])  # sold at 50, as it was told


def test_an_order_that_waits_dies_with_the_pay_out_of_its_name() -> None:
    closes = np.full((30, 2), 10.0)
    closes[2:24, 0] = NAN  # silent for more than twenty sessions, and there again
    panel = panel_of(closes, closes)
    assert 0 in pay_outs(panel).columns
    weights = panel.close * NAN
    weights.iloc[0], weights.iloc[2] = [0.2, 0.2], [0.5, 0.2]
    due = due_weights(panel, weights, OPEN)
    kept = keep_whole_shares(panel, due, execution=OPEN, costs=FREE, capital=1000.0, start=first_due(due))
    assert kept.trades[["ticker", "shares"]].to_numpy().tolist() == [["T000", 20.0], ["T001", 20.0]]
    assert keep_ledger(panel, due, execution=OPEN, costs=FREE, capital=1000.0).shares[-1].tolist() == [0.0, 20.0]


@pytest.mark.parametrize(("price", "weight"), [(99.0, 1.0), (95.0, 100.0 / 95.0)])
def test_a_book_that_slippage_lifts_above_its_equity_is_a_full_one(price: float, weight: float) -> None:
    prices = np.full((4, 1), 100.0)
    panel = panel_of(prices, prices)
    found = inferred_rules(fills_of(panel, (1, 10.0, price), capital=10.0 * price), panel)
    assert found.weights.to_numpy().tolist() == [[pytest.approx(weight, abs=1e-12)]]
