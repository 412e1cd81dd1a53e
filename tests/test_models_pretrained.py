"""Pretrained forecasters: run without a network, from folders and from files, and never judged on what they learned."""

import datetime as dt
import json
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import trim_mean

from core.errors import BarsError, CheckpointError, DataError, MissingExtraError, QuintileError, SourceError
from market.panel import Panel, PanelFacts, no_delistings
from market.returns import Execution
from models.forecasters.forecaster import ForecastContext, SeriesHistory
from models.forecasters.forecaster_settings import forecaster_settings
from models.forecasters.forecasts import LEVELS
from models.forecasters.pretrained.chronos import Chronos
from models.forecasters.pretrained.contamination import is_pretrained, seen_until, unseen_returns
from models.forecasters.pretrained.fracast import Fracast
from models.forecasters.pretrained.kronos import Kronos
from models.forecasters.pretrained.past_bars import PastBars
from models.forecasters.pretrained.pretrained_forecaster import PretrainedForecaster
from models.forecasters.pretrained.price_forecasts import PriceForecasts, at_levels
from models.forecasters.pretrained.sample_draws import SampleDraws
from models.forecasters.pretrained.timesfm import TimesFm3, TimesFm25
from models.forecasters.pretrained.weights_folder import WeightsFolder
from models.forecasters.sample_means import mean_of_samples, trimmed_at_either_end, trimming_words
from models.forecasters.trivial_forecasts import TrivialForecaster
from models.sample_splits import Split
from tests.pretrained_weights import DECILES, HORIZON, RECORDED, WRITERS, closes, shrink_timesfm25

SPLIT = Split(train=slice(0, 100), validation=slice(103, 130), test=slice(133, 157), purge=3)
CONTEXT = ForecastContext(seed=1)
EXTRAS = {
    "chronos": ("chronos", "chronos:weights={}:samples=4:context=64"),
    "bolt": ("chronos", "chronos:weights={}"),
    "chronos2": ("chronos", "chronos:weights={}"),
    "timesfm25": ("timesfm", "timesfm:weights={}:context=64"),
    "timesfm3": ("timesfm3", "timesfm:weights={}:context=64"),
    "kronos": ("kronos_finance", "kronos:weights={}:samples=4:context=64"),
}


def panel_of(n: int = 160, seed: int = 0, *, synthetic: bool = False, first: str = "2024-01-01") -> Panel:
    rng = np.random.default_rng(seed)
    sessions = pd.bdate_range(first, periods=n, name="session")
    tickers = pd.Index(["AA", "BB"], name="ticker")
    close = pd.DataFrame(100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, (n, 2)), axis=0)), sessions, tickers)
    apart = [np.exp(sign * np.abs(rng.normal(0.0, 0.004, close.shape))) for sign in (1, -1)]
    shares = pd.DataFrame(rng.integers(100_000, 200_000, close.shape).astype(float), sessions, tickers)
    return Panel(
        open=close.shift(1).fillna(100.0),
        high=close * apart[0],
        low=close * apart[1],
        close=close,
        volume=shares,
        dollar_volume=close * shares,
        universe=close.notna(),
        delistings=no_delistings(),
        facts=PanelFacts(source="made here", adjustment="none", volume_basis="none", synthetic=synthetic),
    )


def history_of(panel: Panel, horizons: tuple[int, ...] = (1, 3)) -> SeriesHistory:
    return SeriesHistory(panel=panel, features={}, execution=Execution(fill="close"), horizons=horizons)


def past_of(panel: Panel, cells: tuple[tuple[int, int], ...], length: int) -> PastBars:
    return PastBars(panel=panel, carried=panel.close.ffill().to_numpy(), cells=cells, length=length)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_args: object, **_told: object) -> None:
        raise AssertionError("asked for the network")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, denied)


@pytest.mark.usefixtures("no_network")
def test_fracast_runs_without_a_network_and_says_the_same_twice_and_alone() -> None:
    history = history_of(panel_of(), horizons=(1, 5))
    made = [PretrainedForecaster(model=Fracast(), context=64).fit(history, SPLIT, context=CONTEXT) for _ in range(2)]
    whole = made[0].forecasts(history, slice(40, 76, 4))  # 18 cells: a whole batch and part of one
    assert np.isfinite(whole.mean).all()
    assert np.array_equal(whole.mean[0], made[1].forecasts(history, slice(40, 41)).mean[0])
    alone = made[0].forecasts(history.until(history.sessions[72]), slice(72, 73))  # and nothing later is read
    assert whole.quantiles is not None
    assert alone.quantiles is not None
    assert np.array_equal(alone.quantiles[0], whole.quantiles[-1], equal_nan=True)
    told = [level for level in LEVELS if 0.1 <= level <= 0.9]
    assert np.isfinite(whole.quantiles).sum(axis=-1).tolist() == np.full((9, 2, 2), len(told)).tolist()
    assert made[0].facts["parameters"] == 85_001
    assert made[0].facts["trained until"] == "unknown"


def test_fracast_says_deciles_of_the_library_as_returns() -> None:
    from fracast import FracastModel

    panel = panel_of()
    said = PretrainedForecaster(model=Fracast(), context=64).forecasts(history_of(panel), slice(99, 100))
    past = panel.close.iloc[36:100, 1].to_numpy()
    library = FracastModel.from_pretrained(weights="fp32").forecast_batch(past[None], horizon=3)[0]
    assert said.quantiles is not None
    wanted = np.sort(library[2]) / past[-1] - 1.0
    assert [said.quantile(level)[0, 1, 1] for level in DECILES] == pytest.approx(wanted.tolist(), abs=1e-12)
    assert said.mean[0, 1, 1] == pytest.approx(wanted[4], abs=1e-12)


def test_past_bars_hold_the_past_alone_with_gaps_closed() -> None:
    panel = panel_of(40)
    holes = {name: getattr(panel, name).copy() for name in ("open", "high", "low", "close", "volume")}
    for frame in holes.values():
        frame.iloc[20, 0] = np.nan
        frame.iloc[:10, 1] = np.nan
    holes["open"].iloc[22, 0] = np.nan
    past = past_of(replace(panel, **holes), ((24, 0), (14, 1)), length=8)
    found = past.closes()
    assert found[0].tolist() == [panel.close.iloc[row if row != 20 else 19, 0] for row in range(17, 25)]
    assert np.isnan(found[1, :3]).all()
    assert found[1, 3:].tolist() == panel.close.iloc[10:15, 1].tolist()
    candles = past.candles(0)
    assert candles.index.tolist() == panel.sessions[17:25].tolist()
    assert candles.iloc[3].tolist() == [*[panel.close.iloc[19, 0]] * 4, 0.0]
    assert candles["open"].iloc[5] == panel.close.iloc[22, 0]
    assert candles.iloc[7].tolist() == [getattr(panel, name).iloc[24, 0] for name in holes]
    assert len(past.candles(1)) == 5


def test_the_days_to_come_are_weekdays_or_all_days_and_no_later_session_is_read() -> None:
    panel = panel_of(40)
    past = past_of(panel, ((30, 0),), length=8)
    assert past.sessions_ahead(0, 4).tolist() == pd.bdate_range(panel.sessions[31], periods=4).tolist()
    every_day = pd.date_range("2024-01-01", periods=40, name="session")
    frames = {
        name: getattr(panel, name).set_axis(every_day)
        for name in ("open", "high", "low", "close", "volume", "dollar_volume", "universe")
    }
    coins = past_of(replace(panel, **frames), ((32, 0),), length=8)
    assert coins.sessions_ahead(0, 4).tolist() == every_day[33:37].tolist()


def test_a_seed_is_of_the_series_and_its_origin() -> None:
    panel = panel_of(40)
    seeds = [past_of(panel, (cell,), 8).seed_of(0, seed) for cell in ((30, 0), (30, 1), (31, 0)) for seed in (0, 1)]
    assert len(set(seeds)) == 6
    assert past_of(panel, ((5, 0), (30, 1)), 16).seed_of(1, 0) == seeds[2]


@pytest.mark.parametrize("n", [5, 10, 20, 100, 128, 2048])
@pytest.mark.parametrize("trim", [0.0, 0.05, 0.1, 0.15, 0.2, 0.29])
def test_a_trimmed_mean_is_that_of_another_library(trim: float, n: int) -> None:
    samples = np.random.default_rng(n).standard_t(2, (3, n))
    assert mean_of_samples(samples, trim=trim) == pytest.approx(trim_mean(samples, trim + 1e-12, axis=-1), rel=1e-12)


def test_it_says_when_trimming_trims_nothing() -> None:
    assert [trimmed_at_either_end(0.1, n) for n in (5, 9, 10, 15, 128)] == [0, 0, 1, 1, 12]
    assert trimming_words(0.1, 5) == "nothing: 10% of 5 samples are less than one"
    assert trimming_words(0.2, 15) == "3 of 15 samples at either end"
    draws = SampleDraws(samples=1, temperatures=(0.10, 0.13, 0.16, 0.20, 0.25), trim=0.1)
    assert draws.facts["trimmed"] == "nothing: 10% of 5 samples are less than one"
    assert draws.facts["samples"] == 5
    assert "trimmed" not in replace(draws, trim=0.0).facts
    assert np.isnan(mean_of_samples(np.array([1.0, np.nan, 2.0]), trim=0.0))


def test_quantiles_at_other_levels_are_on_lines_between_those_given() -> None:
    given = np.array([0.1, 0.3, 0.5, 0.9])
    said = np.array([[4.0, 1.0, 2.0, 8.0]])  # crossed: they are put in order
    found = at_levels(said, given)[0]
    inside = [level for level in LEVELS if 0.1 <= level <= 0.9]
    assert found[np.isfinite(found)] == pytest.approx(np.interp(inside, given, [1.0, 2.0, 4.0, 8.0]))
    assert np.isnan(found[[0, -1]]).all()


@dataclass
class Recorder:
    """Stands for a library: says what was recorded, and keeps what it was asked."""

    said: Any
    asked: list[tuple[tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)

    def __call__(self, *args: Any, **told: Any) -> Any:
        self.asked.append((args, told))
        return self.said(len(self.asked) - 1) if callable(self.said) else self.said


def recorded(name: str) -> np.ndarray:
    return np.asarray(json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8")))


def two_series() -> PastBars:
    """The two series that were recorded, at their last session."""
    panel, values = panel_of(40), closes().T
    frame = pd.DataFrame(values, panel.sessions, panel.tickers)
    return past_of(replace(panel, **dict.fromkeys(("open", "high", "low", "close"), frame)), ((39, 0), (39, 1)), 40)


def weibull(samples: np.ndarray) -> np.ndarray:
    """Another library's quantiles by n + 1, NaN beyond the lowest and the highest sample."""
    n = samples.shape[-1]
    found = np.moveaxis(np.quantile(samples, LEVELS, axis=-1, method="weibull"), 0, -1)
    beyond = [level * (n + 1) < 1.0 - 1e-9 or level * (n + 1) > n + 1e-9 for level in LEVELS]
    return np.where(beyond, np.nan, found)


def test_what_chronos_drew_becomes_its_mean_and_quantiles() -> None:
    drawn = torch.tensor(recorded("chronos"), dtype=torch.float64)  # (2, 11, 3)
    predict = Recorder(lambda time: drawn[time // 2, :6] if time % 2 == 0 else drawn[time // 2, 6:])
    pipeline = SimpleNamespace(
        predict=lambda *args, **told: predict(*args, **told)[None],
        forecast_type=SimpleNamespace(value="samples"),
        model_prediction_length=8,
        model_context_length=64,
        inner_model=torch.nn.Linear(2, 3),
    )
    draws = SampleDraws(samples=5, temperatures=(0.5, 1.0), trim=0.1)
    model = Chronos(pipeline=pipeline, name="recorded", draws=draws)
    said = model.price_forecasts(two_series(), HORIZON, seed=0)
    samples = recorded("chronos").transpose(0, 2, 1)
    assert np.allclose(said.quantiles, weibull(samples), equal_nan=True, rtol=1e-12)
    assert said.point == pytest.approx(np.sort(samples)[..., 1:-1].mean(axis=-1), rel=1e-12)
    assert [told["temperature"] for _, told in predict.asked] == [0.5, 1.0, 0.5, 1.0]
    assert {told["num_samples"] for _, told in predict.asked} == {5}
    assert np.allclose(predict.asked[2][0][0].numpy(), closes()[1], rtol=1e-6)
    assert (model.parameters, model.context_length, model.facts["samples"]) == (9, 64, 10)


def test_samples_of_chronos_come_in_parts_that_fit_into_memory() -> None:
    told: list[int] = []

    def predict(_closes: torch.Tensor, horizon: int, *, num_samples: int, temperature: float) -> torch.Tensor:
        told.append(num_samples)
        return torch.rand(1, num_samples, horizon) * temperature

    pipeline = SimpleNamespace(predict=predict, forecast_type=SimpleNamespace(value="samples"))
    model = Chronos(pipeline=pipeline, name="", draws=SampleDraws(samples=150, temperatures=(1.0, 2.0)))
    said = [model.price_forecasts(two_series(), 2, seed=seed).quantiles for seed in (0, 0, 1)]
    assert told[:6] == [64, 64, 22] * 2
    assert np.array_equal(said[0], said[1])
    assert not np.array_equal(said[0], said[2])
    assert not np.array_equal(said[0][0], said[0][1])  # each series has draws of its own


@pytest.mark.parametrize("name", ["bolt", "chronos2"])
def test_what_later_ones_of_chronos_said_is_read_at_its_own_levels(name: str) -> None:
    values, levels = recorded(name), DECILES if name == "bolt" else [0.05, *DECILES, 0.95]
    pipeline = SimpleNamespace(
        predict=Recorder([torch.tensor(each) for each in values]),
        forecast_type=SimpleNamespace(value="quantiles"),
        model_prediction_length=8,
        quantiles=levels,
    )
    model = Chronos(pipeline=pipeline, name="recorded", draws=SampleDraws(samples=5, temperatures=(1.0,), trim=0.1))
    check_deciles(model.price_forecasts(two_series(), HORIZON, seed=0), values.reshape(2, -1, 3).transpose(0, 2, 1))
    assert str(model.facts["samples"]).startswith("none: it gives quantiles")
    assert "trimmed" not in model.facts


def check_deciles(said: PriceForecasts, values: np.ndarray) -> None:
    """That values (2, HORIZON, Q), whose middle nine are deciles, are what is said."""
    beside = (values.shape[-1] - 9) // 2
    rising = np.sort(values, axis=-1)
    found = said.quantiles[..., [LEVELS.index(level) for level in DECILES]]
    assert found == pytest.approx(rising[..., beside : beside + 9], rel=1e-12)
    assert said.point == pytest.approx(rising[..., beside + 4], rel=1e-12)
    assert np.isfinite(said.quantiles[..., [0, -1]]).all() == bool(beside)


def test_what_timesfm_said_is_read_without_its_mean() -> None:
    values = recorded("timesfm25")
    forecast = Recorder((None, values))
    model = SimpleNamespace(forecast=forecast, compile=lambda _config: None)
    earlier = TimesFm25(library=SimpleNamespace(ForecastConfig=dict), model=model, name="recorded")
    check_deciles(earlier.price_forecasts(two_series(), HORIZON, seed=0), values[..., 1:])
    assert np.allclose(forecast.asked[0][1]["inputs"], closes())
    batch = Recorder([SimpleNamespace(quantiles=each) for each in recorded("timesfm3")])
    later = TimesFm3(
        model=SimpleNamespace(predict_batch=batch, config=SimpleNamespace(quantiles=DECILES)), name="recorded"
    )
    check_deciles(later.price_forecasts(two_series(), HORIZON, seed=0), recorded("timesfm3"))
    assert len(batch.asked) == 1


def test_what_kronos_drew_is_asked_for_one_by_one_from_whole_bars() -> None:
    drawn = recorded("kronos")  # (11, 3)
    predict = Recorder([pd.DataFrame({"close": each}) for each in drawn])
    parts = {"model": torch.nn.Linear(2, 3), "tokenizer": torch.nn.Linear(1, 1)}
    predictor = SimpleNamespace(predict_batch=predict, max_context=512, **parts)
    draws = SampleDraws(samples=11, temperatures=(0.1, 0.2), trim=0.05)
    model = Kronos(predictor=predictor, name="recorded", draws=draws, top_p=0.8)
    said = model.price_forecasts(two_series(), HORIZON, seed=0)
    samples = np.concatenate([drawn, drawn]).T
    assert np.allclose(said.quantiles[1], weibull(samples), equal_nan=True, rtol=1e-12)
    assert said.point[0] == pytest.approx(np.sort(samples)[:, 1:-1].mean(axis=-1), rel=1e-12)
    (bars, before, ahead), told = predict.asked[1]
    assert [len(each) for each in (bars, before, ahead)] == [11, 11, 11]
    assert bars[0].columns.tolist() == ["open", "high", "low", "close", "volume"]
    assert before[0].iloc[-1] < ahead[0].iloc[0]
    assert told == {"pred_len": 3, "T": 0.2, "top_p": 0.8, "sample_count": 1, "verbose": False}
    assert (model.parameters, model.context_length) == (11, 512)


def test_a_set_of_temperatures_is_one_heap_of_samples() -> None:
    for word, wanted in (
        ("temperature=0.10|0.13|0.16|0.20|0.25", (0.10, 0.13, 0.16, 0.20, 0.25)),
        ("temperature=0.5", (0.5,)),
        ("samples=5", (1.0,)),
    ):
        assert forecaster_settings(f"kronos:weights=/w:{word}").temperature == wanted
    for tried in type(forecaster_settings("kronos:weights=/w")).SPACE["temperature"].values:
        assert forecaster_settings(f"kronos:weights=/w:temperature={tried}").temperature
    assert forecaster_settings("kronos:weights=/w").trained_until == dt.date(2024, 5, 31)
    for day in ("2024-02-29", "20240229"):
        assert forecaster_settings(f"chronos:weights=/w:trained_until={day}").trained_until == dt.date(2024, 2, 29)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("chronos", "name the folder of the model, such as weights="),
        ("samples", "name the file of samples, such as file="),
        ("kronos:weights=/w:temperature=0", "greater than 0"),
        ("kronos:weights=/w:temperature=0.1|hot", "could not convert"),
        ("chronos:weights=/w:samples=4096", "less than or equal to 2048"),
        ("chronos:weights=/w:trim=0.5", "less than 0.5"),
        ("chronos:weights=/w:trained_until=June", "isoformat"),
        ("chronos:weights=/w:x", "keys behind colons"),
    ],
)
def test_wrong_keys_are_one_clear_line(word: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        forecaster_settings(word)
    assert "\n" not in str(refused.value)


def write_tensors(folder: Path, tensors: Mapping[str, tuple[int, ...]], config: str | None = "{}") -> Path:
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: torch.zeros(shape) for name, shape in tensors.items()}, folder / "model.safetensors")
    if config is not None:
        (folder / "config.json").write_text(config, encoding="utf-8")
    return folder


def empty(folder: Path) -> None:
    folder.mkdir()


def pickled(folder: Path) -> None:
    folder.mkdir()
    torch.save({"w": torch.zeros(1)}, folder / "pytorch_model.bin")


def damaged(folder: Path) -> None:
    write_tensors(folder, {"w": (2,)})
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:-3])


def misspelled(folder: Path) -> None:
    write_tensors(folder, {"w": (2,)}, config="{")


def listed(folder: Path) -> None:
    write_tensors(folder, {"w": (2,)}, config="[]")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: None, "no folder"),
        (empty, "holds no .*safetensors: name the folder that holds a model of Chronos"),
        (pickled, r"holds pickled weights \(pytorch_model.bin\), which can run any code"),
        (damaged, "no readable safetensors file"),
        (misspelled, "is not JSON"),
        (listed, "another shape"),
        (
            lambda folder: write_tensors(folder, {"w": (2,)}),
            "no model of Chronos: its config.json has no chronos_config",
        ),
    ],
)
def test_folders_that_hold_no_model_are_one_clear_line(
    tmp_path: Path, make: Callable[[Path], object], said: str
) -> None:
    make(tmp_path / "mine")
    with pytest.raises(CheckpointError, match=said) as refused:
        forecaster_settings(f"chronos:weights={tmp_path / 'mine'}").made()
    assert "\n" not in str(refused.value)


def test_a_pickle_beside_safetensors_is_left_alone(tmp_path: Path) -> None:
    folder = write_tensors(tmp_path / "mine", {"w": (2, 3)}, config=None)
    (folder / "pytorch_model.bin").write_bytes(b"no pickle at all")
    opened = WeightsFolder.opened(folder, what="a model")
    assert opened.shapes == {"w": (2, 3)}
    assert opened.config == {}


def test_a_tensor_that_is_missing_is_found_and_a_shared_one_is_there(tmp_path: Path) -> None:
    opened = WeightsFolder.opened(write_tensors(tmp_path / "mine", {"a": (2,), "b": (3,)}), what="a model")
    a, b = torch.zeros(2), torch.zeros(3)
    opened.require_all({"a": a, "b": b, "tied": a})
    for wrong in ({"a": a, "b": torch.zeros(4)}, {"a": a, "b": b, "c": torch.zeros(2)}):
        with pytest.raises(CheckpointError, match="holds weights of another architecture: 1 of the model's") as refused:
            opened.require_all(wrong)
        assert next(name for name in ("c", "b") if name in wrong) in str(refused.value)


@pytest.mark.parametrize(
    ("extra", "module"), [("chronos", "chronos"), ("timesfm", "timesfm"), ("kronos", "kronos_finance")]
)
def test_a_missing_library_is_named_with_the_line_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extra: str, module: str
) -> None:
    class Missing:
        @staticmethod
        def find_spec(name: str, _path: object = None, _target: object = None) -> None:
            if name == module:
                raise ModuleNotFoundError(name, name=name)

    for name in [name for name in sys.modules if name.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Missing, *sys.meta_path])
    for part in ("", "model", "tokenizer"):
        write_tensors(tmp_path / part, {"w": (2,)}, config='{"chronos_config": {}}')
    with pytest.raises(MissingExtraError, match=rf"{module} is not installed: `pip install 'quintile\[{extra}\]'`"):
        forecaster_settings(f"{extra}:weights={tmp_path}").made()


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Writes tiny random weights of a model whose library is installed."""

    def written(name: str) -> Path:
        pytest.importorskip(EXTRAS[name][0], reason=f"the extra {EXTRAS[name][0]} is not installed")
        if name == "timesfm25":
            shrink_timesfm25(monkeypatch.setattr)
        WRITERS[name](tmp_path / name)
        return tmp_path / name

    return written


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", EXTRAS)
def test_weights_of_a_folder_forecast_without_a_network(
    weights: Callable[[str], Path], capfd: pytest.CaptureFixture[str], name: str
) -> None:
    word = EXTRAS[name][1].format(weights(name))
    capfd.readouterr()
    history = history_of(panel_of(), horizons=(1, 10))  # of which some libraries warn: they were trained on eight
    fitted = forecaster_settings(word).made().fit(history, SPLIT, context=CONTEXT)
    whole = fitted.forecasts(history, slice(31, 75, 4))
    assert capfd.readouterr() == ("", "")
    assert np.isfinite(whole.mean).all()
    alone = fitted.forecasts(history.until(history.sessions[35]), slice(35, 36))  # shorter, and nothing later
    assert np.allclose(alone.mean[0], whole.mean[1], rtol=1e-5)
    again = forecaster_settings(word).made().fit(history, SPLIT, context=CONTEXT).forecasts(history, slice(31, 75, 4))
    assert np.array_equal(again.mean, whole.mean)
    assert whole.quantiles is not None
    steps = np.diff(whole.quantiles, axis=-1)
    assert (steps[np.isfinite(steps)] >= 0.0).all()


@pytest.mark.parametrize("name", ["chronos", "kronos"])
def test_seeds_temperatures_and_samples_are_told_to_what_draws(weights: Callable[[str], Path], name: str) -> None:
    folder, history = weights(name), history_of(panel_of(), horizons=(3,))
    word = f"{EXTRAS[name][0].partition('_')[0]}:weights={folder}:context=64"

    def said(more: str, seed: int = 1) -> np.ndarray:
        fitted = forecaster_settings(word + more).made().fit(history, SPLIT, context=ForecastContext(seed=seed))
        found = fitted.forecasts(history, slice(70, 72))
        return found.quantile(0.8) - found.quantile(0.2)

    assert not np.array_equal(said(":samples=9"), said(":samples=9", seed=2))
    cold, hot = (said(f":samples=15:temperature={each}").mean() for each in (0.01, 5.0))
    assert cold < 0.5 * hot
    pooled = forecaster_settings(f"{word}:samples=3:temperature=0.1|0.2").made()
    assert pooled.facts["samples"] == 6
    drawn = pooled.model
    parts = [drawn.predictor.model, drawn.predictor.tokenizer] if name == "kronos" else [drawn.pipeline.inner_model]
    assert not any(part.training for part in parts)  # or its dropout would be one more noise


@pytest.mark.parametrize("name", EXTRAS)
def test_weights_of_another_architecture_are_one_clear_line(weights: Callable[[str], Path], name: str) -> None:
    from safetensors.torch import load_file, save_file

    folder = weights(name)
    file = folder / "model" / "model.safetensors" if name == "kronos" else folder / "model.safetensors"
    tensors = load_file(file)
    widest = max(tensors, key=lambda each: tensors[each].numel())
    for changed in (
        {key: value for key, value in tensors.items() if key != widest},
        {**tensors, widest: tensors[widest][:-1].clone()},
    ):
        save_file(changed, file, metadata={"format": "pt"})
        with pytest.raises(CheckpointError, match="holds weights of another architecture") as refused:
            forecaster_settings(EXTRAS[name][1].format(folder)).made()
        assert "\n" not in str(refused.value)


@dataclass(frozen=True)
class Knowing:
    """A pretrained model that has seen the closes of some bars, and says them back."""

    closes: pd.DataFrame
    trained_until: dt.date | None
    name: str = "knowing"
    parameters: int = 1
    context_length: int = 64
    facts: Mapping[str, float | int | str] = field(default_factory=dict)

    def price_forecasts(self, past: PastBars, horizon: int, *, seed: int) -> PriceForecasts:
        known = self.closes.to_numpy()
        rows = [(np.clip(np.arange(row + 1, row + 1 + horizon), 0, len(known) - 1), at) for row, at in past.cells]
        point = np.stack([known[ahead, at] for ahead, at in rows])
        return PriceForecasts(point=point, quantiles=np.repeat(point[..., None], len(LEVELS), axis=-1))


def test_nothing_is_said_from_fewer_than_thirty_sessions() -> None:
    panel = panel_of(60)
    close = panel.close.copy()
    close.iloc[:5, 1] = np.nan
    model = PretrainedForecaster(model=Knowing(panel.close, None))
    said = model.forecasts(history_of(replace(panel, close=close)), slice(27, 37))
    assert np.isfinite(said.mean[:, :, 0]).tolist() == [[row >= 29, row >= 34] for row in range(27, 37)]


def test_returns_are_out_of_sample_from_the_day_on_at_which_training_ended() -> None:
    sessions = pd.bdate_range("2024-05-27", periods=8)
    for until, unseen in (
        (dt.date(2024, 5, 31), [False] * 4 + [True] * 4),
        (dt.date(2024, 6, 1), [False] * 5 + [True] * 3),
        (dt.date(2024, 5, 27), [True] * 8),
        (None, [False] * 8),
    ):
        fitted = PretrainedForecaster(model=Knowing(panel_of().close, until))
        assert unseen_returns(fitted, sessions, synthetic=False).tolist() == unseen
        assert unseen_returns(fitted, sessions, synthetic=True).all()


def test_only_what_was_trained_elsewhere_has_seen_anything() -> None:
    assert seen_until(TrivialForecaster(name="persistence")) == dt.date.min
    assert not is_pretrained(TrivialForecaster(name="persistence"))
    for until, seen in ((None, dt.date.max), (dt.date(2024, 2, 29), dt.date(2024, 2, 29))):
        fitted = PretrainedForecaster(model=Knowing(panel_of().close, until))
        assert seen_until(fitted) == seen
        assert is_pretrained(fitted)


@dataclass(frozen=True)
class KnowingSettings:
    """Settings of a model that has seen some bars."""

    model: Knowing
    feature_set: None = None

    def made(self) -> PretrainedForecaster:
        return PretrainedForecaster(model=self.model)


@pytest.mark.parametrize(
    ("until", "validation_counts", "test_is_seen"),
    [
        (None, False, True),
        (dt.date(2024, 11, 20), False, True),
        (dt.date(2024, 11, 1), False, False),
        (dt.date(2024, 9, 30), False, False),
        (dt.date(2024, 2, 29), True, False),
    ],
)
def test_what_a_model_learned_by_heart_is_scored_apart_and_selects_nothing(
    until: dt.date | None, validation_counts: bool, test_is_seen: bool
) -> None:
    from backtests.report.forecasts.forecast_page import forecast_page
    from backtests.report.forecasts.forecast_words import findings
    from backtests.report.stamps import CONTAMINATED
    from strategy.forecasts.forecast_study import study_forecasts
    from strategy.forecasts.forecast_task import ForecastTask, TaskSettings

    panel = panel_of(330, first="2023-11-01")
    task = ForecastTask(panel, TaskSettings(horizons=(1, 2)))
    results = study_forecasts(task, {"knowing": KnowingSettings(Knowing(panel.close, until))})  # type: ignore[dict-item]
    row, page = results.models[0], forecast_page(results, command="quintile forecast run all")
    sessions, last = task.panel.sessions, pd.Timestamp(until or dt.date.max)
    tests, validations = (sessions[each] for each in (task.split.test, task.split.validation))
    seen = int((tests < last).sum())
    assert row.validation_score.errors.n == 2 * 2 * int((validations >= last).sum())
    assert row.test_score.errors.n == 2 * 2 * (len(tests) - seen)
    assert row.may_be_selected == bool((validations >= last).all()) == validation_counts == (results.selected is row)
    assert (seen > 0) == test_is_seen == row.is_contaminated
    assert (CONTAMINATED.sentence in page) == ("CONTAMINATED" in " ".join(findings(results))) == test_is_seen
    never = any("on targets of validation, so that it is never selected" in each for each in findings(results))
    assert never == (not validation_counts and not test_is_seen)
    if row.contaminated_score is not None:
        assert "scored apart (MAE of returns 0.000%, skill over persistence +100.00%" in " ".join(findings(results))
        assert row.contaminated_score.errors.n == 2 * 2 * seen
        assert row.contaminated_score.errors.pct_return_mae < 1e-12


def test_made_up_bars_contaminate_nobody() -> None:
    from strategy.forecasts.forecast_study import study_forecasts
    from strategy.forecasts.forecast_task import ForecastTask, TaskSettings

    panel = panel_of(330, synthetic=True)
    results = study_forecasts(
        ForecastTask(panel, TaskSettings(horizons=(1,))),
        {"knowing": KnowingSettings(Knowing(panel.close, None))},  # type: ignore[dict-item]
    )
    assert not results.models[0].is_contaminated
    assert results.selected is results.models[0]


def test_a_model_that_cannot_be_asked_is_named_beside_others_and_refused_alone(tmp_path: Path) -> None:
    from backtests.report.forecasts.forecast_words import findings
    from strategy.forecasts.forecast_study import study_forecasts
    from strategy.forecasts.forecast_task import ForecastTask, TaskSettings

    pickled(tmp_path / "mine")
    word, panel = f"kronos:weights={tmp_path}", panel_of(330)
    task, broken = ForecastTask(panel, TaskSettings(horizons=(1,))), {word: forecaster_settings(word)}
    knowing = {"knowing": KnowingSettings(Knowing(panel.close, dt.date(2024, 2, 29)))}
    results = study_forecasts(task, {**broken, **knowing})  # type: ignore[dict-item]
    assert f"{word} was not asked: no folder {tmp_path / 'model'}" in " ".join(findings(results))
    with pytest.raises(QuintileError, match="no folder"):
        study_forecasts(task, broken)


def samples_frame(panel: Panel, rows: slice, n: int = 25) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    cells = pd.MultiIndex.from_product(
        [panel.sessions[rows], panel.tickers, (1, 3), range(n)], names=["session", "ticker", "horizon", "sample"]
    )
    return pd.DataFrame({"return": rng.normal(0.0, 0.01, len(cells))}, cells).reset_index()


def write_samples(frame: pd.DataFrame, path: Path) -> str:
    frame.to_parquet(path) if path.suffix == ".parquet" else frame.to_csv(path, index=False)
    return f"samples:file={path}"


@pytest.mark.parametrize("name", ["toto.parquet", "toto.csv"])
def test_samples_of_a_file_become_forecasts(tmp_path: Path, name: str) -> None:
    panel = panel_of()
    frame = samples_frame(panel, slice(120, 150)).sample(frac=1.0, random_state=0)
    word = write_samples(frame, tmp_path / name)
    history = history_of(panel)
    fitted = forecaster_settings(f"{word}:trim=0.2").made().fit(history, SPLIT, context=CONTEXT)
    said = fitted.forecasts(history, slice(125, 145, 5))
    drawn = frame[(frame["session"] == panel.sessions[135]) & (frame["ticker"] == "BB") & (frame["horizon"] == 3)]
    mine = drawn["return"].to_numpy()
    assert said.mean[2, 1, 1] == pytest.approx(np.sort(mine)[5:-5].mean(), rel=1e-9)
    assert said.quantiles is not None
    assert np.allclose(said.quantiles[2, 1, 1], weibull(mine), rtol=1e-9, equal_nan=True)
    assert fitted.facts["samples"] == 25
    assert fitted.facts["trimmed"] == "5 of 25 samples at either end"
    assert fitted.facts["trained until"] == "unknown"


def changed(name: str, value: Any) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        column = frame[name].astype(object)
        column.iloc[7] = value
        return frame.assign(**{name: column})

    return change


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda frame: frame.drop(columns="horizon"), SourceError, "has no column horizon"),
        (lambda frame: frame.iloc[:0], SourceError, "no rows"),
        (lambda frame: pd.concat([frame, frame.iloc[[9]]]), SourceError, "2024-06-14 AA 1 ahead sample 9 twice"),
        (lambda frame: frame.drop(index=9), SourceError, "24 samples of 2024-06-14 AA 1 ahead, of others 25"),
        (changed("return", "inf"), BarsError, "return must be finite, is not in row 8"),
        (changed("return", ""), BarsError, "return must be finite, is not in row 8"),
        (changed("return", "up"), BarsError, "up"),
        (changed("horizon", 1.5), BarsError, "horizon must be a whole number, is not in row 8"),
        (changed("horizon", 0), BarsError, "horizon must be a whole number, is not in row 8"),
        (changed("session", "someday"), BarsError, "someday"),
        (
            lambda frame: frame.assign(session=frame["session"] + pd.Timedelta(days=1)),
            DataError,
            "samples of 2024-06-15, which is no session of the bars",
        ),
        (lambda frame: frame[frame["ticker"] == "AA"], DataError, "lacks 8 of 16 forecasts .* 2024-06-21 BB 1 ahead"),
        (lambda frame: frame[frame["horizon"] == 1], DataError, "lacks 8 of 16 forecasts .* 2024-06-21 AA 3 ahead"),
        (
            lambda frame: frame[frame["session"] > "2024-07-01"],
            DataError,
            "lacks 8 of 16 forecasts that are asked, the first 2024-06-21 AA 1 ahead: draw samples of every origin",
        ),
    ],
)
def test_files_of_samples_that_cannot_be_judged_are_one_clear_line(
    tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], error: type[Exception], said: str
) -> None:
    panel = panel_of()
    word = write_samples(change(samples_frame(panel, slice(119, 150))), tmp_path / "toto.csv")
    with pytest.raises(error, match=said) as refused:
        forecaster_settings(word).made().forecasts(history_of(panel), slice(124, 144, 5))
    assert "\n" not in str(refused.value)


def test_a_file_need_not_hold_what_its_model_was_trained_on_nor_what_has_no_price(tmp_path: Path) -> None:
    panel = panel_of()
    frame = samples_frame(panel, slice(130, 150))
    word = write_samples(
        frame[(frame["ticker"] == "AA") | (frame["session"] > panel.sessions[131])], tmp_path / "t.csv"
    )
    close = panel.close.copy()
    close.iloc[:132, 1] = np.nan
    history = history_of(replace(panel, close=close))
    rows, until = slice(126, 140), panel.sessions[130].date()
    said = forecaster_settings(f"{word}:trained_until={until}").made().forecasts(history, rows)
    assert np.isnan(said.mean[:4]).all()
    assert np.isfinite(said.mean[4:, 0]).all()
    assert np.isfinite(said.mean[6:, 1]).all()
    with pytest.raises(DataError, match="lacks"):
        forecaster_settings(word).made().forecasts(history, rows)


@pytest.mark.parametrize(("name", "said"), [("none.csv", "no samples at"), ("mine.txt", "neither .parquet nor .csv")])
def test_a_file_that_is_no_table_is_one_clear_line(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "mine.txt").write_text("samples", encoding="utf-8")
    with pytest.raises(SourceError, match=said):
        forecaster_settings(f"samples:file={tmp_path / name}").made().forecasts(history_of(panel_of()), slice(124, 144))
