"""Many books at once: equal to the ledger book by book, whatever the bars do."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.engine import many_books
from backtests.engine.due_weights import due_weights, first_due
from backtests.engine.ledger import keep_ledger
from backtests.engine.many_books import net_returns_of
from market import Execution
from portfolio.costs import Costs
from tests.oracles.markets import panel_of, random_panel, random_weights

EXECUTIONS = st.sampled_from([Execution(), Execution(fill="next_close"), Execution(fill="close", extra_delay=1)])


def ledger_returns(panel, weights, execution, costs):
    due = due_weights(panel, weights, execution)
    equity = keep_ledger(panel, due, execution=execution, costs=costs, capital=1.0).equity
    returns = equity / np.concatenate([[1.0], equity[:-1]]) - 1.0
    returns[: first_due(due)] = np.nan
    return pd.Series(returns, panel.sessions)


@settings(max_examples=25)
@given(st.integers(0, 10_000), EXECUTIONS)
def test_every_book_equals_its_ledger(seed, execution):
    rng = np.random.default_rng(seed)
    panel = random_panel(rng, n_sessions=70, n_tickers=8)
    weights = {name: random_weights(rng, panel) for name in "abc"}
    found = net_returns_of(panel, weights, execution=execution, costs=Costs(trade_bps=20))
    for name, decided in weights.items():
        wanted = ledger_returns(panel, decided, execution, Costs(trade_bps=20)).loc[found.index]
        pd.testing.assert_series_equal(found[name], wanted, check_names=False, rtol=0, atol=1e-12)


def test_batches_change_nothing(monkeypatch):
    rng = np.random.default_rng(1)
    panel = random_panel(rng, n_sessions=40, n_tickers=6)
    weights = [random_weights(rng, panel) for _ in range(5)]
    whole = net_returns_of(panel, weights, execution=Execution(), costs=Costs())
    monkeypatch.setattr(many_books, "THREADS", 3)
    cut = net_returns_of(panel, iter(weights), execution=Execution(), costs=Costs())
    pd.testing.assert_frame_equal(whole, cut)
    assert list(whole.columns) == [0, 1, 2, 3, 4]


def test_an_order_for_a_name_that_left_is_dropped_even_if_it_prints_again():
    prices = np.linspace(10, 40, 30)[:, None].copy()
    prices[1:24] = np.nan
    panel = panel_of(prices, prices)
    weights = pd.DataFrame(np.nan, panel.sessions, panel.tickers)
    weights.iloc[0] = 0.5
    found = net_returns_of(panel, {"a": weights}, execution=Execution(), costs=Costs())["a"]
    assert (found == 0.0).all()


def test_an_insolvent_book_has_no_returns_from_there_on():
    prices = np.array([[10.0], [10.0], [40.0], [10.0], [10.0]])
    panel = panel_of(prices, prices)
    weights = pd.DataFrame(np.nan, panel.sessions, panel.tickers)
    weights.iloc[0] = -0.5
    returns = net_returns_of(panel, {"short": weights}, execution=Execution(), costs=Costs(trade_bps=0))["short"]
    assert returns.iloc[0] == 0.0
    assert returns.iloc[1:].isna().all()


def test_higher_costs_never_help():
    rng = np.random.default_rng(3)
    panel = random_panel(rng, n_sessions=60, n_tickers=6)
    weights = {"a": random_weights(rng, panel)}
    totals = [
        (1 + net_returns_of(panel, weights, execution=Execution(), costs=Costs(trade_bps=bps))["a"].dropna()).prod()
        for bps in (0, 5, 50)
    ]
    assert totals == sorted(totals, reverse=True)
    assert totals[0] > totals[2]


def test_a_book_that_decides_nothing_is_refused():
    panel = random_panel(np.random.default_rng(0), n_sessions=20, n_tickers=4)
    nothing = pd.DataFrame(np.nan, panel.sessions, panel.tickers)
    with pytest.raises(ValueError, match="no decision"):
        net_returns_of(panel, {"a": nothing}, execution=Execution(), costs=Costs())
