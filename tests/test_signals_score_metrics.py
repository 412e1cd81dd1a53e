"""Evaluation: signal metrics against slow twins, hand-computed cases and the laws of ranks."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.intervals import hac_lags_by_rule, hac_standard_error
from market.panel import Panel, PanelFacts
from market.returns import Execution, forward_returns
from signals import compute_features, quantile_returns
from signals.ic_decay import ic_decay
from signals.score_metrics import (
    ic_by_quarter,
    information_coefficient,
    rank_autocorrelation,
    score_correlation,
    summarize_ic,
)
from tests.oracles.signal_panels import bits, random_panel
from tests.oracles.slow_signal_metrics import slow_hac_error, slow_ic, slow_quantiles


def random_pair(seed: int, n_sessions: int = 30, n_tickers: int = 23) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return scores with ties and forward returns, both with holes; session 4 has four names, session 5 none."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=(n_sessions, n_tickers))
    scores = np.round(signal, 1)
    forward = 0.01 * (0.3 * signal + rng.normal(size=signal.shape))
    scores[rng.random(signal.shape) < 0.1] = np.nan
    forward[rng.random(signal.shape) < 0.1] = np.nan
    scores[4, 4:] = np.nan
    scores[5] = np.nan
    scores[6] = 0.1
    return framed(scores), framed(forward)


def framed(values: np.ndarray) -> pd.DataFrame:
    sessions = pd.bdate_range("2020-01-01", periods=len(values), name="session")
    tickers = pd.Index([chr(ord("A") + column) for column in range(values.shape[1])], name="ticker")
    return pd.DataFrame(np.asarray(values, dtype="float64"), index=sessions, columns=tickers)


def ic_series(*values: float) -> pd.Series:
    return pd.Series(values, index=pd.bdate_range("2020-01-01", periods=len(values), name="session"))


@pytest.mark.parametrize("method", ["spearman", "pearson"])
@pytest.mark.parametrize("seed", range(3))
def test_the_information_coefficient_equals_scipy_session_by_session(seed: int, method: str) -> None:
    scores, forward = random_pair(seed)
    ic = information_coefficient(scores, forward, method=method)
    expected = slow_ic(scores, forward, method)
    assert ic.isna().tolist() == expected.isna().tolist()
    assert ic.isna().sum() == 3
    np.testing.assert_allclose(ic, expected, rtol=1e-12, atol=1e-15)


def test_a_hand_computed_information_coefficient() -> None:
    scores, forward = framed(np.array([[1, 2, 3, 4, 5]])), framed(np.array([[2, 1, 4, 3, 9]]))
    assert information_coefficient(scores, forward).iloc[0] == pytest.approx(0.8)  # 1 − 6·4/(5·24)
    assert information_coefficient(scores, forward, method="pearson").iloc[0] == pytest.approx(16 / np.sqrt(10 * 38.8))


@settings(max_examples=25)
@given(seed=st.integers(0, 200), order=st.permutations(range(23)))
def test_rank_ic_is_free_of_scale_and_order_and_flips_with_the_signal(seed: int, order: list[int]) -> None:
    scores, forward = random_pair(seed)
    ic = information_coefficient(scores, forward)
    assert bits(information_coefficient(np.exp(scores * 3.0), forward)) == bits(ic)
    assert bits(information_coefficient(scores.iloc[:, order], forward)) == bits(ic)
    assert bits(information_coefficient(-scores, forward) + 0.0) == bits(-ic + 0.0)  # no negative zeros
    assert ic.abs().max() <= 1.0


def test_perfect_scores_have_an_ic_of_one() -> None:
    _, forward = random_pair(1)
    for method in ("spearman", "pearson"):
        ic = information_coefficient(forward, forward, method=method)
        np.testing.assert_allclose(ic, 1.0, rtol=1e-14)
        assert ic.max() <= 1.0


def test_scores_outside_the_forward_returns_have_no_ic_and_never_misalign() -> None:
    scores, forward = random_pair(2)
    part = information_coefficient(scores, forward.iloc[10:, ::-1])
    whole = information_coefficient(scores, forward)
    assert part.index.equals(scores.index)
    assert part.iloc[:10].isna().all()
    assert bits(part.iloc[10:]) == bits(whole.iloc[10:])


def test_equal_scores_have_no_pearson_ic_though_their_mean_rounds() -> None:
    scores = framed(np.full((1, 7), 0.1))
    forward = framed(np.arange(7.0)[None, :])
    assert information_coefficient(scores, forward, method="pearson").isna().all()


def test_scores_whose_squares_vanish_have_a_rank_ic_only() -> None:
    scores, forward = framed(np.arange(7.0)[None, :] * 1e-200), framed(np.arange(7.0)[None, :])
    assert information_coefficient(scores, forward, method="pearson").isna().all()
    assert information_coefficient(scores, forward).iloc[0] == pytest.approx(1.0)


def test_wrong_scores_are_refused_with_the_remedy() -> None:
    scores, forward = random_pair(0)
    with pytest.raises(ValueError, match="scores must hold at least one session and one ticker"):
        information_coefficient(scores.iloc[:0], forward)
    with pytest.raises(ValueError, match="scores and forward have no session or no ticker in common"):
        information_coefficient(scores, forward.rename(columns=str.lower))
    with pytest.raises(ValueError, match="scores must be finite or NaN, 1 values were infinite"):
        information_coefficient(scores.mask(scores == scores.max().max(), np.inf), forward)
    with pytest.raises(ValueError, match="method must be 'spearman' or 'pearson', was 'kendall'"):
        information_coefficient(scores, forward, method="kendall")


def test_a_hand_computed_summary() -> None:
    summary = summarize_ic(ic_series(0.1, -0.1, 0.3, np.nan, 0.1), hac_lags=0)
    assert summary.n_sessions == 4
    assert summary.mean == pytest.approx(0.1)
    assert summary.std == pytest.approx(np.sqrt(0.08 / 3))
    assert summary.icir == pytest.approx(0.1 / np.sqrt(0.08 / 3))
    assert summary.icir_annual == pytest.approx(summary.icir * np.sqrt(252))
    assert summary.standard_error == pytest.approx(np.sqrt(0.08 / 3) / 2)
    assert summary.t_hac == pytest.approx(summary.icir * 2)
    assert summary.hit_rate == 0.75
    assert (summary.minimum, summary.median, summary.maximum) == (-0.1, 0.1, 0.3)
    assert (summary.p05, summary.p25) == (pytest.approx(-0.07), pytest.approx(0.05))
    assert (summary.p75, summary.p95) == (pytest.approx(0.15), pytest.approx(0.27))


@settings(max_examples=25)
@given(seed=st.integers(0, 1000), lags=st.integers(0, 12))
def test_the_hac_error_equals_its_double_sum(seed: int, lags: int) -> None:
    numbers = np.cumsum(np.random.default_rng(seed).normal(size=40)) * 0.1
    error = hac_standard_error(pd.Series(numbers), lags=lags)
    assert error == pytest.approx(slow_hac_error(numbers, lags), rel=1e-10)


def test_overlapping_labels_widen_the_error() -> None:
    noise = np.random.default_rng(0).normal(size=2000)
    overlapping = pd.Series(noise).rolling(5).mean().dropna()
    naive, honest = hac_standard_error(overlapping, lags=0), hac_standard_error(overlapping, lags=20)
    assert 1.7 < honest / naive < 2.6  # √5 = 2.24 without the Bartlett weights


def test_lags_follow_the_rule_and_never_fall_below_the_horizon() -> None:
    assert [hac_lags_by_rule(n) for n in (1, 100, 252, 1000, 3650)] == [1, 4, 4, 6, 8]
    ic = pd.Series(np.random.default_rng(0).normal(size=100))
    assert summarize_ic(ic).hac_lags == 4
    assert summarize_ic(ic, horizon=4).hac_lags == 4
    assert summarize_ic(ic, horizon=21).hac_lags == 20
    with pytest.raises(ValueError, match="hac_lags must be at least horizon - 1 = 4, was 3"):
        summarize_ic(ic, horizon=5, hac_lags=3)
    with pytest.raises(ValueError, match="horizon must be at least 1 session, was 0"):
        summarize_ic(ic, horizon=0)
    with pytest.raises(ValueError, match="lags must be at least 0, was -1"):
        hac_standard_error(ic, lags=-1)
    with pytest.raises(ValueError, match="n_sessions must be at least 1, was 0"):
        hac_lags_by_rule(0)


def test_too_little_history_is_nan_and_none_is_an_error() -> None:
    lone = summarize_ic(ic_series(0.1))
    assert (lone.mean, lone.n_sessions, lone.hit_rate) == (0.1, 1, 1.0)
    assert np.isnan([lone.std, lone.icir, lone.standard_error, lone.t_hac]).all()
    nothing = summarize_ic(ic_series(np.nan, np.nan))
    assert nothing.n_sessions == 0
    assert np.isnan([nothing.mean, nothing.hit_rate, nothing.median, nothing.t_hac]).all()
    assert np.isnan(hac_standard_error(ic_series(0.1, 0.2, 0.3, 0.4, 0.5), lags=2))
    assert np.isfinite(hac_standard_error(ic_series(0.1, 0.2, 0.3, 0.1, 0.5, 0.6), lags=2))
    with pytest.raises(ValueError, match="ic holds no session"):
        summarize_ic(ic_series())
    with pytest.raises(ValueError, match="ic holds no session"):
        ic_by_quarter(ic_series())


def test_an_ic_of_zero_is_no_hit() -> None:
    assert summarize_ic(ic_series(0.0, 0.001, -0.2, 0.0)).hit_rate == 0.25


def test_an_ic_without_variation_has_no_ratio() -> None:
    summary = summarize_ic(ic_series(*[0.25] * 12))
    assert summary.mean == 0.25
    assert np.isnan([summary.icir, summary.t_hac]).all()


def test_quarters_are_summaries_of_their_sessions() -> None:
    ic = pd.Series(np.random.default_rng(0).normal(0.02, 0.1, 200), index=pd.bdate_range("2020-02-03", periods=200))
    table = ic_by_quarter(ic, horizon=5)
    assert [str(quarter) for quarter in table.index] == ["2020Q1", "2020Q2", "2020Q3", "2020Q4"]
    assert table["n_sessions"].sum() == 200
    assert table.loc[pd.Period("2020Q2")].to_dict() == pytest.approx(
        asdict(summarize_ic(ic.loc["2020-04":"2020-06"], horizon=5))
    )


def test_decay_of_foresight_peaks_at_the_foreseen_session() -> None:
    panel = random_panel(n_sessions=150, n_tickers=20, gaps=False)
    execution = Execution()
    scores = forward_returns(panel, execution, first=2)
    decay = ic_decay(scores, panel, execution, horizons=(1, 2, 3, 5, 20))
    assert decay.single.loc[3, "mean"] == pytest.approx(1.0)
    assert decay.single["mean"].drop(3).abs().max() < 0.2
    assert 0.3 < decay.cumulative.loc[5, "mean"] < 0.6
    assert decay.cumulative.loc[2, "mean"] < 0.2
    assert decay.single.loc[5, "n_sessions"] == 150 - 6


@pytest.mark.parametrize("fill", ["next_open", "next_close", "close"])
def test_decay_agrees_with_the_label_and_counts_overlap(fill: str) -> None:
    panel = random_panel(5, n_sessions=180, n_tickers=20)
    execution = Execution(fill=fill)
    scores = compute_features(panel)["ret_5d"].iloc[30:]
    decay = ic_decay(scores, panel, execution, horizons=(1, 20))
    label = information_coefficient(scores, forward_returns(panel, execution))
    assert decay.single.loc[1].to_dict() == pytest.approx(asdict(summarize_ic(label)))
    assert decay.cumulative.loc[1].to_dict() == pytest.approx(decay.single.loc[1].to_dict())
    assert decay.single["hac_lags"].tolist() == [4, 4]
    assert decay.cumulative["hac_lags"].tolist() == [4, 20]
    assert decay.single.index.name == "horizon"


def test_decay_refuses_empty_and_impossible_horizons() -> None:
    panel = random_panel()
    with pytest.raises(ValueError, match="horizons is empty"):
        ic_decay(panel.close, panel, Execution(), horizons=())
    with pytest.raises(ValueError, match="horizons must be at least 1 session, was 0"):
        ic_decay(panel.close, panel, Execution(), horizons=(1, 0))


@pytest.mark.parametrize("n_quantiles", [2, 3, 4, 5, 7])
def test_quantile_returns_equal_their_slow_twin(n_quantiles: int) -> None:
    scores, forward = random_pair(7)
    fast = quantile_returns(scores, forward, n_quantiles=n_quantiles).by_session
    slow = slow_quantiles(scores, forward, n_quantiles)
    np.testing.assert_allclose(fast, slow, rtol=1e-12, atol=1e-16)
    assert list(fast.columns) == list(slow.columns)


def test_hand_computed_quantiles() -> None:
    nan = np.nan
    scores = framed(np.array([[4, 3, 2, 1, 1, 0, nan], [1, 2, 3, 4, 5, 6, nan]]))
    forward = framed(np.array([[9, 3, 2, 5, 1, nan, 100], [1, 2, 3, 4, 5, 6, 100]]))
    quantiles = quantile_returns(scores, forward, n_quantiles=3)
    np.testing.assert_allclose(quantiles.by_session, [[5.0, 1.5, 6.0], [1.5, 3.5, 5.5]])  # D before E on equal scores
    np.testing.assert_allclose(quantiles.spread, [1.0, 4.0])
    summary = quantiles.summary
    np.testing.assert_allclose(summary["mean_predicted"], [(0.5 + 1.5) / 2, (1.5 + 3.5) / 2, (3.5 + 5.5) / 2])
    np.testing.assert_allclose(summary["mean_realised"], [3.25, 2.5, 5.75])
    assert summary["count"].tolist() == [3, 4, 4]
    assert summary["n_sessions"].tolist() == [2, 2, 2]
    # medians 3 and 3.5: the low quantile hits 0 of 1 and 2 of 2, the high one 1 of 1 (B is the median) and 2 of 2
    np.testing.assert_allclose(summary["hit_rate"], [2 / 3, nan, 1.0])


def test_equal_scores_are_cut_by_ticker_whatever_the_column_order() -> None:
    scores, forward = random_pair(8)
    flat = scores.where(scores.isna(), 1.0)
    straight = quantile_returns(flat, forward).by_session
    turned = quantile_returns(flat.iloc[:, ::-1], forward.iloc[:, ::-1]).by_session
    np.testing.assert_allclose(straight, turned, rtol=1e-12)


def test_a_missing_forward_return_moves_no_name_between_quantiles() -> None:
    scores, forward = random_pair(9)
    moved = (
        quantile_returns(scores, forward).by_session - quantile_returns(scores, forward.drop(columns="C")).by_session
    )
    changed = moved.abs().gt(1e-12) | moved.isna()
    names = scores.loc[:, "C"].notna() & forward.loc[:, "C"].notna() & scores.count(axis=1).ge(5)
    assert changed.sum(axis=1)[names].eq(1).all()


@settings(max_examples=20)
@given(seed=st.integers(0, 200))
def test_flipping_distinct_scores_swaps_the_quantiles(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, forward = framed(rng.normal(size=(10, 25))), framed(rng.normal(size=(10, 25)))
    up, down = quantile_returns(scores, forward), quantile_returns(-scores, forward)
    np.testing.assert_allclose(up.by_session.iloc[:, ::-1], down.by_session, rtol=1e-12)
    np.testing.assert_allclose(up.spread, -down.spread, rtol=1e-12)


def test_foresight_hits_always_and_noise_half_the_time() -> None:
    rng = np.random.default_rng(0)
    forward = framed(rng.normal(0.5, 1.0, (400, 25)))
    foresight = quantile_returns(forward, forward).summary["hit_rate"]
    assert foresight[[1, 2, 4, 5]].eq(1.0).all()
    assert np.isnan(foresight[3])
    noise = quantile_returns(framed(rng.normal(size=(400, 25))), forward).summary["hit_rate"]
    np.testing.assert_allclose(noise.drop(3), 0.5, atol=0.03)


def test_predictions_may_differ_from_the_scores_that_cut() -> None:
    scores, forward = random_pair(3)
    summary = quantile_returns(scores, forward, predicted=scores * 0.01 + 1.0).summary
    plain = quantile_returns(scores, forward).summary
    np.testing.assert_allclose(summary["mean_predicted"], plain["mean_predicted"] * 0.01 + 1.0)
    np.testing.assert_allclose(summary["mean_realised"], plain["mean_realised"])


def test_quantile_errors_count_the_overlap() -> None:
    scores, forward = random_pair(3, n_sessions=120)
    by_session = quantile_returns(scores, forward).by_session
    errors = quantile_returns(scores, forward, horizon=21).summary["standard_error"]
    assert errors[1] == pytest.approx(hac_standard_error(by_session[1], lags=20))


def test_quantiles_refuse_wrong_arguments() -> None:
    scores, forward = random_pair(0)
    with pytest.raises(ValueError, match="n_quantiles must be at least 2, was 1"):
        quantile_returns(scores, forward, n_quantiles=1)
    with pytest.raises(ValueError, match="scores and predicted have no session or no ticker in common"):
        quantile_returns(scores, forward, predicted=forward.rename(columns=str.lower))
    with pytest.raises(ValueError, match="horizon must be at least 1 session, was 0"):
        quantile_returns(scores, forward, horizon=0)


def test_rank_autocorrelation_compares_with_the_session_before() -> None:
    scores, _ = random_pair(4)
    steady = scores.copy()
    steady.iloc[:] = np.arange(23.0)
    assert rank_autocorrelation(steady).iloc[0:1].isna().all()
    np.testing.assert_allclose(rank_autocorrelation(steady).iloc[1:], 1.0)
    flipping = steady.mul(np.where(np.arange(30) % 2 == 0, 1.0, -1.0), axis=0)
    np.testing.assert_allclose(rank_autocorrelation(flipping).iloc[1:], -1.0)
    np.testing.assert_allclose(rank_autocorrelation(flipping, lag=2).iloc[2:], 1.0)
    with pytest.raises(ValueError, match="lag must be at least 1 session, was 0"):
        rank_autocorrelation(scores, lag=0)


def test_score_correlation_is_the_mean_of_its_sessions() -> None:
    a, b = random_pair(6)
    correlation = score_correlation(a, b)
    assert correlation.pearson == pytest.approx(slow_ic(a, b, "pearson").mean())
    assert correlation.spearman == pytest.approx(slow_ic(a, b, "spearman").mean())
    assert correlation.n_sessions == 27
    swapped = score_correlation(b, a)
    assert (swapped.pearson, swapped.spearman) == pytest.approx((correlation.pearson, correlation.spearman))


def test_reversal_on_real_bars_has_the_reference_ic(shared_data: Path) -> None:
    bars = pq.read_table(shared_data / "sp500_5y_2013_2018.parquet").to_pandas()
    bars["date"] = pd.to_datetime(bars["date"])
    close = bars.pivot_table(index="date", columns="ticker", values="close")
    flat = dict.fromkeys(("open", "high", "low", "close", "volume", "dollar_volume"), close)
    facts = PanelFacts(source="test", adjustment="splits and dividends", volume_basis="2018")
    panel = Panel(**flat, universe=close.notna(), facts=facts)
    returns = compute_features(panel, names=["ret_1d"])["ret_1d"].loc["2013-09":"2018-05"]
    forward = forward_returns(panel, Execution(fill="close"))
    ic = information_coefficient(-returns.where(returns.abs() <= 1.0), forward.where(forward.abs() <= 1.0))
    summary = summarize_ic(ic, hac_lags=10)
    assert summary.mean == pytest.approx(0.0174, abs=0.001)
    assert summary.t_hac == pytest.approx(3.3, abs=0.05)
