"""Confidence sequences: the paper's formula by hand, laws of scale and order, and how often streams leave them."""

import math

import numpy as np
import pandas as pd
import pytest

from backtests.statistics.confidence_sequence import (
    MIN_SESSIONS,
    Side,
    difference_confidence_sequence,
    difference_reach,
    long_run_deviations,
    mean_confidence_sequence,
)
from core.intervals import hac_interval, hac_standard_error


def stream(n: int, seed: int = 1, *, mean: float = 0.0, memory: float = 0.0) -> pd.Series:
    shocks = np.random.default_rng(seed).standard_normal(n) * math.sqrt(1.0 - memory**2)
    values = [shocks[0] / math.sqrt(1.0 - memory**2)]
    for shock in shocks[1:]:
        values.append(memory * values[-1] + shock)
    return pd.Series(values, index=pd.bdate_range("2020-01-01", periods=n)) + mean


def half_width(t: float, alpha: float, tightest: int) -> float:
    """Theorem 2.2 of Waudby-Smith et al. with the ρ that is best after ``tightest`` numbers, found by search."""

    def width(rho2: float, at: float) -> float:
        return math.sqrt(2 * (at * rho2 + 1) / (at**2 * rho2) * math.log(math.sqrt(at * rho2 + 1) / alpha))

    tried = np.geomspace(1e-4, 10.0, 200_001)
    best = min(tried, key=lambda rho2: width(float(rho2), tightest))
    return width(float(best), t)


def test_the_half_width_is_that_of_the_paper() -> None:
    x = stream(60)
    found = mean_confidence_sequence(x, alpha=0.1, tightest=50).iloc[-1]
    deviation = long_run_deviations(x.to_numpy())[-1]
    assert found["upper"] - found["mean"] == pytest.approx(half_width(60, 0.1, 50) * deviation, rel=1e-6)
    assert found["mean"] == pytest.approx(x.mean())


@pytest.mark.parametrize("n", [20, 47, 120])
def test_a_running_deviation_is_the_hac_error_of_what_came_so_far(n: int) -> None:
    x = stream(120, memory=0.4) * 0.05 + 3.0
    lags = math.isqrt(n)
    once = hac_standard_error(x.iloc[:n], lags=lags) * math.sqrt(n)
    widened = hac_interval(0.0, 1.0, lags=lags, n_sessions=n).high / 1.96
    assert long_run_deviations(x.to_numpy())[n - 1] == pytest.approx(once * widened, rel=1e-9)


def test_numbers_that_look_ahead_count_twice_as_many_lags_as_overlap() -> None:
    x, lags = stream(60, memory=0.6), 2 * (6 - 1)
    widened = hac_interval(0.0, 1.0, lags=lags, n_sessions=60).high / 1.96
    once = hac_standard_error(x, lags=lags) * math.sqrt(60)
    assert long_run_deviations(x.to_numpy(), horizon=6)[-1] == pytest.approx(once * widened, rel=1e-9)


def test_no_later_number_moves_an_earlier_range() -> None:
    x, reference = stream(90), stream(80, seed=2)
    whole, part = (difference_confidence_sequence(each, reference) for each in (x, x.iloc[:50]))
    pd.testing.assert_frame_equal(whole.iloc[:50], part)


def test_ranges_follow_units_and_turn_with_the_sign() -> None:
    x = stream(70)
    plain, turned = mean_confidence_sequence(x), mean_confidence_sequence(-0.05 * x)
    np.testing.assert_allclose(turned["lower"], -0.05 * plain["upper"])
    upper, lower = mean_confidence_sequence(x, side="upper"), mean_confidence_sequence(-x, side="lower")
    np.testing.assert_allclose(upper["upper"], -lower["lower"])
    assert np.isneginf(upper["lower"].dropna()).all()


def test_one_side_is_nearer_than_two() -> None:
    x = stream(100)
    assert mean_confidence_sequence(x, side="upper")["upper"].iloc[-1] < mean_confidence_sequence(x)["upper"].iloc[-1]


def test_missing_sessions_count_for_nothing_and_keep_the_range() -> None:
    x = stream(60)
    gaps = x.copy()
    gaps.iloc[[0, 30, 59]] = np.nan
    found, dense = mean_confidence_sequence(gaps), mean_confidence_sequence(gaps.dropna())
    assert found["n"].tolist()[:2] == [0, 1]
    assert found["n"].iloc[-1] == 57
    pd.testing.assert_series_equal(found.iloc[-1], dense.iloc[-1], check_names=False)
    assert found.iloc[30].equals(found.iloc[29])


def test_too_few_numbers_have_no_range() -> None:
    found = mean_confidence_sequence(stream(MIN_SESSIONS + 1))
    assert found["lower"].isna().sum() == MIN_SESSIONS - 1
    overlapping = mean_confidence_sequence(stream(41), horizon=5)
    assert overlapping["lower"].isna().sum() == 39
    assert mean_confidence_sequence(pd.Series(dtype=float)).empty


def test_a_difference_is_never_known_better_than_its_reference() -> None:
    reference, live = stream(100, seed=3), stream(4_000, seed=4)
    found = difference_confidence_sequence(live, reference)
    width = (found["upper"] - found["lower"]).iloc[-1] / 2.0
    alone = mean_confidence_sequence(live)
    error = hac_standard_error(reference, lags=10)
    assert width > 2.0 * error > (alone["upper"] - alone["lower"]).iloc[-1] / 2.0


def test_a_reference_of_one_value_is_a_known_mean() -> None:
    live, known = stream(200, seed=5), pd.Series([0.5] * 30)
    found, alone = difference_confidence_sequence(live, known), mean_confidence_sequence(live)
    last = found.iloc[-1]
    assert last["upper"] - last["mean"] == pytest.approx(alone["upper"].iloc[-1] - alone["mean"].iloc[-1])
    same = difference_confidence_sequence(known, known).iloc[-1]
    assert same[["mean", "lower", "upper"]].tolist() == [0.0, 0.0, 0.0]


def share_called(n_streams: int, *, memory: float, drop: float = 0.0) -> float:
    called = 0
    for seed in range(n_streams):
        x = stream(300, seed=seed, memory=memory)
        live = x.iloc[150:] - drop
        called += bool((difference_confidence_sequence(live, x.iloc[:150], side="upper")["upper"] < 0.0).any())
    return called / n_streams


def test_streams_without_change_seldom_leave_at_any_session_and_changed_ones_do() -> None:
    assert share_called(30, memory=0.0) <= 0.05
    assert share_called(10, memory=0.0, drop=1.0) == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("memory", [0.0, 0.3, 0.6, 0.8])
def test_autocorrelated_streams_without_change_seldom_leave(memory: float) -> None:
    assert share_called(1_000, memory=memory) <= 0.05


@pytest.mark.parametrize(
    ("told", "words"),
    [({"alpha": 0.0}, "alpha"), ({"alpha": 0.5}, "alpha"), ({"horizon": 0}, "horizon"), ({"tightest": 0}, "tightest")],
)
def test_impossible_arguments_are_named(told: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words} must"):
        mean_confidence_sequence(stream(30), **told)


def test_many_streams_at_once_are_each_of_them() -> None:
    streams, references = (np.stack([stream(n, seed=seed).to_numpy() for seed in range(3)]) for n in (70, 90))
    together = difference_reach(streams, references, alpha=0.05, horizon=2, side="upper")
    for live, reference, reach in zip(streams, references, together, strict=True):
        alone = difference_confidence_sequence(pd.Series(live), pd.Series(reference), horizon=2, side="upper")
        np.testing.assert_allclose(alone["upper"] - alone["mean"], reach)


@pytest.mark.parametrize("side", ["both", "upper"])
def test_a_range_is_tightest_where_it_was_told_to_be(side: Side) -> None:
    x = stream(100)
    widths = {
        tightest: mean_confidence_sequence(x, tightest=tightest, side=side)["upper"].iloc[-1]
        for tightest in (40, 80, 100, 125, 250)
    }
    assert min(widths, key=lambda tightest: widths[tightest]) == 100


def test_a_short_reference_is_refused() -> None:
    with pytest.raises(ValueError, match="the reference holds 19 numbers"):
        difference_confidence_sequence(stream(30), stream(19))
    with pytest.raises(ValueError, match="look 10 sessions ahead"):
        difference_confidence_sequence(stream(30), stream(60), horizon=10)
