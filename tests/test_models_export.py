"""An exported graph scores as the model does: its windows, masks, scales, trees and members."""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from models.calibrate import Calibration
from models.checkpoint import Checkpoint
from models.ensembles.combination import Combination
from models.ensembles.fitted_ensemble import FittedEnsemble, MemberFact, member_models
from models.ensembles.session_scale import central_ranks as our_ranks
from models.ensembles.session_scale import scaled_sessions
from models.export.ensemble_graph import EnsembleScores
from models.export.graph import export_graph
from models.export.graph_files import onnx_bytes, onnx_scores, torchscript_bytes, torchscript_scores
from models.export.int8_graph import int8_graph
from models.export.pruned_weights import pruned_checkpoint
from models.export.refusal import ExportError
from models.export.session_scale_graph import central_ranks
from models.export.tree_graph import ForestNodes, Node, TreeScores
from models.kinds.sklearn import KNOBS
from models.model import FitContext
from models.model_kinds import known_kinds, make_model, settings_of
from models.model_settings import LossSettings, ModelSettings
from models.own_models import model as own_kind
from models.windows import Windows, build_windows, fit_scaler
from tests.oracles.planted import frame, planted_features, small_settings, untrained_fit
from tests.test_models_bar_levels import levels

LOOKBACK, TRAINED = 6, slice(0, 70)
MEMBERS = {
    "linear": {"model": {"kind": "ridge"}},
    "deep": {"model": {"kind": "gru", "hidden": 4, "layers": 1}},
    "wide": {"model": {"kind": "mlp", "hidden": [4]}},
}
NETWORKS = {
    "lstm": {"hidden": [8, 4]},
    "gru": {"hidden": 8, "layers": 2, "heads": ["score", "direction"]},
    "alstm": {"hidden": 8, "layers": 1},
    "transformer": {"hidden": 8, "attention_heads": 2},
    "tcn": {"hidden": 8},
    "dlinear": {"smooth": 3},
    "mlp": {"hidden": [8]},
    "cross_attention": {"hidden": 8, "attention_heads": 2},
}
TREES = {"trees": 5, "min_leaf": 20}
SAMPLED = {
    "ridge": {"lags": 3, "columns": ["f2", "f0"]},
    "lightgbm": {"trees": 12, "min_leaf": 20, "leaves": 7, "patience": 12},
    "extra_trees": TREES | {"row_share": 0.5},
    "fourier_ridge": {"components": 8},
    "hist_gradient_boosting": TREES,
    "huber_regression": {},
    "random_forest": TREES,
}
SMOOTH = ("ridge", "fourier_ridge", "huber_regression")  # no threshold decides


SLOW = (
    "alstm",
    "transformer",
    "dlinear",
    "extra_trees",
    "hist_gradient_boosting",
    "fourier_ridge",
    "huber_regression",
    "mean",
    "stacked",
)


def fast(names: Iterable[str]) -> list[Any]:
    """Cases of which those of a family that has another fast one are slow."""
    return [pytest.param(each, marks=pytest.mark.slow) if each in SLOW else each for each in names]


def settings_for(kind: str, **changes) -> ModelSettings:
    base = small_settings()
    loss = LossSettings(terms={"direction": 0.5, "soft_rank": 0.5} if "heads" in changes else {})
    if kind in KNOBS:
        kind, changes = "sklearn", {"estimator": kind, **changes}
    model = settings_of({"kind": kind, "lookback": LOOKBACK, **changes})
    training = base.training if model.learns_by_epochs else type(base.training)()
    return ModelSettings(model=model, loss=loss, training=training)


@cache
def market(*, of_bars: bool = False) -> tuple[np.ndarray, Windows]:
    """Raw features of float32 with holes, and the windows that are made of them."""
    features, targets, universe = levels() if of_bars else planted_features()
    rng = np.random.default_rng(5)
    raw = np.stack([each.to_numpy() for each in features.values()], axis=2).astype(np.float32)
    raw[rng.random(raw.shape) < 0.004] = np.nan
    raw[60:80, 3] = np.nan
    universe = frame(rng.random(universe.shape) < 0.9)
    universe.iloc[100] = False
    features = {name: frame(raw[:, :, k].astype(np.float64)) for k, name in enumerate(features)}
    scaler = fit_scaler(features, targets=targets, universe=universe, rows=TRAINED)
    return raw, build_windows(features, targets=targets, universe=universe, scaler=scaler, lookback=LOOKBACK)


def fitted(windows: Windows, settings: ModelSettings):
    from models.sample_splits import Split

    split = Split(train=slice(0, 70), validation=slice(72, 100), test=slice(102, 120), purge=2)
    return make_model(settings).fit(windows, split, context=FitContext(device="cpu"))


def checkpoint_of(model) -> Checkpoint:
    calibration = Calibration(
        level=3.1e-4, level_se=1e-4, slope=2.7e-3, slope_se=1e-3, measured_slope=2.7e-3, n_sessions=20
    )
    return Checkpoint(model=model, calibration=calibration)


@cache
def network_checkpoint(kind: str, *, of_bars: bool = False) -> Checkpoint:
    return checkpoint_of(untrained_fit(market(of_bars=of_bars)[1], settings_for(kind, **NETWORKS[kind])))


def ours(checkpoint: Checkpoint, windows: Windows) -> np.ndarray:
    scores = checkpoint.model.scores(windows, windows.sessions[LOOKBACK - 1 :])
    return checkpoint.calibration.apply(scores).to_numpy()


def given(raw: np.ndarray, windows: Windows) -> tuple[torch.Tensor, torch.Tensor]:
    """What a graph is given: the universe is where a mask of one session's features would hold."""
    known = torch.from_numpy(np.isfinite(raw).all(axis=2))
    return torch.from_numpy(raw), windows.present | ~known


def graph_scores(checkpoint: Checkpoint, raw: np.ndarray, windows: Windows) -> np.ndarray:
    with torch.inference_mode():
        return export_graph(checkpoint)(*given(raw, windows)).numpy()


def assert_equal(found: np.ndarray, wanted: np.ndarray, *, slope: float = 2.7e-3, within: float = 1e-5) -> None:
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
    assert 0.2 < np.isfinite(found).mean() < 0.95
    np.testing.assert_allclose(found, wanted, rtol=0.0, atol=within * slope)


@pytest.mark.parametrize("kind", fast(NETWORKS))
def test_a_network_scores_the_same_names_the_same(kind):
    checkpoint, (raw, windows) = network_checkpoint(kind), market()
    assert_equal(graph_scores(checkpoint, raw, windows), ours(checkpoint, windows))


@pytest.mark.parametrize("kind", fast(["lstm", "cross_attention", "dlinear"]))
def test_levels_of_bars_are_divided_inside_the_graph(kind):
    checkpoint, (raw, windows) = network_checkpoint(kind, of_bars=True), market(of_bars=True)
    assert_equal(graph_scores(checkpoint, raw, windows), ours(checkpoint, windows), within=1e-3)


@pytest.mark.parametrize("kind", fast(SAMPLED))
def test_sums_cosines_and_trees_score_the_same_names_the_same(kind):
    raw, windows = market()
    checkpoint = checkpoint_of(fitted(windows, settings_for(kind, **SAMPLED[kind])))
    assert_equal(graph_scores(checkpoint, raw, windows), ours(checkpoint, windows))
    assert export_graph(checkpoint).has_steps == (kind not in SMOOTH)


def test_lags_of_divided_bars_are_read_from_the_last_session_back():
    raw, windows = market(of_bars=True)
    checkpoint = checkpoint_of(fitted(windows, settings_for("ridge", lags=3)))
    assert_equal(graph_scores(checkpoint, raw, windows), ours(checkpoint, windows), within=1e-3)


def ensemble(windows: Windows, settings: ModelSettings) -> FittedEnsemble:
    """An ensemble of networks whose weights their seeds draw, and of sums that are fitted."""
    fits = tuple(
        fitted(windows, each) if each.model.kind == "ridge" else untrained_fit(windows, each)
        for each in member_models(settings).values()
    )
    weights = dict(zip(MEMBERS, (0.7, -0.1, 0.4), strict=True))
    members = {name: MemberFact(weight=weight, validation_ic=0.0) for name, weight in weights.items()}
    return FittedEnsemble(settings=settings, scaler=windows.scaler, fits=fits, members=members, validation_ic=0.0)


@pytest.mark.parametrize("combine", fast(["mean", "rank_mean", "trimmed_mean", "weighted", "stacked"]))
def test_an_ensemble_combines_its_members_within_each_session(combine):
    raw, windows = market()
    trim = {"trim": 0.2} if combine == "trimmed_mean" else {}
    settings = settings_for("ensemble", members=MEMBERS, combine=combine, seeds=2, **trim)
    checkpoint = checkpoint_of(ensemble(windows, settings))
    assert_equal(graph_scores(checkpoint, raw, windows), ours(checkpoint, windows))
    assert export_graph(checkpoint).has_steps == (combine == "rank_mean")


class Given(torch.nn.Module):
    """A member that scores what it was given."""

    def __init__(self, scores: np.ndarray) -> None:
        super().__init__()
        self.scores = torch.from_numpy(scores)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.scores


@pytest.mark.parametrize("combine", ["mean", "rank_mean", "trimmed_mean", "weighted"])
def test_a_name_that_one_member_does_not_score_has_no_score_of_the_ensemble(combine):
    scores = list(np.random.default_rng(3).standard_normal((3, 4, 6)))
    scores[1][2, 5], scores[2][0, :2] = np.nan, np.inf
    given = [np.where(np.isfinite(each), each, np.nan) for each in scores]
    trim = {"trim": 0.2} if combine == "trimmed_mean" else {}
    settings = settings_for("ensemble", members=MEMBERS, combine=combine, **trim).model
    combination = Combination(settings=settings, weights=(0.7, -0.1, 0.4))
    graph = EnsembleScores([Given(each) for each in scores], combination=combination)
    combined = graph(torch.empty(0), torch.ones(4, 6, dtype=torch.bool)).numpy()
    np.testing.assert_allclose(combined, combination.combined(given), rtol=1e-6)
    assert np.argwhere(np.isnan(combined)).tolist() == [[0, 0], [0, 1], [2, 5]]


def test_a_sample_at_a_threshold_goes_left_and_leaves_lead_to_themselves():
    deep = (Node(1, 0.5, 1, 2, 0.0), Node(0, -1.0, 3, 4, 0.0), Node(0, 0.0, 2, 2, 8.0), Node(0, 0.0, 3, 3, 1.0))
    deep = (*deep, Node(0, 0.0, 4, 4, 2.0))
    scores = TreeScores(ForestNodes(trees=(deep, (Node(0, 0.0, 0, 0, 16.0),)), depth=2, base=100.0, scale=0.5))
    samples = torch.tensor([[-1.0, 0.5], [-0.9, 0.5], [-1.0, 0.6]])
    assert scores(samples).tolist() == [100.0 + 17 / 2, 100.0 + 18 / 2, 100.0 + 24 / 2]


def test_ranks_average_ties_as_ours_do():
    scores = np.array([[3.0, 1.0, 3.0, np.nan, 2.0], [1.0, 1.0, 1.0, 1.0, 1.0], [np.nan, np.nan, 5.0, np.nan, np.nan]])
    known = torch.from_numpy(np.isfinite(scores))
    found = central_ranks(torch.from_numpy(np.nan_to_num(scores)), known).numpy()
    np.testing.assert_allclose(np.where(known, found, np.nan), scaled_sessions(scores, our_ranks))


def test_a_session_alone_is_scored_as_among_others():
    checkpoint, (raw, windows) = network_checkpoint("gru"), market()
    graph, (features, universe) = export_graph(checkpoint), given(raw, windows)
    with torch.inference_mode():
        whole = graph(features, universe)
        alone = graph(features[40 : 40 + LOOKBACK], universe[40 : 40 + LOOKBACK])
    assert alone.shape == (1, raw.shape[1])
    np.testing.assert_allclose(alone[0].numpy(), whole[40].numpy(), rtol=0.0, atol=1e-9)


def test_later_rows_change_no_earlier_score():
    checkpoint, (raw, windows) = network_checkpoint("lstm"), market()
    features, universe = given(raw, windows)
    changed = features.clone()
    changed[90:] = 7.0
    graph = export_graph(checkpoint)
    with torch.inference_mode():
        whole, other = graph(features, universe), graph(changed, universe)
    assert torch.equal(whole[: 90 - LOOKBACK + 1].nan_to_num(), other[: 90 - LOOKBACK + 1].nan_to_num())


def test_an_infinite_feature_is_a_missing_one():
    checkpoint, (raw, windows) = network_checkpoint("mlp"), market()
    features, universe = given(raw, windows)
    infinite, missing = features.clone(), features.clone()
    infinite[50, 4, 1], missing[50, 4, 1] = torch.inf, torch.nan
    graph = export_graph(checkpoint)
    with torch.inference_mode():
        one, other = graph(infinite, universe), graph(missing, universe)
    assert one[50 - LOOKBACK + 1 : 51, 4].isnan().all()
    assert torch.equal(one.nan_to_num(), other.nan_to_num())


@pytest.fixture(scope="module")
def archive() -> bytes:
    return torchscript_bytes(export_graph(network_checkpoint("lstm")), kind="lstm")


@pytest.mark.parametrize("names", [1, 2, 7, 12])
def test_an_archive_scores_any_number_of_names_and_sessions(archive, names):
    checkpoint, (raw, windows) = network_checkpoint("lstm"), market()
    score = torchscript_scores(archive, sha256=hashlib.sha256(archive).hexdigest())
    cut = {key: getattr(windows, key)[:, :names] for key in ("x", "y", "mask", "present")}
    part = replace(windows, **cut, tickers=windows.tickers[:names])
    features, universe = given(raw[:, :names], part)
    found = score(features.numpy(), universe.numpy())
    wanted = ours(checkpoint, part)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
    np.testing.assert_allclose(found, wanted, rtol=0.0, atol=1e-5 * 2.7e-3)


def test_an_archive_of_another_hash_is_never_opened(archive):
    with pytest.raises(ExportError, match="not opened"):
        torchscript_scores(archive, sha256=hashlib.sha256(archive + b" ").hexdigest())


def test_int8_keeps_the_order_of_most_names_and_the_mask():
    checkpoint, (raw, windows) = network_checkpoint("gru"), market()
    graph = export_graph(checkpoint)
    archive = torchscript_bytes(graph, kind="gru", changed=int8_graph(graph, kind="gru"))
    score = torchscript_scores(archive, sha256=hashlib.sha256(archive).hexdigest())
    features, universe = given(raw, windows)
    found, wanted = score(features.numpy(), universe.numpy()), ours(checkpoint, windows)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
    ranks = pd.DataFrame(found).corrwith(pd.DataFrame(wanted), axis=1, method="spearman")
    assert 0.95 < ranks.mean() < 1.0
    assert_equal(graph_scores(checkpoint, raw, windows), wanted)  # the float graph stays as it was


def test_pruning_takes_the_smallest_of_every_matrix_and_nothing_else():
    checkpoint = network_checkpoint("mlp")
    before = dict(checkpoint.model.trained.weights)
    pruned = pruned_checkpoint(checkpoint, 0.5)
    after = pruned.checkpoint.model.trained.weights
    for name, weights in before.items():
        assert torch.equal(weights, checkpoint.model.trained.weights[name])
        kept = after[name] != 0.0
        if weights.dim() < 2:
            assert torch.equal(after[name], weights)
            continue
        assert int((~kept).sum()) == weights.numel() // 2
        assert torch.equal(after[name][kept], weights[kept])
        assert weights[kept].abs().min() >= weights[~kept].abs().max()
    assert pruned.zeros == sum(each.numel() // 2 for each in before.values() if each.dim() > 1)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_a_share_that_is_none_prunes_nothing(share):
    with pytest.raises(ValueError, match="share above 0 and below 1"):
        pruned_checkpoint(network_checkpoint("mlp"), share)


class Window(torch.nn.Module):
    """A user's network: it changes what it is given, and reads the window's mean."""

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.head = torch.nn.Linear(n_features, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x[0] = 0.0
        return self.head(x.mean(dim=0)).squeeze(1)


class Section(Window):
    """A user's network that compares the names of a session."""

    reads = "sections"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores = super().forward(x)
        return scores - scores.mean()


class Nearest:
    """A user's estimator."""

    def fit(self, x: np.ndarray, y: np.ndarray) -> None:
        self.weights = x.T @ y

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(x @ self.weights)


class Whole:
    """A user's class that stands for the whole seam."""

    def fit(self, windows: Windows, split: Any) -> None: ...

    def scores(self, windows: Windows, sessions: pd.DatetimeIndex) -> pd.DataFrame: ...

    def tensors(self) -> dict[str, torch.Tensor]:
        return {"nothing": torch.zeros(1)}

    def restored(self, tensors: dict[str, torch.Tensor]) -> None: ...


def test_a_network_of_a_users_own_leaves_as_ours_do(monkeypatch):
    monkeypatch.setattr("models.model_kinds._own", {})
    own_kind("own_window")(Window)
    raw, windows = market()
    checkpoint = checkpoint_of(untrained_fit(windows, settings_for("own_window")))
    assert_equal(graph_scores(checkpoint, raw, windows), ours(checkpoint, windows))


def test_what_cannot_leave_says_why_in_one_line(monkeypatch):
    monkeypatch.setattr("models.model_kinds._own", {})
    for name, cls in {"own_section": Section, "own_estimator": Nearest, "own_whole": Whole}.items():
        own_kind(name)(cls)
    _, windows = market()
    linear = checkpoint_of(fitted(windows, settings_for("ridge")))
    carried = checkpoint_of(untrained_fit(windows, settings_for("lstm", hidden=4, layers=1, scoring="long")))
    refused = {
        "no network to prune": lambda: pruned_checkpoint(linear, 0.5),
        "no recurrent or dense layer": lambda: int8_graph(export_graph(linear), kind="ridge"),
        "scored long": lambda: export_graph(carried),
        'kind own_section reads "sections"': lambda: export_graph(
            checkpoint_of(untrained_fit(windows, settings_for("own_section")))
        ),
        "kind own_estimator predicts by Python code": lambda: export_graph(
            checkpoint_of(fitted(windows, settings_for("own_estimator")))
        ),
        "kind own_whole is a class that scores": lambda: export_graph(
            checkpoint_of(fitted(windows, settings_for("own_whole")))
        ),
    }
    for words, attempt in refused.items():
        with pytest.raises(ExportError, match=words) as told:
            attempt()
        assert "\n" not in str(told.value)


ALL = {**NETWORKS, **SAMPLED, "ensemble": {"members": MEMBERS}}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ALL)
def test_every_kind_scores_the_same_in_onnx_runtime(kind):
    raw, windows = market()
    settings = settings_for(kind, **ALL[kind])
    model = untrained_fit(windows, settings) if kind in NETWORKS else fitted(windows, settings)
    checkpoint = checkpoint_of(model)
    score = onnx_scores(onnx_bytes(export_graph(checkpoint), kind=kind))
    for names in (1, 2, 7, 12):
        cut = {key: getattr(windows, key)[:, :names] for key in ("x", "y", "mask", "present")}
        part = replace(windows, **cut, tickers=windows.tickers[:names])
        features, universe = given(raw[:, :names], part)
        found, wanted = score(features.numpy(), universe.numpy()), ours(checkpoint, part)
        np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
        np.testing.assert_allclose(found, wanted, rtol=0.0, atol=2e-5 * 2.7e-3)


def test_every_kind_of_the_zoo_is_tried():
    tried = {"sklearn" if kind in KNOBS else kind for kind in ALL}
    assert tried == set(known_kinds())


def told_table() -> dict[str, tuple[str, ...]]:
    """What the page says of each kind: float, int8, prune."""
    page = (Path(__file__).resolve().parent.parent / "docs/export.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    return {cells[0]: tuple(cells[1:4]) for cells in rows if cells[0] in known_kinds()}


def test_the_page_says_of_every_kind_what_it_can():
    _, windows = market()
    told = told_table()
    assert set(told) == set(known_kinds())
    checkpoints = {kind: network_checkpoint(kind) for kind in NETWORKS}
    checkpoints["ridge"] = checkpoint_of(fitted(windows, settings_for("ridge")))
    checkpoints["ensemble"] = checkpoint_of(ensemble(windows, settings_for("ensemble", members=MEMBERS)))
    for kind, checkpoint in checkpoints.items():
        graph = export_graph(checkpoint)
        assert told[kind] == ("yes", _can(int8_graph, graph, kind=kind), _can(pruned_checkpoint, checkpoint, 0.5)), kind
    assert told["lightgbm"] == told["sklearn"] == told["ridge"]


def _can(attempt: Any, *given: Any, **named: Any) -> str:
    try:
        attempt(*given, **named)
    except ExportError:
        return "no"
    return "yes"


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in NETWORKS if kind != "dlinear"])
def test_int8_of_every_network_keeps_its_mask_and_most_of_its_order(kind):
    checkpoint, (raw, windows) = network_checkpoint(kind), market()
    graph = export_graph(checkpoint)
    archive = torchscript_bytes(graph, kind=kind, changed=int8_graph(graph, kind=kind))
    score = torchscript_scores(archive, sha256=hashlib.sha256(archive).hexdigest())
    features, universe = given(raw, windows)
    found, wanted = score(features.numpy(), universe.numpy()), ours(checkpoint, windows)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
    assert pd.DataFrame(found).corrwith(pd.DataFrame(wanted), axis=1, method="spearman").mean() > 0.9
