"""Baseline books: the same rules for all, fair levels, seeded random ranks, and a sentence of what was found."""

import numpy as np
import pandas as pd
import pytest

from backtests.breakdown.book_study import short_leg_note
from backtests.comparison.baseline_books import _dealer, compare_with_baselines, dealt_in_order, price_baselines
from backtests.comparison.baseline_comparison import (
    LUCK,
    Baseline,
    BaselineComparison,
    RandomBooks,
    compare_returns,
    comparison_sentence,
)
from backtests.comparison.luck import Luck, _LuckyBook, draw_luck
from backtests.engine.backtest import run_backtest
from backtests.engine.many_books import net_returns_of
from backtests.engine.overlay_loop import decide_weights, traded_part
from backtests.short_filter import short_filter_table
from backtests.statistics.metrics import sharpe_ratio
from core.intervals import Interval
from market.inputs import Inputs
from market.synthetic import SyntheticSettings, synthetic_market
from portfolio.book import build_book, pick_names
from strategy.definitions.spec import load_spec

NAN = np.nan


def frame(values):
    numbers = np.array(values, dtype=float)
    sessions = pd.bdate_range("2020-01-01", periods=len(numbers), name="session")
    return pd.DataFrame(numbers, sessions, pd.Index(list("ABCDE")[: numbers.shape[1]], name="ticker"))


@pytest.fixture(scope="module")
def market():
    return synthetic_market(SyntheticSettings(n_tickers=40, n_sessions=420, planted_ic=0.1))


@pytest.fixture(scope="module")
def scores(market):
    return 3e-4 + 1e-3 * market.oracle.iloc[-130:]


@pytest.fixture(scope="module")
def book(market, scores):
    spec = load_spec("filter_negative")
    weights = build_book(scores, market.panel, spec.portfolio, costs=spec.costs).weights
    return run_backtest(market.panel, weights, execution=spec.execution, costs=spec.costs)


@pytest.fixture(scope="module")
def comparison(market, scores, book):
    panel = market.panel
    benchmark = panel.close.iloc[:, 0].pct_change(fill_method=None)
    return compare_with_baselines(
        load_spec("filter_negative").rules,
        Inputs(panel=panel, benchmark=benchmark),
        scores=scores,
        baselines={"itself": 7.0 * scores - 3.0, **price_baselines(panel, scores)},
        net_returns=book.net_returns,
        seeds=range(20),
    )


def test_scores_are_dealt_out_in_the_other_order():
    dealt = dealt_in_order(frame([[1, 2, 3, 4], [1, 2, 3, NAN]]), frame([[9, 8, 7, 6], [0, NAN, -1, 5]]))
    assert dealt.iloc[0].tolist() == [4, 3, 2, 1]
    assert dealt.iloc[1, [0, 2]].tolist() == [3, 1]
    assert dealt.iloc[1, [1, 3]].isna().all()


def test_ties_of_an_order_go_by_ticker_whatever_the_columns():
    numbers, order = frame([[1, 2, 3]]), frame([[5, 5, 5]])
    turned = ["C", "A", "B"]
    assert dealt_in_order(numbers, order).iloc[0].tolist() == [1, 2, 3]
    again = dealt_in_order(numbers[turned], order[turned])
    assert again.iloc[0][["A", "B", "C"]].tolist() == [1, 2, 3]


def test_one_dealer_deals_any_number_of_orders_some_of_them_partial():
    scores, partial = frame([[1, 2, 3, 4, NAN]]), frame([[9, NAN, 7, 8, 6]])
    deal = _dealer(scores)
    whole = frame([[4, 3, 2, 1, 5]])
    for order in (whole, partial, whole):
        pd.testing.assert_frame_equal(deal(order), dealt_in_order(scores, order), check_exact=True)
    assert deal(partial).iloc[0].tolist()[:4] == pytest.approx([4, NAN, 1, 3], nan_ok=True)


def test_an_increasing_change_of_a_baseline_changes_nothing(market, scores):
    rng = np.random.default_rng(0)
    order = pd.DataFrame(rng.normal(size=scores.shape), scores.index, scores.columns)
    pd.testing.assert_frame_equal(dealt_in_order(scores, order), dealt_in_order(scores, np.exp(order)))


def test_the_models_own_order_gives_the_models_own_book(comparison, book):
    itself = comparison.baselines["itself"]
    pd.testing.assert_series_equal(itself.returns, book.net_returns, check_names=False, rtol=0, atol=1e-12)
    assert itself.sharpe_gap == pytest.approx((0, 0, 0), abs=1e-9)


def test_the_part_of_the_panel_that_is_traded_gives_the_same_book(market, scores, book):
    spec = load_spec("filter_negative")
    part = traded_part(market.panel, scores)
    weights = build_book(scores, part, spec.portfolio, costs=spec.costs).weights
    found = net_returns_of(part, {"a": weights}, execution=spec.execution, costs=spec.costs)["a"]
    assert len(part.sessions) == 130 + 21
    np.testing.assert_allclose(found.dropna(), book.net_returns, rtol=0, atol=1e-12)


def test_the_comparison_holds_every_baseline_and_random_books(comparison):
    prices = ["1-day reversal", "12-1 momentum", "low volatility"]
    assert list(comparison.baselines) == ["itself", *prices, "equal-weight universe", "benchmark"]
    assert len(comparison.random.sharpes) == 20
    assert len(set(comparison.random.sharpes)) == 20
    assert np.isfinite(comparison.random.sharpes).all()
    assert comparison.random.p_value >= 1 / 21


def test_the_oracles_book_beats_random_ranks(comparison):
    assert comparison.sharpe > np.median(comparison.random.sharpes)
    assert comparison.random.p_value < 0.1


def test_the_same_inputs_give_the_same_comparison(comparison, market, scores, book):
    again = compare_with_baselines(
        load_spec("filter_negative").rules,
        Inputs(panel=market.panel),
        scores=scores,
        baselines=price_baselines(market.panel, scores),
        net_returns=book.net_returns,
        seeds=range(20),
    )
    np.testing.assert_array_equal(again.random.sharpes, comparison.random.sharpes)
    assert again.baselines["low volatility"].sharpe_gap == comparison.baselines["low volatility"].sharpe_gap


def test_the_universe_is_charged_and_keeps_its_cash(comparison, market):
    universe = comparison.baselines["equal-weight universe"]
    assert abs(universe.returns.mean()) < 0.01
    assert universe.returns.notna().all()


SHARPE = Interval(estimate=1.0, low=0.0, high=2.0)


def baseline_with(low, high):
    flat = pd.Series([0.0])
    gap = Interval(estimate=(low + high) / 2, low=low, high=high)
    names = ("sharpe", "standard_error", "annual_return", "max_drawdown")
    return Baseline(returns=flat, sharpe_range=gap, sharpe_gap=gap, return_gap=gap, **dict.fromkeys(names, 0.0))


def test_the_sentence_says_which_it_beats_and_which_not():
    baselines = {
        "a": baseline_with(0.1, 1),
        "b": baseline_with(0.2, 1),
        "c": baseline_with(-1, 1),
        "d": baseline_with(-2, -1),
    }
    random = RandomBooks(sharpes=np.zeros(200), annual_means=np.zeros(200), p_value=0.3)
    comparison = BaselineComparison(name="book", sharpe_range=SHARPE, baselines=baselines, random=random)
    wanted = f"By net Sharpe ratio at 95 %, book beats a and b; it does not beat c and {LUCK}; it is worse than d."
    assert comparison_sentence(comparison) == wanted


@pytest.mark.parametrize(
    ("p_value", "words"),
    [(0.02, f"beats {LUCK}."), (0.5, f"does not beat {LUCK}."), (0.99, f"is worse than {LUCK}."), (NAN, "too few")],
)
def test_luck_is_told_in_both_directions_and_not_at_all_without_a_number(p_value, words):
    random = RandomBooks(sharpes=np.zeros(200), annual_means=np.zeros(200), p_value=p_value)
    comparison = BaselineComparison(name="book", sharpe_range=SHARPE, baselines={}, random=random)
    assert words in comparison_sentence(comparison)


def test_what_too_few_sessions_cannot_decide_is_left_open():
    comparison = BaselineComparison(name="book", sharpe_range=SHARPE, baselines={"e": baseline_with(NAN, NAN)})
    assert comparison_sentence(comparison) == (
        "book was compared with nothing; no Sharpe ratio, of too few sessions or of a constant, to compare with: e."
    )


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"rank_gate": 0.2, "neutral": "legs"},
        {"builder": "bottom_k", "short_sizing": "inverse_volatility"},
        {"builder": "index_hedged"},
    ],
)
def test_a_lucky_book_is_the_book_of_the_scores_handed_on(market, scores, changes):
    rules = load_spec("filter_negative").rules
    rules = rules.with_book(rules.portfolio.model_copy(update=changes))
    some = scores.where(np.random.default_rng(0).random(scores.shape) > 0.1)
    part = Inputs(panel=traded_part(market.panel, some, book=rules.portfolio))
    lucky = _LuckyBook(rules, part, pick_names(some, part.panel, rules.portfolio, costs=rules.costs))
    wanted = decide_weights(rules, part.panel, lucky.scores(5))
    pd.testing.assert_frame_equal(lucky.weights(5), wanted, check_exact=True)
    own = decide_weights(rules, part.panel, some)
    assert not lucky.weights(5).equals(own)
    assert not lucky.weights(5).equals(lucky.weights(6))


@pytest.mark.parametrize("phi", [0.0, 0.98])
def test_luck_trades_at_the_books_own_pace(market, phi):
    rng, sessions = np.random.default_rng(1), market.panel.sessions[-150:]
    paths = rng.normal(size=(150, 40))
    for t in range(1, 150):
        paths[t] = phi * paths[t - 1] + np.sqrt(1 - phi**2) * paths[t]
    scores = pd.DataFrame(1e-3 * paths, sessions, market.panel.tickers)
    rules = load_spec("quintile_long_short").rules
    part = Inputs(panel=traded_part(market.panel, scores))
    luck = draw_luck(rules, part, scores=scores, seeds=range(6))
    assert luck.own.autocorrelation == pytest.approx(phi, abs=0.03)
    assert luck.drawn.autocorrelation == pytest.approx(luck.own.autocorrelation, abs=0.01)
    assert luck.drawn.turnover == pytest.approx(luck.own.turnover, rel=0.02)


def test_random_ranks_do_as_well_as_random_ranks():
    rng = np.random.default_rng(0)
    sessions = pd.bdate_range("2020-01-01", periods=250)
    random = pd.DataFrame(rng.normal(0, 0.01, (250, 40)), sessions)
    ours = random.pop(0)
    found = compare_returns("book", ours, baselines={}, random=Luck(returns=random)).random
    better = sum(sharpe_ratio(random[column]) >= sharpe_ratio(ours) for column in random)
    assert found.p_value == (1 + better) / 40
    assert found.range().low < found.range().estimate < found.range().high


def test_a_lower_level_never_shorts_fewer_names(market, scores):
    spec = load_spec("filter_negative")
    table = short_filter_table(spec.rules, Inputs(panel=market.panel), spec.portfolio, scores=scores, level_error=5e-4)
    shares = table["short_share"]
    assert shares["below zero at a − 1 SE"] >= shares["below zero at a"] >= shares["below zero at a + 1 SE"]
    assert shares["below zero at a − 1 SE"] > shares["below zero at a + 1 SE"]
    relative = spec.portfolio.model_copy(update={"short_filter": "below_market"})
    book = build_book(scores, market.panel, relative, costs=spec.costs).diagnostics.loc[scores.index]
    assert table.loc["below market at a", "short_names"] == pytest.approx(book["n_short"].mean())
    alone = short_filter_table(spec.rules, Inputs(panel=market.panel), spec.portfolio, scores=scores, level_error=None)
    assert list(alone.index) == ["below zero at a", "below market at a"]
    pd.testing.assert_series_equal(alone.loc["below zero at a"], table.loc["below zero at a"])


def test_the_row_at_the_level_is_the_strategys_own_book(market, scores, book):
    spec = load_spec("filter_negative")
    table = short_filter_table(spec.rules, Inputs(panel=market.panel), spec.portfolio, scores=scores, level_error=None)
    assert table.loc["below zero at a", "sharpe"] == pytest.approx(sharpe_ratio(book.net_returns))


def test_a_book_without_shorts_in_most_sessions_is_named():
    diagnostics = pd.DataFrame({"n_scored": [9, 9, 9, 0], "n_short": [0, 0, 2, 0]})
    assert "no short name in 2 of 3 sessions" in short_leg_note("book", diagnostics)
    assert short_leg_note("book", diagnostics.iloc[1:]) == ""
