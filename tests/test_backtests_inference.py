"""Bootstrap and probabilistic Sharpe ratio."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from backtests.statistics.inference import probabilistic_sharpe_ratio, stationary_bootstrap_rows
from backtests.statistics.metrics import sharpe_ratio


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


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="mean_block must be at least 1 session, was 0"):
        stationary_bootstrap_rows(10, 10, mean_block=0, rng=np.random.default_rng(0))


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
