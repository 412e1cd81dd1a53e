"""Learned forecasters: lanes, one network for all horizons, ranges from its own variance, and how series are pooled."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from core.errors import DataError
from market.panel import Panel
from models.forecasters.forecaster import ForecastContext
from models.forecasters.forecaster_settings import forecaster_settings
from models.forecasters.forecasts import LEVELS, Forecasts
from models.forecasters.learned.horizon_network import horizon_loss, horizon_network, windows_given
from models.forecasters.learned.series_lanes import lanes_of
from models.forecasters.residual_ranges import error_ratios
from models.model_kinds import settings_of
from models.sample_splits import Split
from strategy.forecasts.forecast_task import TaskSettings, forecast_task
from tests.test_models_forecasters import CONTEXT, SPLIT, history_of, panel_of

NETWORK = "gru:epochs=2:lookback=20:hidden=4"


@pytest.fixture(scope="module")
def walks() -> Panel:
    return panel_of(np.random.default_rng(5).normal(0.0, 0.01, (500, 3)))


def said(word: str, panel: Panel, rows: slice = SPLIT.test, split: Split = SPLIT) -> Forecasts:
    settings = forecaster_settings(word)
    history = history_of(panel, settings.feature_set)
    return settings.made().fit(history, split, context=CONTEXT).forecasts(history, rows)


def test_lanes_hold_every_label_once_behind_its_own_past() -> None:
    x = torch.arange(50 * 2 * 3, dtype=torch.float32).reshape(50, 2, 3)
    y = torch.arange(50 * 2 * 2, dtype=torch.float32).reshape(50, 2, 2)
    y[7, 1] = math.nan
    lanes = lanes_of(x, y, slice(5, 45), warm_up=4)
    assert lanes.x.shape[1] == 32  # 16 lanes of three rows each, of two series
    found = lanes.y[torch.isfinite(lanes.y)]
    wanted = y[5:45][torch.isfinite(y[5:45])]
    assert sorted(found.tolist()) == sorted(wanted.tolist())
    assert lanes.labels == 79
    assert bool(torch.isnan(lanes.y[:4]).all())
    for row in range(4, len(lanes.x)):
        for column in range(32):
            if bool(torch.isfinite(lanes.y[row, column]).all()):
                place, series = divmod(int(lanes.y[row, column, 0]) // 2, 2)
                own = x[max(place - 4, 0) : place + 1, series]
                assert torch.equal(lanes.x[row - 4 : row + 1, column][-len(own) :], own)
    assert float(lanes.x.max()) == float(x[44].max())  # nothing after the rows is read


@pytest.mark.parametrize("kind", ["lstm", "alstm", "gru", "transformer", "mlp"])
def test_windows_are_read_as_one_by_one_and_beside_others_alike(kind: str) -> None:
    lookback, told = 6, {"kind": kind, "lookback": 6, "hidden": (8,) if kind == "mlp" else 8, "dropout": 0.0}
    torch.manual_seed(0)
    network = horizon_network(settings_of(told), 3, 2).eval()
    x = torch.randn(700, 2, 3)
    given = windows_given(network, x, slice(250, 530), lookback=lookback)
    assert given.shape == (280, 2, 2)
    for row, series in ((250, 0), (256, 1), (400, 0), (529, 1)):
        with torch.inference_mode():
            one = network(x[row - 5 : row + 1, [series]]).reshape(-1, 2)[-1]
        assert torch.allclose(given[row - 250, series], one, atol=1e-6)
    assert torch.equal(windows_given(network, x[:500], slice(300, 500), lookback=lookback), given[50:250])
    assert torch.equal(windows_given(network, x, slice(251, 530, 7), lookback=lookback), given[1::7])


def test_the_loss_by_hand() -> None:
    labels = torch.tensor([[1.0, math.nan], [0.0, 2.0]])
    assert horizon_loss(torch.tensor([[0.0, 9.0], [2.0, 0.0]]), labels).item() == pytest.approx((1 + 4 + 4) / 3)
    given = torch.tensor([[0.0, 9.0, math.log(4.0), 9.0], [2.0, 0.0, 0.0, 0.0]])
    densities = [0.5 * (math.log(2 * math.pi) + math.log(4.0) + 0.25), *[0.5 * (math.log(2 * math.pi) + 4.0)] * 2]
    assert horizon_loss(given, labels).item() == pytest.approx(sum(densities) / 3)


def test_a_network_has_an_output_a_horizon_and_head() -> None:
    plain = horizon_network(settings_of({"kind": "lstm", "hidden": 4}), 3, 5)
    both = horizon_network(settings_of({"kind": "alstm", "hidden": 4, "heads": ("score", "log_variance")}), 3, 5)
    assert plain(torch.zeros(2, 1, 3)).shape == (2, 1, 5)
    assert both(torch.zeros(2, 1, 3)).shape == (2, 1, 10)


@pytest.mark.slow
def test_a_network_learns_each_horizon_what_an_autoregression_knows_of_it() -> None:
    shocks = np.random.default_rng(4).normal(0.0, 0.01, (1600, 1))
    returns = shocks.copy()
    for row in range(1, len(returns)):
        returns[row] = -0.6 * returns[row - 1] + shocks[row]
    split = Split(train=slice(0, 1097), validation=slice(1100, 1297), test=slice(1300, 1597), purge=3)
    found = said("gru:features=core11:lookback=10:epochs=12:learning_rate=0.01", panel_of(returns), split.test, split)
    for place, horizon in enumerate((1, 3)):
        known = returns[1300:1597, 0] * sum((-0.6) ** step for step in range(1, horizon + 1))
        assert np.corrcoef(found.mean[:, 0, place], known)[0, 1] > 0.8


def test_each_seed_is_a_network_and_the_same_one_every_time(walks: Panel) -> None:
    settings = forecaster_settings(NETWORK)
    history = history_of(walks, settings.feature_set)
    found = [
        settings.made().fit(history, SPLIT, context=ForecastContext(seed=seed)).forecasts(history, SPLIT.test).mean
        for seed in (1, 1, 2)
    ]
    assert np.array_equal(found[0], found[1])
    assert not np.allclose(found[0], found[2], rtol=0.0, atol=1e-6)


def test_the_order_of_the_tickers_moves_no_regression(walks: Panel) -> None:
    order = ["S2", "S0", "S1"]
    for word in ("linear", "linear:fit=each", "linear:fit=finetune"):
        straight, shuffled = said(word, walks), said(word, walks.of_tickers(order))
        places = [walks.tickers.get_loc(name) for name in shuffled.tickers]
        assert np.allclose(shuffled.mean, straight.mean[:, places], rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("word", ["linear", NETWORK])
def test_a_series_fitted_alone_is_the_forecaster_on_that_series(walks: Panel, word: str) -> None:
    each = said(f"{word}:fit=each", walks)
    for place, ticker in enumerate(walks.tickers):
        settings = forecaster_settings(word)
        one = history_of(walks, settings.feature_set).of(ticker)
        alone = settings.made().fit(one, SPLIT, context=CONTEXT).forecasts(one, SPLIT.test)
        assert np.array_equal(each.mean[:, [place]], alone.mean)


def two_kinds() -> Panel:
    """Two series that go on where they went, and two that turn back: pooling them teaches nothing."""
    shocks = np.random.default_rng(6).normal(0.0, 0.01, (900, 4))
    returns = shocks.copy()
    for row in range(1, len(returns)):
        returns[row] = np.array([0.5, 0.5, -0.5, -0.5]) * returns[row - 1] + shocks[row]
    return panel_of(returns)


@pytest.mark.parametrize(
    "word",
    [
        "linear:features=core11",
        pytest.param(
            "gru:features=core11:lookback=10:learning_rate=0.005:epochs=6:tune_rate=1", marks=pytest.mark.slow
        ),
    ],
)
def test_fine_tuning_finds_what_pooling_loses(word: str) -> None:
    panel, split = two_kinds(), Split(train=slice(0, 497), validation=slice(500, 697), test=slice(700, 897), purge=3)
    outcomes = history_of(panel).outcomes()[split.test]
    errors = {
        mode: np.nanmean((outcomes - said(f"{word}:fit={mode}", panel, split.test, split).mean) ** 2)
        for mode in ("pooled", "finetune")
    }
    assert errors["finetune"] < 0.97 * errors["pooled"]


@pytest.mark.parametrize("word", ["linear:features=core14", f"{NETWORK}:tune_epochs=2:features=core14"])
def test_fine_tuning_of_one_series_begins_with_all_of_the_bars(walks: Panel, word: str) -> None:
    task = forecast_task(walks, ["S1"], TaskSettings(horizons=(1, 3)))
    whole = forecast_task(walks, None, TaskSettings(horizons=(1, 3)))
    found = []
    for each in (task, whole):
        history = each.history("core14")
        made = forecaster_settings(f"{word}:fit=finetune").made()
        found.append(made.fit(history, each.split, context=CONTEXT).forecasts(history, each.split.test))
    assert list(found[0].tickers) == ["S1"]
    assert np.array_equal(found[0].mean[:, 0], found[1].mean[:, 1])
    alone = forecast_task(walks.of_tickers(["S1"]), None, TaskSettings(horizons=(1, 3))).history("core14")
    other = forecaster_settings(f"{word}:fit=finetune").made().fit(alone, task.split, context=CONTEXT)
    assert not np.allclose(other.forecasts(alone, task.split.test).mean, found[0].mean, rtol=0.0, atol=1e-9)


def test_what_comes_later_moves_no_series_of_wider_bars(walks: Panel) -> None:
    settings = forecaster_settings("linear:fit=finetune")
    task = forecast_task(walks, ["S1"], TaskSettings(horizons=(1, 3)))
    history = task.history("compact12")
    fitted = settings.made().fit(history, task.split, context=CONTEXT)
    cut = history.until(history.sessions[task.split.test.start + 20])
    assert cut.wider.sessions[-1] == cut.sessions[-1]
    rows = slice(task.split.test.start, task.split.test.start + 21)
    assert np.array_equal(fitted.forecasts(cut, rows).mean, fitted.forecasts(history, rows).mean)


@pytest.mark.parametrize("keys", ["tune_epochs=0", "tune_epochs=1:tune_rate=1e-7"])
def test_no_epochs_or_steps_of_fine_tuning_leave_the_pooled_network(walks: Panel, keys: str) -> None:
    pooled, tuned = said(NETWORK, walks), said(f"{NETWORK}:fit=finetune:{keys}", walks)
    assert np.allclose(pooled.mean, tuned.mean, rtol=0.0, atol=1e-8)


def test_a_short_series_keeps_what_the_others_taught(walks: Panel) -> None:
    close = walks.close.copy()
    close.iloc[:285, 2] = np.nan
    bars = {name: getattr(walks, name).where(close.notna()) for name in ("open", "high", "low", "close", "volume")}
    short = replace(walks, **bars, universe=close.notna())
    for word in ("linear:features=core11", f"{NETWORK}:features=core11"):
        rows = slice(440, 497)
        tuned, pooled = said(f"{word}:fit=finetune", short, rows), said(word, short, rows)
        assert np.isfinite(tuned.mean).all()
        assert np.allclose(tuned.mean[:, 2], pooled.mean[:, 2], rtol=0.0, atol=1e-8)
        alone = said(f"{word}:fit=each", short, rows)
        assert np.isnan(alone.mean[:, 2]).all()
        assert np.isfinite(alone.mean[:, :2]).all()


def test_too_little_history_is_one_line(walks: Panel) -> None:
    settings = forecaster_settings("lstm_compact:lookback=290")
    history = history_of(walks.of_tickers(["S0"]), settings.feature_set)
    with pytest.raises(DataError, match="needs 30 training windows") as refused:
        settings.made().fit(history, SPLIT, context=CONTEXT)
    assert "\n" not in str(refused.value)


def test_bars_of_closes_alone_are_one_line_that_names_a_way_out(walks: Panel) -> None:
    closes = replace(walks, open=walks.close, high=walks.close, low=walks.close)
    settings = forecaster_settings(NETWORK)
    with pytest.raises(DataError, match=r"feature high is constant .*: name others with features=, or arima"):
        settings.made().fit(history_of(closes, settings.feature_set), SPLIT, context=CONTEXT)


def test_configurations_are_the_references_and_yield_to_what_is_said() -> None:
    sizes = {name: forecaster_settings(f"lstm_attention:config={name}") for name in "ABC"}
    assert [(each.hidden, each.layers) for each in sizes.values()] == [(64, 2), (128, 3), (256, 3)]
    assert [each.learning_rate for each in sizes.values()] == [0.005, 0.01, 0.02]
    told = forecaster_settings("lstm_attention:config=C:hidden=16")
    assert (told.hidden, told.layers) == (16, 3)
    with pytest.raises(ValueError, match="config"):
        forecaster_settings("lstm_attention:config=D")


def test_attention_across_names_is_refused_in_one_line() -> None:
    with pytest.raises(ValueError, match="cross_attention compares the names of a session") as refused:
        forecaster_settings("cross_attention")
    assert "\n" not in str(refused.value)


def test_ratios_of_errors_by_hand() -> None:
    errors = np.array([-3.0, -1.0, 1.0, 3.0]).reshape(2, 2, 1)
    ratios = error_ratios(errors, np.full((2, 2, 1), 2.0))[0]
    assert ratios[LEVELS.index(0.4)] == pytest.approx(-0.5)
    assert ratios[LEVELS.index(0.6)] == pytest.approx(0.5)
    assert math.isnan(ratios[LEVELS.index(0.05)])


def wild_and_quiet(n_sessions: int, n_series: int) -> Panel:
    """Series whose volatility is 0.3 or 3 %, in spells of about fifty sessions: what came tells what comes."""
    rng = np.random.default_rng(7)
    volatility = np.full((n_sessions, n_series), 0.003)
    for row in range(1, n_sessions):
        turns = rng.random(n_series) < 0.02
        volatility[row] = np.where(turns, 0.033 - volatility[row - 1], volatility[row - 1])
    return panel_of(volatility * rng.normal(size=volatility.shape))


@pytest.mark.slow
@pytest.mark.parametrize("ranges", ["validation", "gaussian"])
def test_its_own_variance_finds_predictable_volatility(ranges: str) -> None:
    from backtests.forecasts.forecast_ranges import crps_of_deciles

    panel = wild_and_quiet(1500, 4)
    split = Split(train=slice(0, 897), validation=slice(900, 1197), test=slice(1200, 1497), purge=3)
    word = "lstm_attention:features=core14:hidden=16:layers=1:lookback=20:learning_rate=0.01:patience=10:dropout=0"
    own = said(f"{word}:ranges={ranges}", panel, split.test, split)
    outcomes = history_of(panel).outcomes()
    known, came = outcomes[split.validation], outcomes[split.test]
    mean = known.mean(axis=(0, 1))
    constant = np.broadcast_to(
        mean[:, None] + error_ratios(known - mean, np.ones_like(known)), (*came.shape, len(LEVELS))
    )
    assert own.quantiles is not None
    assert 0.85 <= ((own.quantile(0.05) <= came) & (came <= own.quantile(0.95))).mean() <= 0.95
    for place in (0, 1):
        own_score, other = (crps_of_deciles(each, came)[..., place].mean() for each in (own.quantiles, constant))
        assert own_score < 0.97 * other
