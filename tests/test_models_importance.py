"""Importance: the planted feature and position are found, duplicates move together, shared features rank nothing."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from core.errors import DataError
from models.importance import (
    ImportanceSample,
    duplicate_features,
    integrated_gradients,
    permutation_importance,
    position_blocks,
)
from models.networks.fitted_network import FittedNetwork
from models.networks.train import train_network
from models.windows import build_windows
from tests.oracles.planted import planted_features, planted_windows, small_settings


@pytest.fixture(scope="module")
def trained():
    windows, split = planted_windows()
    return train_network(windows, split, settings=small_settings()), windows


def asked(model):
    """What scores a stack of windows."""
    return FittedNetwork(model).window_scores()


def with_duplicate_and_shared(trained):
    """The same model on features of which the second repeats the first and the third is the same for every name."""
    model, windows = trained
    x = windows.x.clone()
    x[:, :, 1] = x[:, :, 0]
    x[:, :, 2] = x[:, :1, 2]
    return model, replace(windows, x=x)


def test_the_planted_feature_costs_most_when_dealt_anew(trained):
    model, windows = trained
    found = permutation_importance(asked(model), windows, sessions=windows.sessions)
    assert found["ic_lost"].idxmax() == "f0"
    assert found.loc["f0", "ic_lost"] > 3 * found.loc["f0", "standard_error"]
    assert found.loc["f0", "order_lost"] > found.loc["f1", "order_lost"]
    assert (found["n_sessions"] == 40).all()


def test_one_seed_gives_one_answer_and_another_seed_another(trained):
    model, windows = trained
    once, again = (permutation_importance(asked(model), windows, sessions=windows.sessions) for _ in range(2))
    pd.testing.assert_frame_equal(once, again, check_exact=True)
    other = permutation_importance(asked(model), windows, sessions=windows.sessions, sample=ImportanceSample(seed=1))
    assert not other.equals(once)


def test_duplicates_are_moved_together_and_a_shared_feature_ranks_nothing(trained):
    model, windows = with_duplicate_and_shared(trained)
    assert duplicate_features(windows) == [(0, 1), (2,)]
    found = permutation_importance(asked(model), windows, sessions=windows.sessions)
    assert list(found.index) == ["f0 = f1", "f2"]
    assert found.loc["f2", ["ic_lost", "standard_error", "order_lost"]].tolist() == [0.0, 0.0, 0.0]
    assert found.loc["f0 = f1", "order_lost"] > 0.5


def test_attributions_add_up_to_the_distance_from_the_average_sequence(trained):
    model, windows = trained
    found = integrated_gradients(asked(model), windows, sessions=windows.sessions)
    assert found.completeness_error < 1e-3
    assert found.n_windows == 20 * 8
    assert found.shares.to_numpy().sum() == pytest.approx(1.0)
    assert found.shares.sum(axis=1).idxmax() == "f0"


def test_what_the_network_ignores_has_no_share(trained):
    model, windows = trained
    weights = {name: tensor.clone() for name, tensor in model.weights.items()}
    weights["lstm.weight_ih_l0"][:, 1] = 0.0
    found = integrated_gradients(asked(replace(model, weights=weights)), windows, sessions=windows.sessions)
    assert found.shares.loc["f1"].sum() == 0.0
    lost = permutation_importance(asked(replace(model, weights=weights)), windows, sessions=windows.sessions)
    assert lost.loc["f1", "order_lost"] == pytest.approx(0.0, abs=1e-9)


def test_a_network_that_forgets_at_once_reads_the_last_block_only(trained):
    model, windows = trained
    weights = {name: tensor.clone() for name, tensor in model.weights.items()}
    hidden = model.settings.model.hidden
    for name in weights:
        if "weight_hh" in name:
            weights[name].zero_()
        if "bias" in name:
            weights[name][hidden : 2 * hidden] = -50.0
        if "weight_ih" in name:
            weights[name][hidden : 2 * hidden] = 0.0
    found = integrated_gradients(asked(replace(model, weights=weights)), windows, sessions=windows.sessions)
    assert found.shares.iloc[:, -1].sum() == pytest.approx(1.0)


def test_what_every_name_shares_hardly_counts_however_large_it_is(trained):
    model, windows = with_duplicate_and_shared(trained)
    x = windows.x.clone()
    x[:, :, 2] = 3.0
    found = integrated_gradients(asked(model), replace(windows, x=x), sessions=windows.sessions)
    assert found.shares.loc["f2"].sum() < 0.4  # 0.7 without the session mean taken off


def test_ninety_sessions_are_cut_into_the_references_thirds():
    assert position_blocks(90) == {"0–30": (0, 30), "30–60": (30, 60), "60–90": (60, 90)}
    assert list(position_blocks(20).values()) == [(0, 7), (7, 13), (13, 20)]


def test_sessions_without_returns_say_what_is_missing(trained):
    model, windows = trained
    blind = replace(windows, y=torch.full_like(windows.y, np.nan))
    with pytest.raises(DataError, match="give more bars"):
        permutation_importance(asked(model), blind, sessions=windows.sessions)


def test_the_order_of_names_changes_no_group(trained):
    features, targets, universe = planted_features()
    doubled = {**features, "again": features["f0"]}
    _, windows = trained
    scaler = replace(
        windows.scaler,
        names=(*windows.scaler.names, "again"),
        **{
            key: (*getattr(windows.scaler, key), getattr(windows.scaler, key)[0])
            for key in ("lower", "upper", "mean", "sd")
        },
    )
    built = build_windows(doubled, targets=targets, universe=universe, scaler=scaler, lookback=6)
    assert duplicate_features(built) == [(0, 3), (1,), (2,)]
