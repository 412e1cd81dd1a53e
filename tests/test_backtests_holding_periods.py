"""Holding periods, concentration, rolling beta, VIX regimes, gates: small cases by hand."""

import numpy as np
import pandas as pd
import pytest

from backtests.breakdown.holding_periods import concentration, holding_table, spells
from backtests.reference_gates import reference_gates
from backtests.statistics.metrics import market_fit, performance_summary
from backtests.statistics.regimes import regime_table, vix_labels
from backtests.statistics.rolling_beta import rolling_beta

NAN = np.nan


def weights(rows):
    sessions = pd.bdate_range("2020-01-01", periods=len(rows), name="session")
    return pd.DataFrame(np.array(rows, dtype=float), sessions, pd.Index(list("ABC")[: len(rows[0])], name="ticker"))


def series(seed, n=300, mean=0.0):
    sessions = pd.bdate_range("2015-01-01", periods=n, name="session")
    return pd.Series(np.random.default_rng(seed).normal(mean, 0.01, n), sessions)


def test_a_stretch_ends_when_the_name_leaves_or_changes_sides():
    target = weights([[1, 0], [1, -1], [NAN, NAN], [-1, -1], [0, -1], [1, 0]])
    found = spells(target).sort_values(["ticker", "cut", "sessions"]).to_numpy().tolist()
    assert found == [
        ["A", "short", 1, False],
        ["A", "long", 1, True],
        ["A", "long", 3, True],  # held through the session without a decision
        ["B", "short", 4, False],
    ]


def test_the_holding_table_by_hand():
    table = holding_table(weights([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 0]]))
    assert table.loc["long"].tolist() == [2.5, 2.5, 2.9, 3.0, 2]
    assert table.loc["short", "count"] == 0
    assert np.isnan(table.loc["short", "mean"])


def test_equal_positions_count_in_full_and_one_large_one_hardly():
    found = concentration(weights([[0.5, -0.5], [1.0, 0.0], [0.0, 0.0], [0.9, 0.1]]))
    assert found["effective_names"].tolist()[:2] == [2.0, 1.0]
    assert np.isnan(found["effective_names"].iloc[2])
    assert found["herfindahl"].iloc[3] == pytest.approx(0.82)


def test_rolling_beta_is_the_beta_of_the_last_63_sessions():
    market = series(1)
    book = 0.4 * market + series(2)
    found = rolling_beta(book, market)
    assert found.iloc[:62].isna().all()
    assert found.iloc[200] == pytest.approx(market_fit(book.iloc[138:201], market.iloc[138:201]).beta)
    assert np.isnan(rolling_beta(book, market * 0).iloc[-1])


def test_vix_labels_know_the_close_before_and_no_more():
    vix = pd.Series([10.0] * 100 + [40.0] * 100 + [NAN] + [12.0] * 9, pd.bdate_range("2015-01-01", periods=210))
    labels = vix_labels(vix, warm_up=50)
    assert (labels.iloc[:50] == "unlabelled").all()
    assert labels.iloc[100] == "low VIX"
    assert labels.iloc[101] == "high VIX"
    assert labels.iloc[201] == "unlabelled"
    pd.testing.assert_series_equal(vix_labels(vix.iloc[:150], warm_up=50), labels.iloc[:150], check_freq=False)
    table = regime_table(series(1, 210).set_axis(vix.index), labels)
    assert list(table.index) == ["low VIX", "medium VIX", "high VIX", "unlabelled"]


def test_gates_pass_at_the_threshold_and_fail_short_of_it():
    net = performance_summary(series(1, mean=0.002))
    gates = {gate.name: gate for gate in reference_gates(net, accuracy=0.58, train_loss=1.0, validation_loss=1.0999)}
    assert gates["Accuracy"].status == "PASS"
    assert gates["Train to validation gap"].status == "PASS"
    assert gates["Sharpe ratio"].status == ("PASS" if net.sharpe >= 1.5 else "FAIL")
    assert gates["Drawdown"].measured == -net.max_drawdown > 0
    worse = {gate.name: gate for gate in reference_gates(net, accuracy=0.5799, train_loss=1.0, validation_loss=1.1001)}
    assert worse["Accuracy"].status == worse["Train to validation gap"].status == "FAIL"


def test_what_was_not_measured_neither_passes_nor_fails():
    net = performance_summary(series(1))
    gates = reference_gates(net, accuracy=NAN, train_loss=NAN, validation_loss=NAN)
    assert [gate.status for gate in gates[3:]] == ["NOT MEASURED"] * 5
    assert len(gates) == 8


def test_spells_of_weekly_decisions_count_sessions():
    target = pd.DataFrame(np.nan, pd.bdate_range("2020-01-01", periods=20), ["A", "B"])
    for week, held in enumerate([(1.0, 0.0), (1.0, 0.0), (0.0, 1.0), (0.0, 1.0)]):
        target.iloc[5 * week] = held
    assert spells(target)["sessions"].tolist() == [10, 10]
