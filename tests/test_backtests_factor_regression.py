"""Factors: planted betas come back, errors are those of a textbook, and files in percent are refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.breakdown.attribution import name_returns, sector_table
from backtests.statistics.factor_regression import factor_fit
from backtests.statistics.metrics import market_fit
from core.errors import BarsError, SourceError
from market.sources.factor_returns import load_factors
from tests.oracles.markets import random_panel, random_weights
from tests.test_backtests_attribution import result_of

SESSIONS = pd.bdate_range("2015-01-02", periods=1500, name="session")
FRENCH = Path(__file__).resolve().parents[2] / "shared/data/ref/ff3_daily_1926_2020.parquet"


def random_factors(seed=0):
    rng = np.random.default_rng(seed)
    spread = {"mkt_rf": 0.01, "smb": 0.006, "hml": 0.006}
    frame = {name: rng.normal(0, sd, len(SESSIONS)) for name, sd in spread.items()}
    return pd.DataFrame(frame, SESSIONS).assign(rf=1e-4)


def test_planted_betas_and_alpha_come_back():
    factors, betas = random_factors(), {"mkt_rf": 0.7, "smb": -0.3, "hml": 0.1}
    noise = np.random.default_rng(9).normal(0, 0.004, len(SESSIONS))
    returns = 3e-4 + 1e-4 + sum(beta * factors[name] for name, beta in betas.items()) + noise
    fit = factor_fit(returns, factors)
    for name, beta in betas.items():
        assert fit.table.loc[name, "estimate"] == pytest.approx(beta, abs=4 * fit.table.loc[name, "standard_error"])
        assert fit.table.loc[name, "low"] < fit.table.loc[name, "estimate"] < fit.table.loc[name, "high"]
    assert fit.table.loc["alpha", "estimate"] == pytest.approx(
        252 * 3e-4, abs=4 * fit.table.loc["alpha", "standard_error"]
    )
    assert 0.7 < fit.r_squared < 0.85
    assert fit.sessions == 1500


def test_one_factor_is_the_market_fit():
    factors = random_factors()[["mkt_rf"]]
    returns = 0.5 * factors["mkt_rf"] + np.random.default_rng(1).normal(0, 0.01, len(SESSIONS))
    fit, market = factor_fit(returns, factors), market_fit(returns, factors["mkt_rf"])
    assert fit.table["estimate"].tolist() == pytest.approx([market.alpha, market.beta])
    assert fit.r_squared == pytest.approx(market.r_squared)


def test_independent_residuals_have_the_errors_of_least_squares():
    factors = random_factors()[["mkt_rf", "smb"]]
    returns = factors["smb"] + np.random.default_rng(2).normal(0, 0.01, len(SESSIONS))
    x = np.column_stack([np.ones(len(SESSIONS)), factors])
    textbook = 0.01 * np.sqrt(np.diag(np.linalg.inv(x.T @ x))) * [252, 1, 1]
    np.testing.assert_allclose(factor_fit(returns, factors).table["standard_error"], textbook, rtol=0.15)


def test_too_few_sessions_or_repeated_factors_give_no_fit():
    factors = random_factors()
    returns = factors["mkt_rf"] + factors["smb"]
    assert factor_fit(returns.iloc[:59], factors) is None
    assert factor_fit(returns, factors.assign(again=factors["mkt_rf"])) is None
    assert factor_fit(returns, factors[["rf"]]) is None


def test_a_file_in_percent_is_refused(tmp_path):
    file = tmp_path / "french.csv"
    factors = random_factors().reset_index(names="date")
    factors.to_csv(file, index=False)
    found = load_factors(file, SESSIONS[:100])
    np.testing.assert_allclose(found["smb"], factors["smb"][:100])
    factors.assign(smb=100 * factors["smb"]).to_csv(file, index=False)
    with pytest.raises(BarsError, match="looks like percent, divide by 100"):
        load_factors(file, SESSIONS)


def test_wrong_files_say_what_is_wrong(tmp_path):
    file = tmp_path / "french.csv"
    factors = random_factors().reset_index(names="date")
    factors.to_csv(file, index=False)
    with pytest.raises(SourceError, match="no factors between 1990-01-01"):
        load_factors(file, pd.bdate_range("1990-01-01", periods=9))
    factors.drop(columns="date").to_csv(file, index=False)
    with pytest.raises(BarsError, match="needs a date"):
        load_factors(file, SESSIONS)
    pd.concat([factors, factors[:1].assign(smb=0.01)]).to_csv(file, index=False)
    with pytest.raises(BarsError, match="more than one row for 2015-01-02"):
        load_factors(file, SESSIONS)


@pytest.mark.skipif(not FRENCH.exists(), reason="../shared/data is not here")
def test_the_market_of_the_published_file_is_its_own_factor():
    sessions = pd.bdate_range("2015-01-02", "2017-12-29")
    factors = load_factors(FRENCH, sessions)
    fit = factor_fit((factors["mkt_rf"] + factors["rf"]).dropna(), factors)
    assert fit.table["estimate"].tolist() == pytest.approx([0, 1, 0, 0], abs=1e-9)


def test_sectors_add_up_to_the_gross_return_and_the_exposure():
    rng = np.random.default_rng(5)
    panel = random_panel(rng, n_sessions=60, n_tickers=8)
    result = result_of(panel, random_weights(rng, panel))
    np.testing.assert_allclose(name_returns(result, panel).sum(axis=1), result.gross_returns, rtol=0, atol=1e-12)
    names = result.held_weights.columns
    table = sector_table(result, panel, pd.Series(["a", "b", "a", "b"], names[:4]))
    assert set(table.index) == {"a", "b", "unknown"}
    assert table["annual"].sum() == pytest.approx(252 * result.gross_returns.mean())
    assert table["net"].sum() == pytest.approx(result.held_weights.sum(axis=1).mean())
    assert (table["long"] + table["short"]).tolist() == pytest.approx(table["net"].tolist())
