"""Forecasters: no look-ahead in any of them, twins of other libraries, and what each must find."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import DataError
from market.panel import Panel, PanelFacts, no_delistings
from market.returns import Execution
from models.forecasters.forecaster import ForecastContext, SeriesHistory
from models.forecasters.forecaster_settings import KINDS, TRIVIAL_NAMES, forecaster_settings
from models.forecasters.forecasts import LEVELS, Forecasts
from models.forecasters.residual_ranges import fit_residual_ranges
from models.forecasters.trivial_forecasts import TrivialForecaster
from models.sample_splits import Split
from signals.features import compute_features, fill_gaps

CONTEXT = ForecastContext(seed=1)
WORDS = (
    *TRIVIAL_NAMES,
    "linear",
    "ar:p=2",
    "arima:p=1:q=1",
    "smoothing",
    "smoothing:damped_trend=false",
    "lstm_compact:epochs=2:lookback=20",
    "linear:fit=each",
    "linear:fit=finetune",
    "gru:epochs=1:lookback=20:hidden=4:fit=each",
    "gru:epochs=1:lookback=20:hidden=4:fit=finetune",
    "lstm_attention:epochs=1:lookback=20:hidden=4:layers=1",
)


def panel_of(returns: np.ndarray, seed: int = 0) -> Panel:
    rng = np.random.default_rng(seed)
    sessions = pd.bdate_range("2015-01-01", periods=len(returns), name="session")
    tickers = pd.Index([f"S{place}" for place in range(returns.shape[1])], name="ticker")
    close = pd.DataFrame(100.0 * np.exp(np.cumsum(returns, axis=0)), sessions, tickers)
    apart = [np.exp(sign * np.abs(rng.normal(0.0, 0.004, returns.shape))) for sign in (1, -1)]
    shares = pd.DataFrame(rng.integers(100_000, 200_000, returns.shape).astype(float), sessions, tickers)
    return Panel(
        open=close,
        high=close * apart[0],
        low=close * apart[1],
        close=close,
        volume=shares,
        dollar_volume=close * shares,
        universe=close.notna(),
        delistings=no_delistings(),
        facts=PanelFacts(source="made here", adjustment="none", volume_basis="none"),
    )


def history_of(panel: Panel, feature_set: str | None = None, horizons: tuple[int, ...] = (1, 3)) -> SeriesHistory:
    features = {} if feature_set is None else fill_gaps(compute_features(panel, feature_set), panel, limit=5)
    return SeriesHistory(panel=panel, features=features, execution=Execution(fill="close"), horizons=horizons)


@pytest.fixture(scope="module")
def walks() -> Panel:
    return panel_of(np.random.default_rng(5).normal(0.0, 0.01, (500, 3)))


SPLIT = Split(train=slice(0, 297), validation=slice(300, 397), test=slice(400, 497), purge=3)


@pytest.mark.parametrize("word", WORDS)
def test_what_comes_later_moves_no_forecast(walks: Panel, word: str) -> None:
    settings = forecaster_settings(word)
    history = history_of(walks, settings.feature_set)
    fitted = settings.made().fit(history, SPLIT, context=CONTEXT)
    whole = fitted.forecasts(history, slice(390, 480))
    cut = history_of(walks.until(walks.sessions[449]), settings.feature_set)
    early = fitted.forecasts(cut, slice(390, 450))
    assert np.isfinite(early.mean).all()
    assert np.allclose(early.mean, whole.mean[:60], rtol=0.0, atol=1e-12)
    if early.quantiles is not None and whole.quantiles is not None:
        assert np.array_equal(early.quantiles, whole.quantiles[:60], equal_nan=True)
        assert (np.diff(whole.quantiles, axis=-1) >= 0.0).all()


@pytest.mark.parametrize(
    "word",
    [
        "linear:fit=finetune",
        "ar:p=2",
        "smoothing",
        "lstm_compact:epochs=2:lookback=20",
        "gru:epochs=1:lookback=20:hidden=4:fit=finetune",
    ],
)
def test_nothing_after_validation_is_fitted_on(walks: Panel, word: str) -> None:
    settings = forecaster_settings(word)
    other = np.random.default_rng(9).normal(0.0, 0.05, (500, 3))
    returns = np.diff(np.log(walks.close.to_numpy()), axis=0, prepend=np.log(100.0))
    returns[400:] = other[400:]
    altered = panel_of(returns)
    features = settings.feature_set
    found = [
        settings.made()
        .fit(history_of(each, features), SPLIT, context=CONTEXT)
        .forecasts(history_of(each, features), slice(390, 400))
        for each in (panel_of(np.vstack([returns[:400], np.zeros((100, 3)) + 0.001 * other[400:]])), altered)
    ]
    assert np.array_equal(found[0].mean, found[1].mean)


def test_trivial_forecasts_by_hand() -> None:
    returns = np.tile([[0.02], [-0.01]], (60, 1))
    history = history_of(panel_of(returns), horizons=(1, 2))
    said = {name: TrivialForecaster(name=name).forecasts(history, slice(119, 120)).mean[0, 0] for name in TRIVIAL_NAMES}
    assert said["persistence"].tolist() == said["historical_volatility"].tolist() == [0.0, 0.0]
    drift = (60 * 0.02 - 60 * 0.01 - 0.02) / 119
    assert said["drift"] == pytest.approx(np.expm1([drift, 2 * drift]))
    assert said["historical_mean"] == pytest.approx(np.expm1([drift, 2 * drift]))


def test_arima_sums_what_the_library_forecasts(walks: Panel) -> None:
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    history = history_of(walks, horizons=(1, 2, 5))
    fitted = forecaster_settings("arima:p=1:q=1").made().fit(history, SPLIT, context=CONTEXT)
    said = fitted.forecasts(history, slice(449, 450)).mean[0, 1]
    returns = 100.0 * np.diff(np.log(walks.close.iloc[:450, 1].to_numpy()), prepend=np.nan)
    library = SARIMAX(returns, order=(1, 0, 1), trend="c").filter(fitted.series[1].parameters).forecast(5)
    assert said == pytest.approx(np.expm1(np.cumsum(library)[[0, 1, 4]] / 100.0), rel=1e-9)


def test_smoothing_carries_level_and_trend_as_the_library_does(walks: Panel) -> None:
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    history = history_of(walks, horizons=(1, 7))
    fitted = forecaster_settings("smoothing").made().fit(history, SPLIT, context=CONTEXT)
    closes, kept = np.log(walks.close.iloc[:450, 0].to_numpy()), fitted.series[0]
    library = ExponentialSmoothing(
        closes,
        initialization_method="known",
        initial_level=closes[0],
        initial_trend=0.0,
        trend="add",
        damped_trend=True,
    ).fit(
        smoothing_level=kept.level,
        smoothing_trend=kept.trend / kept.level,
        damping_trend=kept.damping,
        optimized=False,
    )
    said = fitted.forecasts(history, slice(449, 450)).mean[0, 0]
    assert said == pytest.approx(np.expm1(library.forecast(7)[[0, 6]] - closes[-1]), abs=1e-8)


def test_an_autoregression_is_found_and_its_coefficient_too() -> None:
    shocks = np.random.default_rng(4).normal(0.0, 0.01, (2000, 1))
    returns = shocks.copy()
    for row in range(1, len(returns)):
        returns[row] = 0.3 * returns[row - 1] + shocks[row]
    history = history_of(panel_of(returns), horizons=(1,))
    split = Split(train=slice(0, 1400), validation=slice(1401, 1700), test=slice(1701, 1999), purge=1)
    said = forecaster_settings("ar:p=1").made().fit(history, split, context=CONTEXT).forecasts(history, split.test)
    wanted = 0.3 * returns[1701:1999, 0]
    assert np.corrcoef(said.mean[:, 0, 0], wanted)[0, 1] > 0.99


def test_a_series_without_history_is_left_out_beside_others_and_refused_alone(walks: Panel) -> None:
    close = walks.close.copy()
    close.iloc[:380, 2] = np.nan
    short = replace(walks, **dict.fromkeys(("open", "high", "low", "close"), close), universe=close.notna())
    for word in ("ar:p=1", "smoothing"):
        made = forecaster_settings(word).made()
        said = made.fit(history_of(short), SPLIT, context=CONTEXT).forecasts(history_of(short), SPLIT.test)
        assert np.isfinite(said.mean[:, :2]).all()
        assert np.isnan(said.mean[:, 2]).all()
        with pytest.raises(DataError, match="the longest has"):
            made.fit(history_of(short.of_tickers(["S2"])), SPLIT, context=CONTEXT)


def test_a_network_that_compares_names_is_no_forecaster() -> None:
    from models.forecasters.seam_forecaster import SeamForecaster
    from models.model_kinds import settings_of
    from models.model_settings import LossSettings, ModelSettings

    for model, loss, said in (
        ({"kind": "cross_attention"}, {"mse": 1.0}, "reads one series"),
        ({"kind": "lstm"}, {"soft_rank": 1.0}, "compare no names"),
    ):
        settings = ModelSettings(model=settings_of(model), loss=LossSettings(terms=loss))
        with pytest.raises(ValueError, match=said):
            SeamForecaster(settings=settings)


def test_ranges_from_residuals_hold_what_they_say_where_nothing_changes(walks: Panel) -> None:
    history = history_of(panel_of(np.random.default_rng(8).normal(0.0, 0.01, (1500, 5))))
    split = Split(train=slice(0, 597), validation=slice(600, 1197), test=slice(1200, 1497), purge=3)
    nothing = TrivialForecaster(name="persistence")
    ranges = fit_residual_ranges(nothing.forecasts(history, split.validation), history)
    said = ranges.around(nothing.forecasts(history, split.test), history)
    outcomes = history.outcomes()[split.test]
    within = (said.quantile(0.05) <= outcomes) & (outcomes <= said.quantile(0.95))
    assert within.mean() == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("prophet", "no forecaster"),
        ("arima:p", "keys behind colons"),
        ("arima:z=1", "give one of p, q"),
        ("arima:p=-1", "greater than or equal to 0"),
        ("lstm_compact:dropout=2", "less than 1"),
        ("persistence:name=hope", "persistence has no keys"),
    ],
)
def test_words_that_name_nothing_are_one_clear_line(word: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        forecaster_settings(word)
    assert "\n" not in str(refused.value)


def test_every_kind_can_be_made_and_its_space_is_of_its_keys() -> None:
    for kind, settings in KINDS.items():
        assert settings.SPACE.keys() <= settings.model_fields.keys()
        if not {"weights", "file"} & settings.model_fields.keys():  # what these need the user keeps on disk
            assert forecaster_settings(kind).made() is not None


def test_the_page_of_forecasters_names_every_kind_and_key() -> None:
    page = (Path(__file__).parent.parent / "docs" / "forecasters.md").read_text(encoding="utf-8")
    learned = [kind for kind, keys in KINDS.items() if not keys.__module__.endswith("pretrained_keys")]
    for kind in learned:
        assert f"`{kind}`" in page, kind
        for key in KINDS[kind].model_fields.keys() - {"name"}:
            assert f"`{key}`" in page, (kind, key)


def test_forecasts_refuse_shapes_that_do_not_fit() -> None:
    sessions, tickers = pd.bdate_range("2020-01-01", periods=2), pd.Index(["A"])
    with pytest.raises(ValueError, match="rising"):
        Forecasts(sessions=sessions, tickers=tickers, horizons=(2, 1), mean=np.zeros((2, 1, 2)))
    with pytest.raises(ValueError, match="mean must have the shape"):
        Forecasts(sessions=sessions, tickers=tickers, horizons=(1,), mean=np.zeros((2, 1, 2)))
    made = Forecasts(sessions=sessions, tickers=tickers, horizons=(1,), mean=np.zeros((2, 1, 1)))
    assert math.isnan(made.quantile(LEVELS[0])[0, 0, 0])
