"""Smoothing, limits, cash buffer and the whole book."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market import listed
from market.panel import aligned_frame
from portfolio.book import build_book
from portfolio.book_settings import BookSettings
from portfolio.constraints import close_out_dust, keep_cash, limit_positions, position_limits
from portfolio.costs import Costs
from portfolio.ewma import smooth_weights
from tests.oracles.books import slow_smoothing, slow_targets
from tests.oracles.markets import delisting_table, panel_of, random_panel

SEEDS = st.integers(0, 10_000)
SESSIONS = pd.bdate_range("2015-01-02", periods=4)


def flat_panel(n_sessions, n_tickers, **kwargs):
    prices = np.full((n_sessions, n_tickers), 10.0)
    return panel_of(prices, prices, **kwargs)


def scores_on(panel, values):
    return aligned_frame(
        np.broadcast_to(np.asarray(values, dtype=float), panel.close.shape), panel.sessions, panel.tickers
    )


def random_case(seed):
    rng = np.random.default_rng(seed)
    panel = random_panel(rng, n_sessions=60, n_tickers=15)
    values = rng.normal(0, 0.01, panel.close.shape)
    values[rng.random(values.shape) < 0.1] = np.nan
    values[rng.random(60) < 0.1] = np.nan
    return panel, aligned_frame(values, panel.sessions, panel.tickers)


def test_the_first_target_is_not_smoothed_and_later_ones_move_by_their_weight():
    panel = flat_panel(3, 1)
    target = scores_on(panel, [[1.0], [0.0], [0.0]])
    smoothed = smooth_weights(target, listed(panel), weight=0.15)
    assert smoothed.iloc[:, 0].tolist() == pytest.approx([1.0, 0.85, 0.85**2])


def test_an_undecided_session_stays_empty_and_the_next_goes_on_from_the_last():
    panel = flat_panel(3, 1)
    smoothed = smooth_weights(scores_on(panel, [[1.0], [np.nan], [0.0]]), listed(panel), weight=0.15)
    assert smoothed.iloc[0, 0] == 1.0
    assert np.isnan(smoothed.iloc[1, 0])
    assert smoothed.iloc[2, 0] == pytest.approx(0.85)


def test_a_delisted_name_goes_to_zero_at_once():
    prices = np.full((4, 2), 10.0)
    prices[3, 0] = np.nan
    panel = panel_of(prices, prices, delistings=delisting_table(["T000"], [SESSIONS[2]], [0.0]))
    smoothed = smooth_weights(scores_on(panel, [0.5, -0.5]), listed(panel), weight=0.15)
    assert smoothed["T000"].tolist() == [0.5, 0.5, 0.0, 0.0]


def test_a_name_outside_the_universe_decays():
    panel = flat_panel(4, 3)
    universe = panel.universe.copy()
    universe.iloc[1:, 2] = False
    book = build_book(
        scores_on(panel, [0.0, 1.0, 2.0]),
        panel.with_universe(universe, described="test"),
        BookSettings(k=1, max_position=1.0),
    )
    assert book.weights["T002"].tolist() == pytest.approx([0.5 * 0.85**n for n in range(4)])


@settings(max_examples=20)
@given(seed=SEEDS, weight=st.sampled_from([0.15, 1.0, 0.5]))
def test_smoothing_equals_the_slow_twin(seed, weight):
    panel, scores = random_case(seed)
    target = slow_targets(scores, BookSettings())
    expected = slow_smoothing(target, listed(panel), weight)
    actual = smooth_weights(target, listed(panel), weight=weight)
    np.testing.assert_allclose(actual.to_numpy(), expected.to_numpy(), rtol=0, atol=1e-15)


def test_the_default_limit_is_the_larger_of_three_percent_and_half_more_than_the_share_of_a_name():
    rule = BookSettings(long=0.65, short=0.35)
    limits = position_limits(np.array([5, 50, 0]), SESSIONS[:3], rule)
    assert limits["long"].tolist() == pytest.approx([0.195, 0.03, 0.975])
    assert limits["short"].tolist() == pytest.approx([0.105, 0.03, 0.525])


def test_a_given_limit_replaces_the_default():
    limits = position_limits(np.array([1]), SESSIONS[:1], BookSettings(max_position=0.01))
    assert limits.iloc[0].to_dict() == {"long": 0.01, "short": 0.01}


def test_the_limit_cuts_both_sides_and_keeps_empty_rows():
    panel = flat_panel(2, 3)
    weights = scores_on(panel, [[0.2, -0.2, 0.01], [np.nan] * 3])
    limits = pd.DataFrame({"long": [0.1, 0.1], "short": [0.05, 0.05]}, index=panel.sessions)
    cut = limit_positions(weights, limits)
    assert cut.iloc[0].tolist() == [0.1, -0.05, 0.01]
    assert cut.iloc[1].isna().all()


def test_a_fully_invested_book_keeps_its_cash_buffer():
    panel = flat_panel(1, 4)
    kept = keep_cash(scores_on(panel, [0.5, 0.5, 0.3, -0.3]), buffer=0.01)
    assert kept.sum(axis=1).item() == pytest.approx(0.99)
    assert kept.iloc[0].tolist() == pytest.approx([0.495, 0.495, 0.297, -0.297])


def test_a_borrowed_book_is_not_scaled_in_silence():
    panel = flat_panel(1, 3)
    weights = scores_on(panel, [0.8, 0.8, -0.4])
    pd.testing.assert_frame_equal(keep_cash(weights, buffer=0.01), weights)


def test_a_book_with_cash_to_spare_is_left_alone():
    panel = flat_panel(1, 2)
    weights = scores_on(panel, [0.985, -0.1])
    pd.testing.assert_frame_equal(keep_cash(weights, buffer=0.01), weights)


def test_dust_is_closed_out_on_both_sides_and_empty_rows_stay():
    weights = aligned_frame(
        np.array([[1e-7, -1e-205, 0.2, -9.9e-7], [np.nan] * 4, [1e-6, -0.1, 0.0, 1e-6]]),
        pd.bdate_range("2020-01-01", periods=3),
        pd.Index(list("ABCD")),
    )
    kept = close_out_dust(weights, dust=1e-6)
    np.testing.assert_array_equal(kept, [[0.0, 0.0, 0.2, 0.0], [np.nan] * 4, [1e-6, -0.1, 0.0, 1e-6]])
    assert close_out_dust(weights, dust=0.0) is weights


def test_the_tail_of_smoothing_is_closed_out_at_a_millionth_and_changes_nothing_before():
    panel = panel_of(*[np.full((300, 10), 10.0)] * 2)
    scores = pd.DataFrame(np.tile(np.arange(10.0), (300, 1)), index=panel.sessions, columns=panel.tickers)
    scores.iloc[50:] = scores.iloc[50:, ::-1].to_numpy()  # the longs become the shorts
    settings = BookSettings(builder="long_only", long=0.9, short=0.0, k=2, max_position=1.0)
    tail = build_book(scores, panel, settings.model_copy(update={"dust": 0.0})).weights
    kept = build_book(scores, panel, settings).weights
    last = panel.tickers[-1]
    assert 0.0 < tail[last].iloc[-1] < 1e-15
    gone = 50 + int(np.ceil(np.log(1e-6 / 0.45) / np.log(0.85)))  # 0.45 × 0.85ⁿ falls below the dust
    held = np.flatnonzero(kept[last])
    assert held[-1] == gone - 2  # the row of the turn is the first of the tail
    pd.testing.assert_frame_equal(kept, tail.where(tail.abs() >= 1e-6, 0.0))


def test_fill_leg_is_bounded_by_the_position_limit_and_says_what_was_cut():
    panel = flat_panel(1, 10)
    rule = BookSettings(builder="filter_negative", k=5, short_sizing="fill_leg", smoothing=1.0)
    book = build_book(scores_on(panel, [-0.01, *np.linspace(0.01, 0.1, 9)]), panel, rule)
    assert book.weights.iloc[0, 0] == pytest.approx(-0.15)
    assert book.diagnostics["cut_by_limit"].item() == pytest.approx(0.35)
    assert book.diagnostics["n_short"].item() == 1
    assert book.diagnostics["thin_leg"].item()
    assert not book.diagnostics["empty_leg"].item()
    assert book.stages["target"].iloc[0, 0] == -0.5


def test_an_empty_leg_is_reported_and_an_unasked_leg_is_not():
    panel = flat_panel(1, 10)
    scores = scores_on(panel, np.linspace(0.01, 0.1, 10))
    filtered = build_book(scores, panel, BookSettings(builder="filter_negative", k=5))
    assert filtered.diagnostics["empty_leg"].item()
    long_only = build_book(scores, panel, BookSettings(k=5, long=1.0, short=0.0))
    assert not long_only.diagnostics[["empty_leg", "thin_leg"]].to_numpy().any()
    assert long_only.diagnostics["net"].item() == pytest.approx(0.99)
    assert long_only.diagnostics["cash_scale"].item() == pytest.approx(0.99)


@settings(max_examples=20)
@given(seed=SEEDS, builder=st.sampled_from(["quintile_long_short", "filter_negative"]))
def test_no_decided_weight_is_above_its_limit_and_rows_are_whole(seed, builder):
    panel, scores = random_case(seed)
    book = build_book(scores, panel, BookSettings(builder=builder, k=2, short_sizing="fill_leg"))
    missing = book.weights.isna()
    assert (missing.any(axis=1) == missing.all(axis=1)).all()
    assert (book.weights.max(axis=1) <= book.diagnostics["limit_long"])[~missing.all(axis=1)].all()
    assert (-book.weights.min(axis=1) <= book.diagnostics["limit_short"])[~missing.all(axis=1)].all()
    unlisted = ~listed(panel)
    assert (book.weights.where(unlisted).fillna(0.0) == 0.0).all(axis=None)


@settings(max_examples=20)
@given(seed=SEEDS)
def test_cutting_the_future_changes_no_decision(seed):
    panel, scores = random_case(seed)
    session = panel.sessions[35]
    whole = build_book(scores, panel, BookSettings()).weights.loc[:session]
    cut = build_book(scores.loc[:session], panel.until(session), BookSettings()).weights
    pd.testing.assert_frame_equal(cut, whole, check_exact=True)


@settings(max_examples=20)
@given(seed=SEEDS)
def test_flipping_distinct_scores_flips_the_whole_book(seed):
    panel, scores = random_case(seed)
    flipped = build_book(-scores, panel, BookSettings()).weights
    np.testing.assert_allclose(
        flipped.to_numpy(), -build_book(scores, panel, BookSettings()).weights.to_numpy(), atol=0
    )


@settings(max_examples=20)
@given(seed=SEEDS)
def test_permuting_scores_permutes_nothing_but_columns(seed):
    panel, scores = random_case(seed)
    shuffled = scores.sample(frac=1, axis=1, random_state=seed)
    pd.testing.assert_frame_equal(
        build_book(shuffled, panel, BookSettings()).weights, build_book(scores, panel, BookSettings()).weights
    )


def test_sessions_without_scores_are_not_rebalanced():
    panel = flat_panel(4, 4)
    scores = scores_on(panel, [1.0, 2.0, 3.0, 4.0]).iloc[1:3]
    book = build_book(scores, panel, BookSettings())
    assert book.weights.isna().all(axis=1).tolist() == [True, False, False, True]
    assert book.diagnostics["n_scored"].tolist() == [0, 4, 4, 0]
    assert book.diagnostics["gross"].isna().tolist() == [True, False, False, True]


def test_below_market_takes_its_hurdle_from_the_costs():
    panel = flat_panel(1, 4)
    scores = scores_on(panel, [-0.0011, 0.0, 0.0, 0.0011])
    rule = BookSettings(builder="filter_negative", k=1, short_filter="below_market")
    assert build_book(scores, panel, rule, costs=Costs(trade_bps=5)).diagnostics["n_short"].item() == 1
    assert build_book(scores, panel, rule, costs=Costs(trade_bps=6)).diagnostics["n_short"].item() == 0
    with pytest.raises(ValueError, match="costs are missing"):
        build_book(scores, panel, rule)


def test_scores_of_another_panel_are_refused():
    panel = flat_panel(3, 3)
    scores = scores_on(panel, [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"differ in tickers \['T002'\]"):
        build_book(scores.iloc[:, :2], panel, BookSettings())
    with pytest.raises(ValueError, match="2015-01-06 have no session"):
        build_book(scores, panel.until("2015-01-05"), BookSettings())
    with pytest.raises(ValueError, match="finite"):
        build_book(scores * np.inf, panel, BookSettings())
