"""What-ifs of a strategy: every row a backtest of its own, logged as stress and never counted."""

import numpy as np
import pandas as pd
import pytest

from backtests.engine.backtest import run_backtest
from backtests.engine.overlay_loop import decide_book
from backtests.sensitivity.stress import (
    LEGS,
    STRESSES,
    distinct_stresses,
    run_what_ifs,
    smoothing_frontier,
    stress_matrix,
    stressed_rules,
)
from backtests.statistics.metrics import sharpe_ratio
from market.inputs import Inputs
from market.synthetic import SyntheticSettings, synthetic_market
from strategy.definitions.spec import load_spec, override


@pytest.fixture(scope="module")
def market():
    return synthetic_market(SyntheticSettings(n_tickers=120, n_sessions=420, planted_ic=0.1))


@pytest.fixture(scope="module")
def inputs(market):
    return Inputs(panel=market.panel, oracle=market.oracle, sectors=market.sectors)


@pytest.fixture(scope="module")
def scores(market):
    return 3e-4 + 1e-3 * market.oracle.iloc[-130:]


@pytest.fixture(scope="module")
def spec():
    return load_spec("filter_negative")


@pytest.fixture(scope="module")
def matrix(spec, inputs, scores):
    return stress_matrix(spec.rules, inputs, scores=scores)


def backtest(rules, panel, scores):
    weights = decide_book(rules, panel, scores).weights
    return run_backtest(panel, weights, execution=rules.execution, costs=rules.costs)


def test_the_matrix_has_every_pair_once_and_no_two_rows_that_say_the_same(matrix):
    different = [stress for stress in STRESSES if stress != "5 bps slippage"]  # at 5 bps the same as costs of 10
    assert list(matrix.index) == [(legs, stress) for legs in LEGS for stress in different]
    assert not matrix.drop(columns="refused").duplicated().any()
    assert matrix["sharpe"].notna().all()
    assert (matrix["refused"] == "").all()


@pytest.mark.parametrize("stress", ["base", "10 bps costs", "10 bps slippage", "one-session delay"])
def test_a_row_is_the_backtest_of_its_own_settings(stress, matrix, spec, inputs, scores):
    found = backtest(stressed_rules(spec.rules, "60/40", stress), inputs.panel, scores)
    assert matrix.loc[("60/40", stress), "sharpe"] == pytest.approx(sharpe_ratio(found.net_returns), rel=1e-9)


def test_costs_of_a_row_are_written_out(spec):
    bps = {stress: stressed_rules(spec.rules, "50/50", stress).costs.trade_bps for stress in STRESSES}
    assert [bps[stress] for stress in ("base", "10 bps costs", "5 bps slippage")] == [5.0, 10.0, 10.0]
    assert [bps[stress] for stress in ("10 bps slippage", "all together")] == [15.0, 20.0]
    dear = override(spec, ["costs.trade_bps=25"])
    assert stressed_rules(dear.rules, "50/50", "10 bps costs").costs.trade_bps == 25.0
    assert stressed_rules(spec.rules, "70/30", "all together").execution.delay == 2


@pytest.mark.parametrize(
    ("bps", "left_out"), [(5, {"5 bps slippage"}), (3, set()), (25, {"10 bps costs"}), (0, {"10 bps slippage"})]
)
def test_a_stress_that_comes_to_an_earlier_one_is_left_out(spec, bps, left_out):
    rules = override(spec, [f"costs.trade_bps={bps}"]).rules
    assert set(STRESSES) - set(distinct_stresses(rules, 101)) == left_out
    assert set(STRESSES) - set(distinct_stresses(rules, 100)) == left_out | {"top 100 by ADV"}


def test_the_largest_names_alone_are_held(spec, inputs, scores, matrix):
    part = inputs.panel.dollar_volume
    assert part.shape[1] == 120
    assert matrix.loc[("50/50", "top 100 by ADV"), "sharpe"] != matrix.loc[("50/50", "base"), "sharpe"]


def test_overlays_are_decided_anew_in_every_row(spec, inputs, scores):
    scaled = override(spec, ["risk.volatility_target=0.05", "risk.drawdown_limit=0.03", "risk.drawdown_reentry=0.01"])
    found = stress_matrix(scaled.rules, inputs, scores=scores)
    for stress in ("10 bps slippage", "one-session delay"):
        alone = backtest(stressed_rules(scaled.rules, "70/30", stress), inputs.panel, scores)
        assert found.loc[("70/30", stress), "sharpe"] == pytest.approx(sharpe_ratio(alone.net_returns), rel=1e-9)


def test_smoothing_less_trades_more(spec, inputs, scores):
    frontier = smoothing_frontier(spec.rules, inputs, scores=scores)
    assert frontier["turnover"].is_monotonic_increasing
    assert (frontier["sharpe_gross"] > frontier["sharpe"]).all()
    own = backtest(spec.rules, inputs.panel, scores)
    row = frontier.loc[spec.portfolio.smoothing]
    assert row["sharpe"] == pytest.approx(sharpe_ratio(own.net_returns), rel=1e-9)
    assert row["turnover"] == pytest.approx(own.turnover.mean(), rel=1e-9)


def test_a_universe_without_history_refuses_its_rows_and_keeps_the_others(spec, inputs, scores):
    young = inputs.panel.between(inputs.panel.sessions[-130], None)
    found = stress_matrix(spec.rules, Inputs(panel=young), scores=scores)
    assert found.loc[("50/50", "base"), "sharpe"] != 0
    assert found["sharpe"].notna().sum() >= 12


def test_every_row_has_its_name(spec, inputs, scores):
    weights = decide_book(spec.rules, inputs.panel, scores).weights
    result = run_backtest(inputs.panel, weights, execution=spec.execution, costs=spec.costs)
    found = run_what_ifs(spec.rules, inputs, scores=scores, book=(weights, result))
    sharpes = found.sharpes()
    assert sum(name.startswith(tuple(LEGS)) for name in sharpes) == 18
    assert sharpes["costs 5"] == sharpes["delay 1"] == pytest.approx(sharpe_ratio(result.net_returns), rel=1e-9)
    assert np.isfinite(list(sharpes.values())).all()
    plain = found.as_dict()
    assert len(plain["stress"]) == 18
    assert plain["stress"][0]["legs"] == "50/50"
    assert pd.DataFrame(plain["cost"])["trade_bps"].tolist() == found.cost.index.tolist()
