"""Layers, parameters and trees of a stored model, against counts made by hand."""

from pathlib import Path

import numpy as np
import pytest
from torch import nn

from core.errors import RunError
from models.estimators.tree_sizes import TreeSizes, tree_sizes
from models.model import FitContext
from models.model_kinds import build_network, make_model, settings_of
from models.networks.layer_counts import layers_of
from models.networks.training_state import FILE_NAME
from models.networks.training_time import epoch_seconds
from tests.oracles.planted import planted_windows, small_settings
from tests.test_models_kinds import KINDS, settings_for

NETWORKS = [kind for kind in KINDS if kind not in ("ridge", "lightgbm", "ensemble", "sklearn", "window")]


def counts(network: nn.Module) -> list[tuple[str, str, int, int]]:
    fitted = [name for name, _ in network.named_parameters()]
    layers = layers_of(network.state_dict(), fitted=fitted)
    return [(layer.name, layer.kind, layer.parameters, layer.keras_parameters) for layer in layers]


def test_the_compact_net_has_34001_parameters_in_keras_and_34449_in_torch() -> None:
    """Widths 64, 32 and 16 on 7 features: 4(h(n + h) + h) a layer in Keras, another 4h in torch, and 16 + 1."""
    compact = build_network(settings_of({"kind": "lstm", "hidden": [64, 32, 16], "layers": 3}), 7)
    found = counts(compact)
    assert [row[3] for row in found] == [18_432, 12_416, 3_136, 17]
    assert [row[2] for row in found] == [18_432 + 256, 12_416 + 128, 3_136 + 64, 17]
    assert [row[1] for row in found] == ["LSTM", "LSTM", "LSTM", "dense"]
    assert sum(row[3] for row in found) == 34_001
    assert sum(row[2] for row in found) == 34_449


def test_a_gru_counts_alike() -> None:
    """Width 4 on 3 features: 3(4·7 + 2·4) = 108; the layer over it 3(4·8 + 2·4) = 120."""
    assert counts(nn.GRU(3, 4, 2)) == [("l0", "GRU", 108, 108), ("l1", "GRU", 120, 120)]


def test_stacked_and_reversed_layers_are_told_apart() -> None:
    """Width 4 on 3 features: 4(4·7 + 4) = 128 and 16 more; on both directions of the first, 4(4·12 + 4) = 208."""
    found = counts(nn.LSTM(3, 4, 2, bidirectional=True))
    assert [(name, torch_count, keras) for name, _, torch_count, keras in found] == [
        ("l0", 144, 128),
        ("l0_reverse", 144, 128),
        ("l1", 224, 208),
        ("l1_reverse", 224, 208),
    ]


@pytest.mark.parametrize(
    ("layer", "wanted"),
    [
        (nn.RNN(3, 4), ("l0", "recurrent", 36, 32)),  # 4(3 + 4) + 4, and 4 more
        (nn.LSTMCell(3, 4), ("network", "LSTM", 144, 128)),
        (nn.LSTM(3, 4, bias=False), ("l0", "LSTM", 112, 112)),
        (nn.LSTM(3, 4, proj_size=2), ("l0", "LSTM", 120, 104)),  # 16·3 + 16·2 + 2·4 + 16, and 16 more
        (nn.Linear(5, 2), ("network", "dense", 12, 12)),
        (nn.LayerNorm(5), ("network", "norm", 10, 10)),
        (nn.Conv1d(3, 4, 2), ("network", "convolution", 28, 28)),
        (nn.MultiheadAttention(4, 2).out_proj, ("network", "dense", 20, 20)),
    ],
)
def test_a_layer_is_named_and_counted(layer: nn.Module, wanted: tuple[str, str, int, int]) -> None:
    assert counts(layer) == [wanted]


def test_what_is_kept_and_not_fitted_is_no_parameter() -> None:
    assert counts(nn.BatchNorm1d(4)) == [("network", "norm", 8, 8), ("network", "buffer", 0, 0)]


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_layers_of_a_network_hold_all_of_its_parameters(kind: str) -> None:
    network = build_network(settings_of({"kind": kind, **KINDS[kind]}), 5)
    assert sum(row[2] for row in counts(network)) == sum(each.numel() for each in network.parameters())


def test_trees_are_counted_with_their_leaves_and_depth() -> None:
    windows, split = planted_windows()
    stumps = make_model(settings_for("lightgbm", trees=5, patience=5, leaves=2)).fit(
        windows, split, context=FitContext()
    )
    found = tree_sizes(stumps.predictor)
    assert found is not None
    assert found.depth == 1
    assert found.leaves == 2 * found.trees == stumps.card.n_parameters
    forest = make_model(settings_for("sklearn", trees=3, depth=2, min_leaf=1)).fit(windows, split, context=FitContext())
    assert tree_sizes(forest.predictor) == TreeSizes(trees=3, leaves=12, depth=2)
    boosted = make_model(settings_for("sklearn", estimator="hist_gradient_boosting", trees=2, leaves=2)).fit(
        windows, split, context=FitContext()
    )
    assert tree_sizes(boosted.predictor) == TreeSizes(trees=2, leaves=4, depth=1)
    linear = make_model(settings_for("ridge")).fit(windows, split, context=FitContext())
    assert tree_sizes(linear.predictor) is None


def test_epochs_keep_their_seconds_until_their_state_is_gone(tmp_path: Path) -> None:
    windows, split = planted_windows()
    assert epoch_seconds(tmp_path) == ()
    make_model(small_settings(max_epochs=2)).fit(windows, split, context=FitContext(device="cpu", folder=tmp_path))
    seconds = epoch_seconds(tmp_path)
    assert len(seconds) == 2
    assert np.min(seconds) > 0.0
    (tmp_path / FILE_NAME).write_bytes(b"cut")
    with pytest.raises(RunError, match=r"training\.safetensors cannot be read .*: delete it, nothing else needs it"):
        epoch_seconds(tmp_path)
