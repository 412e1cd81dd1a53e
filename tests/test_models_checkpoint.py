import json
from dataclasses import fields, replace

import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from core.errors import CheckpointError
from models.calibrate import Calibration
from models.checkpoint import Checkpoint, Provenance, load_checkpoint, save_checkpoint
from models.networks.fitted_network import FittedNetwork
from models.networks.predict import predict_scores
from models.networks.train import train_network
from models.networks.trained import EpochRecord
from models.networks.training_state import ResumePoint
from tests.oracles.planted import planted_windows, small_settings
from tests.test_models_train import KilledError, kill_after

CALIBRATED = [each.name for each in fields(Calibration)]
EPOCH = [each.name for each in fields(EpochRecord) if each.name != "seconds"]


@pytest.fixture(scope="module")
def trained():
    windows, split = planted_windows()
    return train_network(windows, split, settings=small_settings()), windows


@pytest.fixture
def saved(tmp_path, trained):
    path = tmp_path / "model"
    save_checkpoint(path, checkpoint_of(trained[0]))
    return path


def checkpoint_of(model):
    calibration = Calibration(
        level=0.1 + 0.2, level_se=1e-17, slope=1 / 3, slope_se=0.1, measured_slope=1 / 3, n_sessions=9
    )
    provenance = Provenance(spec={"k": 0.2, "name": "x"}, data_fingerprint="abc", code_fingerprint="def", commit="0ff")
    return Checkpoint(model=FittedNetwork(model), calibration=calibration, provenance=provenance)


def rewrite_card(path, **changes):
    card = path.with_suffix(".json")
    card.write_text(json.dumps(json.loads(card.read_text()) | changes))


def test_a_checkpoint_comes_back_as_it_was(saved, trained):
    model, windows = trained
    loaded, original = load_checkpoint(saved), checkpoint_of(model)
    assert loaded.calibration == original.calibration
    assert loaded.provenance == original.provenance
    assert loaded.model.scaler == model.scaler
    assert loaded.model.settings == model.settings
    assert list(loaded.model.card.history) == [r.as_card() for r in model.history]
    before, after = (predict_scores(m, windows, sessions=windows.sessions[90:]) for m in (model, loaded.model.trained))
    pd.testing.assert_frame_equal(before, after, check_exact=True)


def test_the_card_says_what_the_weights_are(saved, trained):
    card = json.loads(saved.with_suffix(".json").read_text())
    assert card["kind"] == "lstm"
    assert card["fitted"]["best_epoch"] == trained[0].best_epoch
    assert card["seed"] == 1
    assert card["validation_ic"] == trained[0].best.validation_ic
    assert card["provenance"] == {
        "spec": {"k": 0.2, "name": "x"},
        "data_fingerprint": "abc",
        "code_fingerprint": "def",
        "commit": "0ff",
    }
    assert card["scaler"]["names"] == ["f0", "f1", "f2"]


def test_a_resumed_training_writes_the_same_bytes(tmp_path):
    windows, split = planted_windows(n_sessions=80)
    point = ResumePoint(folder=tmp_path / "state")
    whole = train_network(windows, split, settings=small_settings())
    with pytest.raises(KilledError):
        train_network(windows, split, settings=small_settings(), resume=point, progress=kill_after(2))
    resumed = train_network(windows, split, settings=small_settings(), resume=point)
    for name, model in (("whole", whole), ("resumed", resumed)):
        save_checkpoint(tmp_path / name, checkpoint_of(model))
    for suffix in (".safetensors", ".json"):
        assert (tmp_path / f"whole{suffix}").read_bytes() == (tmp_path / f"resumed{suffix}").read_bytes()


def test_saving_leaves_no_unfinished_file(saved):
    assert sorted(path.name for path in saved.parent.iterdir()) == ["model.json", "model.safetensors"]


def test_one_changed_bit_is_noticed(saved):
    weights = saved.with_suffix(".safetensors")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(CheckpointError, match="not the file its card describes"):
        load_checkpoint(saved)


@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
def test_a_missing_file_is_named(saved, suffix):
    saved.with_suffix(suffix).unlink()
    with pytest.raises(CheckpointError, match=rf"no checkpoint file model\{suffix}"):
        load_checkpoint(saved)


@pytest.mark.parametrize(
    "content",
    [
        *(b"{", b"\xff\xfe", b"[]", b"{}", b"null", b'{"format": "other"}', b'{"format": []}'),
        *(b"[" * 100_000, b'{"a":' * 5000 + b"1" + b"}" * 5000, b"9" * 5000, b'{"format": 1e999}'),
    ],
)
def test_a_foreign_card_is_refused(saved, content):
    saved.with_suffix(".json").write_bytes(content)
    with pytest.raises(CheckpointError, match="not a checkpoint card"):
        load_checkpoint(saved)


@pytest.mark.parametrize(
    "changes",
    [
        {"fitted": {"best_epoch": 99, "history": []}},
        {"fitted": {"best_epoch": "two", "history": []}},
        {"fitted": []},
        {"settings": {"model": {"hiden": 3}}},
        {"settings": {"model": {"kind": "../lstm"}}},
        {"settings": {}},
        {"scaler": {}},
        {"calibration": None},
        {"fitted": {"best_epoch": 1, "history": [{}]}},
        {"provenance": {"who": "me"}},
        {"provenance": {"spec": []}},
        {"provenance": {"spec": {"split": "early"}}},
        {"provenance": {"commit": 7}},
        {"scaler": {"names": ["a"] * 100_000}},
        {"scaler": {"names": [1], "lower": [0], "upper": [1], "mean": [0], "sd": [1], "target_sd": 1}},
        {"fitted": {"best_epoch": 1, "history": [dict.fromkeys(EPOCH, "low")]}},
        {"calibration": dict.fromkeys(CALIBRATED, 10**99) | {"slope": "steep"}},
        {"settings": []},
        {"settings": {"model": "lstm"}},
        {"settings": {"model": {"kind": ["lstm"]}}},
    ],
)
def test_a_card_that_lost_its_meaning_is_refused_in_one_line(saved, changes):
    rewrite_card(saved, **changes)
    refused = r"does not describe a checkpoint|is of kind (\"\['lstm'\]\"|'\.\./lstm')"
    with pytest.raises(CheckpointError, match=refused) as caught:
        load_checkpoint(saved)
    assert "\n" not in str(caught.value)


def test_weights_that_are_not_safetensors_are_refused(saved):
    saved.with_suffix(".safetensors").write_bytes(b"pickle")
    rewrite_card(saved, weights_sha256="12f30e3049a4f3a3b4f4e4c6e0b4b1b0")
    with pytest.raises(CheckpointError):
        load_checkpoint(saved)


def test_weights_of_another_network_are_refused(tmp_path, trained):
    model = trained[0]
    other = {**model.weights, "head.weight": torch.zeros(1, 9)}
    save_checkpoint(tmp_path / "model", checkpoint_of(replace(model, weights=other)))
    with pytest.raises(CheckpointError, match=r"another network \(head\.weight\)"):
        load_checkpoint(tmp_path / "model")


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64, torch.float16, torch.bool])
def test_weights_of_another_kind_of_number_are_refused(tmp_path, trained, dtype):
    model = trained[0]
    other = {name: tensor.to(dtype) for name, tensor in model.weights.items()}
    save_checkpoint(tmp_path / "model", checkpoint_of(replace(model, weights=other)))
    with pytest.raises(CheckpointError, match=r"another network \(head\.bias"):
        load_checkpoint(tmp_path / "model")


@pytest.mark.parametrize("day", [None, 5, "yesterday", [], "2019-01"])
def test_a_card_without_a_last_validation_day_says_so(trained, day):
    split = {"split": {"validation_end": day}} if day != [] else {"split": {}}
    checkpoint = replace(checkpoint_of(trained[0]), provenance=Provenance(spec=split))
    with pytest.raises(CheckpointError, match="names no last validation day"):
        _ = checkpoint.learned_until


def test_weights_that_are_not_finite_are_refused(tmp_path, trained):
    model = trained[0]
    spoiled = {**model.weights, "head.bias": torch.tensor([torch.nan])}
    save_checkpoint(tmp_path / "model", checkpoint_of(replace(model, weights=spoiled)))
    with pytest.raises(CheckpointError, match=r"not finite \(head\.bias\)"):
        load_checkpoint(tmp_path / "model")


def test_missing_and_surplus_tensors_are_refused(tmp_path, trained):
    weights = dict(trained[0].weights)
    weights["extra"] = weights.pop("head.bias")
    save_checkpoint(tmp_path / "model", checkpoint_of(replace(trained[0], weights=weights)))
    with pytest.raises(CheckpointError, match="another network"):
        load_checkpoint(tmp_path / "model")


def test_a_safetensors_file_without_a_card_is_no_checkpoint(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "alone.safetensors")
    with pytest.raises(CheckpointError, match=r"no checkpoint file alone\.json"):
        load_checkpoint(tmp_path / "alone")
