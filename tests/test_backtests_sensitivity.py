"""Sensitivities: a dial at its own place is the backtest, costs never help, and break-even is where the sums say."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from backtests.engine.backtest import run_backtest
from backtests.engine.many_books import Case, net_returns_by_case, net_returns_of
from backtests.sensitivity.capacity import capacity_curve
from backtests.sensitivity.case_metrics import case_metrics, mean_turnover
from backtests.sensitivity.curves import borrow_curve, break_even_bps, cost_curve, delay_curve
from backtests.statistics.metrics import sharpe_ratio, sharpe_standard_error
from market import Execution
from portfolio.costs import Costs
from tests.oracles.markets import panel_of, random_panel, random_weights

GRID = (0.0, 5.0, 20.0, 80.0)


@pytest.fixture(scope="module")
def panel():
    return random_panel(np.random.default_rng(3), n_sessions=90, n_tickers=8)


@pytest.fixture(scope="module")
def base(panel):
    weights = random_weights(np.random.default_rng(4), panel)
    return Case(weights=weights, execution=Execution(), costs=Costs(trade_bps=5.0, borrow_bps=30.0))


@pytest.fixture(scope="module")
def result(panel, base):
    return run_backtest(panel, base.weights, execution=base.execution, costs=base.costs)


def test_every_curve_passes_through_the_backtest(panel, base, result):
    wanted = [sharpe_ratio(result.net_returns), sharpe_standard_error(result.net_returns)]
    curves = {
        5.0: cost_curve(panel, base, trade_bps=GRID),
        30.0: borrow_curve(panel, base),
        1: delay_curve(panel, base),
    }
    for own, curve in curves.items():
        np.testing.assert_allclose(curve.loc[own, ["sharpe", "standard_error"]], wanted, rtol=1e-9)


def test_higher_costs_and_fees_never_raise_a_curve(panel, base):
    costs, fees = cost_curve(panel, base, trade_bps=GRID), borrow_curve(panel, base)
    for curve in (costs, fees):
        assert curve["annual_return"].is_monotonic_decreasing
        assert curve["annual_return"].iloc[0] > curve["annual_return"].iloc[-1]
    assert costs["sharpe"].is_monotonic_decreasing


def test_without_costs_the_sharpe_ratio_is_the_gross_one(panel, base):
    plain = replace(base, costs=Costs(trade_bps=5.0))
    gross = run_backtest(panel, base.weights, execution=base.execution, costs=plain.costs).gross_returns
    found = cost_curve(panel, plain, trade_bps=[0.0]).loc[0.0, "sharpe"]
    assert found == pytest.approx(sharpe_ratio(gross), abs=1e-3)  # costs shrink the equity that later returns are of


def test_break_even_is_the_gain_over_what_was_traded():
    """One name at 100, half of equity bought, 1 % up the next session: 50 gained on 5,000 traded are 100 bps."""
    opens = np.array([[100.0], [100.0], [100.0], [100.0]])
    closes = np.array([[100.0], [100.0], [101.0], [101.0]])
    panel = panel_of(opens, closes)
    weights = pd.DataFrame(np.nan, panel.sessions, panel.tickers)
    weights.iloc[0] = 0.5
    result = run_backtest(panel, weights, execution=Execution(), costs=Costs(trade_bps=0.0), capital=10_000.0)
    assert break_even_bps(result) == pytest.approx(100.0)


def test_at_break_even_nothing_is_left(panel, base, result):
    broken = break_even_bps(result)
    plain = run_backtest(panel, base.weights, execution=base.execution, costs=Costs(trade_bps=50.0, borrow_bps=30.0))
    assert break_even_bps(plain) == pytest.approx(broken, rel=0.02, abs=0.5)
    if broken > 0:
        assert abs(cost_curve(panel, base, trade_bps=[broken]).loc[broken, "sharpe"]) < 0.05


def test_more_money_pays_more_impact_and_trades_a_larger_share(panel, base, result):
    found = capacity_curve(panel, base, result)
    assert found.assumed
    assert found.costs.impact == "square_root"
    assert found.table["annual_return"].dropna().is_monotonic_decreasing
    shares = found.table["participation"]
    np.testing.assert_allclose(shares / shares.iloc[0], found.table.index / found.table.index[0])
    charged = run_backtest(panel, base.weights, execution=base.execution, costs=found.costs, capital=1e6)
    assert found.table.loc[1e6, "sharpe"] == pytest.approx(sharpe_ratio(charged.net_returns), rel=1e-9)


def test_capacity_keeps_the_books_own_impact(panel, base, result):
    own = base.costs.model_copy(update={"impact": "linear", "impact_bps": 7.0})
    found = capacity_curve(panel, replace(base, costs=own), result)
    assert not found.assumed
    assert found.costs == own


def test_cases_with_their_own_costs_equal_one_at_a_time(panel, base):
    impact = Costs(trade_bps=1.0, impact="square_root", impact_bps=50.0)
    cases = {
        "plain": base,
        "late": replace(base, execution=Execution(extra_delay=2)),
        "small": replace(base, costs=impact, capital=1e5),
        "large": replace(base, costs=impact, capital=1e8),
    }
    together = net_returns_by_case(panel, cases.items())
    for name, case in cases.items():
        alone = net_returns_of(
            panel, {name: case.weights}, execution=case.execution, costs=case.costs, capital=case.capital
        )[name]
        pd.testing.assert_series_equal(together[name].dropna(), alone.dropna())


def test_an_insolvent_book_has_no_sharpe_ratio():
    prices = np.repeat([[10.0], [10.0], [40.0], [10.0]], 12, axis=0)
    panel = panel_of(prices, prices)
    weights = pd.DataFrame(np.nan, panel.sessions, panel.tickers)
    weights.iloc[0] = -0.5
    case = Case(weights=weights, execution=Execution(), costs=Costs())
    assert case_metrics(panel, [("short", case)]).isna().all(axis=None)


def test_turnover_is_that_of_the_backtest(panel, base, result):
    assert mean_turnover(panel, base) == pytest.approx(result.turnover.mean(), rel=1e-12)
