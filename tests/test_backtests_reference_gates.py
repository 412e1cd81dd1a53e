"""Gates: the reference's by default, the strategy's own where it has some, each with the range of what was measured."""

import numpy as np
import pandas as pd
import pytest

from backtests.reference_gates import GateSettings, paper_gates, reference_gates, win_rate_interval
from backtests.statistics.bootstrap_intervals import sharpe_interval
from backtests.statistics.metrics import performance_summary, win_rate
from core.intervals import Interval
from strategy.definitions.spec import load_spec, override

RETURNS = pd.Series(np.random.default_rng(0).normal(5e-4, 0.01, 300), pd.bdate_range("2020", periods=300))
DEFAULTS = {
    "Sharpe ratio": "≥ 1.5",
    "Win rate": "≥ 55 %",
    "Drawdown": "≤ 15 %",
    "Accuracy": "≥ 58 %",
    "Train to validation gap": "< 10 %",
    "Paper trading: Sharpe ratio": "> 1.0 over ≥ 60 sessions",
    "Paper trading: drawdown": "< 10 %",
    "Paper trading: kill-switch days": "< 15 %",
}


def gates(settings=None, **intervals):
    net = performance_summary(RETURNS)
    found = reference_gates(
        net, settings, accuracy=0.55, train_loss=1.0, validation_loss=1.05, intervals=intervals or None
    )
    return {gate.name: gate for gate in found}


def test_the_reference_is_the_default():
    assert {name: gate.asked for name, gate in gates().items()} == DEFAULTS


def test_a_strategy_sets_its_own_thresholds():
    own = override(load_spec(), ["gates.accuracy=0.5", "gates.loss_gap=0.05", "gates.drawdown=0.125"]).gates
    assert gates()["Accuracy"].status == "FAIL"
    assert gates()["Train to validation gap"].status == "PASS"
    found = gates(own)
    assert found["Accuracy"].status == "PASS"
    assert found["Train to validation gap"].status == "FAIL"
    assert found["Drawdown"].asked == "≤ 12.5 %"


def test_gates_at_their_defaults_leave_every_fingerprint_alone():
    spec = load_spec()
    assert override(spec, ["gates.sharpe=1.5"]).fingerprint() == spec.fingerprint()
    assert override(spec, ["gates.sharpe=1.0"]).fingerprint() != spec.fingerprint()
    assert "gates" not in spec.sections()


def test_paper_gates_wait_for_the_sessions_asked_for():
    net, few = performance_summary(RETURNS), GateSettings(paper_sessions=20)
    assert {gate.status for gate in paper_gates(net, n_sessions=40)} == {"NOT MEASURED"}
    ratio, *_ = paper_gates(net, n_sessions=40, settings=few, sharpe_range=sharpe_interval(RETURNS))
    assert ratio.status != "NOT MEASURED"
    assert ratio.asked == "> 1.0 over ≥ 20 sessions"
    assert ratio.interval.low < ratio.measured < ratio.interval.high


def test_each_gate_carries_the_range_that_exists():
    bounds = {"Sharpe ratio": Interval(1.0, 0.1, 1.9), "Win rate": win_rate_interval(RETURNS)}
    found = gates(None, **bounds)
    assert found["Sharpe ratio"].interval == bounds["Sharpe ratio"]
    assert found["Win rate"].interval.estimate == pytest.approx(win_rate(RETURNS))
    assert found["Win rate"].interval.low < win_rate(RETURNS) < found["Win rate"].interval.high
    assert np.isnan(found["Drawdown"].interval.low)
