"""Laws of the forecast desk on simulated series: it finds what is there, and nothing else."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from backtests.forecasts.forecast_ranges import covered, crps_of_deciles
from backtests.forecasts.forecast_score import Judged, score_forecasts
from backtests.forecasts.skill import Skill, skill_of
from backtests.forecasts.smallest_skill import smallest_skill
from backtests.report.forecasts.power_words import power_sentence
from core.intervals import Interval
from market.panel import Panel, PanelFacts, no_delistings
from market.returns import Execution
from models.forecasters.forecaster import FittedForecaster, ForecastContext, NothingFitted, SeriesHistory
from models.forecasters.forecaster_settings import forecaster_settings
from models.forecasters.forecasts import LEVELS, Forecasts
from models.forecasters.trivial_forecasts import TrivialForecaster
from models.sample_splits import Split
from signals.features import compute_features, fill_gaps

QUICK = ("ar", "smoothing", "linear")
CONTEXT = ForecastContext(seed=0)


def panel_of(log_returns: np.ndarray, seed: int = 0) -> Panel:
    """Bars whose closes move by these log returns, (T, N), with opens, ranges and volumes that say nothing."""
    rng = np.random.default_rng(seed)
    sessions = pd.bdate_range("2005-01-03", periods=len(log_returns), name="session")
    tickers = pd.Index([f"S{place:03}" for place in range(log_returns.shape[1])], name="ticker")
    close = pd.DataFrame(100.0 * np.exp(np.cumsum(log_returns, axis=0)), sessions, tickers)
    high, low = (np.exp(sign * np.abs(rng.normal(0.0, 0.004, log_returns.shape))) for sign in (1, -1))
    shares = pd.DataFrame(rng.integers(100_000, 200_000, log_returns.shape).astype(float), sessions, tickers)
    return Panel(
        open=close,
        high=close * high,
        low=close * low,
        close=close,
        volume=shares,
        dollar_volume=close * shares,
        universe=close.notna(),
        delistings=no_delistings(),
        facts=PanelFacts(source="made here", adjustment="none", volume_basis="none"),
    )


@dataclass(frozen=True, kw_only=True)
class Bench:
    """One panel, split, and what came on its test rows."""

    history: Callable[[str | None], SeriesHistory]
    split: Split
    judged: Judged

    def asked(self, word: str) -> Forecasts:
        settings = forecaster_settings(word)
        history = self.history(settings.feature_set)
        return settings.made().fit(history, self.split, context=CONTEXT).forecasts(history, self.split.test)

    def skill(self, said: Forecasts, place: int | None = None) -> Skill:
        ticker = None if place is None else str(said.tickers[place])
        return score_forecasts(said, self.judged, ticker=ticker).skill


def bench_of(log_returns: np.ndarray, *, shares: tuple[float, float] = (0.6, 0.2)) -> Bench:
    panel = panel_of(log_returns)

    def history(feature_set: str | None) -> SeriesHistory:
        features = {} if feature_set is None else fill_gaps(compute_features(panel, feature_set), panel, limit=5)
        return SeriesHistory(panel=panel, features=features, execution=Execution(fill="close"), horizons=(1,))

    n = len(panel.sessions)
    first, second = int(n * shares[0]), int(n * (shares[0] + shares[1]))
    split = Split(train=slice(0, first - 1), validation=slice(first, second - 1), test=slice(second, n - 1), purge=1)
    bare = history(None)
    judged = Judged(
        outcomes=bare.outcomes()[split.test],
        starts=bare.starts()[split.test],
        naive=1.0,
        benchmark=TrivialForecaster(name="persistence").forecasts(bare, split.test),
    )
    return Bench(history=history, split=split, judged=judged)


@pytest.fixture(scope="module")
def walks() -> Bench:
    return bench_of(np.random.default_rng(11).normal(0.0, 0.01, (1000, 200)))


def autoregression(coefficient: float, shape: tuple[int, int], seed: int) -> np.ndarray:
    returns = np.random.default_rng(seed).normal(0.0, 0.01, shape)
    for row in range(1, len(returns)):
        returns[row] += coefficient * returns[row - 1]
    return returns


def turbulence(shape: tuple[int, int], seed: int) -> np.ndarray:
    """Returns of no predictable sign and a GARCH(1, 1) volatility, whose half-life is some seventy sessions."""
    rng = np.random.default_rng(seed)
    shocks, variance = rng.standard_normal(shape), np.full(shape[1], 1e-4)
    returns = np.empty(shape)
    for row in range(shape[0]):
        returns[row] = np.sqrt(variance) * shocks[row]
        variance = 1e-6 + 0.12 * returns[row] ** 2 + 0.87 * variance
    return returns


@pytest.mark.slow
@pytest.mark.parametrize("word", QUICK)
def test_of_200_random_walks_a_twentieth_is_called_better_than_persistence(walks: Bench, word: str) -> None:
    said = walks.asked(word)
    better = [walks.skill(said, place).is_better for place in range(200)]
    assert 0.02 <= np.mean(better) <= 0.08


@pytest.mark.slow
def test_an_autoregression_of_returns_is_found_and_no_more_of_it_than_there_is() -> None:
    bench = bench_of(autoregression(0.15, (2500, 20), seed=3))
    said = bench.asked("ar:p=1")
    score = score_forecasts(said, bench.judged)
    assert score.skill.is_better
    assert score.skill.p_value < 0.001
    assert score.errors.r2_return == pytest.approx(0.15**2, abs=0.008)
    least_error = math.sqrt(1.0 - 0.15**2)  # of the best forecast ÷ of persistence, normal returns
    assert score.skill.interval.estimate == pytest.approx(1.0 - least_error, abs=0.006)
    assert score.errors.r2_price > 0.97  # and prices are explained by doing nothing as well


@pytest.mark.slow
def test_predictable_volatility_gives_ranges_and_no_point_skill() -> None:
    bench = bench_of(turbulence((2500, 12), seed=4))
    outcomes, trained = bench.judged.outcomes, bench.history(None).outcomes()[bench.split.train]
    constant = np.nanquantile(trained.reshape(-1), LEVELS)  # one range for all sessions, of the training rows
    base = crps_of_deciles(np.broadcast_to(constant, (*outcomes.shape, len(LEVELS))), outcomes).mean()
    ranges = TrivialForecaster(name="historical_volatility").forecasts(bench.history(None), bench.split.test)
    assert ranges.quantiles is not None
    assert 1.0 - crps_of_deciles(ranges.quantiles, outcomes).mean() / base > 0.005
    assert 0.87 <= covered(ranges.quantiles, outcomes, low=0.05, high=0.95).mean() <= 0.93
    for word in QUICK:
        skill = bench.skill(bench.asked(word))
        assert not skill.is_better
        assert skill.interval.estimate < 0.005


@pytest.mark.slow
@pytest.mark.parametrize("word", QUICK)
def test_outcomes_in_another_order_of_sessions_give_no_skill(word: str) -> None:
    """What an autoregression knows is gone once the sessions that came are dealt to others."""
    bench = bench_of(autoregression(0.4, (1500, 20), seed=5))
    said = bench.asked(word)
    order = np.random.default_rng(6).permutation(len(said.sessions))
    dealt = Judged(
        outcomes=bench.judged.outcomes[order],
        starts=bench.judged.starts,
        naive=1.0,
        benchmark=bench.judged.benchmark,
    )
    skill = score_forecasts(said, dealt).skill
    assert not skill.is_better
    assert skill.interval.estimate < 0.0
    if word == "ar":
        assert bench.skill(said).interval.estimate > 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreteller(NothingFitted):
    """A forecaster that peeks ``sessions`` ahead of its origin, through a mean that is centred on it."""

    peek: int

    def forecasts(self, history: SeriesHistory, rows: slice) -> Forecasts:
        closes = pd.DataFrame(history.log_closes())
        centred = closes.rolling(2 * self.peek + 1, center=True, min_periods=1).mean() if self.peek else closes
        mean = np.asarray(np.expm1(centred - closes))[rows][..., None]
        return Forecasts(
            sessions=history.sessions[rows], tickers=history.panel.tickers, horizons=(1,), mean=mean, quantiles=None
        )

    @property
    def facts(self) -> dict[str, float | int | str]:
        return {}


def moved_by_what_comes_later(fitted: FittedForecaster, history: SeriesHistory) -> bool:
    """Whether forecasts change where the bars after the last origin are not there."""
    n = len(history.sessions)
    whole = fitted.forecasts(history, slice(n - 60, n - 20)).mean
    cut = fitted.forecasts(history.until(history.sessions[n - 21]), slice(n - 60, n - 20)).mean
    return not np.allclose(whole, cut, rtol=0.0, atol=1e-12, equal_nan=True)


def test_a_forecaster_that_peeks_is_caught_by_cutting_the_future() -> None:
    bench = bench_of(np.random.default_rng(7).normal(0.0, 0.01, (400, 3)))
    history = bench.history(None)
    for peek in (1, 5):
        assert moved_by_what_comes_later(Foreteller(peek=peek), history)
    paid = bench.skill(Foreteller(peek=1).forecasts(history, bench.split.test)).interval.estimate
    assert paid > 0.05
    assert not moved_by_what_comes_later(Foreteller(peek=0), history)
    fitted = forecaster_settings("ar:p=2").made().fit(history, bench.split, context=CONTEXT)
    assert not moved_by_what_comes_later(fitted, history)


def test_diebold_and_mariano_with_overlaps_is_a_regression_on_a_constant() -> None:
    from statsmodels.api import OLS

    rng, horizon, n = np.random.default_rng(8), 7, 250
    shared = np.convolve(rng.normal(size=n + horizon), np.ones(horizon) / horizon)[horizon : horizon + n]
    base = 1.0 + np.abs(shared)
    table = pd.DataFrame({"loss": base - 0.02 + 0.2 * shared, "benchmark": base})
    gain = (table["benchmark"] - table["loss"]).to_numpy()
    fit = OLS(gain, np.ones(n)).fit(cov_type="HAC", cov_kwds={"maxlags": horizon - 1, "use_correction": True})
    factor = math.sqrt((n + 1 - 2 * horizon + horizon * (horizon - 1) / n) / n)
    assert skill_of(table, horizon=horizon).statistic == pytest.approx(factor * float(fit.tvalues[0]), rel=1e-9)


def test_the_smallest_skill_is_found_four_times_in_five_and_half_of_it_is_not() -> None:
    rng, n, found = np.random.default_rng(9), 114, {1.0: 0, 0.5: 0}
    base = np.abs(rng.normal(size=(4000, n)))
    noise = rng.normal(0.0, 0.3, (4000, n))
    least = smallest_skill(skill_of(pd.DataFrame({"loss": base[0] + noise[0] - 0.01, "benchmark": base[0]})))
    truth = 0.3 / math.sqrt(n) / math.sqrt(2.0 / math.pi) * (1.658 + 0.8416)
    assert least == pytest.approx(truth, rel=0.25)  # of one sample's own error
    for share in found:
        for row in range(400):
            loss = base[row] + noise[row] - share * truth * math.sqrt(2.0 / math.pi)
            found[share] += skill_of(pd.DataFrame({"loss": loss, "benchmark": base[row]})).is_better
    assert found[1.0] / 400 == pytest.approx(0.80, abs=0.06)
    assert found[0.5] / 400 < 0.5


def test_the_smallest_skill_is_unknown_where_there_is_no_statistic_and_refuses_a_strange_power() -> None:
    nothing = Skill(interval=Interval(math.nan, math.nan, math.nan), statistic=math.nan, p_value=math.nan, n_sessions=1)
    assert math.isnan(smallest_skill(nothing))
    assert power_sentence("ar", nothing) == ""
    with pytest.raises(ValueError, match="power must lie between"):
        smallest_skill(nothing, power=1.0)


def test_570_sessions_are_judged_and_say_what_they_cannot_show() -> None:
    bench = bench_of(np.random.default_rng(10).normal(0.0004, 0.03, (570, 1)))
    skill = bench.skill(bench.asked("ar"))
    assert skill.n_sessions == 113
    least = smallest_skill(skill)
    assert 0.0 < least < 0.2
    told = power_sentence("ar", skill)
    assert f"{100.0 * least:.2f} %" in told
    assert "113 test sessions" in told
