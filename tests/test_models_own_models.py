"""A class of the user's as a kind of model: what it may hold, what is refused in words, and that its bits return."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.ensemble import RandomForestRegressor
from torch import nn

from core.errors import CheckpointError, RunError
from core.user_file import run_user_file
from models.calibrate import Calibration
from models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from models.model import FitContext, FittedModel, StoredModel
from models.model_kinds import kind_of, make_model, restored_model, settings_of
from models.model_settings import ModelSettings
from models.own_models import model
from tests.oracles.planted import planted_windows, small_settings


class Network(nn.Module):
    """Scores of the last session; what stands beside the head is for subclasses."""

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.head = nn.Linear(n_features, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.head(x[-1]).squeeze(1)
        return scores


class Masked(Network):
    def __init__(self, n_features: int) -> None:
        super().__init__(n_features)
        self.register_buffer("mask", torch.triu(torch.full((6, 6), -torch.inf), diagonal=1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weights = self.mask[-1].softmax(dim=0)
        scores: torch.Tensor = self.head((weights[:, None, None] * x).sum(dim=0)).squeeze(1)
        return scores


class Projected(nn.Module):
    """A random projection that no state holds."""

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.register_buffer("projection", torch.randn(n_features, 4), persistent=False)
        self.head = nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.head((x[-1] @ self.projection).relu()).squeeze(1)
        return scores


class Transposed(nn.Module):
    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.randn(3, n_features).T)
        self.head = nn.Linear(3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.head(x[-1] @ self.weights).squeeze(1)
        return scores


class Normalised(nn.Module):
    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.norm, self.head, self.idle = nn.BatchNorm1d(n_features), nn.Linear(n_features, 1), nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.head(self.norm(x[-1])).squeeze(1)
        return scores


class InPlace(Network):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x -= x.mean(dim=0)
        return super().forward(x)


class Stepping(nn.Module):
    reads = "sequences"

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.gru, self.head = nn.GRU(n_features, 4), nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.head(self.gru(x)[0]).squeeze(2)
        return scores

    def step(self, x: torch.Tensor, state: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        h, state = self.gru(x, state)
        return self.head(h)[0, :, 0], state


def own_settings(cls: type, **keys: object) -> ModelSettings:
    model("own")(cls)
    base = small_settings()
    kind = settings_of({"kind": "own", "lookback": 6, **keys})
    training = base.training if kind.learns_by_epochs else type(base.training)()
    return base.model_copy(update={"model": kind, "training": training})


def fitted(cls: type, folder: Path | None = None, **keys: object) -> FittedModel:
    windows, split = planted_windows()
    return make_model(own_settings(cls, **keys)).fit(windows, split, context=FitContext(folder=folder, device="cpu"))


def kept(fitted_model: FittedModel, folder: Path) -> FittedModel:
    """The model as its checkpoint gives it back."""
    calibration = Calibration(level=0.0, level_se=0.1, slope=1.0, slope_se=0.1, measured_slope=1.0, n_sessions=9)
    save_checkpoint(folder / "model", Checkpoint(model=fitted_model, calibration=calibration))
    return load_checkpoint(folder / "model").model


@pytest.mark.parametrize("cls", [Masked, Projected, Transposed, Normalised, InPlace, Stepping])
def test_whatever_a_network_holds_comes_back_bit_for_bit(cls, tmp_path):
    windows, split = planted_windows()
    before, sessions = windows.x.clone(), windows.sessions[split.test]
    own = make_model(own_settings(cls)).fit(windows, split, context=FitContext(folder=tmp_path, device="cpu"))
    scores = own.scores(windows, sessions)
    torch.rand(7)  # what others draw in between decides nothing
    pd.testing.assert_frame_equal(kept(own, tmp_path).scores(windows, sessions), scores, check_exact=True)
    assert torch.equal(windows.x, before)


def test_what_no_state_holds_is_scored_as_it_was_trained(monkeypatch):
    trained_with = []
    forward = Projected.forward

    def watched(self: Projected, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            trained_with.append(self.projection.clone())
        return forward(self, x)

    monkeypatch.setattr(Projected, "forward", watched)
    network = fitted(Projected).trained.network(torch.device("cpu"))
    assert torch.equal(network.projection, trained_with[-1])


def test_weights_that_stopped_being_finite_are_refused(tmp_path):
    own = fitted(Masked)
    own.trained.weights["head.bias"].fill_(torch.inf)
    with pytest.raises(CheckpointError, match=r"not finite \(head\.bias\)"):
        kept(own, tmp_path)


def test_a_network_with_a_step_can_be_scored_long():
    windows, split = planted_windows()
    own = fitted(Stepping, scoring="long")
    sessions = windows.sessions[split.test]
    exact = own_settings(Stepping)
    assert exact.model.scored == "exact"
    assert "scoring" not in exact.model.deciding()
    assert not own.scores(windows, sessions).equals(fitted(Stepping).scores(windows, sessions))
    with pytest.raises(ValueError, match="scoring"):
        own_settings(Network, scoring="long")


def test_a_network_that_fails_is_named_before_it_trains():
    class Wider(Network):
        def __init__(self, n_features: int) -> None:
            super().__init__(n_features + 1)

    class WithState(Stepping):
        def forward(self, x):
            return self.gru(x)

    class OfOneLength(Stepping):
        def forward(self, x):
            return super().forward(x + torch.zeros(6, 1, x.shape[2]))

    with pytest.raises(ValueError, match="network own failed: RuntimeError: mat1 and mat2"):
        fitted(Wider)
    with pytest.raises(RunError, match="gives scores of shape tuple for windows"):
        fitted(WithState)
    with pytest.raises(ValueError, match="network own failed: RuntimeError: The size of tensor"):
        fitted(OfOneLength)


def test_a_network_without_a_step_is_not_scored_long():
    class NoStep(Stepping):
        step = None

    settings = own_settings(Stepping, scoring="long")
    model("own")(NoStep)
    windows, split = planted_windows()
    with pytest.raises(RunError, match=r"give it a method step\(x, state\)"):
        make_model(settings).fit(windows, split, context=FitContext(device="cpu"))


class Forest:
    def __init__(self, seed: int) -> None:
        self.trees = RandomForestRegressor(20, min_samples_leaf=5, n_jobs=4, random_state=seed)

    def fit(self, x: np.ndarray, y: np.ndarray) -> None:
        self.trees.fit(x, y)

    def predict(self, x: np.ndarray) -> np.ndarray:
        scores: np.ndarray = self.trees.predict(x)
        return scores


def test_workers_of_an_estimator_do_not_decide_its_bits():
    windows, split = planted_windows()
    own, sessions = fitted(Forest), windows.sessions[split.test]
    first = own.scores(windows, sessions)
    for _ in range(3):
        pd.testing.assert_frame_equal(own.scores(windows, sessions), first, check_exact=True)


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        ({"__init__": lambda self, alpha: None}, "model own failed: TypeError"),
        ({"fit": lambda self, x, y: 1 / 0}, "model own failed: ZeroDivisionError"),
        ({"predict": lambda self, x: self.missing}, "predict of Gone failed: AttributeError"),
        ({"predict": lambda self, x: x[:, 0] * np.nan}, "0 of them finite"),
        ({"fit": lambda self, x, y: setattr(self, "rule", lambda z: z)}, "the kept Gone failed"),
    ],
)
def test_an_estimator_that_fails_is_named(gone, words):
    good = {"fit": lambda self, x, y: None, "predict": lambda self, x: x[:, 0]}
    made = type("Gone", (), {**good, **gone, "__module__": __name__})
    globals()["Gone"] = made
    with pytest.raises(ValueError, match=words):
        fitted(made)


class Whole:
    def fit(self, windows, split):
        self.weights = torch.ones(windows.x.shape[2], 2).T

    def scores(self, windows, sessions):
        rows = windows.sessions.get_indexer(sessions)
        return pd.DataFrame((windows.x[rows] @ self.weights[0]).numpy(), index=sessions, columns=windows.tickers)

    def tensors(self):
        return {"weights": self.weights, "again": self.weights}

    def restored(self, tensors):
        self.weights = tensors["weights"]


def test_a_whole_model_may_keep_views_and_name_one_tensor_twice(tmp_path):
    windows, split = planted_windows()
    own, sessions = fitted(Whole), windows.sessions[split.test]
    pd.testing.assert_frame_equal(kept(own, tmp_path).scores(windows, sessions), own.scores(windows, sessions))


def test_a_whole_model_scores_what_it_is_asked_for():
    class Shuffled(Whole):
        def scores(self, windows, sessions):
            return super().scores(windows, sessions).iloc[:, ::-1]

    windows, split = planted_windows()
    with pytest.raises(ValueError, match="in their order"):
        fitted(Shuffled).scores(windows, windows.sessions[split.test])


def test_a_model_of_an_unknown_kind_asks_for_its_file(tmp_path, monkeypatch):
    kept(fitted(Network), tmp_path)
    monkeypatch.setattr("models.model_kinds._own", {})
    with pytest.raises(CheckpointError, match=r"is of kind 'own', which is not known here.*--models FILE"):
        load_checkpoint(tmp_path / "model")


def test_a_file_does_not_stand_in_for_a_library(tmp_path):
    library = tmp_path / "lightgbm.py"
    library.write_text("x = 1\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"lightgbm\.py has the name of a module"):
        run_user_file(library, holds="models")
    with pytest.raises(ValueError, match="there is no Python file"):
        run_user_file(tmp_path / "gone.py", holds="models")


def test_a_file_whose_library_fails_is_named(tmp_path):
    failing = tmp_path / "failing_file.py"
    failing.write_text("import torch\ntorch.zeros(2) @ torch.zeros(3)\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"failing_file\.py failed in line 2: RuntimeError"):
        run_user_file(failing, holds="models")


@pytest.mark.parametrize(
    ("kind", "tensors", "words"),
    [
        ("ridge", {"coefficients": torch.zeros(2)}, "must be 3 finite numbers"),
        ("ridge", {"coefficients": torch.full((3,), torch.nan)}, "must be 3 finite numbers"),
        ("own", {"estimator": torch.zeros(9, dtype=torch.uint8)}, "it is no archive"),
    ],
)
def test_a_state_that_is_not_one_of_its_kind_is_refused(kind, tensors, words):
    model("own")(Forest)
    settings = small_settings().model_copy(update={"model": settings_of({"kind": kind, "lookback": 6})})
    record = {"validation_ic": 0.1, "parameters": 3, "facts": []}
    stored = StoredModel(scaler=planted_windows()[0].scaler, tensors=tensors, record=record)
    with pytest.raises(ValueError, match=words):
        restored_model(settings, stored)


def test_trees_of_other_features_are_refused():
    windows, split = planted_windows()
    kind = settings_of({"kind": "lightgbm", "lookback": 6, "trees": 2, "min_leaf": 20})
    settings = ModelSettings(model=kind)
    stored = make_model(settings).fit(windows, split, context=FitContext()).stored()
    other = StoredModel(scaler=planted_windows(n_features=4)[0].scaler, tensors=stored.tensors, record=stored.record)
    with pytest.raises(ValueError, match="grown on 3 features, the card has 4"):
        restored_model(settings, other)


def test_a_checkpoint_of_another_source_is_refused(tmp_path, monkeypatch):
    kept(fitted(Network), tmp_path)
    changed = replace(kind_of("own"), source="of another file")
    monkeypatch.setattr("models.model_kinds._own", {"own": changed})
    with pytest.raises(CheckpointError, match="was learned by another source of 'own'"):
        load_checkpoint(tmp_path / "model")
