"""Headlines of forecasters: every figure of the page by another way, and laws of what knows nothing."""

import itertools
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from backtests.forecasts.claims import temperature_claims
from backtests.forecasts.claims.averaging_claims import averaged, most_of_averaging, random_walks, wildness_for
from backtests.forecasts.claims.claim_series import claim_series
from backtests.forecasts.claims.direction_claims import (
    accuracy_of_sharpe,
    best_of_coins,
    correlation_of_accuracy,
    sharpe_of_accuracy,
    ups,
)
from backtests.forecasts.claims.measured_claims import MeasuredClaims, measure_claims
from backtests.forecasts.claims.price_claims import free_r2, price_fits, rmse_over_persistence
from backtests.forecasts.claims.scaled_claims import scaled_errors
from backtests.forecasts.claims.selection_claims import other_choices, selections, typical_moves
from backtests.forecasts.claims.sharpe_claims import lucky_books, sharpe_claim
from backtests.forecasts.claims.temperature_claims import learned_ics, soft_against_hard
from backtests.report.forecasts.claims_page import claims_page, write_claims
from core.errors import DataError
from market.panel import Panel
from market.synthetic import SyntheticSettings, synthetic_market
from tests.oracles.small_runs import long_bars, quintile, refusal


@pytest.fixture(scope="module")
def panel() -> Panel:
    return synthetic_market(SyntheticSettings(n_tickers=40, n_sessions=700)).panel


@pytest.fixture(scope="module")
def closes(panel: Panel) -> pd.DataFrame:
    return claim_series(panel)


@pytest.fixture(scope="module")
def measured(panel: Panel) -> MeasuredClaims:
    with pytest.MonkeyPatch.context() as quick:
        quick.setattr(temperature_claims, "MAX_LEARNED", 25)
        quick.setattr(temperature_claims, "ROUNDS", 3)
        return measure_claims(panel)


def walks(n_sessions: int, n_series: int, *, seed: int = 0, spread: float = 0.01) -> pd.DataFrame:
    returns = np.random.default_rng(seed).normal(0.0, spread, (n_sessions, n_series))
    return pd.DataFrame(100.0 * np.cumprod(1.0 + returns, axis=0), pd.bdate_range("2010-01-01", periods=n_sessions))


def test_series_are_whole_and_those_of_the_most_money(panel: Panel, closes: pd.DataFrame) -> None:
    assert closes.notna().all(axis=None)
    assert 5 <= closes.shape[1] <= 25
    whole = [name for name in panel.tickers if panel.close[name].ffill(limit=10).notna().all()]
    money = panel.dollar_volume[whole].median()
    assert money[closes.columns].min() >= money.drop(closes.columns).max()


def test_bars_too_short_or_with_too_few_whole_names_are_refused(panel: Panel) -> None:
    with pytest.raises(DataError, match="claims need 570 sessions, the bars have 400"):
        claim_series(panel.until(panel.sessions[399]))
    with pytest.raises(DataError, match="4 names print from the first session to the last, claims need 5"):
        claim_series(panel.of_tickers(list(claim_series(panel).columns[:4])))


def test_r2_of_doing_nothing_is_one_less_the_ratio_of_two_sums(closes: pd.DataFrame) -> None:
    found = list(free_r2(closes).values())
    each = []
    for name in closes:
        prices = list(closes[name])[-127:]
        mean = sum(prices[1:]) / 126
        error = sum((after - before) ** 2 for before, after in itertools.pairwise(prices))
        each.append(1.0 - error / sum((price - mean) ** 2 for price in prices[1:]))
    assert found[0] == pytest.approx(min(each))
    assert found[1] == pytest.approx(float(np.median(each)))


def test_pooling_series_of_other_prices_raises_r2_and_changes_no_error() -> None:
    one = walks(700, 5)
    apart = one * np.array([1.0, 3.0, 9.0, 27.0, 81.0])
    assert list(free_r2(apart).values())[:3] == pytest.approx(list(free_r2(one).values())[:3])
    assert list(free_r2(apart).values())[4] > max(0.999, list(free_r2(one).values())[4])
    moves = [typical_moves(each) for each in (one, apart)]
    assert np.allclose(moves[0], moves[1], rtol=1e-12)


def test_the_error_behind_an_r2_of_0_111_beside_0_96() -> None:
    assert rmse_over_persistence(0.111, 0.96) == pytest.approx(math.sqrt(0.889 / 0.04))
    assert rmse_over_persistence(0.9, 0.9) == pytest.approx(1.0)


@pytest.mark.slow
def test_the_model_of_prices_is_the_ridge_of_another_library(closes: pd.DataFrame) -> None:
    from sklearn.linear_model import Ridge
    from sklearn.metrics import r2_score
    from sklearn.preprocessing import StandardScaler

    rows = []
    for name in closes.columns[:4]:
        series = closes[name]
        columns = [series.shift(lag) for lag in range(5)] + [series.rolling(window).mean() for window in (5, 20, 60)]
        frame = pd.concat([*columns, series.shift(-1), series], axis=1).to_numpy()
        rows += [(place, *row) for place, row in enumerate(frame) if np.isfinite(row).all()]
    table = np.array(rows)
    start = int(0.8 * len(closes))
    early, x, y, today = table[:, 0] < start, table[:, 1:9], table[:, 9], table[:, 10]
    scaler, target = StandardScaler().fit(x[early]), StandardScaler().fit(y[early, None])
    ridge = Ridge(alpha=1e-4 * early.sum()).fit(scaler.transform(x[early]), target.transform(y[early, None])[:, 0])
    said = target.inverse_transform(ridge.predict(scaler.transform(x[~early]))[:, None])[:, 0]
    found = price_fits(closes)["scaler fitted on training rows"]
    assert found.r2_price == pytest.approx(r2_score(y[~early], said), abs=1e-10)
    returns = y[~early] / today[~early] - 1.0
    assert found.r2_return == pytest.approx(r2_score(returns, said / today[~early] - 1.0), abs=1e-6)
    assert found.r2_free == pytest.approx(r2_score(y[~early], today[~early]))
    off = np.abs(y[~early] - said) / today[~early]
    assert found.skill == pytest.approx(1.0 - off.mean() / np.abs(returns).mean(), abs=1e-8)


def test_a_leak_shows_in_returns_and_hardly_in_prices() -> None:
    fits = list(price_fits(walks(1500, 4, seed=3)).values())
    nothing, honest, scaled, drawn, peeking = fits
    assert min(fit.r2_price for fit in fits) > 0.95
    for fit in (nothing, honest, scaled, drawn):
        assert fit.r2_return < 0.02
        assert fit.skill < 0.02
    assert peeking.r2_return > 0.3
    assert peeking.skill > 0.15
    assert peeking.r2_price - honest.r2_price < 0.02


def test_scaled_errors_by_hand() -> None:
    prices = np.linspace(100.0, 200.0, 430)
    closes = pd.DataFrame({"up": prices}, pd.bdate_range("2020-01-01", periods=430))
    found, step = scaled_errors(closes).loc["up"], 100.0 / 429
    judged = prices[-86:].mean()
    assert found["range_share"] == pytest.approx(100.0 / judged)
    assert found["scaled"] == pytest.approx(step / 100.0)
    assert found["scaled_week"] == pytest.approx(7.0 * step / 100.0)
    assert found["relative_week"] == pytest.approx(np.mean(7.0 * step / prices[-86:]))


def test_scaled_errors_are_nan_of_a_price_that_never_moves() -> None:
    flat = pd.DataFrame({"flat": np.full(430, 5.0)}, pd.bdate_range("2020-01-01", periods=430))
    assert math.isnan(scaled_errors(flat).loc["flat", "scaled"])


def test_always_up_is_counted_and_zeros_are_left_out() -> None:
    closes = pd.DataFrame({"a": [1.0, 2.0, 2.0, 1.0] * 70}, pd.bdate_range("2020-01-01", periods=280))
    assert ups(closes).loc[1, "series"] == pytest.approx(70 / 140)  # 69 falls onto the next 1.0 do not move
    rising = pd.DataFrame({"a": np.arange(1.0, 281.0)}, closes.index)
    assert (ups(rising) == 1.0).all(axis=None)


def test_the_luckiest_coin_is_that_of_a_simulation() -> None:
    drawn = np.random.default_rng(0).binomial(60, 0.5, (20_000, 30)).max(axis=1) / 60
    assert best_of_coins(60, 30) == pytest.approx(drawn.mean(), abs=4.0 * drawn.std() / math.sqrt(20_000))
    assert best_of_coins(10, 1) == 0.5


def test_accuracy_correlation_and_sharpe_are_those_of_a_simulation() -> None:
    rng, accuracy = np.random.default_rng(1), 0.6
    correlation = correlation_of_accuracy(accuracy)
    said, noise = rng.standard_normal((2, 1_000_000))
    came = correlation * said + math.sqrt(1.0 - correlation**2) * noise
    assert np.mean(np.sign(said) == np.sign(came)) == pytest.approx(accuracy, abs=0.002)
    right = np.sign(said) * came
    assert math.sqrt(252) * right.mean() / right.std() == pytest.approx(sharpe_of_accuracy(accuracy), rel=0.02)
    assert sharpe_of_accuracy(accuracy, n_bets=50) == pytest.approx(sharpe_of_accuracy(accuracy) * math.sqrt(50))
    assert accuracy_of_sharpe(sharpe_of_accuracy(0.53, n_bets=9), n_bets=9) == pytest.approx(0.53)


def test_the_sharpe_ratio_that_was_claimed() -> None:
    claim = sharpe_claim(2.53, 159)
    daily = 2.53 / math.sqrt(252)
    assert claim.standard_error == pytest.approx(math.sqrt(252 * (1.0 + daily**2 / 2.0) / 159))
    assert claim.high - claim.low == pytest.approx(2 * 1.96 * claim.standard_error)
    simulated = np.random.default_rng(2).normal(daily, 1.0, (20_000, 159))
    ratios = math.sqrt(252) * simulated.mean(axis=1) / simulated.std(axis=1, ddof=1)
    assert ratios.std() == pytest.approx(claim.standard_error, rel=0.03)
    best = np.random.default_rng(3).standard_normal((20_000, 25)).max(axis=1).mean() * math.sqrt(252 / 159)
    assert claim.by_trials.loc[25, "best without skill"] == pytest.approx(best, rel=0.02)
    assert claim.by_trials["probability above it"].is_monotonic_decreasing
    assert claim.by_trials.loc[25, "probability above it"] == pytest.approx(0.5, abs=0.03)


def test_random_books_without_skill_do_as_well_as_is_expected_of_them() -> None:
    returns = pd.DataFrame(np.random.default_rng(4).normal(0.0, 0.02, (1590, 60)))
    found, expected = lucky_books(returns, n_sessions=159), sharpe_claim(0.0, 159).by_trials["best without skill"]
    for trials in (1, 5, 25, 100):
        assert found[trials] == pytest.approx(expected[trials], abs=0.35)
    gaps = returns.mask(np.random.default_rng(5).random(returns.shape) < 0.2)
    assert np.isfinite(lucky_books(gaps, n_sessions=159)).all()


def test_the_best_of_noise_is_better_where_it_was_chosen_and_nowhere_else() -> None:
    found = selections(walks(1600, 24, seed=6))
    for one in found:
        assert one.worse == 0.0
        assert one.improved > 0.05
        assert abs(one.later) < 0.03
        assert one.worse_later == pytest.approx(0.5, abs=0.12)
    by_size = {(one.candidates, one.points): one.improved for one in found}
    assert by_size[3, 20] < by_size[30, 20] < by_size[90, 20]
    assert by_size[30, 86] < by_size[30, 20]
    three = next(one for one in found if (one.candidates, one.points) == (3, 20))
    assert three.replaced == pytest.approx(2 / 3, abs=0.08)  # the incumbent is the best of three one time in three


def test_price_and_percentage_error_choose_alike_within_a_series_whose_price_stands() -> None:
    assert other_choices(walks(1000, 20, seed=7, spread=0.0001)) < 0.01
    assert other_choices(walks(1000, 20, seed=7, spread=0.1)) > 0.05


def test_an_average_of_equals_errs_less_than_they_and_more_than_nothing() -> None:
    found = averaged(random_walks(walks(1500, 10, seed=8)))
    assert found.worst_member >= found.mean_member > found.average > 1.0
    assert found.over_mean_member == pytest.approx(1.0 - found.average / found.mean_member)
    assert found.over_persistence == pytest.approx(1.0 - found.average)
    assert 0.0 < found.over_mean_member < 0.2


def test_random_walks_are_as_volatile_as_the_series(closes: pd.DataFrame) -> None:
    drawn = random_walks(closes).pct_change().std()
    assert np.allclose(drawn, closes.pct_change(fill_method=None).std(), rtol=0.15)


def test_how_wrong_members_are_where_averaging_gains_that_much() -> None:
    rng, came = np.random.default_rng(9), np.random.default_rng(10).standard_normal(400_000)
    for gain in (0.30, 0.40):
        wild = math.sqrt(wildness_for(gain) ** 2 - 1.0)
        said = wild * rng.standard_normal((3, len(came)))
        member, average = (float(np.sqrt(np.mean((came - each) ** 2))) for each in (said[0], said.mean(axis=0)))
        assert 1.0 - average / member == pytest.approx(gain, abs=0.005)
    assert most_of_averaging(4) == 0.5
    with pytest.raises(ValueError, match=r"gains between 0 and 0\.423"):
        wildness_for(0.45)


def test_soft_ranks_rank_where_the_temperature_is_small_beside_the_values() -> None:
    returns = pd.DataFrame(np.random.default_rng(11).normal(0.0, 0.02, (70, 50)))
    found = soft_against_hard(returns)
    assert found["raw"].is_monotonic_decreasing
    assert (found["zscore"] > found["raw"]).all()
    straight = np.mean([np.corrcoef(row, pd.Series(row).rank())[0, 1] for row in returns.to_numpy()[1:]])
    assert found.loc[1.0, "raw"] == pytest.approx(straight, abs=0.001)  # a straight line through the values


def test_the_slope_of_the_soft_rank_loss_is_that_of_differences() -> None:
    rng = np.random.default_rng(12)
    scores, ranks = rng.normal(size=12), rng.permutation(12) + 1.0
    for temperature in (0.05, 0.5):
        slope = temperature_claims._day_loss(scores, ranks, temperature)[1]
        for place in range(12):
            step = 1e-6 * np.eye(12)[place]
            up, down = (temperature_claims._day_loss(scores + sign * step, ranks, temperature)[0] for sign in (1, -1))
            assert slope[place] == pytest.approx((up - down) / 2e-6, abs=1e-8)
    sharp = temperature_claims._day_loss(scores, ranks, 1e-4)[0]
    assert 1.0 - sharp == pytest.approx(spearmanr(scores, ranks).statistic, abs=1e-6)


@pytest.mark.slow
def test_a_scorer_finds_a_planted_alpha_at_either_temperature_and_nothing_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(temperature_claims, "TEMPERATURES", (0.05, 1.0))
    planted = SyntheticSettings(n_tickers=100, n_sessions=1200, planted_ic=0.10)
    found = learned_ics(synthetic_market(planted).panel)
    assert min(one.test for one in found.values()) > 0.015
    assert abs(found[0.05].test - found[1.0].test) < 0.01
    assert (found[0.05].lead, found[0.05].lead_error) == (0.0, 0.0)
    assert found[1.0].lead == pytest.approx(found[0.05].validation - found[1.0].validation, abs=1e-12)
    assert 0.0 < found[1.0].lead_error < found[1.0].validation_error  # what both err by drops out
    null = learned_ics(synthetic_market(planted.model_copy(update={"planted_ic": 0.0})).panel)
    assert max(abs(one.test) for one in null.values()) < 0.02


def test_the_page_has_the_numbers_and_says_what_is_true_of_them(measured: MeasuredClaims) -> None:
    page = claims_page([measured], command="quintile forecast claims")
    assert page == claims_page([measured], command="quintile forecast claims")
    for section in ("0.9986", "0.0436", "60 to 65", "2.53", "30 to 40", "27.5", "0.05 is critical"):
        assert any(section in line for line in page.splitlines() if line.startswith("## "))
    assert f"{list(measured.free.values())[3]:.4f}" in page
    assert f"{measured.scaled['scaled']:.4f}" in page
    assert "standard error of 1.27" in " ".join(page.split())
    assert "nan" not in page
    assert "built-in market (SYNTHETIC)" in page
    assert max(len(line) for line in page.splitlines() if not line.startswith("|")) <= 118


@pytest.mark.slow
def test_the_same_numbers_draw_the_same_bytes(measured: MeasuredClaims, tmp_path: Path) -> None:
    first = [path.read_bytes() for path in write_claims([measured], tmp_path, command="x")]
    again = [path.read_bytes() for path in write_claims([measured], tmp_path, command="x")]
    assert first == again
    assert first[1].startswith(b"<?xml")


def test_a_name_of_bars_is_text_on_the_page_and_a_foreign_page_stays(measured: MeasuredClaims, tmp_path: Path) -> None:
    facts = replace(measured.panel.facts, synthetic=False, source="<b>a|b`c*</b>.csv")
    strange = replace(measured, panel=replace(measured.panel, facts=facts))
    page = claims_page([strange], command="x")
    assert "<b>" not in page
    assert "&lt;b&gt;a∣b'c\\*&lt;/b&gt;.csv" in page
    (tmp_path / "claims.md").write_text("mine", encoding="utf-8")
    with pytest.raises(ValueError, match="is there already"):
        write_claims([measured], tmp_path, command="x")


def test_what_the_command_cannot_do_is_one_clear_line_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "backtests.forecasts.claims.measured_claims.measure_claims", lambda *_, **__: pytest.fail("measured")
    )
    (tmp_path / "claims.md").write_text("mine", encoding="utf-8")
    for options, said in (
        (("--docs", tmp_path), "is there already"),
        (("--docs", tmp_path / "new", "--bars", tmp_path / "none.parquet"), "none.parquet"),
        (("--docs", tmp_path / "new", "--start", "2015-01-01"), "are of given bars: name them with --bars"),
    ):
        assert said in refusal("forecast", "claims", *options, monkeypatch=monkeypatch, capsys=capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["claims.md"]


@pytest.mark.slow
def test_the_command_writes_the_page_and_names_no_folder_of_this_machine(
    measured: MeasuredClaims, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("backtests.forecasts.claims.measured_claims.measure_claims", lambda *_, **__: measured)
    long_bars(measured.panel).to_parquet(tmp_path / "bars.parquet")
    words = (
        "forecast",
        "claims",
        "--docs",
        tmp_path / "docs",
        "--bars",
        tmp_path / "bars.parquet",
        "--json",
        "--quiet",
    )
    told = json.loads(quintile(*words, monkeypatch=monkeypatch, capsys=capsys))
    assert told["pages"] == [str(tmp_path / "docs" / name) for name in ("claims.md", "claims.svg")]
    page = (tmp_path / "docs" / "claims.md").read_text(encoding="utf-8")
    assert "Written by `quintile forecast claims --docs docs --bars bars.parquet`" in page
    assert str(tmp_path) not in page
