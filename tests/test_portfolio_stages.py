"""Every builder and stage between scores and overlays: laws first, then cases worked out by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market import listed
from portfolio.book import STAGES, build_book
from portfolio.book_settings import BookSettings
from portfolio.builders import target_weights
from portfolio.gate import gate_by_rank
from portfolio.neutral import level_beta, level_legs, level_sectors
from portfolio.trailing_risk import trailing_beta, trailing_volatility
from tests.oracles.markets import panel_of, random_panel
from tests.test_portfolio_book import flat_panel, random_case, scores_on
from tests.test_portfolio_builders import frame_of, random_scores

SEEDS = st.integers(0, 10_000)
EVERY_RULE = [
    BookSettings(),
    BookSettings(builder="bottom_k", long=0.65, short=0.35),
    BookSettings(builder="bottom_k", short_sizing="inverse_volatility"),
    BookSettings(builder="filter_negative"),
    BookSettings(builder="filter_negative", short_sizing="fill_leg"),
    BookSettings(builder="filter_negative", short_filter="below_threshold"),
    BookSettings(builder="confidence", long=1.3, short=0.7),
    BookSettings(builder="index_hedged"),
    BookSettings(builder="long_only", long=1.0),
    BookSettings(rank_gate=0.1),
    BookSettings(rank_gate=0.1, neutral="legs"),
    BookSettings(neutral="sector"),
    BookSettings(neutral="beta", beta_sessions=20),
]
RULES = st.sampled_from(EVERY_RULE)
SECTORS = pd.Series({f"T{place:03d}": "ABC"[place % 3] for place in range(40)})


def test_each_rule_of_the_reference_picks_what_it_says():
    scores = frame_of([0.03, 0.01, 0.0, -0.004, -0.006])
    picked = {
        ("bottom_k", "below_zero"): [0.25, 0.25, 0, -0.25, -0.25],
        ("filter_negative", "below_threshold"): [0.25, 0.25, 0, 0, -0.25],
        ("confidence", "below_zero"): [0.375, 0.125, 0, -0.2, -0.3],
        ("index_hedged", "below_zero"): [0.15, 0.15, -0.1, -0.1, -0.1],
        ("long_only", "below_zero"): [0.25, 0.25, 0, 0, 0],
    }
    for (builder, rule), expected in picked.items():
        weights = target_weights(scores, BookSettings(builder=builder, short_filter=rule, k=2))
        assert weights.iloc[0].tolist() == pytest.approx(expected), builder


def test_a_calmer_short_weighs_more_and_the_leg_keeps_its_gross():
    scores = frame_of([0.03, 0.02, 0.01, -0.01, -0.02, -0.03])
    rule = BookSettings(builder="bottom_k", k=3, short=0.6, short_sizing="inverse_volatility")
    weights = target_weights(scores, rule, volatility=frame_of([1, 1, 1, 0.01, 0.02, np.nan]))
    assert weights.iloc[0, 3:].tolist() == pytest.approx([-0.2 * 4 / 3, -0.2 * 2 / 3, -0.2])
    with pytest.raises(ValueError, match="volatility is missing"):
        target_weights(scores, rule)


def test_a_filtered_leg_sized_by_volatility_shrinks_with_the_names_that_qualify():
    rule = BookSettings(builder="filter_negative", k=2, short_sizing="inverse_volatility")
    weights = target_weights(frame_of([0.03, 0.02, 0.01, -0.01]), rule, volatility=frame_of([1, 1, 1, 0.5]))
    assert weights.iloc[0].tolist() == [0.25, 0.25, 0.0, -0.25]


@settings(max_examples=30)
@given(seed=SEEDS, rule=RULES)
def test_full_legs_sum_to_their_gross(seed, rule):
    spreads = random_scores(seed + 1, n_tickers=30).abs()
    weights = target_weights(random_scores(seed, n_tickers=30), rule, volatility=spreads)
    weights = weights.dropna(how="all")
    legs = {"long": weights.clip(lower=0).sum(axis=1), "short": -weights.clip(upper=0).sum(axis=1)}
    if rule.builder == "index_hedged":
        assert weights.sum(axis=1).to_numpy() == pytest.approx(rule.long - rule.short)
    else:
        assert legs["long"].to_numpy() == pytest.approx(rule.long)
    if rule.builder in ("bottom_k", "quintile_long_short", "confidence") or rule.short_sizing == "fill_leg":
        full = legs["short"] > 0
        assert legs["short"][full].to_numpy() == pytest.approx(rule.short)
    assert (legs["short"] <= max(rule.legs["short"], 1e-300) * (1 + 1e-12)).all()


@settings(max_examples=30)
@given(seed=SEEDS, rule=RULES)
def test_no_decided_weight_of_any_rule_is_above_its_limit(seed, rule):
    panel, scores = random_case(seed)
    book = build_book(scores, panel, rule, sectors=SECTORS)
    decided = book.weights.dropna(how="all")
    limits = book.diagnostics.loc[decided.index]
    assert (decided.max(axis=1) <= limits["limit_long"]).all()
    assert (-decided.min(axis=1) <= limits["limit_short"]).all()
    assert decided.notna().all(axis=None)


@settings(max_examples=20)
@given(seed=SEEDS, rule=st.sampled_from([rule for rule in EVERY_RULE if rule.builder in ("quintile_long_short",)]))
def test_flipping_distinct_scores_flips_every_unfiltered_book_with_equal_legs(seed, rule):
    panel, scores = random_case(seed)
    there, back = (build_book(sign * scores, panel, rule, sectors=SECTORS).weights for sign in (1, -1))
    np.testing.assert_allclose(back.to_numpy(), -there.to_numpy(), rtol=0, atol=1e-12)


@settings(max_examples=20)
@given(seed=SEEDS)
def test_flipping_scores_flips_a_confidence_book_with_equal_legs(seed):
    scores = random_scores(seed)
    rule = BookSettings(builder="confidence")
    pd.testing.assert_frame_equal(target_weights(-scores, rule), -target_weights(scores, rule))


@settings(max_examples=20)
@given(seed=SEEDS, rule=RULES)
def test_permuting_names_permutes_every_book(seed, rule):
    rng = np.random.default_rng(seed)
    panel, scores = random_case(seed)
    order = rng.permutation(panel.tickers)
    frames = {name: frame[order] for name, frame in panel._frames()}
    shuffled = type(panel)(**frames, facts=panel.facts, delistings=panel.delistings)
    there = build_book(scores, panel, rule, sectors=SECTORS).weights
    back = build_book(scores[order], shuffled, rule, sectors=SECTORS).weights[panel.tickers]
    np.testing.assert_allclose(back.to_numpy(), there.to_numpy(), rtol=0, atol=1e-9)


@settings(max_examples=20)
@given(seed=SEEDS, rule=RULES, power=st.sampled_from([-4, 7]))
def test_a_power_of_two_of_the_scores_changes_no_bit_where_their_scale_says_nothing(seed, rule, power):
    if rule.short_filter == "below_threshold":
        return
    panel, scores = random_case(seed)
    there, scaled = (build_book(factor * scores, panel, rule, sectors=SECTORS).weights for factor in (1.0, 2.0**power))
    pd.testing.assert_frame_equal(scaled, there, check_exact=True)


@settings(max_examples=20)
@given(seed=SEEDS, rule=RULES)
def test_cutting_the_future_changes_no_decision_of_any_rule(seed, rule):
    panel, scores = random_case(seed)
    session = panel.sessions[40]
    whole = build_book(scores, panel, rule, sectors=SECTORS).weights.loc[:session]
    cut = build_book(scores.loc[:session], panel.until(session), rule, sectors=SECTORS).weights
    pd.testing.assert_frame_equal(cut, whole, check_exact=True)


@settings(max_examples=10)
@given(seed=SEEDS, rule=RULES)
def test_only_the_stages_that_are_on_are_there_and_in_order(seed, rule):
    panel, scores = random_case(seed)
    stages = list(build_book(scores, panel, rule, sectors=SECTORS).stages)
    assert stages == [name for name in STAGES if name in stages]
    assert ("gated" in stages) == (rule.rank_gate > 0)
    assert ("neutral" in stages) == (rule.neutral != "none")


def test_a_name_keeps_its_weight_until_its_rank_has_moved_far_enough():
    panel = flat_panel(4, 5)
    scores = scores_on(panel, [[1, 2, 3, 4, 5], [2, 1, 3, 4, 5], [3, 1, 2, 4, 5], [3, 1, 2, 4, np.nan]])
    wanted = scores_on(panel, np.arange(20.0).reshape(4, 5))
    gated = gate_by_rank(wanted, scores, listed(panel), threshold=0.5)
    assert gated.to_numpy().tolist() == [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4], [10, 1, 2, 3, 4], [10, 1, 2, 3, 19]]


@settings(max_examples=20)
@given(seed=SEEDS)
def test_a_gate_never_trades_more_names(seed):
    panel, scores = random_case(seed)
    books = [build_book(scores, panel, BookSettings(rank_gate=gate)).weights.ffill() for gate in (0.0, 0.2)]
    moved = [(book.diff().abs() > 1e-12).to_numpy().sum() for book in books]
    assert moved[1] <= moved[0]


def test_legs_are_scaled_back_to_what_the_gate_took():
    given_, wanted = frame_of([0.2, 0.2, -0.1, 0.0]), frame_of([0.3, 0.3, -0.3, -0.3])
    assert level_legs(given_, wanted).iloc[0].tolist() == pytest.approx([0.3, 0.3, -0.6, 0.0])


def test_each_sector_gets_its_share_of_the_net():
    weights, names = frame_of([0.5, 0.1, 0.0, -0.3]), ["T000", "T001", "T002", "T003"]
    sectors = pd.Series(["A", "A", "B", "B"], index=names)
    level = level_sectors(weights, weights.notna(), sectors)
    assert level.iloc[0].tolist() == pytest.approx([0.5 - 0.225, 0.1 - 0.225, 0.0, 0.15])
    assert level.iloc[0].sum() == pytest.approx(0.3)


@settings(max_examples=20)
@given(seed=SEEDS)
def test_a_dollar_neutral_book_is_level_in_every_sector_with_a_held_name(seed):
    scores = random_scores(seed, n_tickers=30)
    weights = target_weights(scores, BookSettings()).dropna(how="all")
    level = level_sectors(weights, scores.notna().loc[weights.index], SECTORS)
    net = level.T.groupby(SECTORS.reindex(level.columns)).sum().T
    np.testing.assert_allclose(net.to_numpy(), 0.0, atol=1e-12)
    assert ((level != 0) <= (weights != 0)).all(axis=None)


@settings(max_examples=20)
@given(seed=SEEDS)
def test_a_beta_neutral_book_has_no_beta_and_its_old_net(seed):
    rng = np.random.default_rng(seed)
    weights = target_weights(random_scores(seed), BookSettings(long=0.65, short=0.35)).dropna(how="all")
    beta = weights * 0 + rng.normal(1, 0.3, weights.shape)
    level = level_beta(weights, beta)
    np.testing.assert_allclose((level * beta).sum(axis=1), 0.0, atol=1e-9)
    np.testing.assert_allclose(level.sum(axis=1), weights.sum(axis=1), atol=1e-9)


def test_beta_and_volatility_are_those_of_a_least_squares_line_on_the_past():
    panel = random_panel(np.random.default_rng(3), n_sessions=60, n_tickers=6)
    moves = panel.close.ffill().pct_change(fill_method=None)
    from market.equal_weight import equal_weight_market

    market = equal_weight_market(panel)
    beta, spread = trailing_beta(panel, 20), trailing_volatility(panel, 20)
    for name in panel.tickers:
        window = pd.concat([moves[name], market], axis=1).iloc[30:50]
        if window.isna().any(axis=None):
            assert np.isnan(beta[name].iloc[49])
            continue
        assert beta[name].iloc[49] == pytest.approx(np.polyfit(window.iloc[:, 1], window.iloc[:, 0], 1)[0])
        assert spread[name].iloc[49] == pytest.approx(window.iloc[:, 0].std())


def test_a_hedge_instrument_is_sold_and_neither_held_for_its_score_nor_cut():
    prices = np.full((2, 4), 10.0)
    panel = panel_of(prices, prices)
    universe = panel.universe.copy()
    universe["T003"] = False
    part = panel.with_universe(universe, described="without the fund")
    rule = BookSettings(builder="index_hedged", hedge="T003", k=1, long=0.6, short=0.4, max_position=0.1)
    book = build_book(scores_on(panel, [1.0, 2.0, 3.0, 9.0]), part, rule)
    assert book.weights.iloc[0].tolist() == pytest.approx([0.0, 0.0, 0.1, -0.4])
    with pytest.raises(ValueError, match="T003 is in the universe"):
        build_book(scores_on(panel, [1.0, 2.0, 3.0, 9.0]), panel, rule)
    with pytest.raises(ValueError, match="SPY is no ticker of the bars"):
        build_book(scores_on(panel, [1.0, 2.0, 3.0, 9.0]), panel, rule.model_copy(update={"hedge": "SPY"}))


def test_a_sector_neutral_book_without_sectors_is_refused():
    panel, scores = random_case(1)
    with pytest.raises(ValueError, match="sectors are missing"):
        build_book(scores, panel, BookSettings(neutral="sector"))
    with pytest.raises(ValueError, match="needs both legs"):
        BookSettings(neutral="beta", short=0.0)
