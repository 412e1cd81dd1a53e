"""Online error control: levels by hand, what they spend, what overlapping tests may not earn, how often they err."""

import itertools
import math

import numpy as np
import pytest

from backtests.statistics.online_error import alpha_investing, last_test, lord_plus_plus, spending

ALPHA, HALF = 0.05, 0.025


def test_the_spending_sequence_falls_and_spends_all() -> None:
    shares = [spending(place) for place in range(1, 20_001)]
    assert all(before > after for before, after in itertools.pairwise(shares))
    left = 20_000.5 ** (1 - 1.6) / (1.6 - 1) / 2.285765657  # the integral of the rest, ζ(1.6) from tables
    assert sum(shares) + left == pytest.approx(1.0, abs=1e-7)


def test_lord_plus_plus_by_hand() -> None:
    """Discoveries at tests 2 and 4: each level of the six is its formula, term by term."""
    g = [math.nan, *(spending(place) for place in range(1, 7))]
    found = lord_plus_plus([0.5, 0.0, 0.9, 0.0, 0.9, math.nan], error_rate=ALPHA, wealth=0.02)
    assert found.discoveries == (False, True, False, True, False, False)
    assert found.levels == pytest.approx(
        [
            0.02 * g[1],
            0.02 * g[2],
            0.02 * g[3] + 0.03 * g[1],
            0.02 * g[4] + 0.03 * g[2],
            0.02 * g[5] + 0.03 * g[3] + 0.05 * g[1],
            0.02 * g[6] + 0.03 * g[4] + 0.05 * g[2],
        ],
        rel=1e-12,
    )


def test_alpha_investing_by_hand() -> None:
    """W(0) = .0475; a failure at level a costs a ÷ (1 − a), the discovery at test 2 earns .05."""
    first = 0.0475 / 2
    after_one = 0.0475 - first / (1 - first)
    after_two = after_one + 0.05
    third = after_two / 2
    found = alpha_investing([0.5, 0.005, 0.5, 0.5])
    assert found.discoveries == (False, True, False, False)
    assert found.levels == pytest.approx(
        [first, after_one / 3, third, (after_two - third / (1 - third)) / 3], rel=1e-12
    )


@pytest.mark.parametrize("p_values", [[0.0] * 60, [1.0] * 60, [0.0, 1.0] * 30])
def test_levels_never_spend_more_than_discoveries_earn(p_values: list[float]) -> None:
    conflicts = [set(range(place)) if place % 3 else set() for place in range(len(p_values))]
    for given in (None, conflicts):
        found = lord_plus_plus(p_values, conflicts=given)
        earned = ALPHA * np.maximum(1, np.cumsum(found.discoveries))
        assert (np.cumsum(found.levels) <= earned).all()


def test_a_stricter_rate_never_discovers_more() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        p_values = np.where(rng.random(80) < 0.2, rng.beta(0.05, 8.0, 80), rng.random(80)).tolist()
        for rule in (lord_plus_plus, alpha_investing):
            strict, lax = (rule(p_values, error_rate=rate).discoveries for rate in (0.02, 0.10))
            assert all(wide or not narrow for narrow, wide in zip(strict, lax, strict=True))


def test_a_test_earns_nothing_from_what_it_overlaps() -> None:
    g = [math.nan, *(spending(place) for place in range(1, 5))]
    p_values = [0.0, 0.0, 0.9, 0.9]
    apart = lord_plus_plus(p_values).levels
    overlapping = lord_plus_plus(p_values, conflicts=[set(), {0}, {1}, {0, 1, 2}]).levels
    assert apart[1] == pytest.approx(HALF * g[2] + HALF * g[1])
    assert overlapping[1] == pytest.approx(HALF * g[2])
    assert overlapping[2] == pytest.approx(HALF * g[3] + HALF * g[2])  # earns from the first alone
    assert overlapping[3] == pytest.approx(HALF * g[4])


def test_what_a_test_earned_is_barred_with_where_it_earned_it() -> None:
    """The third test overlaps the first alone; the second earned from the first, so its outcome tells of it too."""
    found = lord_plus_plus([0.0, 0.0, 0.9], conflicts=[set(), set(), {0}])
    assert found.levels[2] == pytest.approx(HALF * spending(3))


def test_a_discovery_in_conflict_changes_no_level() -> None:
    rng = np.random.default_rng(2)
    for _ in range(30):
        p_values = (rng.random(12) ** 6).tolist()
        conflicts = [{other for other in range(place) if rng.random() < 0.4} for place in range(12)]
        place = int(rng.integers(1, 12))
        if not conflicts[place]:
            continue
        changed = [1.0 if other in conflicts[place] else each for other, each in enumerate(p_values)]
        levels = (lord_plus_plus(each, conflicts=conflicts).levels[place] for each in (p_values, changed))
        assert next(levels) == next(levels)


def test_few_discoveries_among_nulls_are_false() -> None:
    """A tenth of 300 tests has skill: the false share of the discoveries is at most 5 %."""
    rng, shares, nulls_only = np.random.default_rng(3), [], 0
    for _ in range(200):
        skilled = rng.random(300) < 0.1
        p_values = np.where(skilled, rng.beta(0.02, 20.0, 300), rng.random(300))
        found = np.array(lord_plus_plus(p_values.tolist()).discoveries)
        shares.append((found & ~skilled).sum() / max(1, found.sum()))
        nulls_only += any(lord_plus_plus(rng.random(300).tolist()).discoveries)
    assert np.mean(shares) <= 0.05
    assert nulls_only / 200 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)


def test_a_p_value_at_its_level_is_a_discovery() -> None:
    assert lord_plus_plus([HALF * spending(1)]).discoveries == (True,)


def test_no_p_value_is_no_discovery_and_takes_its_place() -> None:
    with_gap = lord_plus_plus([math.nan, 0.004])
    assert with_gap.discoveries == (False, False)
    assert with_gap.levels == lord_plus_plus([1.0, 0.004]).levels
    assert last_test([0.5, math.nan], [set(), set()]).is_discovery is False


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="0 < wealth <= error_rate < 1"):
        lord_plus_plus([0.5], wealth=0.06)
    with pytest.raises(ValueError, match="conflicts must be given for each of the 2 tests, were 1"):
        lord_plus_plus([0.5, 0.5], conflicts=[set()])
    with pytest.raises(ValueError, match=r"wealth must lie in \(0, 1\]"):
        alpha_investing([0.5], wealth=0.0)
