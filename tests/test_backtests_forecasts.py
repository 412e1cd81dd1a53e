"""Forecast measures: hand-computed cases, twins in other libraries, and laws."""

import math

import numpy as np
import pandas as pd
import pytest

from backtests.forecasts.forecast_errors import direction_of, naive_mae, point_errors
from backtests.forecasts.forecast_ranges import (
    covered,
    crps_of_deciles,
    pinball,
    reached,
    width,
)
from backtests.forecasts.skill import best_of_many, session_losses, skill_of
from core.intervals import hac_lags_by_rule
from models.forecasters.forecasts import DECILES, LEVELS, quantiles_of_samples


def test_errors_are_those_of_a_calculation_by_hand() -> None:
    said, came = np.array([0.0, 0.02, np.nan, 0.01]), np.array([0.01, -0.02, 0.05, np.nan])
    found = point_errors(said, came, np.array([100.0, 50.0, 10.0, 10.0]), naive=0.05)
    assert found.n == 2
    assert found.mse == pytest.approx((0.01**2 + 0.04**2) / 2)
    assert found.rmse == pytest.approx(math.sqrt((0.01**2 + 0.04**2) / 2))
    assert found.pct_return_mae == pytest.approx(0.025)
    assert found.price_mae == pytest.approx((100 * 0.01 + 50 * 0.04) / 2)
    assert found.price_mape == pytest.approx((1.0 / 101.0 + 2.0 / 49.0) / 2)
    assert found.r2_return == pytest.approx(1.0 - (0.01**2 + 0.04**2) / (2 * 0.015**2))
    assert found.mean_residual == pytest.approx((0.01 - 0.04) / 2)
    assert found.sd_residual == pytest.approx(np.std([0.01, -0.04], ddof=1))
    assert found.mase == pytest.approx(0.5)


def test_a_price_r2_near_one_comes_from_persistence_alone() -> None:
    rng = np.random.default_rng(0)
    returns = rng.normal(0.0, 0.01, 2000)
    prices = 100.0 * np.cumprod(1.0 + returns)
    nothing = point_errors(np.zeros(1999), returns[1:], prices[:-1])
    assert nothing.r2_price > 0.99
    assert abs(nothing.r2_return) < 0.01


def test_nothing_to_judge_is_nan_and_not_zero() -> None:
    found = point_errors(np.full(3, np.nan), np.zeros(3), np.ones(3))
    assert found.n == 0
    assert math.isnan(found.pct_return_mae)
    assert math.isnan(naive_mae(np.full(2, np.nan)))


def test_direction_leaves_out_what_has_no_sign_and_counts_overlaps_once() -> None:
    said, came = np.array([0.1, -0.1, 0.0, 0.2]), np.array([0.2, 0.1, 0.3, 0.0])
    found = direction_of(said, came)
    assert (found.n, found.share.estimate, found.always_up) == (2, 0.5, 1.0)
    many = np.sign(np.random.default_rng(1).normal(size=700))
    alone, overlapping = direction_of(many, np.ones(700)), direction_of(many, np.ones(700), horizon=7)
    assert overlapping.share.high - overlapping.share.low > 2.0 * (alone.share.high - alone.share.low)


@pytest.mark.slow
def test_crps_equals_the_library_of_scoring_rules() -> None:
    rules = pytest.importorskip("scoringrules")
    rng = np.random.default_rng(2)
    samples, outcome = rng.normal(size=(60, 31)), rng.normal(size=60)
    levels = np.asarray(DECILES)
    quantiles = np.full((60, len(LEVELS)), np.nan)
    quantiles[:, [LEVELS.index(level) for level in DECILES]] = np.quantile(samples, levels, axis=1).T
    wanted = rules.crps_quantile(outcome, np.quantile(samples, levels, axis=1).T, levels)
    assert np.abs(crps_of_deciles(quantiles, outcome) - wanted).max() < 1e-9


def test_pinball_of_one_quantile_by_hand() -> None:
    quantiles = np.zeros((1, len(LEVELS)))
    assert pinball(quantiles, np.array([2.0]), levels=(0.9,))[0] == pytest.approx(1.8)
    assert pinball(quantiles, np.array([-2.0]), levels=(0.9,))[0] == pytest.approx(0.2)


def test_quantiles_of_samples_hold_new_draws_as_often_as_they_say() -> None:
    rng = np.random.default_rng(3)
    past, new = rng.standard_t(3, size=(20_000, 250)), rng.standard_t(3, size=20_000)
    observed = reached(quantiles_of_samples(past), new)
    assert np.abs(observed - observed.index.to_numpy()).max() < 4.0 * 0.5 / math.sqrt(20_000)


def test_quantiles_of_samples_leave_out_nan_and_what_so_few_cannot_tell() -> None:
    found = quantiles_of_samples(np.array([[3.0, np.nan, 1.0, 2.0], [np.nan] * 4]), (0.05, 0.25, 0.5, 0.75))
    assert np.array_equal(found, [[np.nan, 1.0, 2.0, 3.0], [np.nan] * 4], equal_nan=True)


def test_coverage_counts_the_bounds_and_leaves_out_what_is_missing() -> None:
    quantiles = np.tile(np.linspace(-1.0, 1.0, len(LEVELS)), (3, 1))
    found = covered(quantiles, np.array([-1.0, 1.5, np.nan]), low=LEVELS[0], high=LEVELS[-1])
    assert np.array_equal(found, [1.0, 0.0, np.nan], equal_nan=True)
    assert width(quantiles, low=LEVELS[0], high=LEVELS[-1]) == pytest.approx(2.0)


def losses(n: int = 400, gain: float = 0.0, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    base = np.abs(rng.normal(size=n))
    mine = base - gain + rng.normal(0.0, 0.3, n)
    return pd.DataFrame({"loss": mine, "benchmark": base}, index=pd.bdate_range("2020-01-01", periods=n))


def test_diebold_and_mariano_is_the_t_of_a_regression_on_a_constant() -> None:
    from statsmodels.api import OLS

    table = losses(gain=0.05)
    gain = (table["benchmark"] - table["loss"]).to_numpy()
    lags = hac_lags_by_rule(len(gain))
    fit = OLS(gain, np.ones(len(gain))).fit(
        cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True, "kernel": "bartlett"}
    )
    factor = math.sqrt((len(gain) - 1) / len(gain))  # Harvey, Leybourne and Newbold's, one session ahead
    assert skill_of(table).statistic == pytest.approx(factor * float(fit.tvalues[0]), rel=1e-9)
    assert skill_of(table).interval.estimate == pytest.approx(1.0 - table["loss"].mean() / table["benchmark"].mean())


def test_skill_is_zero_of_the_benchmark_itself_and_unknown_of_nothing() -> None:
    table = losses().assign(loss=lambda frame: frame["benchmark"])
    same = skill_of(table)
    assert (same.interval.estimate, same.p_value, same.is_better, same.is_worse) == (0.0, 1.0, False, False)
    assert math.isnan(skill_of(table.iloc[:1]).interval.estimate)


def test_sessions_count_once_however_many_series_they_hold() -> None:
    sessions = pd.bdate_range("2020-01-01", periods=3)
    one = np.array([[1.0, 3.0], [np.nan, 5.0], [np.nan, np.nan]])
    found = session_losses(one, np.where(np.isnan(one), 9.0, 2.0), sessions)
    assert found["loss"].tolist() == [2.0, 5.0]
    assert found["benchmark"].tolist() == [2.0, 2.0]


def test_the_best_of_many_is_hansens_test() -> None:
    from arch.bootstrap import SPA

    base = losses(seed=1)["benchmark"]
    table = pd.DataFrame({f"m{seed}": losses(seed=1, gain=0.0)["loss"] + 0.01 * seed for seed in range(4)})
    test = SPA(base.to_numpy(), table.to_numpy(), block_size=round(len(base) ** (1 / 3)), reps=2000, seed=0)
    test.compute()
    assert best_of_many(table, base) == float(test.pvalues["consistent"])
    assert best_of_many(table.assign(good=base - 0.2), base) < 0.01


def test_series_that_are_right_together_count_as_one() -> None:
    rng = np.random.default_rng(4)
    came, said = rng.normal(size=(400, 1)), rng.normal(size=(400, 1))
    one = direction_of(said, came)
    copies = direction_of(np.repeat(said, 5, axis=1), np.repeat(came, 5, axis=1))
    assert copies.n == 5 * one.n
    assert copies.share == pytest.approx(one.share, abs=1e-3)
    apart = direction_of(rng.normal(size=(400, 5)), rng.normal(size=(400, 5)))
    assert apart.share.high - apart.share.low == pytest.approx((one.share.high - one.share.low) / np.sqrt(5), rel=0.15)
    assert direction_of(np.ones((30, 5)), np.ones((30, 5))).share == direction_of(np.ones(30), np.ones(30)).share


def test_the_blocks_of_the_bootstrap_are_twice_the_overlap() -> None:
    from arch.bootstrap import SPA

    rng = np.random.default_rng(8)
    table = pd.DataFrame(rng.normal(1.0, 0.1, size=(200, 2)), columns=["a", "b"])
    base = pd.Series(rng.normal(1.0, 0.1, 200))
    test = SPA(base.to_numpy(), table.to_numpy(), block_size=14, reps=2000, seed=0)
    test.compute()
    assert best_of_many(table, base, horizon=7) == float(test.pvalues["consistent"])
