"""Builders and settings: who is picked, how ties break, and the laws of the quintile book."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from portfolio.book_settings import BookSettings
from portfolio.builders import target_weights
from portfolio.selection import select_sides
from tests.oracles.books import slow_targets

SEEDS = st.integers(0, 10_000)


def frame_of(values, names=None):
    values = np.atleast_2d(np.asarray(values, dtype=float))
    sessions = pd.bdate_range("2020-01-01", periods=len(values), name="session")
    names = [f"T{i:03d}" for i in range(values.shape[1])] if names is None else names
    return pd.DataFrame(values, index=sessions, columns=pd.Index(names, name="ticker", dtype="str"))


def random_scores(seed, n_sessions=12, n_tickers=17, ties=False):
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 0.01, (n_sessions, n_tickers))
    values = np.round(values, 2) if ties else values
    values[rng.random(values.shape) < 0.2] = np.nan
    values[rng.random(n_sessions) < 0.1] = np.nan
    return frame_of(values)


def test_a_fifth_of_189_names_is_38_a_side():
    selection = select_sides(frame_of(np.arange(189.0)), 0.2)
    assert selection.count.tolist() == [38]
    assert selection.top[0].sum() == selection.bottom[0].sum() == 38


def test_the_highest_scores_are_long_and_the_lowest_short():
    weights = target_weights(frame_of([5, 1, 4, 2, 3]), BookSettings(k=2, long=0.65, short=0.35))
    assert weights.iloc[0].tolist() == [0.325, -0.175, 0.325, -0.175, 0.0]


def test_halves_of_a_name_round_up_and_a_side_has_at_least_one_name():
    assert select_sides(frame_of(np.arange(5.0)), 0.3).count.tolist() == [2]
    assert select_sides(frame_of(np.arange(4.0)), 0.01).count.tolist() == [1]


def test_a_count_is_capped_at_half_of_the_scored_names():
    selection = select_sides(frame_of([1, 2, 3, 4, 5]), 10)
    assert selection.count.tolist() == [2]
    assert not (selection.top & selection.bottom).any()


def test_ties_break_by_ticker_name_whatever_the_column_order():
    names = ["D", "A", "C", "B"]
    weights = target_weights(frame_of([1, 1, 1, 1], names), BookSettings(k=1))
    assert weights.iloc[0].to_dict() == {"D": 0.5, "A": -0.5, "C": 0.0, "B": 0.0}


def test_no_score_is_no_rebalance_and_one_score_is_flat():
    weights = target_weights(frame_of([[np.nan] * 3, [np.nan, 0.1, np.nan]]), BookSettings())
    assert weights.iloc[0].isna().all()
    assert weights.iloc[1].tolist() == [0.0, 0.0, 0.0]


def test_filter_negative_shrinks_the_short_leg_by_default():
    rule = BookSettings(builder="filter_negative", k=2, long=0.5, short=0.5)
    weights = target_weights(frame_of([0.03, 0.02, 0.001, -0.001, 0.01]), rule)
    assert weights.iloc[0].tolist() == [0.25, 0.25, 0.0, -0.25, 0.0]


def test_fill_leg_puts_the_whole_short_leg_on_the_names_that_qualify():
    rule = BookSettings(builder="filter_negative", k=2, short_sizing="fill_leg")
    weights = target_weights(frame_of([0.03, 0.02, 0.001, -0.001, 0.01]), rule)
    assert weights.iloc[0].tolist() == [0.25, 0.25, 0.0, -0.5, 0.0]


def test_below_market_needs_more_than_the_round_trip_under_the_mean():
    rule = BookSettings(builder="filter_negative", k=2, short_filter="below_market")
    scores = frame_of([0.02, 0.02, 0.0195, 0.0175, 0.021])
    assert (target_weights(scores, rule, round_trip=0.001).iloc[0] < 0).tolist() == [
        False,
        False,
        False,
        True,
        False,
    ]
    assert not (target_weights(scores, rule, round_trip=0.003) < 0).to_numpy().any()


def test_a_score_of_exactly_zero_is_not_short():
    weights = target_weights(frame_of([0.0, 0.1]), BookSettings(builder="filter_negative", k=1))
    assert weights.iloc[0].tolist() == [0.0, 0.5]


@settings(max_examples=30)
@given(
    seed=SEEDS,
    k=st.sampled_from([0.2, 0.5, 0.05, 1, 4, 50]),
    ties=st.booleans(),
    builder=st.sampled_from(["quintile_long_short", "filter_negative"]),
    short_filter=st.sampled_from(["below_zero", "below_market"]),
    short_sizing=st.sampled_from(["fixed", "fill_leg"]),
)
def test_targets_equal_the_slow_twin(seed, k, ties, builder, short_filter, short_sizing):
    rule = BookSettings(
        builder=builder, k=k, long=0.65, short=0.35, short_filter=short_filter, short_sizing=short_sizing
    )
    scores = random_scores(seed, ties=ties)
    expected = slow_targets(scores, rule, round_trip=0.002)
    actual = target_weights(scores, rule, round_trip=0.002)
    np.testing.assert_allclose(actual.to_numpy(), expected.to_numpy(), rtol=0, atol=1e-15)


@settings(max_examples=30)
@given(seed=SEEDS)
def test_flipping_distinct_scores_flips_a_quintile_book_with_equal_legs(seed):
    scores = random_scores(seed)
    pd.testing.assert_frame_equal(target_weights(-scores, BookSettings()), -target_weights(scores, BookSettings()))


@settings(max_examples=30)
@given(seed=SEEDS, ties=st.booleans())
def test_permuting_tickers_permutes_the_targets(seed, ties):
    scores = random_scores(seed, ties=ties)
    shuffled = scores.sample(frac=1, axis=1, random_state=seed)
    for builder in ("quintile_long_short", "filter_negative"):
        rule = BookSettings(builder=builder)
        expected = target_weights(scores, rule)[shuffled.columns]
        pd.testing.assert_frame_equal(target_weights(shuffled, rule), expected, check_exact=True)


@settings(max_examples=30)
@given(seed=SEEDS)
def test_increasing_transforms_leave_the_quintile_book_unchanged(seed):
    scores = random_scores(seed)
    transformed = np.exp(50 * scores) - 7
    pd.testing.assert_frame_equal(target_weights(transformed, BookSettings()), target_weights(scores, BookSettings()))


@settings(max_examples=30)
@given(seed=SEEDS, long=st.floats(0, 2), short=st.floats(0.01, 2))
def test_legs_sum_to_their_gross_and_never_overlap(seed, long, short):
    scores = random_scores(seed)
    weights = target_weights(scores, BookSettings(long=long, short=short))
    full = scores.notna().sum(axis=1) >= 2
    np.testing.assert_allclose(weights[full].clip(lower=0).sum(axis=1), long, atol=1e-12)
    np.testing.assert_allclose(weights[full].clip(upper=0).sum(axis=1), -short, atol=1e-12)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("k", 0), ("k", 0.0), ("k", 0.6), ("k", 38.0), ("k", -3), ("k", True), ("long", -0.1), ("short", -0.1),
        ("smoothing", 0.0), ("smoothing", 1.1), ("max_position", 0.0), ("cash_buffer", 1.0), ("short_filter", "none"),
    ],
)  # fmt: skip
def test_impossible_settings_are_refused(field, value):
    with pytest.raises(ValidationError, match=field):
        BookSettings(**{field: value})


def test_a_book_without_legs_is_refused():
    with pytest.raises(ValidationError, match="hold nothing"):
        BookSettings(long=0, short=0)


def test_a_count_stays_a_count_and_a_fraction_a_fraction():
    assert isinstance(BookSettings(k=1).k, int)
    assert isinstance(BookSettings(k=0.2).k, float)
