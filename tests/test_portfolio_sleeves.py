"""Sleeves: one book of overlapping portfolios against as many books run apart; laws first, then cases by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.engine.backtest import run_backtest
from backtests.engine.overlay_loop import decide_book, decide_weights
from core.errors import UnsupportedBookError
from market import listed
from market.returns import Execution
from market.synthetic import SyntheticSettings, synthetic_market
from portfolio.book import STAGES, build_book, finish_book, plan_book
from portfolio.book_settings import OPTIMIZED, BookSettings, RiskSettings
from portfolio.costs import Costs
from portfolio.rules import TradingRules
from portfolio.sleeves import hold_sleeves
from strategy.definitions.spec import load_spec, override
from tests.oracles.markets import delisting_table, panel_of, random_panel
from tests.test_portfolio_book import flat_panel, random_case, scores_on
from tests.test_portfolio_stages import EVERY_RULE, SECTORS

SEEDS = st.integers(0, 10_000)
HORIZONS = st.sampled_from([2, 3, 5])
PLAIN = BookSettings(builder="filter_negative", long=0.65, short=0.35, smoothing=1.0, max_position=1.0, cash_buffer=0.0)


def sleeves_book(scores, panel, rule, horizon):
    return finish_book(plan_book(scores, panel, rule, sectors=SECTORS, horizon=horizon))


def held_between(weights, alive):
    """Hold each decision until the next one, one session after the other; cash before, nothing that cannot trade."""
    rows, held = [], np.zeros(weights.shape[1])
    for decided, trades in zip(weights.to_numpy(), alive.to_numpy(), strict=True):
        held = np.where(trades, held if np.isnan(decided).all() else decided, 0.0)
        rows.append(held)
    return np.array(rows)


def books_apart(scores, panel, rule, horizon):
    """Decide ``horizon`` books, each on every ``horizon``-th session that has a decision, and hold between."""
    decided = build_book(scores, panel, rule, sectors=SECTORS).stages["target"].dropna(how="all").index
    apart = []
    for phase in range(horizon):
        own = scores.where(pd.Series(scores.index.isin(decided[phase::horizon]), index=scores.index), axis=0)
        apart.append(build_book(own, panel, rule, sectors=SECTORS).weights)
    return apart, decided


@settings(max_examples=25)
@given(seed=SEEDS, horizon=HORIZONS, builder=st.sampled_from(["filter_negative", "quintile_long_short", "confidence"]))
@pytest.mark.slow
def test_sleeves_are_the_mean_of_as_many_books_run_apart(seed, horizon, builder):
    panel, scores = random_case(seed)
    rule = PLAIN.model_copy(update={"builder": builder})
    whole = sleeves_book(scores, panel, rule, horizon).weights
    apart, decided = books_apart(scores, panel, rule, horizon)
    mean = np.stack([held_between(weights, listed(panel)) for weights in apart]).mean(axis=0)
    np.testing.assert_array_equal(whole.loc[decided].to_numpy(), mean[panel.sessions.get_indexer(decided)])
    assert whole.drop(index=decided).isna().all(axis=None)


@settings(max_examples=20)
@given(seed=SEEDS, rule=st.sampled_from(EVERY_RULE))
def test_a_horizon_of_one_session_is_the_book_without_sleeves_to_the_bit(seed, rule):
    panel, scores = random_case(seed)
    plain, one = build_book(scores, panel, rule, sectors=SECTORS), sleeves_book(scores, panel, rule, 1)
    assert list(one.stages) == list(plain.stages)
    assert "sleeves" not in one.stages
    pd.testing.assert_frame_equal(one.weights, plain.weights, check_exact=True)
    pd.testing.assert_frame_equal(one.diagnostics, plain.diagnostics, check_exact=True)


@settings(max_examples=30)
@given(seed=SEEDS, rule=st.sampled_from(EVERY_RULE), horizon=HORIZONS)
def test_cutting_the_future_changes_no_decision_of_a_book_in_sleeves(seed, rule, horizon):
    panel, scores = random_case(seed)
    session = panel.sessions[40]
    whole = sleeves_book(scores, panel, rule, horizon).weights.loc[:session]
    cut = sleeves_book(scores.loc[:session], panel.until(session), rule, horizon).weights
    pd.testing.assert_frame_equal(cut, whole, check_exact=True)


@settings(max_examples=20)
@given(seed=SEEDS, rule=st.sampled_from(EVERY_RULE), horizon=HORIZONS)
def test_no_name_that_cannot_be_traded_is_held_in_any_sleeve(seed, rule, horizon):
    panel, scores = random_case(seed)
    book = sleeves_book(scores, panel, rule, horizon)
    assert list(book.stages) == [name for name in STAGES if name in book.stages]
    held = book.stages["sleeves"].dropna(how="all")
    alive = listed(panel).loc[held.index]
    assert (held.where(~alive, 0.0) == 0.0).all(axis=None)
    assert held.abs().sum(axis=1).max() <= book.stages["target"].abs().sum(axis=1).max() + 1e-12


def test_the_book_opens_one_sleeve_at_a_time_and_then_replaces_the_oldest():
    panel = flat_panel(5, 2)
    target = scores_on(panel, [[0.6, 0.0], [0.0, 0.6], [0.6, 0.0], [0.6, 0.0], [0.0, 0.6]])
    held = hold_sleeves(target, listed(panel), horizon=3)
    expected = [[0.2, 0.0], [0.2, 0.2], [0.4, 0.2], [0.4, 0.2], [0.4, 0.2]]
    np.testing.assert_allclose(held.to_numpy(), expected, rtol=0, atol=1e-15)


def test_a_close_without_a_decision_opens_no_sleeve_and_closes_none():
    panel = flat_panel(4, 1)
    held = hold_sleeves(scores_on(panel, [[1.0], [np.nan], [0.0], [0.0]]), listed(panel), horizon=2)
    np.testing.assert_array_equal(held.to_numpy()[:, 0], [0.5, np.nan, 0.5, 0.0])


def test_a_delisted_name_leaves_every_sleeve_at_once_and_stays_out():
    sessions = flat_panel(6, 2).sessions
    prices = np.full((6, 2), 10.0)
    prices[2:, 0] = np.nan
    panel = panel_of(prices, prices, delistings=delisting_table(["T000"], [sessions[1]], [0.0]))
    target = scores_on(panel, [[1.0, 0.0]] * 2 + [[0.0, 1.0]] * 4)
    held = hold_sleeves(target, listed(panel), horizon=4)
    assert listed(panel)["T000"].tolist() == [True] + [False] * 5
    assert held["T000"].tolist() == [0.25, 0.0, 0.0, 0.0, 0.0, 0.0]
    assert held["T001"].tolist() == [0.0, 0.0, 0.25, 0.5, 0.75, 1.0]


@pytest.fixture(scope="module")
def market():
    return synthetic_market(SyntheticSettings(n_tickers=40, n_sessions=360, planted_ic=0.05))


def backtested(panel, weights):
    return run_backtest(panel, weights, execution=Execution(), costs=Costs(trade_bps=0.0))


def test_five_sleeves_earn_what_five_books_apart_earn_but_for_drift(market):
    """Books apart drift between their own rebalances, and what one of them has earned is not shared out again."""
    panel, scores = market.panel, 1e-3 * market.oracle.iloc[-240:]
    rules = TradingRules(portfolio=PLAIN, horizon=5)
    whole = backtested(panel, decide_weights(rules, panel, scores)).net_returns
    apart, _ = books_apart(scores, panel, PLAIN, 5)
    returns = pd.DataFrame({phase: backtested(panel, book).net_returns for phase, book in enumerate(apart)})
    mean = returns.reindex(whole.index).fillna(0.0).mean(axis=1)
    gap = whole - mean
    assert whole.corr(mean) > 0.999
    assert gap.std() < 0.03 * mean.std()
    assert abs(gap.sum()) < 0.01 < mean.sum()
    steady = {}  # the same books put back to their targets at each close: what is left is what is not shared out again
    for phase, book in enumerate(apart):
        held = pd.DataFrame(held_between(book, listed(panel)), index=book.index, columns=book.columns)
        steady[phase] = backtested(panel, held.loc[book.dropna(how="all").index[0] :]).net_returns
    close = pd.DataFrame(steady).reindex(whole.index).fillna(0.0).mean(axis=1)
    assert (whole - close).abs().max() < 2e-5
    forgetful = backtested(panel, decide_weights(replace(rules, horizon=1), panel, scores)).net_returns
    assert (forgetful - mean).std() > 10 * gap.std()


def test_sleeves_trade_less_than_half_of_what_a_book_that_forgets_each_day_trades(market):
    panel, scores = market.panel, 1e-3 * market.oracle.iloc[-240:]
    rules = {horizon: TradingRules(portfolio=PLAIN, horizon=horizon) for horizon in (1, 5)}
    traded = {
        horizon: backtested(panel, decide_weights(rule, panel, scores)).turnover.iloc[10:].mean()
        for horizon, rule in rules.items()
    }
    assert traded[5] < 0.5 * traded[1]


def test_overlays_read_the_past_of_the_book_in_sleeves(market):
    panel, scores = market.panel, 1e-3 * market.oracle.iloc[-240:]
    risk = RiskSettings(volatility_target=0.08, drawdown_limit=0.02, drawdown_reentry=0.01)
    rules = TradingRules(portfolio=PLAIN, risk=risk, horizon=5)
    whole = decide_book(rules, panel, scores)
    assert {"sleeves", "vol_scaled", "switched"} <= set(whole.stages)
    session = panel.sessions[-60]
    cut = decide_book(rules, panel.until(session), scores.loc[:session])
    pd.testing.assert_frame_equal(cut.weights, whole.weights.loc[:session], check_exact=True)
    pd.testing.assert_frame_equal(decide_weights(rules, panel, scores), whole.weights, check_exact=True)


@pytest.mark.parametrize("builder", OPTIMIZED)
def test_an_optimised_book_is_refused_sleeves_where_the_strategy_is_read(builder):
    short = ["portfolio.short=0"] if builder in ("risk_parity", "hrp") else []
    changes = [f"portfolio.builder={builder}", *short]
    with pytest.raises(ValueError, match=f"a {builder} book is held between its rebalances .* set label.horizon = 1"):
        override(load_spec(), [*changes, "label.horizon=5"])
    rules = override(load_spec(), changes).rules
    with pytest.raises(UnsupportedBookError, match="held between its rebalances"):
        replace(rules, horizon=5)


def test_a_strategy_hands_its_horizon_to_its_rules():
    assert load_spec().rules.horizon == 1
    spec = override(load_spec(), ["label.horizon=5"])
    assert spec.rules.horizon == 5
    assert spec.rules.with_book(BookSettings()).horizon == 5
    with pytest.raises(ValueError, match="horizon must be at least 1 session, was 0"):
        TradingRules(horizon=0)


def test_a_long_horizon_opens_over_as_many_sessions():
    rng = np.random.default_rng(0)
    panel = random_panel(rng, n_sessions=40, n_tickers=12, troubled=False)
    scores = scores_on(panel, rng.normal(0, 0.01, panel.close.shape))
    gross = sleeves_book(scores, panel, PLAIN.model_copy(update={"builder": "bottom_k"}), 20).weights.abs().sum(axis=1)
    assert (gross.diff().iloc[1:] > -1.0).all()
    assert gross.iloc[0] == pytest.approx(1.0 / 20)
    assert gross.iloc[:20].max() <= 1.0 + 1e-12
