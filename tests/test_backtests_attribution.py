"""Attribution: both sides add up to the gross return, to the cent, and each side gets what it earned."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.breakdown.attribution import attribution_table, leg_returns
from backtests.engine.accounts import BacktestTerms, settle_accounts
from backtests.engine.due_weights import due_weights, first_due
from backtests.engine.ledger import keep_ledger
from market import Execution
from portfolio.costs import Costs
from tests.oracles.markets import delisting_table, panel_of, random_panel, random_weights


def result_of(panel, weights, *, execution=Execution(), bps=10.0):  # noqa: B008
    due = due_weights(panel, weights, execution)
    run = keep_ledger(panel, due, execution=execution, costs=Costs(trade_bps=bps), capital=1e6)
    terms = BacktestTerms(execution=execution, costs=Costs(trade_bps=bps), capital=1e6, start=first_due(due))
    return settle_accounts(run, panel, due, terms=terms, parity=0.0, engine="none")


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from([Execution(), Execution(fill="next_close")]))
def test_both_sides_add_up_to_the_gross_return(seed, execution):
    rng = np.random.default_rng(seed)
    panel = random_panel(rng, n_sessions=60, n_tickers=8)
    result = result_of(panel, random_weights(rng, panel), execution=execution)
    legs = leg_returns(result, panel)
    np.testing.assert_allclose(legs["long"] + legs["short"], result.gross_returns, rtol=0, atol=1e-12)
    np.testing.assert_allclose(legs.sum(axis=1), result.net_returns, rtol=0, atol=1e-12)


def test_each_side_earns_its_own_names_return():
    opens = np.array([[10.0, 10.0], [10.0, 10.0], [11.0, 10.0]])
    closes = np.array([[10.0, 10.0], [10.0, 10.0], [11.0, 12.0]])
    panel = panel_of(opens, closes)
    weights = pd.DataFrame([[0.5, -0.25], [np.nan] * 2, [np.nan] * 2], panel.sessions, panel.tickers)
    legs = leg_returns(result_of(panel, weights, bps=0), panel)
    assert legs["long"].tolist() == pytest.approx([0.0, 0.05])
    assert legs["short"].tolist() == pytest.approx([0.0, -0.05])


def test_a_name_that_turns_at_the_open_earns_its_night_long_and_its_day_short():
    opens = np.array([[10.0], [10.0], [11.0]])
    closes = np.array([[10.0], [10.0], [9.9]])
    panel = panel_of(opens, closes)
    weights = pd.DataFrame([[0.5], [-0.5], [np.nan]], panel.sessions, panel.tickers)
    legs = leg_returns(result_of(panel, weights, bps=0), panel)
    assert legs["long"].iloc[1] == pytest.approx(0.05)
    assert legs["short"].iloc[1] == pytest.approx(0.5 * 1.05 * 0.1)


def test_a_pay_out_belongs_to_the_side_that_held_the_name():
    prices = np.array([[10.0, 10.0], [10.0, 10.0], [np.nan, 10.0], [np.nan, 10.0]])
    sessions = pd.bdate_range("2015-01-02", periods=4)
    panel = panel_of(prices, prices, delistings=delisting_table(["T000"], [sessions[1]], [-0.4]))
    weights = pd.DataFrame([[-0.5, 0.5]] + [[np.nan] * 2] * 3, panel.sessions, panel.tickers)
    legs = leg_returns(result_of(panel, weights, bps=0), panel)
    assert legs["short"].tolist() == pytest.approx([0.0, 0.2, 0.0])
    assert legs["long"].tolist() == pytest.approx([0.0, 0.0, 0.0])


def test_the_table_adds_up_over_a_year():
    rng = np.random.default_rng(2)
    panel = random_panel(rng, n_sessions=90, n_tickers=8)
    result = result_of(panel, random_weights(rng, panel))
    legs = leg_returns(result, panel)
    market = pd.Series(rng.normal(0, 0.01, len(panel.sessions)), panel.sessions)
    table = attribution_table(legs, market)
    assert table["annual"][["long", "short", "costs"]].sum() == pytest.approx(table["annual"]["net"])
    assert table["annual"]["net"] == pytest.approx(252 * result.net_returns.mean())
    assert table["beta"][["long", "short", "costs"]].sum() == pytest.approx(table["beta"]["net"])
    assert table["annual"]["costs"] < 0
