"""Causal regimes, named periods, the regime table and the equal-weight market."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.statistics import metrics
from backtests.statistics.regimes import NAMED_PERIODS, named_periods, regime_table, trend_labels, volatility_labels
from market.equal_weight import equal_weight_market
from tests.oracles.markets import delisting_table, panel_of


def market_of(n=700, seed=0):
    rng = np.random.default_rng(seed)
    scale = np.repeat(rng.uniform(0.003, 0.03, n // 50 + 1), 50)[:n]
    return pd.Series(rng.normal(3e-4, 1.0, n) * scale, index=pd.bdate_range("2010-01-01", periods=n, name="session"))


@settings(max_examples=20)
@given(cut=st.integers(1, 699), seed=st.integers(0, 100))
def test_a_label_is_fixed_before_its_session_begins(cut, seed):
    market = market_of(seed=seed)
    changed = market.copy()
    changed.iloc[cut:] = 0.5 * np.random.default_rng(seed + 1).normal(size=700 - cut)
    for labels in (volatility_labels, trend_labels):
        pd.testing.assert_series_equal(labels(changed).iloc[: cut + 1], labels(market).iloc[: cut + 1])


def test_the_first_year_has_no_volatility_label():
    labels = volatility_labels(market_of())
    assert (labels.iloc[: 20 + 251] == "unlabelled").all()
    assert (labels.iloc[20 + 251 :] != "unlabelled").all()


def test_volatility_terciles_equal_the_slow_twin():
    market = market_of()
    labels = volatility_labels(market)
    names = ["low volatility", "medium volatility", "high volatility"]
    for row in (271, 300, 411, 699):
        past = [market.iloc[end - 20 : end].std() for end in range(20, row + 1)]
        rank = sum(past[-1] > np.quantile(past, [1 / 3, 2 / 3]))
        assert labels.iloc[row] == names[rank]


def test_trend_is_the_index_against_its_own_200_sessions():
    market = pd.Series([0.01] * 250 + [-0.02] * 200, index=pd.bdate_range("2010-01-01", periods=450))
    labels = trend_labels(market)
    assert (labels.iloc[:200] == "unlabelled").all()
    assert (labels.iloc[200:251] == "up trend").all()
    assert labels.iloc[-1] == "down trend"


def test_a_missing_first_market_return_does_not_delay_or_break_labels():
    market = market_of()
    market.iloc[0] = np.nan
    assert (trend_labels(market).iloc[202:] != "unlabelled").all()
    assert (volatility_labels(market).iloc[273:] != "unlabelled").all()


def test_named_periods_do_not_overlap_and_cover_their_years():
    spans = [(pd.Timestamp(first), pd.Timestamp(last)) for first, last in NAMED_PERIODS.values()]
    sessions = pd.bdate_range("1999-01-01", "2026-06-30")
    labels = named_periods(sessions)
    assert labels[pd.Timestamp("2009-03-09")] == "financial crisis 2008-2009"
    assert labels[pd.Timestamp("2009-03-10")] == "recovery 2009-2013"
    assert labels[pd.Timestamp("2014-06-02")] == labels[pd.Timestamp("1999-06-01")] == "unlabelled"
    assert labels[pd.Timestamp("2020-03-16")] == "COVID crash Feb-Mar 2020"
    for (_, last), (first, _) in pairwise(spans):
        assert last < first


def test_the_table_measures_each_regime_and_refuses_short_ones():
    returns = pd.Series(np.random.default_rng(0).normal(0, 0.01, 200), index=pd.bdate_range("2010-01-01", periods=200))
    labels = pd.Series(["up trend"] * 100 + ["down trend"] * 59 + ["unlabelled"] * 41, index=returns.index)
    table = regime_table(returns, labels)
    assert table.index.tolist() == ["up trend", "down trend", "unlabelled"]
    assert table["sessions"].tolist() == [100, 59, 41]
    assert table["too_few_sessions"].tolist() == [False, True, True]
    assert table.loc["up trend", "sharpe"] == metrics.sharpe_ratio(returns.iloc[:100])
    assert table.loc["up trend", "max_drawdown"] == metrics.max_drawdown(returns.iloc[:100])
    assert table.loc["down trend", ["sharpe", "sharpe_standard_error", "annual_return"]].isna().all()


def test_sessions_without_a_label_count_as_unlabelled():
    returns = pd.Series(0.01, index=pd.bdate_range("2010-01-01", periods=3))
    table = regime_table(returns, pd.Series(["calm"], index=returns.index[:1]))
    assert table["sessions"].to_dict() == {"calm": 1, "unlabelled": 2}


def test_the_equal_weight_market_holds_the_universe_of_the_session_before():
    closes = np.array([[10, 10], [11, 12], [11, 24]], dtype=float)
    panel = panel_of(closes, closes)
    universe = panel.universe.copy()
    universe.iloc[1, 1] = False
    market = equal_weight_market(panel.with_universe(universe, described="test"))
    assert np.isnan(market.iloc[0])
    assert market.iloc[1:].tolist() == pytest.approx([0.15, 0.0])


def test_the_first_print_after_a_halt_carries_the_whole_move():
    closes = np.array([[10], [np.nan], [12]], dtype=float)
    panel = panel_of(closes, closes)
    market = equal_weight_market(panel.with_universe(panel.universe | True, described="test"))
    assert market.iloc[1:].tolist() == pytest.approx([0.0, 0.2])


def test_a_delisting_return_is_earned_in_the_session_of_the_pay_out():
    closes = np.array([[10, 10], [10, 10], [np.nan, 10]], dtype=float)
    panel = panel_of(closes, closes, delistings=delisting_table(["T000"], [pd.Timestamp("2015-01-05")], [-0.5]))
    assert equal_weight_market(panel).iloc[2] == pytest.approx(-0.25)


def test_an_empty_universe_has_no_market_return():
    closes = np.full((3, 2), 10.0)
    panel = panel_of(closes, closes)
    market = equal_weight_market(panel.with_universe(panel.universe & False, described="none"))
    assert market.isna().all()
