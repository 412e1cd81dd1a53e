"""Performance metrics: small cases by hand, and libraries whose conventions agree."""

import logging
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from backtests.statistics import metrics
from backtests.statistics.metrics import performance_summary

NUMBERS = (
    metrics.annual_return,
    metrics.volatility,
    metrics.sharpe_ratio,
    metrics.sharpe_standard_error,
    metrics.sortino_ratio,
    metrics.calmar_ratio,
    metrics.max_drawdown,
    metrics.win_rate,
    metrics.profit_factor,
    metrics.value_at_risk,
    metrics.expected_shortfall,
)


def series(values):
    values = np.asarray(values, dtype=float)
    return pd.Series(values, index=pd.bdate_range("2020-01-01", periods=len(values), name="session"))


def noise(seed=0, n=500, mean=5e-4, scale=0.01):
    return series(np.random.default_rng(seed).normal(mean, scale, n))


@pytest.mark.parametrize("metric", NUMBERS)
def test_too_little_history_is_nan(metric):
    assert np.isnan(metric(noise(n=19)))
    assert np.isfinite(metric(noise(n=20)))


@pytest.mark.parametrize("metric", NUMBERS)
def test_sessions_without_a_return_are_left_out(metric):
    returns = noise(n=60)
    gaps = returns.copy().reindex(returns.index.union(pd.bdate_range("2021-01-01", periods=5)))
    assert metric(gaps) == metric(returns)


@pytest.mark.parametrize("metric", NUMBERS)
def test_inputs_are_left_alone(metric):
    returns = noise(n=60)
    before = returns.copy()
    metric(returns)
    pd.testing.assert_series_equal(returns, before)


def test_sharpe_is_mean_over_sample_deviation_times_root_252():
    returns = series([0.01, -0.01, 0.02, 0.0] * 5)
    expected = np.mean(returns) / np.std(returns, ddof=1) * np.sqrt(252)
    assert metrics.sharpe_ratio(returns) == pytest.approx(expected)
    assert metrics.session_sharpe(returns) == pytest.approx(expected / np.sqrt(252))


def test_a_constant_has_no_sharpe_ratio():
    assert np.isnan(metrics.sharpe_ratio(series([0.01] * 50)))
    assert np.isnan(metrics.sharpe_standard_error(series([0.0] * 50)))
    assert np.isnan(metrics.sortino_ratio(series([0.01] * 50)))


def test_the_risk_free_return_is_taken_off_session_by_session():
    returns = noise()
    risk_free = series(np.linspace(0, 2e-4, 500))
    expected = pytest.approx(metrics.sharpe_ratio(returns - risk_free))
    assert metrics.sharpe_ratio(returns, risk_free=risk_free) == expected
    assert metrics.sharpe_ratio(returns, risk_free=risk_free.iloc[::-1]) == expected
    assert metrics.sharpe_ratio(returns, risk_free=1e-4) < metrics.sharpe_ratio(returns)


def test_the_standard_error_of_symmetric_returns_is_lo_2002():
    returns = series([0.01, -0.01] * 100)
    assert metrics.sharpe_standard_error(returns) == pytest.approx(np.sqrt(252 / 200))
    skewed = series([0.03, -0.01, -0.01, -0.01] * 50) + 0.002
    s, g3, g4 = metrics.session_sharpe(skewed), stats.skew(skewed), stats.kurtosis(skewed, fisher=False)
    expected = np.sqrt(252 * (1 + s**2 / 2 - g3 * s + (g4 - 3) / 4 * s**2) / 200)
    assert metrics.sharpe_standard_error(skewed) == pytest.approx(expected)


def test_the_standard_error_is_the_spread_of_simulated_sharpe_ratios():
    draws = np.random.default_rng(0).exponential(0.01, (2000, 400)) - 0.009
    measured = np.std([metrics.sharpe_ratio(row) for row in draws])
    assert np.mean([metrics.sharpe_standard_error(row) for row in draws]) == pytest.approx(measured, rel=0.05)


def test_annual_return_compounds_over_252_sessions():
    assert metrics.annual_return(series([0.001] * 252)) == pytest.approx(1.001**252 - 1)
    assert metrics.annual_return(series([0.001] * 126)) == pytest.approx(1.001**252 - 1)


def test_sortino_divides_by_the_downside_of_all_sessions():
    returns = series([0.02, -0.01, 0.01, 0.0] * 5)
    assert metrics.sortino_ratio(returns) == pytest.approx(np.sqrt(252) * 0.005 / np.sqrt(0.0001 / 4))


def test_a_first_day_loss_is_a_drawdown():
    returns = series([-0.1, 0.05, *[0.0] * 18])
    assert metrics.drawdowns(returns).iloc[0] == pytest.approx(-0.1)
    assert metrics.max_drawdown(returns) == pytest.approx(-0.1)


def test_a_rising_series_has_no_drawdown_and_no_calmar():
    returns = series([0.01] * 30)
    assert metrics.max_drawdown(returns) == 0.0
    assert np.isnan(metrics.calmar_ratio(returns))
    assert metrics.drawdown_table(returns).empty


def test_the_drawdown_table_dates_every_spell():
    returns = series([-0.1, 0.2, 0.1, -0.2, -0.1, 0.05, 0.6, -0.05])
    table = metrics.drawdown_table(returns)
    assert table["depth"].tolist() == pytest.approx([-0.28, -0.1, -0.05])
    days = returns.index
    assert table["start"].tolist() == [days[3], days[0], days[7]]
    assert table["trough"].tolist() == [days[4], days[0], days[7]]
    assert table["recovery"].tolist() == [days[6], days[1], pd.NaT]
    assert table["length"].tolist() == [3, 1, 1]
    assert table["length_to_trough"].tolist() == [2, 1, 1]
    assert len(metrics.drawdown_table(returns, n_deepest=2)) == 2
    assert list(table.columns) == ["depth", "start", "trough", "recovery", "length", "length_to_trough"]


def test_the_drawdown_table_holds_ten_unless_told():
    assert len(metrics.drawdown_table(series([-0.01, 0.02] * 12))) == 10


def test_calmar_is_annual_return_over_depth():
    returns = noise()
    assert metrics.calmar_ratio(returns) == pytest.approx(
        metrics.annual_return(returns) / -metrics.max_drawdown(returns)
    )


def test_win_rate_and_profit_factor_by_hand():
    returns = series([0.02, -0.01, 0.0, 0.01, -0.005] * 4)
    assert metrics.win_rate(returns) == 0.5
    assert metrics.profit_factor(returns) == pytest.approx(2.0)


def test_a_series_without_a_loss_has_no_profit_factor():
    assert np.isnan(metrics.profit_factor(series([0.01] * 30)))


def test_value_at_risk_is_the_historical_quantile_and_shortfall_the_mean_below():
    returns = series(np.arange(101) / 1000 - 0.05)
    assert metrics.value_at_risk(returns) == pytest.approx(-0.045)
    assert metrics.expected_shortfall(returns) == pytest.approx(-0.0475)
    assert metrics.value_at_risk(returns, level=0.99) == pytest.approx(-0.049)


def test_a_return_at_the_quantile_itself_belongs_to_the_shortfall():
    returns = series([-0.05, -0.03, *[0.01] * 19])  # of 21, the 5 % quantile is the second lowest
    assert metrics.value_at_risk(returns) == pytest.approx(-0.03)
    assert metrics.expected_shortfall(returns) == pytest.approx(-0.04)
    assert metrics.expected_shortfall(series(np.arange(-10, 11) / 100), level=0.5) == pytest.approx(-0.05)


def test_the_market_fit_is_ordinary_least_squares():
    market, own = noise(1), noise(2)
    returns = 0.7 * market + own
    line = stats.linregress(market - 1e-4, returns - 1e-4)
    fit = metrics.market_fit(returns, market, risk_free=1e-4)
    assert fit.beta == pytest.approx(line.slope)
    assert fit.alpha == pytest.approx(252 * line.intercept)
    assert fit.r_squared == pytest.approx(line.rvalue**2)


def test_the_market_fit_uses_the_sessions_both_have():
    market, returns = noise(1), noise(2)
    assert metrics.market_fit(returns, market.iloc[100:]) == metrics.market_fit(returns.iloc[100:], market)
    assert np.isnan(metrics.market_fit(returns, market.iloc[-10:]).beta)
    assert np.isnan(metrics.market_fit(returns, market * 0).beta)
    assert np.isfinite(metrics.market_fit(returns, market.iloc[-20:]).beta)


def test_a_book_that_never_moves_has_no_r_squared_and_no_rate_is_taken_off_unless_told():
    market, returns = noise(1), noise(2)
    assert np.isnan(metrics.market_fit(returns * 0, market).r_squared)
    assert metrics.market_fit(returns, market) == metrics.market_fit(returns, market, risk_free=0.0)
    assert performance_summary(returns).risk_free == 0.0


def test_a_summary_without_a_drawdown_has_a_longest_one_of_zero_sessions():
    assert performance_summary(series(np.linspace(0.001, 0.002, 30))).longest_drawdown_sessions == 0


def test_shape_is_that_of_scipy():
    returns = noise(3)
    assert metrics.shape(returns) == pytest.approx((stats.skew(returns), stats.kurtosis(returns, fisher=False)))


def test_exposures_split_by_side():
    held = pd.DataFrame([[0.5, -0.2, 0.1]])
    assert metrics.exposures(held).iloc[0].to_dict() == pytest.approx(
        {"long": 0.6, "short": -0.2, "gross": 0.8, "net": 0.4}
    )


@given(scale=st.floats(0.1, 10), seed=st.integers(0, 100))
def test_the_sharpe_ratio_does_not_depend_on_the_size_of_the_book(scale, seed):
    returns = noise(seed, n=60)
    assert metrics.sharpe_ratio(returns * scale) == pytest.approx(metrics.sharpe_ratio(returns))
    assert metrics.sharpe_ratio(-returns) == pytest.approx(-metrics.sharpe_ratio(returns))


def test_the_summary_holds_the_metrics_of_its_series():
    returns, market = noise(1), noise(2)
    summary = performance_summary(returns, market=market, risk_free=1e-4)
    assert summary.sharpe == metrics.sharpe_ratio(returns, risk_free=1e-4)
    assert summary.risk_free == pytest.approx(0.0252)
    assert summary.beta == metrics.market_fit(returns, market, risk_free=1e-4).beta
    assert (summary.start, summary.end, summary.sessions) == ("2020-01-01", "2021-11-30", 500)
    assert summary.total_return == pytest.approx((1 + returns).prod() - 1)
    assert summary.longest_drawdown_sessions == metrics.drawdown_table(returns, n_deepest=99)["length"].max()
    assert np.isnan(performance_summary(returns).beta)
    assert summary.as_dict()["max_drawdown"] == metrics.max_drawdown(returns)


def test_quantstats_agrees_where_its_conventions_do():
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from quantstats import stats as other

        returns = noise(4, mean=1e-3)
        pairs = [
            (metrics.sharpe_ratio(returns), other.sharpe(returns)),
            (metrics.sortino_ratio(returns), other.sortino(returns)),
            (metrics.volatility(returns), other.volatility(returns)),
            (metrics.max_drawdown(returns), other.max_drawdown(returns)),
            (metrics.win_rate(returns), other.win_rate(returns)),
            (metrics.profit_factor(returns), other.profit_factor(returns)),
        ]
    for ours, theirs in pairs:
        assert ours == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("metric", NUMBERS)
def test_columns_are_never_pooled_into_one_number(metric):
    returns = pd.DataFrame(np.full((60, 2), 0.01) * [1.0, -1.0], index=pd.bdate_range("2015-01-01", periods=60))
    with pytest.raises(ValueError, match=r"returns must be one series, had shape \(60, 2\): take one of its columns"):
        metric(returns)


@pytest.mark.parametrize("returns", [[0.1, 0.2], pd.Series([0.1]), pd.Series(dtype=float), pd.DataFrame({"a": [0.1]})])
def test_a_summary_needs_one_series_of_sessions(returns):
    with pytest.raises(ValueError, match="returns must be a Series indexed by session that holds a number"):
        performance_summary(returns)
