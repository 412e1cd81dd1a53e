"""Rounding: a constant has no ratio to its deviation, however its values were computed."""

import numpy as np
import pandas as pd
import pytest

from backtests.statistics import metrics
from backtests.statistics.bootstrap_intervals import beta_interval, sharpe_gap_interval, sharpe_interval
from backtests.statistics.deflation import overfitting_probability
from backtests.statistics.factor_regression import factor_fit
from backtests.statistics.rolling_beta import rolling_beta
from portfolio.book_settings import RiskSettings
from portfolio.risk import kill_switches, volatility_scale
from portfolio.trailing_risk import trailing_beta
from signals.cross_section import zscore
from signals.score_metrics import information_coefficient, summarize_ic
from tests.oracles.small_panels import panel_of

SESSIONS = pd.bdate_range("2018-01-01", periods=300)


def accrued(rate: float = 1e-4, n: int = 300) -> pd.Series:
    """Returns of an index that accrues a constant rate, from its levels."""
    level = 100.0 * (1.0 + rate) ** np.arange(n + 1)
    return pd.Series(level[1:] / level[:-1] - 1.0, index=SESSIONS[:n])


CONSTANTS = {
    "a bill": accrued(),
    "a slow bill": accrued(1e-6),
    "a loss": accrued(-1e-3),
    "a tenth": pd.Series([0.1] * 30 + [0.1 + 1e-17] * 30, SESSIONS[:60]),
    "zero": pd.Series(0.0, SESSIONS[:60]),
}


def noise(seed: int = 0, n: int = 300, scale: float = 0.01) -> pd.Series:
    return pd.Series(np.random.default_rng(seed).normal(5e-4, scale, n), index=SESSIONS[:n])


@pytest.mark.parametrize("constant", CONSTANTS.values(), ids=CONSTANTS)
def test_a_constant_has_no_ratio(constant):
    assert np.isnan([metrics.sharpe_ratio(constant), metrics.session_sharpe(constant), *metrics.shape(constant)]).all()
    assert np.isnan(metrics.sharpe_standard_error(constant))
    assert np.isnan(metrics.sharpe_ratio(constant, risk_free=constant))
    assert np.isnan(metrics.market_fit(noise(), constant)).all()
    assert np.isnan(metrics.market_fit(constant, noise()).r_squared)
    assert rolling_beta(noise(), constant, lookback=21).isna().all()
    assert np.isnan([*sharpe_interval(constant), *sharpe_gap_interval(noise(), constant)]).all()
    assert np.isnan(beta_interval(noise(), constant)).all()
    assert np.isnan(summarize_ic(constant).icir)


def test_what_moves_a_little_has_one():
    small = noise(scale=1e-9)
    assert np.isfinite(metrics.sharpe_ratio(small))
    assert metrics.sharpe_ratio(small) == pytest.approx(small.mean() / small.std() * np.sqrt(252))


def test_beta_after_the_market_has_stopped_moving_is_unknown():
    market = pd.concat([noise(n=100), pd.Series(1e-4, SESSIONS[100:200])])
    beta = rolling_beta(noise(1, 200), market, lookback=21)
    assert beta.iloc[20:110].notna().all()
    assert beta.iloc[121:].isna().all()
    book, against = noise(1, 200).iloc[40:61], market.iloc[40:61]
    assert beta.iloc[60] == pytest.approx(np.cov(book, against)[0, 1] / against.var())


def test_an_exact_fit_has_no_t_statistic():
    factor = noise()
    fit = factor_fit(0.5 * factor, factor.to_frame("market"))
    assert fit.table["t"].isna().all()
    assert fit.table.loc["market", "estimate"] == pytest.approx(0.5)


def test_a_path_that_accrues_is_the_best_of_no_half():
    others = pd.DataFrame({name: noise(seed) for seed, name in enumerate("abcd")})
    with_bill = others.assign(bill=accrued())
    assert (
        overfitting_probability(with_bill, n_blocks=4).probability
        == overfitting_probability(others.assign(bill=0.0), n_blocks=4).probability
    )


def test_overlays_leave_a_book_that_accrues_alone():
    book = accrued(n=60)
    assert (volatility_scale(book, RiskSettings(volatility_target=0.1)) == 1.0).all()
    slipped = book.copy()
    slipped.iloc[-1] = -1e-15
    assert kill_switches(slipped, RiskSettings(loss_sigmas=3.0)).events.empty
    fallen = RiskSettings(sharpe_floor=0.0, sharpe_sessions=20, sharpe_reentry=0.5)
    assert kill_switches(accrued(-1e-4, n=60), fallen).events.empty


def test_names_that_differ_by_rounding_have_no_order():
    scores = pd.DataFrame([np.arange(6.0), 0.1 + 1e-17 * np.arange(6.0)], index=SESSIONS[:2])
    forward = pd.DataFrame([0.1 * (1.0 + 1e-14 * np.arange(6.0)), np.arange(6.0)], index=SESSIONS[:2])
    for method in ("spearman", "pearson"):
        assert information_coefficient(scores, forward, method=method).isna().all()
    assert zscore(forward).iloc[0].isna().all()
    assert zscore(scores).iloc[0].notna().all()


def test_a_market_that_accrues_gives_no_beta():
    bill = (100.0 * 1.0001 ** np.arange(60)).tolist()
    panel = panel_of(dict.fromkeys("AB", bill))
    assert trailing_beta(panel, 21).isna().all(axis=None)
