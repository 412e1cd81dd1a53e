import json
import tempfile
import weakref
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from core.errors import DataError
from models.scratch import Scratch
from models.windows import Scaler, build_windows, fit_scaler
from tests.oracles.planted import frame, planted_features

TRAIN = slice(0, 60)


def fitted(features, targets, universe, rows=TRAIN):
    return fit_scaler(features, targets=targets, universe=universe, rows=rows)


def windows_of(features, targets, universe, lookback=4):
    scaler = fitted(features, targets, universe)
    return build_windows(features, targets=targets, universe=universe, scaler=scaler, lookback=lookback)


def test_a_window_ends_with_the_session_of_its_decision():
    steps = np.arange(8.0)[:, None] + 10.0 * np.arange(2)[None, :]
    features, targets = {"step": frame(steps)}, frame(steps % 3)
    universe = frame(np.ones((8, 2), dtype=bool))
    plain = Scaler(names=("step",), lower=(-1e9,), upper=(1e9,), mean=(0.0,), sd=(1.0,), target_sd=1.0)
    windows = build_windows(features, targets=targets, universe=universe, scaler=plain, lookback=3)
    assert windows.samples.shape == (6, 2, 3, 1)
    assert windows.samples[0, 0, :, 0].tolist() == [0.0, 1.0, 2.0]
    assert windows.samples[5, 1, :, 0].tolist() == [15.0, 16.0, 17.0]
    assert windows.mask.sum(dim=1).tolist() == [0, 0, 2, 2, 2, 2, 2, 2]
    assert windows.y[:, 0].tolist() == [0, 1, 2, 0, 1, 2, 0, 1]


def test_windows_are_views_of_one_tensor():
    windows = windows_of(*planted_features())
    assert windows.samples.data_ptr() == windows.x.data_ptr()
    assert windows.x.is_contiguous()
    assert windows.x[3:7].is_contiguous()


def test_a_missing_feature_masks_exactly_the_windows_that_contain_it():
    features, targets, universe = planted_features()
    features["f1"].iloc[20, 5] = np.nan
    windows = windows_of(features, targets, universe, lookback=4)
    assert np.flatnonzero(~windows.mask[3:, 5].numpy()).tolist() == [17, 18, 19, 20]
    assert windows.mask[3:, [0, 1, 2, 3, 4, 6]].all()
    assert windows.x[20, 5].tolist()[1] == 0.0
    assert not windows.present[20, 5]
    assert windows.present[21, 5]


def test_a_window_needs_the_universe_at_its_decision_only():
    features, targets, universe = planted_features()
    universe.iloc[:30, 2] = False
    windows = windows_of(features, targets, universe, lookback=4)
    assert not windows.mask[:30, 2].any()
    assert windows.mask[30:, 2].all()


def test_no_window_exists_when_history_is_shorter_than_the_lookback():
    assert not windows_of(*planted_features(n_sessions=70), lookback=71).mask.any()
    assert windows_of(*planted_features(n_sessions=70), lookback=70).mask.sum() == 12


def test_an_unknown_return_leaves_the_window_but_not_its_label():
    features, targets, universe = planted_features()
    targets.iloc[-2:] = np.nan
    windows = windows_of(features, targets, universe)
    assert windows.mask[-2:].all()
    assert not windows.labelled[-2:].any()
    assert windows.labelled[3:-2].all()


def test_features_are_winsorized_at_the_percentiles_then_z_scored():
    values = np.random.default_rng(1).standard_normal((60, 12)) ** 3 + 5
    features, targets, universe = {"heavy": frame(values)}, frame(values), frame(np.ones((60, 12), dtype=bool))
    lower, upper = np.percentile(values, [1, 99])
    clipped = np.clip(values, lower, upper)
    windows = windows_of(features, targets, universe)
    np.testing.assert_allclose(windows.x[:, :, 0], (clipped - clipped.mean()) / clipped.std(), rtol=1e-5, atol=1e-6)


def test_later_rows_change_no_bit_of_the_scaler():
    features, targets, universe = planted_features()
    before = fitted(features, targets, universe)
    for changed in (*features.values(), targets):
        changed.iloc[60:] = 1e6
    universe.iloc[60:] = False
    assert fitted(features, targets, universe) == before


def test_the_last_training_row_does_count():
    features, targets, universe = planted_features()
    before = fitted(features, targets, universe)
    features["f0"].iloc[59] += 1.0
    assert fitted(features, targets, universe) != before


def test_names_outside_the_universe_and_missing_cells_do_not_move_the_scaler():
    features, targets, universe = planted_features()
    universe.iloc[:, 3] = False
    before = fitted(features, targets, universe)
    features["f0"].iloc[:, 3] = 1e9
    targets.iloc[:, 3] = 1e9
    assert fitted(features, targets, universe) == before
    features["f0"].iloc[0, 3] = np.nan
    assert fitted(features, targets, universe) == before


def test_the_target_scale_is_the_root_mean_within_session_variance():
    features, targets, universe = planted_features()
    shifted = targets.add(np.linspace(-1, 1, 120), axis=0)
    wanted = np.sqrt(targets.iloc[TRAIN].var(axis=1, ddof=1).mean())
    assert fitted(features, shifted, universe).target_sd == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x: x * 0 + 0.1, "feature f1 is constant"),
        (lambda x: x * np.nan, "feature f1 has no value"),
        (lambda x: x.where(x < 1.5, np.inf), "feature f1 holds infinite values"),
        (lambda x: x.iloc[:-1], "f1 and targets differ"),
    ],
)
def test_an_unusable_feature_is_named(spoil, message):
    features, targets, universe = planted_features()
    features["f1"] = spoil(features["f1"])
    with pytest.raises(DataError, match=message):
        fitted(features, targets, universe)


def test_an_infinite_value_after_training_is_refused_too():
    features, targets, universe = planted_features()
    scaler = fitted(features, targets, universe)
    features["f2"].iloc[-1, 0] = np.inf
    with pytest.raises(DataError, match="f2 holds infinite"):
        build_windows(features, targets=targets, universe=universe, scaler=scaler, lookback=4)


def test_targets_without_spread_are_refused():
    features, targets, universe = planted_features()
    with pytest.raises(DataError, match="no spread"):
        fitted(features, targets * 0, universe)


def test_other_features_than_the_scalers_are_refused():
    features, targets, universe = planted_features()
    scaler = fitted(features, targets, universe)
    swapped = {name: features[name] for name in ("f1", "f0", "f2")}
    with pytest.raises(DataError, match="must be the scaler's"):
        build_windows(swapped, targets=targets, universe=universe, scaler=scaler, lookback=4)


def test_a_scaler_round_trips_exactly_through_json():
    scaler = fitted(*planted_features())
    assert Scaler.from_card(json.loads(json.dumps(scaler.as_card()))) == scaler


def test_inputs_stay_untouched():
    features, targets, universe = planted_features()
    copies = {name: values.copy() for name, values in features.items()}
    windows = windows_of(features, targets, universe)
    windows.y.zero_()
    for name, values in features.items():
        pd.testing.assert_frame_equal(values, copies[name])
    assert targets.to_numpy().any()


def test_cutting_the_future_changes_no_earlier_tensor_cell():
    features, targets, universe = planted_features()
    scaler = fitted(features, targets, universe)
    full = build_windows(features, targets=targets, universe=universe, scaler=scaler, lookback=5)
    cut = build_windows(
        {name: values.iloc[:80] for name, values in features.items()},
        targets=targets.iloc[:80],
        universe=universe.iloc[:80],
        scaler=scaler,
        lookback=5,
    )
    assert torch.equal(cut.x, full.x[:80])
    assert torch.equal(cut.mask, full.mask[:80])


@pytest.fixture
def files(monkeypatch):
    """Count the files that windows open."""
    opened = []

    def counting(dir):
        opened.append(dir)
        return tempfile.TemporaryFile(dir=dir)

    monkeypatch.setattr("models.scratch.tempfile", SimpleNamespace(TemporaryFile=counting))
    return opened


@pytest.mark.parametrize("shape", [(120, 12, 3), (121, 7, 2)])
def test_features_in_a_file_are_the_same_bits_as_in_memory(tmp_path, monkeypatch, files, shape):
    monkeypatch.setattr("models.scratch.BLOCK_BYTES", 4_000)
    features, targets, universe = planted_features(n_sessions=shape[0], n_tickers=shape[1], n_features=shape[2])
    features["f1"].iloc[20, 5] = np.nan
    scaler = fitted(features, targets, universe)
    inputs = {"targets": targets, "universe": universe, "scaler": scaler, "lookback": 4}
    held = build_windows(features, **inputs)
    filed = build_windows(features, **inputs, scratch=Scratch(folder=tmp_path, above=0))
    for name in ("x", "y", "mask", "present"):
        assert torch.equal(getattr(held, name), getattr(filed, name))
    assert filed.x.is_contiguous()
    assert files == [tmp_path, tmp_path]
    assert not list(tmp_path.iterdir())


def test_features_stay_in_memory_up_to_what_scratch_allows(tmp_path, files):
    features, targets, universe = planted_features()
    inputs = {"targets": targets, "universe": universe, "scaler": fitted(features, targets, universe), "lookback": 4}
    size = 120 * 12 * 3 * 4
    build_windows(features, **inputs, scratch=Scratch(folder=tmp_path, above=size))
    assert not files
    build_windows(features, **inputs, scratch=Scratch(folder=tmp_path, above=size - 1))
    assert files


def test_each_feature_is_let_go_before_the_next_is_made(tmp_path):
    features, targets, universe = planted_features()

    class Made(dict):
        def items(self):
            made = []
            for name in self:
                one = features[name].copy()
                made.append(weakref.ref(one))
                yield name, one
                del one
                assert all(earlier() is None for earlier in made[:-1])

    scaler = fitted(Made(features), targets, universe)
    scratch = Scratch(folder=tmp_path, above=0)
    build_windows(Made(features), targets=targets, universe=universe, scaler=scaler, lookback=4, scratch=scratch)
