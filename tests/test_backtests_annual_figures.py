"""Annual figures: every one follows the sessions a year of the bars, against numpy, and is what it was for 252."""

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from backtests.breakdown.attribution import attribution_table, leg_returns, sector_table
from backtests.breakdown.trading_summary import trading_summary
from backtests.comparison.baseline_comparison import compare_returns
from backtests.confidence import confidence_among
from backtests.engine.backtest import ledger_backtest
from backtests.engine.many_books import Case
from backtests.evaluation import MODEL, Evaluation
from backtests.quick_evaluation import quick_evaluation
from backtests.sensitivity.case_metrics import case_metrics
from backtests.statistics import metrics
from backtests.statistics.bootstrap_intervals import sharpe_gap_interval, sharpe_interval
from backtests.statistics.deflation import deflated_sharpe_ratio, minimum_track_record_length
from backtests.statistics.factor_regression import factor_fit
from backtests.statistics.inference import probabilistic_sharpe_ratio
from backtests.statistics.regimes import regime_table
from backtests.verdict import TrialStanding, headline, judge
from market.inputs import Inputs
from market.panel import Panel
from market.synthetic import SyntheticSettings, synthetic_market
from portfolio.book_settings import BookSettings, RiskSettings
from portfolio.risk import kill_switches, volatility_scale
from portfolio.rules import TradingRules
from strategy.runs.result import headline_rows
from strategy.trials.chained_log import Entry
from strategy.trials.log import trial_sharpe

YEARS = (252.0, 365.0, 52.0)


def with_year(panel: Panel, year: float) -> Panel:
    return replace(panel, facts=replace(panel.facts, sessions_per_year=year))


@pytest.fixture(scope="module")
def market() -> tuple[Panel, pd.DataFrame]:
    made = synthetic_market(SyntheticSettings(n_tickers=20, n_sessions=300, planted_ic=0.05))
    return made.panel, 1e-3 * made.oracle.iloc[-120:]


@pytest.fixture(scope="module")
def evaluations(market: tuple[Panel, pd.DataFrame]) -> dict[float, Evaluation]:
    panel, scores = market
    rules = TradingRules(name="own", portfolio=BookSettings(builder="quintile_long_short"))
    return {year: quick_evaluation(rules, Inputs(panel=with_year(panel, year)), scores=scores) for year in YEARS}


def annual_figures(evaluation: Evaluation) -> dict[str, float]:
    """Every annual figure of metrics.json that a quick run has."""
    summary, result = evaluation.performance("own"), evaluation.result
    head = headline(evaluation, judge(evaluation, TrialStanding(sharpes=(summary.sharpe,))))
    legs = attribution_table(
        leg_returns(result, evaluation.inputs.panel), evaluation.market, sessions_per_year=result.sessions_per_year
    )
    figures = {
        name: getattr(summary, name)
        for name in ("annual_return", "volatility", "sharpe", "sharpe_standard_error", "sortino", "calmar", "alpha")
    }
    figures |= {name: getattr(trading_summary(result), name) for name in ("annual_turnover", "cost_drag", "trade_drag")}
    figures |= {f"head {name}": head[name] for name in ("sharpe_net", "sharpe_gross", "annual_return", "volatility")}
    figures |= {f"leg {part}": value for part, value in legs["annual"].items()}
    return figures | {"icir": evaluation.signal.summary(MODEL).icir_annual}


@pytest.mark.parametrize("year", YEARS)
def test_every_annual_figure_is_numpys_by_the_sessions_a_year_of_the_bars(evaluations, year):
    evaluation = evaluations[year]
    net, gross = evaluation.result.net_returns.to_numpy(), evaluation.result.gross_returns.to_numpy()
    grown = np.prod(1 + net) ** (year / len(net)) - 1
    sharpe = net.mean() / net.std(ddof=1) * math.sqrt(year)
    wealth = np.concatenate([[1.0], np.cumprod(1 + net)])
    depth = (wealth / np.maximum.accumulate(wealth) - 1).min()
    third, fourth = (((net - net.mean()) / net.std()) ** k for k in (3, 4))
    small = sharpe / math.sqrt(year)
    error = math.sqrt((1 - third.mean() * small + (fourth.mean() - 1) / 4 * small**2) / len(net) * year)
    market = evaluation.market.reindex(evaluation.result.net_returns.index).to_numpy()
    beta = np.cov(net, market)[0, 1] / market.var(ddof=1)
    ic = evaluation.signal.ic[MODEL].dropna().to_numpy()
    legs = leg_returns(evaluation.result, evaluation.inputs.panel)
    expected = {
        "annual_return": grown,
        "volatility": net.std(ddof=1) * math.sqrt(year),
        "sharpe": sharpe,
        "sharpe_standard_error": error,
        "sortino": net.mean() * math.sqrt(year) / math.sqrt((np.minimum(net, 0) ** 2).mean()),
        "calmar": grown / -depth,
        "alpha": year * (net.mean() - beta * market.mean()),
        "annual_turnover": year * evaluation.result.turnover.mean(),
        "cost_drag": year * evaluation.result.cost.mean(),
        "trade_drag": year * evaluation.result.cost_parts["trade"].mean(),
        "head sharpe_net": sharpe,
        "head sharpe_gross": gross.mean() / gross.std(ddof=1) * math.sqrt(year),
        "head annual_return": grown,
        "head volatility": net.std(ddof=1) * math.sqrt(year),
        **{f"leg {part}": year * legs[part].mean() for part in ("long", "short", "costs")},
        "leg net": year * net.mean(),
        "icir": ic.mean() / ic.std(ddof=1) * math.sqrt(year),
    }
    assert annual_figures(evaluation) == pytest.approx(expected, rel=1e-9)


def test_the_sessions_a_year_change_no_trade_and_are_printed(evaluations):
    for year, evaluation in evaluations.items():
        pd.testing.assert_series_equal(evaluation.result.equity, evaluations[252.0].result.equity)
        head = headline(evaluation, judge(evaluation, TrialStanding()))
        assert f"({year:g} sessions a year, rf 0)" in dict(headline_rows(head))["Sharpe, net"]
        assert f"({year:g} sessions a year, risk-free 0)" in str(evaluation.result)
        assert head["sessions_per_year"] == evaluation.performance("own").sessions_per_year == year


def test_intervals_and_regressions_scale_and_probabilities_stay(evaluations):
    net = evaluations[252.0].result.net_returns
    other = evaluations[252.0].market.reindex(net.index)
    root = math.sqrt(365 / 252)
    for interval in (sharpe_interval, lambda r, **more: sharpe_gap_interval(r, other, **more)):
        daily, around = interval(net), interval(net, sessions_per_year=365)
        assert tuple(around) == pytest.approx(tuple(root * bound for bound in daily))
    factors = other.to_frame("market")
    daily, around = factor_fit(net, factors).table, factor_fit(net, factors, sessions_per_year=365).table
    assert around.loc["alpha", "estimate"] == pytest.approx(daily.loc["alpha", "estimate"] * 365 / 252)
    assert around.loc["market", "estimate"] == daily.loc["market", "estimate"]
    labels = pd.Series("one", index=net.index)
    assert regime_table(net, labels, sessions_per_year=365).loc["one", "sharpe"] == pytest.approx(
        root * regime_table(net, labels).loc["one", "sharpe"]
    )
    tried = np.array([0.3, 0.5, 0.2, 0.9, 0.1])
    assert deflated_sharpe_ratio(net, root * tried, sessions_per_year=365) == pytest.approx(
        deflated_sharpe_ratio(net, tried)
    )
    assert probabilistic_sharpe_ratio(net, benchmark=root, sessions_per_year=365) == pytest.approx(
        probabilistic_sharpe_ratio(net, benchmark=1.0)
    )
    assert minimum_track_record_length(net, benchmark=-root, sessions_per_year=365) == pytest.approx(
        minimum_track_record_length(net, benchmark=-1.0)
    )
    assert confidence_among(net, tuple(root * tried), sessions_per_year=365).deflated == pytest.approx(
        confidence_among(net, tuple(tried)).deflated
    )


def test_comparisons_sectors_and_cases_follow_the_bars_too(evaluations, market):
    panel, _ = market
    own = evaluations[365.0]
    net, other = own.result.net_returns, own.market.reindex(own.result.net_returns.index)
    compared = compare_returns("own", net, baselines={"market": other}, sessions_per_year=365).baselines["market"]
    assert compared.sharpe == pytest.approx(other.mean() / other.std() * math.sqrt(365))
    assert compared.return_gap.estimate == pytest.approx(365 * (net - other).mean())
    sectors = pd.Series("one", index=panel.tickers)
    assert sector_table(own.result, panel, sectors)["annual"].sum() == pytest.approx(
        365 * own.result.gross_returns.mean()
    )
    case = Case(weights=own.books["own"].weights, execution=own.rules.execution, costs=own.rules.costs)
    row = case_metrics(own.inputs.panel, [("own", case)]).loc["own"]
    kept = ledger_backtest(own.inputs.panel, case.weights, execution=case.execution, costs=case.costs).net_returns
    assert row["sharpe"] == pytest.approx(kept.mean() / kept.std() * math.sqrt(365))


def test_a_volatility_target_and_a_sharpe_floor_are_annual():
    returns = pd.Series(np.random.default_rng(0).normal(0.0, 0.01, 40), pd.bdate_range("2020-01-01", periods=40))
    risk = RiskSettings(volatility_target=0.1, least_scale=0.01, largest_scale=50.0)
    scale = volatility_scale(returns, risk, sessions_per_year=365).iloc[-1]
    assert scale == pytest.approx(0.1 / (returns.iloc[-20:].std() * math.sqrt(365)))
    floor = RiskSettings(sharpe_floor=0.0, sharpe_sessions=20, sharpe_reentry=0.5)
    daily, around = (kill_switches(returns, floor, sessions_per_year=year).events for year in (252, 365))
    assert around["value"].iloc[0] == pytest.approx(daily["value"].iloc[0] * math.sqrt(365 / 252))


@pytest.mark.parametrize(("facts", "expected"), [({}, math.sqrt(365 / 252)), ({"sessions_per_year": 365}, 1.0)])
def test_a_logged_sharpe_ratio_is_turned_into_the_runs_year(facts, expected):
    body = json.dumps({"facts": {"sharpe": 1.0, **facts}})
    entry = Entry(sequence=2, kind="trial", body=body, sha256="")
    assert trial_sharpe(entry, 365) == pytest.approx(expected)


@pytest.mark.parametrize("level", [0.8, 0.9, 0.95, 0.975, 0.99])
@pytest.mark.parametrize("n", [20, 21, 41, 51, 101, 201, 1001])
def test_shortfall_holds_the_return_at_the_quantile(level, n):
    returns = np.random.default_rng(n).normal(size=n)
    worst = math.floor(round((n - 1) * (1000 - round(1000 * level)) / 1000, 9)) + 1
    expected = math.fsum(sorted(returns)[:worst]) / worst
    assert metrics.expected_shortfall(returns, level=level) == pytest.approx(expected)
    assert metrics.value_at_risk(returns, level=level) == pytest.approx(np.quantile(returns, 1 - level))


def test_wealth_back_at_its_peak_up_to_rounding_is_at_its_peak():
    returns = pd.Series([0.1, -0.3, 1 / 0.7 - 1, *[0.0] * 20], index=pd.bdate_range("2020-01-01", periods=23))
    table = metrics.drawdown_table(returns)
    assert (len(table), table["length"].iloc[0], table["recovery"].iloc[0]) == (1, 1, returns.index[2])
