"""The share ledger: hand-computed books, carried orders, pay-outs, and a ledger without shares."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.engine.due_weights import due_weights
from backtests.engine.kernel import _pairwise_sum, know_last, row_of_first
from backtests.engine.ledger import keep_ledger
from market import Execution, forward_returns
from market.panel import aligned_frame
from portfolio.costs import Costs
from tests.oracles.markets import delisting_table, panel_of, random_panel, random_weights
from tests.oracles.recursion import recursion_equity

SEEDS = st.integers(0, 10_000)
NEXT_OPEN, NEXT_CLOSE, CLOSE = Execution(), Execution(fill="next_close"), Execution(fill="close")
EXECUTIONS = st.sampled_from(
    [NEXT_OPEN, NEXT_CLOSE, CLOSE, Execution(extra_delay=2), Execution(fill="close", extra_delay=1)]
)
NO_COSTS = Costs(trade_bps=0)
NAN = np.nan


def column(*values):
    return np.array(values, dtype=float)[:, None]


def decided(panel, *rows):
    return aligned_frame(np.array(rows, dtype=float), panel.sessions, panel.tickers)


def ledger_of(panel, weights, execution=NEXT_OPEN, costs=NO_COSTS, capital=1000.0):
    return keep_ledger(panel, due_weights(panel, weights, execution), execution=execution, costs=costs, capital=capital)


def test_a_decision_fills_at_the_next_open_and_is_marked_at_the_close():
    panel = panel_of(column(10, 20, 20), column(10, 25, 30))
    run = ledger_of(panel, decided(panel, [0.5], [NAN], [NAN]))
    assert run.shares[:, 0].tolist() == [0.0, 25.0, 25.0]
    assert run.equity.tolist() == [1000.0, 1125.0, 1250.0]
    assert run.fill_equity.tolist() == [1000.0, 1000.0, 1125.0 - 25 * 5]


@pytest.mark.parametrize(
    ("execution", "shares"),
    [(NEXT_CLOSE, [0.0, 20.0, 20.0]), (CLOSE, [50.0, 50.0, 50.0]), (Execution(extra_delay=1), [0.0, 0.0, 25.0])],
)
def test_each_execution_fills_at_its_own_moment(execution, shares):
    panel = panel_of(column(10, 20, 20), column(10, 25, 30))
    assert ledger_of(panel, decided(panel, [0.5], [NAN], [NAN]), execution).shares[:, 0].tolist() == shares


def test_the_cost_is_paid_on_traded_notional_one_way():
    panel = panel_of(column(10, 10, 10), column(10, 10, 10))
    run = ledger_of(panel, decided(panel, [-0.5], [0.0], [NAN]), costs=Costs(trade_bps=100))
    assert run.cost.tolist() == [0.0, 5.0, 5.0]
    assert run.equity.tolist() == [1000.0, 995.0, 990.0]
    assert run.cash.tolist() == [1000.0, 1495.0, 990.0]


def test_weights_are_sized_by_equity_at_the_fill_not_at_the_close_before():
    panel = panel_of(column(10, 10, 20), column(10, 10, 20))
    run = ledger_of(panel, decided(panel, [0.5], [0.5], [NAN]))
    assert run.shares[-1, 0] == pytest.approx(1500 * 0.5 / 20)


def test_a_held_row_lets_weights_drift():
    panel = panel_of(column(10, 10, 20), column(10, 10, 20))
    assert ledger_of(panel, decided(panel, [0.5], [NAN], [NAN])).shares[-1, 0] == 50.0


def test_an_order_without_a_print_is_carried_to_the_next_print():
    panel = panel_of(column(10, NAN, NAN, 20), column(10, NAN, NAN, 20))
    run = ledger_of(panel, decided(panel, [0.5], [NAN], [NAN], [NAN]))
    assert run.shares[:, 0].tolist() == [0, 0, 0, 25.0]
    assert run.missed[:, 0].tolist() == pytest.approx([NAN, 0.5, 0.5, NAN], nan_ok=True)


def test_a_newer_decision_replaces_a_carried_order():
    panel = panel_of(column(10, NAN, NAN, 20), column(10, NAN, NAN, 20))
    run = ledger_of(panel, decided(panel, [0.5], [0.1], [NAN], [NAN]))
    assert run.shares[-1, 0] == pytest.approx(5.0)
    run = ledger_of(panel, decided(panel, [0.5], [0.0], [NAN], [NAN]))
    assert run.shares[-1, 0] == 0.0


def test_a_carried_order_is_sized_by_the_equity_of_its_fill():
    panel = panel_of(
        np.array([[10, 10], [10, NAN], [20, 10]], dtype=float), np.array([[10, 10], [10, NAN], [20, 10]], dtype=float)
    )
    run = ledger_of(panel, decided(panel, [0.5, 0.2], [NAN, NAN], [NAN, NAN]))
    assert run.shares[-1].tolist() == pytest.approx([50.0, 1500 * 0.2 / 10])


def test_a_missing_price_is_the_last_one_known_at_that_moment():
    panel = panel_of(column(10, 10, NAN, 16), column(10, 12, NAN, 18))
    run = ledger_of(panel, decided(panel, [0.5], [NAN], [NAN], [NAN]))
    assert run.equity.tolist() == [1000.0, 1100.0, 1100.0, 1400.0]
    assert run.fill_equity.tolist() == [1000.0, 1000.0, 1100.0, 1300.0]


def test_an_open_without_a_print_does_not_see_the_close_of_its_session():
    panel = panel_of(column(10, 10, NAN, 30), column(10, 10, 20, 30))
    run = ledger_of(panel, decided(panel, [0.5], [0.5], [NAN], [NAN]))
    assert run.fill_equity[2] == 1000.0
    assert run.equity[2] == 1500.0
    assert run.shares[3, 0] == pytest.approx(0.5 * 2000 / 30)


def delisted_panel(delisting_return):
    closes = np.array([[10, 10], [10, 10], [NAN, 10], [NAN, 10]], dtype=float)
    table = delisting_table(["T000"], [pd.Timestamp("2015-01-05")], [delisting_return])
    return panel_of(closes, closes, delistings=table)


@pytest.mark.parametrize(("delisting_return", "equity"), [(-0.3, 850.0), (-1.0, 500.0), (0.2, 1100.0)])
def test_a_delisted_name_is_paid_out_the_session_after_without_a_fee(delisting_return, equity):
    panel = delisted_panel(delisting_return)
    weights = decided(panel, [0.5, 0.0], [NAN, NAN], [NAN, NAN], [NAN, NAN])
    run = ledger_of(panel, weights, CLOSE, Costs(trade_bps=0))
    assert run.equity.tolist() == pytest.approx([1000, 1000, equity, equity])
    assert run.paid[:, 0].tolist() == [0, 0, 50, 0]
    assert run.cost.sum() == 0
    assert run.cash[-1] == pytest.approx(equity)


def test_a_short_of_a_delisted_name_gains_what_holders_lose():
    panel = delisted_panel(-0.3)
    weights = decided(panel, [-0.5, 0.0], [NAN, NAN], [NAN, NAN], [NAN, NAN])
    assert ledger_of(panel, weights, CLOSE).equity[-1] == pytest.approx(1150)


def test_new_orders_are_sized_after_the_pay_out():
    panel = delisted_panel(-0.5)
    weights = decided(panel, [0.5, 0.0], [0.0, 0.4], [NAN, NAN], [NAN, NAN])
    run = ledger_of(panel, weights, NEXT_OPEN)
    assert run.shares[2].tolist() == pytest.approx([0.0, 750 * 0.4 / 10])


def test_a_pay_out_drops_the_order_that_waited_for_a_print():
    panel = delisted_panel(0.0)
    weights = decided(panel, [0.5, 0.0], [0.2, 0.0], [NAN, NAN], [NAN, NAN])
    run = ledger_of(panel, weights, NEXT_OPEN)
    assert run.missed[:, 0].tolist() == pytest.approx([NAN, NAN, 0.2, NAN], nan_ok=True)


def test_a_name_silent_for_twenty_sessions_is_paid_out_at_its_last_price():
    closes = column(10, 12, *[NAN] * 25, 50)
    panel = panel_of(closes, closes)
    weights = decided(panel, [0.5], *[[NAN]] * 27)
    run = ledger_of(panel, weights, CLOSE)
    assert run.paid[21, 0] == 50
    assert run.shares[21:].sum() == 0
    assert run.equity[-1] == 1100


@settings(max_examples=25)
@given(seed=SEEDS, execution=EXECUTIONS)
def test_fill_to_fill_returns_are_decided_weights_times_forward_returns(seed, execution):
    rng = np.random.default_rng(seed)
    panel = random_panel(rng, n_sessions=40, n_tickers=8, troubled=False)
    weights = random_weights(rng, panel, hold=0.0).fillna(0.0)
    run = ledger_of(panel, weights, execution)
    earned = run.fill_equity[1:] / run.fill_equity[:-1] - 1.0
    expected = (weights * forward_returns(panel, execution)).sum(axis=1, min_count=1).to_numpy()
    last = len(weights) - 1 - execution.delay
    np.testing.assert_allclose(earned[execution.delay :], expected[:last], rtol=0, atol=1e-13)


@settings(max_examples=25)
@given(seed=SEEDS, bps=st.floats(0, 50))
def test_close_fills_equal_the_ledger_without_shares(seed, bps):
    rng = np.random.default_rng(seed)
    panel = random_panel(rng, n_sessions=60, n_tickers=8, troubled=False)
    weights = random_weights(rng, panel, hold=0.0).fillna(0.0)
    run = ledger_of(panel, weights, CLOSE, Costs(trade_bps=bps), capital=1.0)
    expected = recursion_equity(weights.to_numpy(), panel.close.to_numpy(), bps / 1e4)
    np.testing.assert_allclose(run.equity, expected, rtol=1e-12)


@settings(max_examples=25)
@given(seed=SEEDS, execution=EXECUTIONS)
def test_cash_and_shares_account_for_every_change_of_equity(seed, execution):
    rng = np.random.default_rng(seed)
    panel = random_panel(rng, n_sessions=60, n_tickers=10)
    run = ledger_of(panel, random_weights(rng, panel), execution, Costs(trade_bps=20))
    held = np.cumsum(run.traded - run.paid, axis=0)
    np.testing.assert_allclose(held, run.shares, atol=1e-9)
    marked = np.where(run.shares == 0, 0, run.shares * run.marks).sum(axis=1)
    np.testing.assert_allclose(run.cash + marked, run.equity, rtol=1e-12)


@settings(max_examples=15)
@given(seed=SEEDS)
def test_higher_costs_never_help(seed):
    rng = np.random.default_rng(seed)
    panel = random_panel(rng, n_sessions=40, n_tickers=8)
    weights = random_weights(rng, panel, long=0.5, short=0.0)
    cheap, dear = (ledger_of(panel, weights, costs=Costs(trade_bps=bps)).equity for bps in (1, 30))
    assert (dear <= cheap + 1e-9).all()


def test_an_open_quoted_in_the_session_of_the_pay_out_is_not_traded():
    closes = np.array([[10, 10], [10, 10], [NAN, 10], [NAN, 10]], dtype=float)
    opens = np.array([[10, 10], [10, 10], [5, 10], [NAN, 10]], dtype=float)
    panel = panel_of(opens, closes, delistings=delisting_table(["T000"], [pd.Timestamp("2015-01-05")], [0.0]))
    run = ledger_of(panel, decided(panel, [0.5, 0.0], [0.2, 0.0], [NAN, NAN], [NAN, NAN]))
    assert run.shares[:, 0].tolist() == [0, 50, 0, 0]


@pytest.mark.parametrize("n", [0, 1, 7, 8, 127, 128, 129, 136, 500, 1695])
def test_the_sum_of_a_book_has_the_bits_of_numpys(n):
    values = np.random.default_rng(n).normal(size=n) * np.logspace(-6, 6, n)
    assert _pairwise_sum(values) == values.sum()


def test_a_book_begins_where_it_first_holds_something_and_a_flat_one_where_it_is_first_due():
    nothing, flat, held = [np.nan, np.nan], [0.0, 0.0], [0.0, -0.1]
    assert row_of_first(np.array([nothing, flat, flat, held, held])) == 3
    assert row_of_first(np.array([nothing, flat, flat])) == 1
    assert row_of_first(np.array([nothing, nothing])) == -1


def test_a_price_that_is_missing_is_the_last_one_known_at_that_moment():
    fills, closes = np.array([[np.nan], [np.nan], [3.0], [np.nan]]), np.array([[1.5], [np.nan], [np.nan], [4.0]])
    know_last(fills, closes)
    np.testing.assert_array_equal(fills[:, 0], [np.nan, 1.5, 3.0, 3.0])
    np.testing.assert_array_equal(closes[:, 0], [1.5, 1.5, 3.0, 4.0])
