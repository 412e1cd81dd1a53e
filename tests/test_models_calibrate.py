import dataclasses

import numpy as np
import pytest

from core.errors import DataError
from core.intervals import hac_standard_error
from models.calibrate import SLOPE_FLOOR, Calibration, fit_calibration
from tests.oracles.planted import frame


def planted(slope=0.002, level=0.0005, *, n_sessions=400, n_names=30, scale=7.0, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n_sessions, n_names))
    z = (z - z.mean(axis=1, keepdims=True)) / z.std(axis=1, keepdims=True)
    returns = level + slope * z + 0.02 * rng.standard_normal(z.shape) + 0.01 * rng.standard_normal((n_sessions, 1))
    return frame(scale * z + 100.0), frame(returns)


def fitted(scores, forward):
    return fit_calibration(scores, forward=forward, universe_returns=forward.mean(axis=1))


def test_a_planted_level_and_slope_are_found_within_their_errors():
    found = [fitted(*planted(seed=seed)) for seed in range(40)]
    slopes = np.array([(c.slope - 0.002) / c.slope_se for c in found])
    levels = np.array([(c.level - 0.0005) / c.level_se for c in found])
    assert abs(slopes.mean()) < 0.5
    assert abs(levels.mean()) < 0.5
    assert 0.7 < slopes.std() < 1.3
    assert 0.7 < levels.std() < 1.3


def test_level_and_slope_of_a_tiny_case_by_hand():
    scores = frame(np.array([[1.0, 2.0, 3.0], [6.0, 4.0, 5.0]]))
    forward = frame(np.array([[0.00, 0.01, 0.02], [0.05, 0.01, 0.03]]))
    z = 1.5**0.5
    found = fitted(scores, forward)
    assert found.slope == pytest.approx((z * 0.02 + z * 0.04) / (4 * z * z))
    assert found.level == pytest.approx(0.02)
    assert found.level_se == pytest.approx(0.01)
    assert found.slope_se == pytest.approx(6e-4**0.5 / 6)


def test_the_slope_ignores_scale_and_level_of_the_scores():
    scores, forward = planted()
    assert fitted(scores * 3 - 5, forward).slope == pytest.approx(fitted(scores, forward).slope)


def test_expected_returns_keep_the_order_of_the_scores_and_their_holes():
    scores, forward = planted()
    scores.iloc[3, 4] = np.nan
    expected = fitted(scores, forward).apply(scores)
    assert expected.rank(axis=1).equals(scores.rank(axis=1))
    assert np.isnan(expected.iloc[3, 4])
    assert expected.notna().sum().sum() == scores.notna().sum().sum()


def test_a_useless_model_keeps_its_order_and_claims_nothing():
    scores, forward = planted()
    found = fitted(-scores, forward)
    assert found.slope_was_negative
    assert found.measured_slope < 0
    assert found.slope == SLOPE_FLOOR * found.slope_se
    assert found.apply(-scores).rank(axis=1).equals((-scores).rank(axis=1))
    assert not fitted(scores, forward).slope_was_negative


def test_expected_returns_average_to_the_level_in_every_session():
    scores, forward = planted()
    calibration = fitted(scores, forward)
    np.testing.assert_allclose(calibration.apply(scores).mean(axis=1), calibration.level)


def test_equal_scores_are_given_the_level():
    calibration = fitted(*planted())
    level = calibration.apply(frame(np.array([[0.1, 0.1, 0.1], [np.nan, 5.0, np.nan]])))
    assert (level.iloc[0] == calibration.level).all()
    assert level.iloc[1, 1] == calibration.level
    assert level.iloc[1].isna().sum() == 2


def test_a_session_of_equal_scores_does_not_count_for_the_slope():
    scores, forward = planted(n_sessions=50, n_names=10)
    before = fitted(scores, forward)
    scores.iloc[7] = 0.1
    found = fitted(scores, forward)
    assert (before.n_sessions, found.n_sessions) == (50, 49)


def test_names_without_a_return_are_left_out_of_the_slope():
    scores, forward = planted(n_sessions=50)
    shorter = fit_calibration(scores.iloc[:, :20], forward=forward.iloc[:, :20], universe_returns=forward.mean(axis=1))
    forward.iloc[:, 20:] = np.nan
    found = fit_calibration(scores, forward=forward, universe_returns=planted(n_sessions=50)[1].mean(axis=1))
    assert dataclasses.astuple(found) == pytest.approx(dataclasses.astuple(shorter), rel=1e-12)


def test_too_little_history_is_refused():
    scores, forward = planted(n_sessions=1)
    with pytest.raises(DataError, match="1 validation sessions"):
        fitted(scores, forward)
    scores, forward = planted(n_sessions=5)
    with pytest.raises(DataError, match="needs at least 2"):
        fitted(scores * 0, forward)
    with pytest.raises(DataError, match="must vary"):
        fitted(scores, forward * 0)
    with pytest.raises(DataError, match="differ in sessions"):
        fitted(scores.iloc[1:], forward)


def test_a_calibration_never_turns_the_ranking_round():
    with pytest.raises(ValueError, match="slope must be positive"):
        Calibration(level=0.0, level_se=0.1, slope=0.0, slope_se=0.1, measured_slope=0.0, n_sessions=5)


def test_errors_of_overlapping_labels_count_the_overlap():
    """Sums of five independent returns: an error without lags is far too small, one with lags near the truth."""
    found, plain = [], []
    for seed in range(60):
        scores, daily = planted(0.0, seed=seed, n_sessions=304)
        kept = scores.rolling(5).mean().iloc[4:]  # scores that move slowly, so that pulls overlap too
        forward = daily.rolling(5).sum().iloc[4:]
        for errors, horizon in ((found, 5), (plain, 1)):
            errors.append(
                fit_calibration(kept, forward=forward, universe_returns=forward.mean(axis=1), horizon=horizon)
            )
    for name in ("level", "slope"):
        measured = "measured_slope" if name == "slope" else "level"
        spread = np.std([getattr(each, measured) for each in found], ddof=1)
        told, short = (np.mean([getattr(each, f"{name}_se") for each in errors]) for errors in (found, plain))
        assert 0.75 < told / spread < 1.2, name
        assert short < 0.75 * told, name


def test_the_error_of_an_overlapping_level_is_the_hac_error():
    scores, forward = planted(n_sessions=60)
    found = fit_calibration(scores, forward=forward, universe_returns=forward.mean(axis=1), horizon=4)
    assert found.level_se == pytest.approx(hac_standard_error(forward.mean(axis=1), lags=3))
    assert found.level == fitted(scores, forward).level
    assert found.slope == fitted(scores, forward).slope


def test_a_horizon_longer_than_the_span_still_has_an_error():
    scores, forward = planted(n_sessions=10)
    assert fit_calibration(scores, forward=forward, universe_returns=forward.mean(axis=1), horizon=60).level_se > 0.0
