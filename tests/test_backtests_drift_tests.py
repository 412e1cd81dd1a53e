"""Distances of features from training: by hand, against scipy, and how often the latest window is called beyond."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from backtests.statistics.drift_tests import (
    FeatureDrift,
    binned_counts,
    feature_drift,
    kolmogorov_smirnov,
    population_stability,
    quantile_edges,
)

N_SESSIONS, N_NAMES = 500, 12


def counted(values: np.ndarray, training: slice) -> np.ndarray:
    edges = quantile_edges(values[training].ravel())
    return binned_counts(values, np.ones(values.shape, dtype=bool), edges)


def drift_of_values(values: dict[str, np.ndarray], *, n_seen: int = 460) -> FeatureDrift:
    training, sessions = slice(0, 300), pd.bdate_range("2020-01-01", periods=N_SESSIONS)
    counts = {name: counted(each, training) for name, each in values.items()}
    return feature_drift(counts, pd.DatetimeIndex(sessions), training=training, n_seen=n_seen)


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((N_SESSIONS, N_NAMES))


def test_the_stability_index_is_the_sum_over_groups() -> None:
    training, now = np.array([10, 10, 10, 10, 0]), np.array([20, 5, 15, 0, 0])
    empty = 7 * [0.5]  # ten groups, of which four are used, and the missing ones
    p, q = (np.array([*(each[:4] + 0.5), *empty]) / (40 + 5.5) for each in (now, training))
    assert population_stability(training, now) == pytest.approx(float(((p - q) * np.log(p / q)).sum()))
    assert population_stability(training, training) == 0.0


def test_missing_values_are_a_group_of_their_own() -> None:
    training, now = np.array([50, 50, 0]), np.array([25, 25, 50])
    assert population_stability(training, now) > 0.25
    assert kolmogorov_smirnov(training, now) == 0.0
    assert math.isnan(kolmogorov_smirnov(training, np.array([0, 0, 9])))


def test_the_kolmogorov_smirnov_distance_is_that_of_scipy_up_to_a_bin() -> None:
    rng = np.random.default_rng(3)
    training, now = rng.standard_normal(20_000), 0.3 + 1.2 * rng.standard_normal(3_000)
    edges = quantile_edges(training)
    counts = [binned_counts(each[None, :], np.ones((1, each.size), dtype=bool), edges)[0] for each in (training, now)]
    assert kolmogorov_smirnov(*counts) == pytest.approx(ks_2samp(training, now).statistic, abs=1 / 200)


def test_counts_are_by_session_and_leave_out_who_is_not_eligible() -> None:
    values = np.array([[1.0, 2.0, np.nan], [3.0, 4.0, 5.0]])
    eligible = np.array([[True, False, True], [True, True, True]])
    found = binned_counts(values, eligible, np.array([2.0, 4.0]))
    assert found.tolist() == [[1, 0, 0, 1], [0, 2, 1, 0]]


def test_a_shifted_feature_lies_beyond_and_its_neighbours_do_not() -> None:
    values = {"calm": noise(1), "shifted": noise(2)}
    values["shifted"][470:] += 1.5
    found = drift_of_values(values)
    assert list(found.beyond.index) == ["shifted"]
    assert found.features.loc["shifted", "psi"] > 0.25
    assert found.p_value == pytest.approx(1 / (found.n_windows + 1))
    assert found.n_windows == 23
    assert found.n_sessions == 20


def test_an_earlier_window_is_held_against_training_without_itself() -> None:
    values, training = {"calm": noise(6)}, slice(0, 300)
    found, counts = drift_of_values(values), counted(values["calm"], training)
    total, windows = counts[training].sum(axis=0), [counts[end - 20 : end].sum(axis=0) for end in range(460, 19, -20)]
    own = [window if end <= 300 else 0 for window, end in zip(windows, range(460, 19, -20), strict=True)]
    psi = [population_stability(total - without, window) for window, without in zip(windows, own, strict=True)]
    assert found.n_windows == len(psi)
    assert found.features.loc["calm", "usual_psi"] == pytest.approx(np.median(psi))
    assert found.features.loc["calm", "highest_psi"] == pytest.approx(max(psi))


def test_values_that_went_missing_lie_beyond() -> None:
    values = {"calm": noise(1), "gone": noise(2)}
    values["gone"][480:, :6] = np.nan
    found = drift_of_values(values)
    assert list(found.beyond.index) == ["gone"]
    assert found.features.loc["gone", "missing"] == 0.5


def test_a_level_as_common_as_its_own_past_is_not_called() -> None:
    market = np.repeat(np.cumsum(np.random.default_rng(4).standard_normal(N_SESSIONS))[:, None], N_NAMES, axis=1)
    found = drift_of_values({"market": np.sin(market / 3.0), "calm": noise(5)})
    assert (
        found.features.loc["market", "psi"] > 0.25
    )  # twenty sessions of one number each: the threshold alone misleads
    assert found.beyond.empty


def test_too_few_earlier_windows_call_nothing() -> None:
    values = {"shifted": noise(2)}
    values["shifted"][350:] += 3.0
    found = drift_of_values(values, n_seen=340)
    assert math.isnan(found.p_value)
    assert found.beyond.empty


def test_windows_since_are_named_by_their_last_session() -> None:
    found = drift_of_values({"calm": noise(1)}, n_seen=470)
    assert len(found.blocks) == 2
    assert found.blocks.index[-1] == pd.bdate_range("2020-01-01", periods=N_SESSIONS)[-1]


def test_nothing_since_the_freeze_is_refused() -> None:
    with pytest.raises(ValueError, match="500 of 500 sessions are seen"):
        drift_of_values({"calm": noise(1)}, n_seen=500)
    with pytest.raises(ValueError, match="no training session"):
        drift_of_values({"empty": np.full((N_SESSIONS, N_NAMES), np.nan)})


@pytest.mark.slow
def test_features_that_did_not_move_are_seldom_called_however_many_there_are() -> None:
    called = sum(
        not drift_of_values({str(place): noise(100 * seed + place) for place in range(14)}).beyond.empty
        for seed in range(100)
    )
    assert called <= 10  # 1 in 24, and three standard errors
