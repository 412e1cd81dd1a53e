"""Deflation: closed forms against published examples, laws, and a slow twin of the cross-validation."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from backtests.statistics.deflation import (
    deflated_sharpe_ratio,
    expected_maximum_sharpe,
    minimum_track_record_length,
    overfitting_probability,
    sharpe_confidence,
    track_record_needed,
)
from backtests.statistics.inference import probabilistic_sharpe_ratio
from backtests.statistics.metrics import Shape

NORMAL = Shape(skewness=0.0, kurtosis=3.0)


def test_the_probabilistic_sharpe_ratio_of_the_published_hedge_fund() -> None:
    # Bailey and López de Prado (2012), section 5: 24 months, annual Sharpe 1.59, skewness −2.448, kurtosis 10.164.
    monthly = 0.458
    assert sharpe_confidence(monthly, 24, NORMAL) == pytest.approx(0.982, abs=5e-4)
    assert sharpe_confidence(monthly, 24, Shape(-2.448, 10.164)) == pytest.approx(0.913, abs=5e-4)


@pytest.mark.parametrize(
    ("periods", "law", "years"),
    [
        (252, NORMAL, 2.73),
        (52, NORMAL, 2.83),
        (12, NORMAL, 3.24),
        (12, Shape(-0.72, 5.78), 4.99),
    ],
)
def test_the_published_minimum_track_records_of_sharpe_2_above_1(periods: int, law: Shape, years: float) -> None:
    # Bailey and López de Prado (2012), section 6, at 95 %.
    needed = track_record_needed(2 / math.sqrt(periods), law, benchmark=1 / math.sqrt(periods))
    assert needed / periods == pytest.approx(years, abs=5e-3)


def test_the_published_deflated_sharpe_ratio() -> None:
    # Bailey and López de Prado (2014), example: 1,250 days, 250 a year, annual Sharpe 2.5, trial variance 1/2.
    daily, law = 2.5 / math.sqrt(250), Shape(-3.0, 10.0)
    best = expected_maximum_sharpe(0.5 / 250, 100)
    assert best == pytest.approx(0.1132, abs=5e-5)
    assert sharpe_confidence(daily, 1250, law, benchmark=best) == pytest.approx(0.9004, abs=5e-5)
    fewer = expected_maximum_sharpe(0.5 / 250, 46)
    assert sharpe_confidence(daily, 1250, law, benchmark=fewer) == pytest.approx(0.9505, abs=5e-5)
    plain = expected_maximum_sharpe(0.5 / 250, 88)
    assert sharpe_confidence(daily, 1250, NORMAL, benchmark=plain) == pytest.approx(0.9505, abs=5e-5)


def test_the_expected_maximum_is_near_the_mean_maximum_of_a_simulation() -> None:
    drawn = np.random.default_rng(1).normal(0.0, 0.7, size=(20_000, 50)).max(axis=1).mean()
    assert expected_maximum_sharpe(0.49, 50) == pytest.approx(drawn, rel=0.02)  # the formula is asymptotic


def returns_of(seed: int, mean: float = 0.0005) -> pd.Series:
    return pd.Series(np.random.default_rng(seed).normal(mean, 0.01, size=500))


def test_deflating_by_equal_trials_leaves_the_probabilistic_sharpe_ratio() -> None:
    returns = returns_of(1)
    same = deflated_sharpe_ratio(returns, np.full(10, 0.8))
    assert same == pytest.approx(probabilistic_sharpe_ratio(returns), abs=1e-12)


def test_more_trials_and_a_wider_spread_never_help() -> None:
    returns, rng = returns_of(1), np.random.default_rng(2)
    sharpes = rng.normal(0.0, 0.5, size=20)
    one = deflated_sharpe_ratio(returns, sharpes)
    assert deflated_sharpe_ratio(returns, 2 * sharpes) < one
    assert deflated_sharpe_ratio(returns, np.tile(sharpes, 3)) < one
    assert deflated_sharpe_ratio(returns, np.append(sharpes, np.nan)) < one


def test_the_minimum_track_record_is_where_the_probability_reaches_the_confidence() -> None:
    law = Shape(-0.5, 6.0)
    needed = track_record_needed(0.1, law, benchmark=0.02, confidence=0.9)
    assert sharpe_confidence(0.1, round(needed), law, benchmark=0.02) == pytest.approx(0.9, abs=1e-3)
    assert minimum_track_record_length(-returns_of(1)) == math.inf
    assert math.isnan(minimum_track_record_length(returns_of(1).iloc[:5]))


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="n_trials must be at least 2, was 1"):
        expected_maximum_sharpe(1.0, 1)
    with pytest.raises(ValueError, match="confidence"):
        track_record_needed(0.1, NORMAL, confidence=0.5)
    with pytest.raises(ValueError, match="even number"):
        overfitting_probability(pd.DataFrame(np.zeros((100, 2))), n_blocks=3)
    with pytest.raises(ValueError, match="finite"):
        overfitting_probability(pd.DataFrame(np.full((100, 2), np.nan)), n_blocks=4)
    with pytest.raises(ValueError, match="two trials"):
        overfitting_probability(pd.DataFrame(np.zeros((100, 1))), n_blocks=4)


def slow_overfitting(paths: np.ndarray, n_blocks: int) -> float:
    """Return the probability of overfitting, split by split and trial by trial."""
    blocks = np.array_split(paths, n_blocks)
    disappointments = []
    for chosen in itertools.combinations(range(n_blocks), n_blocks // 2):
        inside = np.concatenate([blocks[k] for k in chosen])
        outside = np.concatenate([blocks[k] for k in range(n_blocks) if k not in chosen])
        best = int(np.argmax([column.mean() / column.std() for column in inside.T]))
        ratios = [column.mean() / column.std() for column in outside.T]
        place = sum(ratio <= ratios[best] for ratio in ratios) / (len(ratios) + 1)
        disappointments.append(math.log(place / (1 - place)) <= 0)
    return float(np.mean(disappointments))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_overfitting_equals_its_slow_twin(seed: int) -> None:
    paths = np.random.default_rng(seed).normal(0.0003, 0.01, size=(120, 7))
    found = overfitting_probability(pd.DataFrame(paths), n_blocks=6)
    assert found.probability == slow_overfitting(paths, 6)
    assert len(found.logits) == math.comb(6, 3)


def test_noise_is_overfitted_half_of_the_time_and_skill_hardly_ever() -> None:
    rng = np.random.default_rng(5)
    noise = [overfitting_probability(pd.DataFrame(rng.normal(size=(480, 20)))).probability for _ in range(20)]
    assert 0.4 < np.mean(noise) < 0.6
    skilled = rng.normal(size=(480, 20))
    skilled[:, 3] += 0.5
    assert overfitting_probability(pd.DataFrame(skilled)).probability < 0.01
