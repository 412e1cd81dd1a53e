"""Every kind of model keeps the same laws: its seed decides, the past alone is read, a checkpoint gives it back."""

import json
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch

from core.errors import CheckpointError, MissingExtraError, RunError
from models.architectures.rank_lstm import RankLSTM
from models.calibrate import Calibration
from models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from models.estimators.ridge_regression import fit_ridge, ridge_scores
from models.estimators.samples import samples_of
from models.kinds.lightgbm import LightgbmSettings
from models.kinds.lstm import LstmSettings
from models.model import FitContext, ScoreContext
from models.model_kinds import Kind, kind_of, known_kinds, make_model, register, settings_of
from models.model_settings import KindSettings, ModelSettings
from models.networks.fitted_network import restored_network
from models.networks.network_model import NetworkModel
from models.threads import steady, threads
from tests.oracles.planted import planted_windows, small_settings

KINDS = {
    "lstm": {"hidden": 8, "layers": 2, "dropout": 0.3},
    "gru": {"hidden": 8, "layers": 1},
    "alstm": {"hidden": 8, "layers": 1},
    "transformer": {"hidden": 8, "attention_heads": 2},
    "tcn": {"hidden": 8},
    "dlinear": {"smooth": 3},
    "mlp": {"hidden": [8]},
    "cross_attention": {"hidden": 8, "attention_heads": 2},
    "ridge": {},
    "lightgbm": {"trees": 30, "min_leaf": 20, "leaves": 7},
    "ensemble": {
        "members": {
            "linear": {"model": {"kind": "ridge", "lookback": 6}},
            "deep": {"model": {"kind": "gru", "lookback": 6, "hidden": 4, "layers": 1}},
        }
    },
    "sklearn": {"estimator": "extra_trees", "trees": 20},
    "window": {},
}
SLOW = (
    "alstm",
    "transformer",
    "dlinear",
    "mlp",
    "ensemble",
)  # of whose families another kind is fitted when it is fast
REFITTED = [pytest.param(kind, marks=pytest.mark.slow) if kind in SLOW else kind for kind in KINDS]
FAST = ("gru", "tcn", "cross_attention", "ridge")
TAUGHT = [kind if kind in FAST else pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS]


class WindowNetwork(torch.nn.Module):
    """A network that reads windows: the mean of the window through one layer."""

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.head = torch.nn.Linear(n_features, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.head(x.mean(dim=0)).squeeze(1)
        return scores


class WindowSettings(KindSettings):
    learns_by_epochs = True

    kind: str = "window"


def window(made) -> Kind:
    """The kind of a network that is made from the number of features."""
    return Kind(
        settings=WindowSettings,
        model=NetworkModel,
        restored=restored_network,
        network=lambda n_features, _: made(n_features),
    )


@pytest.fixture(autouse=True)
def window_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.model_kinds._own", {})
    register(
        "window",
        Kind(
            settings=WindowSettings,
            model=NetworkModel,
            restored=restored_network,
            network=lambda n_features, _: WindowNetwork(n_features),
        ),
    )


def settings_for(kind: str, **changes) -> ModelSettings:
    base = small_settings()
    model = settings_of({"kind": kind, "lookback": 6, **KINDS[kind], **changes})
    training = base.training if model.learns_by_epochs else type(base.training)()
    return base.model_copy(update={"model": model, "training": training})


def fitted(kind: str, windows, split, **changes):
    return make_model(settings_for(kind, **changes)).fit(windows, split, context=FitContext(device="cpu"))


@cache
def as_ever(kind: str):
    """The planted windows, their split, and a kind fitted on them; tests read it and change nothing."""
    windows, split = planted_windows()
    return windows, split, fitted(kind, windows, split)


def same(a, b) -> bool:
    one, other = a.stored(), b.stored()
    tensors = one.tensors.keys() == other.tensors.keys() and all(
        torch.equal(one.tensors[name], other.tensors[name]) for name in one.tensors
    )
    return tensors and json.dumps(one.record) == json.dumps(other.record)


@pytest.mark.parametrize("kind", REFITTED)
def test_one_seed_gives_the_same_bits_on_any_number_of_threads(kind):
    windows, split, one = as_ever(kind)
    sessions = windows.sessions[split.test]
    with threads(1):
        scores = one.scores(windows, sessions)
    with threads(2):
        two = fitted(kind, windows, split)
        again = two.scores(windows, sessions)
    assert same(one, two)
    pd.testing.assert_frame_equal(scores, again, check_exact=True)


@pytest.mark.parametrize(
    "shape", [(40, 250, 14, 128, 2), (90, 5, 14, 128, 2), (30, 33, 95, 64, 1), (12, 41, 14, 100, 3)]
)
def test_the_real_network_learns_the_same_bits_on_any_number_of_threads(shape):
    """An LSTM's products are split between threads, its sums and the head's are not."""
    length, n_names, n_features, hidden, layers = shape
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((length, n_names, n_features), dtype=np.float32))

    def gradients(count):
        torch.manual_seed(0)
        network = RankLSTM(n_features, LstmSettings(hidden=hidden, layers=layers, dropout=0.2)).train()
        with threads(count), steady():
            scores = network(x)
            with threads(1):
                torch.autograd.backward(scores, torch.cos(scores.detach()))
            assert torch.get_num_threads() == 1
        return [scores.detach(), *(parameter.grad for parameter in network.parameters())]

    for count in (2, 3):
        assert all(torch.equal(a, b) for a, b in zip(gradients(1), gradients(count), strict=True))


@pytest.mark.parametrize("kind", REFITTED)
def test_nothing_fitted_depends_on_test_rows(kind):
    windows, split, model = as_ever(kind)
    x, y = windows.x.clone(), windows.y.clone()
    x[split.test], y[split.test] = 9.0, -9.0
    assert same(model, fitted(kind, replace(windows, x=x, y=y), split))


@pytest.mark.parametrize("kind", KINDS)
def test_a_session_is_scored_from_its_own_past_alone(kind):
    windows, _, model = as_ever(kind)
    whole = model.scores(windows, windows.sessions[90:])
    x = windows.x.clone()
    x[101:] = torch.randn(x[101:].shape)
    early = model.scores(replace(windows, x=x), windows.sessions[90:101])
    pd.testing.assert_frame_equal(early, whole.iloc[:11], check_exact=True)
    alone = model.scores(windows, windows.sessions[[100]])
    np.testing.assert_array_equal(alone.to_numpy(), whole.iloc[[10]].to_numpy())


@pytest.mark.parametrize("kind", KINDS)
def test_names_without_a_window_are_not_scored_and_move_nobody(kind):
    windows, _, model = as_ever(kind)
    mask, x = windows.mask.clone(), windows.x.clone()
    mask[110, 3] = False
    hidden = replace(windows, mask=mask)
    scores = model.scores(hidden, windows.sessions[105:])
    assert np.isnan(scores.iloc[5, 3])
    assert scores.notna().to_numpy().sum() == scores.size - 1
    x[110, 3] = 9.0
    moved = model.scores(replace(hidden, x=x), windows.sessions[[110]])
    np.testing.assert_array_equal(moved.to_numpy()[0], scores.to_numpy()[5])


@pytest.mark.parametrize("kind", TAUGHT)
def test_names_without_a_window_teach_nothing(kind):
    windows, split, _ = as_ever(kind)
    mask, x, y = windows.mask.clone(), windows.x.clone(), windows.y.clone()
    mask[:, 3] = False
    x[:, 3], y[:, 3] = 9.0, -9.0
    one = fitted(kind, replace(windows, mask=mask), split)
    assert same(one, fitted(kind, replace(windows, mask=mask, x=x, y=y), split))


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_names_orders_scores_and_nothing_else(kind):
    windows, _, model = as_ever(kind)
    order = torch.randperm(windows.x.shape[1], generator=torch.Generator().manual_seed(0))
    parts = {name: getattr(windows, name)[:, order] for name in ("x", "y", "mask", "present")}
    shuffled = replace(windows, tickers=windows.tickers[order.numpy()], **parts)
    scores = model.scores(shuffled, windows.sessions[100:])[windows.tickers]
    np.testing.assert_allclose(scores, model.scores(windows, windows.sessions[100:]), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", TAUGHT)
def test_a_killed_fit_resumes_to_the_bits_of_an_uninterrupted_one(kind, tmp_path):
    windows, split, whole = as_ever(kind)
    model = make_model(settings_for(kind))

    def kill(done: int, _total: int, _note: str) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):  # a kind without epochs is done before
        model.fit(windows, split, context=FitContext(device="cpu", folder=tmp_path, progress=kill))
    assert same(whole, model.fit(windows, split, context=FitContext(device="cpu", folder=tmp_path)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_gives_back_the_bits(kind, tmp_path):
    windows, _, model = as_ever(kind)
    calibration = Calibration(level=0.0, level_se=0.1, slope=1.0, slope_se=0.1, measured_slope=1.0, n_sessions=9)
    save_checkpoint(tmp_path / "model", Checkpoint(model=model, calibration=calibration))
    loaded = load_checkpoint(tmp_path / "model").model
    assert same(model, loaded)
    assert loaded.card == model.card
    pd.testing.assert_frame_equal(
        loaded.scores(windows, windows.sessions[90:]), model.scores(windows, windows.sessions[90:]), check_exact=True
    )


@pytest.mark.parametrize("kind", REFITTED)
def test_every_kind_finds_what_is_planted(kind):
    windows, split = planted_windows(n_sessions=200, n_tickers=30)
    model = fitted(kind, windows, split)
    assert model.card.validation_ic > 0.15
    assert model.card.kind == kind
    assert model.card.n_parameters > 0
    asked = model.window_scores()
    x = windows.x[150 - 5 : 151]
    scores = model.scores(windows, windows.sessions[[150]])
    found = asked.score(x).detach().double().numpy()
    np.testing.assert_allclose(found, scores.to_numpy()[0], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", ["lstm", "gru", "alstm"])
def test_a_recurrent_network_is_carried_through_quarters(kind):
    windows, split = planted_windows(n_sessions=190)
    model = fitted(kind, windows, split, layers=1)
    sessions = windows.sessions[130:140]
    carried = model.scores(windows, sessions, context=ScoreContext(scoring="long"))
    network = model.trained.network(torch.device("cpu"))
    with torch.no_grad():
        unrolled = network(windows.x[130 - 6 : 140])[6:]
    np.testing.assert_allclose(carried.to_numpy(), unrolled.numpy(), rtol=1e-4, atol=1e-6)


def test_ridge_is_the_baseline_that_others_are_held_against():
    windows, split = planted_windows()
    model = fitted("ridge", windows, split)
    baseline = fit_ridge(windows, split)
    np.testing.assert_array_equal(model.stored().tensors["coefficients"].numpy(), baseline.coefficients)
    assert dict(model.card.facts)["Penalty"] == f"{baseline.penalty:g}"
    wanted = ridge_scores(baseline, windows).iloc[90:]
    found = model.scores(windows, windows.sessions[90:])
    np.testing.assert_allclose(found.to_numpy(), wanted.where(windows.mask[90:].numpy()).to_numpy(), rtol=1e-12)


def test_boosted_trees_keep_the_number_that_validation_asks_for():
    windows, split = planted_windows()
    model = fitted("lightgbm", windows, split, trees=40, patience=3)
    kept = int(dict(model.card.facts)["Trees"])
    assert 1 <= kept < 40
    shorter = [fitted("lightgbm", windows, split, trees=count, patience=40).card for count in (kept - 1, kept + 3)]
    assert int(dict(shorter[1].facts)["Trees"]) >= kept
    assert shorter[0].validation_ic < model.card.validation_ic
    assert same(fitted("lightgbm", windows, split, trees=kept, patience=40), model)
    patient = fitted("lightgbm", windows, split, trees=60, patience=60).card  # grows sixty and takes the last ones off
    assert int(dict(patient.facts)["Trees"]) < 60
    assert patient.validation_ic >= model.card.validation_ic


def test_samples_compare_the_names_of_one_session():
    windows, split = planted_windows()
    samples = samples_of(windows, split.train, span="training", target="rank")
    n_names = windows.y.shape[1]
    first = samples.y[:n_names]
    order = windows.y[windows.lookback - 1].numpy().argsort().argsort()
    assert first.mean() == pytest.approx(0.0)
    assert first.std() == pytest.approx(1.0)
    np.testing.assert_array_equal(first.argsort().argsort(), order)
    stretched = samples_of(replace(windows, y=windows.y.sinh() * 1e3), split.train, span="training", target="rank")
    np.testing.assert_array_equal(samples.y, stretched.y)  # a rank knows no distances
    assert len(np.unique(first)) == n_names


def test_z_scored_samples_keep_distances():
    windows, split = planted_windows()
    samples = samples_of(windows, split.train, span="training", target="zscore")
    labels = windows.y[windows.lookback - 1].double().numpy()
    np.testing.assert_allclose(samples.y[: len(labels)], (labels - labels.mean()) / labels.std(), rtol=1e-12)
    np.testing.assert_array_equal(samples.x[: len(labels)], windows.x[windows.lookback - 1].numpy())


def test_a_window_network_never_unrolls():
    """Long training would give it other windows; its epoch is that of exact training."""
    windows, split = planted_windows()
    settings = settings_for("window")
    exact = settings.model_copy(update={"training": settings.training.model_copy(update={"mode": "exact"})})
    context = FitContext(device="cpu")
    long_mode, exact_mode = (make_model(s).fit(windows, split, context=context) for s in (settings, exact))
    for name, tensor in long_mode.stored().tensors.items():
        assert torch.equal(tensor, exact_mode.stored().tensors[name])


def test_a_network_of_another_shape_is_refused_before_it_trains():
    windows, split = planted_windows()
    flat = Kind(
        settings=WindowSettings,
        model=NetworkModel,
        restored=restored_network,
        network=lambda n, _: torch.nn.Linear(n, 1),
    )
    register("window", flat)
    with pytest.raises(RunError, match=r"gives scores of shape \(6, 3, 1\).*must be \(3,\)"):
        fitted("window", windows, split)


def test_settings_of_a_kind_refuse_the_keys_of_another():
    assert {*KINDS} <= {*known_kinds()}
    with pytest.raises(ValueError, match="hidden"):
        settings_of({"kind": "ridge", "hidden": 8})
    with pytest.raises(ValueError, match=r"kind must be one of alstm, .*, ridge, .*window, was 'forest'"):
        settings_of({"kind": "forest"})
    with pytest.raises(ValueError, match="must be positive"):
        settings_of({"kind": "ridge", "penalties": [0.0]})
    with pytest.raises(ValueError, match="is a kind of Quintile's own"):
        register("ridge", kind_of("ridge"))


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    monkeypatch.delitem(sys.modules, "models.estimators.boosted_trees", raising=False)
    with pytest.raises(MissingExtraError, match=r"pip install 'quintile\[lightgbm\]'"):
        make_model(ModelSettings(model=LightgbmSettings()))


def test_trees_that_cannot_be_read_are_refused(tmp_path):
    windows, split = planted_windows()
    model = fitted("lightgbm", windows, split)
    calibration = Calibration(level=0.0, level_se=0.1, slope=1.0, slope_se=0.1, measured_slope=1.0, n_sessions=9)
    broken = replace(model, tensors={"trees": torch.frombuffer(bytearray(b"no trees"), dtype=torch.uint8)})
    save_checkpoint(tmp_path / "model", Checkpoint(model=broken, calibration=calibration))
    with pytest.raises(CheckpointError, match="does not describe a checkpoint"):
        load_checkpoint(tmp_path / "model")


def test_naming_a_kind_imports_no_torch():
    code = "import sys; from strategy.definitions.spec import load_spec, override; "
    code += "override(load_spec(), ['model.kind=ridge']); print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
