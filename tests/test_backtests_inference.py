"""Bootstrap and probabilistic Sharpe ratio."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from backtests.statistics.inference import bootstrap_interval, probabilistic_sharpe_ratio, stationary_bootstrap_rows
from backtests.statistics.metrics import sharpe_ratio, sharpe_standard_error


def noise(seed=0, n=500, mean=5e-4):
    return pd.Series(np.random.default_rng(seed).normal(mean, 0.01, n))


def test_rows_run_on_in_blocks_of_the_mean_length():
    rows = stationary_bootstrap_rows(1000, 200, mean_block=10, rng=np.random.default_rng(0))
    runs_on = np.diff(rows, axis=1) % 1000 == 1
    assert rows.shape == (200, 1000)
    assert runs_on.mean() == pytest.approx(0.9, abs=0.005)
    assert np.bincount(rows.ravel(), minlength=1000).std() < 40
    assert ((rows >= 0) & (rows < 1000)).all()


def test_blocks_of_one_are_independent_draws():
    rows = stationary_bootstrap_rows(50, 400, mean_block=1, rng=np.random.default_rng(0))
    assert (np.diff(rows, axis=1) % 50 == 1).mean() == pytest.approx(1 / 50, abs=0.005)


def test_the_same_seed_gives_the_same_interval():
    first, second = (bootstrap_interval(noise(), sharpe_ratio, rng=np.random.default_rng(3)) for _ in range(2))
    assert first == second


def test_the_interval_of_independent_returns_is_that_of_the_standard_error():
    returns = noise()
    interval = bootstrap_interval(returns, sharpe_ratio, rng=np.random.default_rng(1), mean_block=1, n_resamples=2000)
    assert interval.estimate == sharpe_ratio(returns)
    width = 2 * 1.96 * sharpe_standard_error(returns)
    assert interval.high - interval.low == pytest.approx(width, rel=0.1)
    assert interval.low < interval.estimate < interval.high


def test_blocks_see_dependence_that_single_sessions_do_not():
    rng = np.random.default_rng(2)
    walk = pd.Series(np.convolve(rng.normal(0, 0.01, 1020), np.ones(20) / 20, mode="valid")[:1000])
    narrow, wide = (
        bootstrap_interval(walk, np.mean, rng=np.random.default_rng(0), mean_block=block) for block in (1, 40)
    )
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="mean_block must be at least 1 session, was 0"):
        stationary_bootstrap_rows(10, 10, mean_block=0, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="level must lie"):
        bootstrap_interval(noise(), np.mean, rng=np.random.default_rng(0), level=95)


def test_the_probabilistic_sharpe_ratio_by_hand():
    returns = pd.Series([0.02, -0.01] * 50)
    ratio = 0.005 / returns.std()
    # two symmetric points: skewness 0, kurtosis 1, so the last term vanishes
    assert probabilistic_sharpe_ratio(returns) == pytest.approx(norm.cdf(ratio * np.sqrt(99)))


def test_a_higher_benchmark_is_harder_to_beat():
    returns = noise()
    assert probabilistic_sharpe_ratio(returns, benchmark=sharpe_ratio(returns)) == pytest.approx(0.5)
    assert probabilistic_sharpe_ratio(returns, benchmark=5.0) < 0.01 < probabilistic_sharpe_ratio(returns)
    assert np.isnan(probabilistic_sharpe_ratio(returns.iloc[:10]))
