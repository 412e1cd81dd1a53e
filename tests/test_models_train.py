import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save

from core.errors import DataError, RunError
from models.architectures.rank_lstm import RankLSTM
from models.kinds.lstm import LstmSettings
from models.losses.session_losses import session_losses
from models.model_kinds import settings_of
from models.model_settings import ModelSettings
from models.networks.predict import predict_scores
from models.networks.step_gradient import step_gradient
from models.networks.train import _begin, _reproducible, _train_epoch, train_network
from models.networks.trained import EpochRecord, resolve_device
from models.networks.training_state import ResumePoint, load_state
from models.spans import Span, span_scores, training_batches, usable_rows
from tests.oracles.kills import KilledError, kill_after, same_bits
from tests.oracles.planted import planted_windows, small_settings


def cards(model):
    return [record.as_card() for record in model.history]


def test_training_finds_a_planted_lagged_signal():
    windows, split = planted_windows(n_sessions=200, n_tickers=20)
    model = train_network(windows, split, settings=small_settings(max_epochs=15))
    assert model.best.validation_ic > 0.35
    assert model.history[-1].train_loss < model.history[0].train_loss - 0.2


@pytest.mark.parametrize("mode", ["long", "exact"])
def test_equal_seeds_give_equal_bits_and_other_seeds_do_not(mode):
    windows, split = planted_windows(n_sessions=80)
    first, again, other = (
        train_network(windows, split, settings=small_settings(mode=mode, seed=seed)) for seed in (1, 1, 2)
    )
    assert same_bits(first.weights, again.weights)
    assert cards(first) == cards(again)
    assert not same_bits(first.weights, other.weights)


def test_training_leaves_the_callers_random_state_and_settings_alone():
    windows, split = planted_windows()
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    model = train_network(windows, split, settings=small_settings(max_epochs=1))
    model.network(torch.device("cpu"))
    assert torch.equal(torch.rand(3), wanted)
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory


@pytest.mark.parametrize("mode", ["long", "exact"])
def test_no_weight_depends_on_memory_that_was_not_written(mode):
    windows, _ = planted_windows(n_sessions=80)
    stacked = LstmSettings(hidden=8, layers=2, lookback=6)
    settings, rows = small_settings(mode=mode).model_copy(update={"model": stacked}), np.arange(20, 70)

    def trained(*, filled):
        with _reproducible(torch.device("cpu")):
            assert not torch.utils.deterministic.fill_uninitialized_memory
            torch.utils.deterministic.fill_uninitialized_memory = filled  # with NaN
            learner = _begin(windows, settings)
            _train_epoch(learner, windows, rows, settings=settings, epoch=1, rate=1e-2)
        return learner.network.state_dict()

    assert same_bits(trained(filled=False), trained(filled=True))


def test_test_rows_and_purged_rows_do_not_reach_the_weights():
    windows, split = planted_windows()
    settings = small_settings()
    before = train_network(windows, split, settings=settings)
    y, x = windows.y.clone(), windows.x.clone()
    y[split.train.stop : split.validation.start] = 5.0
    y[split.validation.stop :] = -5.0
    x[split.validation.stop :] = 9.0
    after = train_network(replace(windows, x=x, y=y), split, settings=settings)
    assert same_bits(before.weights, after.weights)
    assert cards(before) == cards(after)


def test_validation_rows_choose_the_epoch_but_train_nothing():
    windows, split = planted_windows()
    y = windows.y.clone()
    y[split.validation] *= -1
    settings = small_settings(max_epochs=1)
    before = train_network(windows, split, settings=settings)
    after = train_network(replace(windows, y=y), split, settings=settings)
    assert same_bits(before.weights, after.weights)
    assert after.best.validation_loss != before.best.validation_loss


@pytest.mark.parametrize("mode", ["long", "exact"])
def test_a_killed_training_resumes_to_the_bits_of_an_uninterrupted_one(tmp_path, mode):
    windows, split = planted_windows(n_sessions=80, n_features=2)
    settings = small_settings(mode=mode, max_epochs=5, plateau_patience=0, min_delta=0.05)
    whole = train_network(windows, split, settings=settings)
    point = ResumePoint(folder=tmp_path / "state", identity={"spec": "a"})
    for epoch in (1, 3):
        with pytest.raises(KilledError):
            train_network(windows, split, settings=settings, resume=point, progress=kill_after(epoch))
    torch.rand(7)
    resumed = train_network(windows, split, settings=settings, resume=point)
    assert same_bits(whole.weights, resumed.weights)
    assert cards(whole) == cards(resumed)
    assert whole.best_epoch == resumed.best_epoch


def test_dropout_resumes_to_the_same_bits(tmp_path):
    windows, split = planted_windows(n_sessions=80)
    network = LstmSettings(hidden=8, layers=2, dropout=0.5, lookback=6)
    settings = small_settings().model_copy(update={"model": network})
    whole = train_network(windows, split, settings=settings)
    point = ResumePoint(folder=tmp_path)
    with pytest.raises(KilledError):
        train_network(windows, split, settings=settings, resume=point, progress=kill_after(2))
    assert same_bits(whole.weights, train_network(windows, split, settings=settings, resume=point).weights)


def test_a_finished_training_is_not_trained_again(tmp_path):
    windows, split = planted_windows()
    point, epochs = ResumePoint(folder=tmp_path), []
    first = train_network(windows, split, settings=small_settings(), resume=point, progress=epochs.append)
    again = train_network(windows, split, settings=small_settings(), resume=point, progress=epochs.append)
    assert len(epochs) == 3
    assert same_bits(first.weights, again.weights)
    assert [path.name for path in tmp_path.iterdir()] == ["training.safetensors"]


def test_resuming_refuses_whatever_changed(tmp_path):
    windows, split = planted_windows()
    point = ResumePoint(folder=tmp_path, identity={"panel": "a", "code": "b"})
    train_network(windows, split, settings=small_settings(), resume=point)
    changed = replace(point, identity={"panel": "other", "code": "b"})
    with pytest.raises(RunError, match="cannot resume: panel changed"):
        train_network(windows, split, settings=small_settings(), resume=changed)
    with pytest.raises(RunError, match="cannot resume: code changed"):
        train_network(windows, split, settings=small_settings(), resume=replace(point, identity={"panel": "a"}))
    with pytest.raises(RunError, match="cannot resume: model settings changed"):
        train_network(windows, split, settings=small_settings(seed=9), resume=point)


@pytest.mark.parametrize("kept", [slice(0, 100), slice(0, 0), slice(0, -40)])
def test_a_spoiled_state_is_refused_in_one_line(tmp_path, kept):
    windows, split = planted_windows()
    point = ResumePoint(folder=tmp_path)
    train_network(windows, split, settings=small_settings(max_epochs=1), resume=point)
    point.path.write_bytes(point.path.read_bytes()[kept])
    with pytest.raises(RunError, match="cannot be read"):
        load_state(point)


def test_a_flipped_bit_anywhere_in_a_state_is_refused_or_changes_nothing(tmp_path):
    windows, split = planted_windows()
    point = ResumePoint(folder=tmp_path, identity={"spec": "a"})
    with pytest.raises(KilledError):
        train_network(windows, split, settings=small_settings(), resume=point, progress=kill_after(1))
    written = point.path.read_bytes()
    point = replace(point, identity=stored_identity(point))
    whole = load_state(point)
    rng, refused = np.random.default_rng(0), 0
    for place in [8, len(written) - 1, *rng.integers(0, len(written), 120).tolist()]:
        point.path.write_bytes(
            written[:place] + bytes([written[place] ^ 1 << int(rng.integers(8))]) + written[place + 1 :]
        )
        try:
            again = load_state(point)
        except RunError:
            refused += 1
        else:
            assert all(same_bits(getattr(again, part), getattr(whole, part)) for part in ("weights", "moments"))
            assert again.history == whole.history
    assert refused >= 118  # the header ends in blanks


def test_a_state_of_before_that_carries_no_hash_is_not_trusted(tmp_path):
    windows, split = planted_windows()
    point = ResumePoint(folder=tmp_path)
    train_network(windows, split, settings=small_settings(max_epochs=1), resume=point)
    with safe_open(point.path, framework="pt") as stored:
        header = {key: value for key, value in stored.metadata().items() if key != "sha256"}
        tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    point.path.write_bytes(save(tensors, header))
    with pytest.raises(RunError, match="is not as it was written"):
        train_network(windows, split, settings=small_settings(max_epochs=1), resume=point)
    point.path.unlink()  # what the message says
    train_network(windows, split, settings=small_settings(max_epochs=1), resume=point)


def test_the_best_epoch_is_kept_when_later_ones_are_worse():
    windows, split = planted_windows(ic=0.0, n_sessions=100)
    settings = small_settings(max_epochs=12, patience=4, learning_rate=0.05)
    model = train_network(windows, split, settings=settings)
    assert model.best_epoch < len(model.history) == model.best_epoch + 4
    again = train_network(windows, split, settings=small_settings(max_epochs=model.best_epoch, learning_rate=0.05))
    assert same_bits(model.weights, again.weights)


def test_a_step_is_clipped():
    windows, split = planted_windows()
    unclipped = train_network(windows, split, settings=small_settings(max_epochs=1, clip_norm=1e9))
    clipped = train_network(windows, split, settings=small_settings(max_epochs=1, clip_norm=1e-12))
    assert not same_bits(unclipped.weights, clipped.weights)


@pytest.mark.parametrize("rank_scale", ["zscore", "raw"])
def test_both_terms_are_recorded_and_add_up(rank_scale):
    windows, split = planted_windows()
    model = train_network(windows, split, settings=small_settings(loss={"rank_scale": rank_scale}))
    for record in model.history:
        assert record.train_loss == pytest.approx(
            0.7 * record.terms["soft_rank"] + 0.3 * record.terms["huber"], rel=1e-5
        )
        assert record.gradients["soft_rank"] > 0.0
        assert record.gradients["huber"] > 0.0


def test_a_loss_without_rank_term_has_no_rank_gradient():
    windows, split = planted_windows()
    record = train_network(windows, split, settings=small_settings(loss={"rank_weight": 0.0})).best
    assert record.gradients["soft_rank"] == 0.0
    assert record.train_loss == pytest.approx(record.terms["huber"])


@pytest.mark.parametrize("mode", ["long", "exact"])
def test_a_batchs_gradient_is_that_of_its_mean_session_loss(mode):
    windows, split = planted_windows(n_sessions=80)
    windows.y[30, 3:] = torch.nan
    settings = small_settings(mode=mode, chunk_sessions=8, batch_sessions=24, clip_norm=1e9)
    rows = usable_rows(windows, split.train, span="training")
    batch = training_batches(rows, lookback=6, settings=settings.training, epoch=1)[0]
    network = RankLSTM(3, settings.model)
    step_gradient(network, windows, batch, settings=settings, rng=np.random.default_rng(0))
    found = [weights.grad.clone() for weights in network.parameters()]
    total, counted = 0.0, 0
    for span in batch:
        scores = network(windows.x[span.opens : span.stop])[span.start - span.opens :]
        y, labelled = windows.y[span.start : span.stop], windows.labelled[span.start : span.stop]
        losses = session_losses(scores, y, labelled, settings=settings.loss, target_sd=windows.scaler.target_sd)
        total, counted = total + losses.total.sum(), counted + int(losses.counted.sum())
    assert len(batch) >= 3
    for left, right in zip(found, torch.autograd.grad(total / counted, list(network.parameters())), strict=True):
        torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-6)


def test_validation_is_measured_without_dropout_on_validation_rows_alone():
    windows, split = planted_windows()
    network = LstmSettings(hidden=8, layers=2, dropout=0.8, lookback=6)
    settings = small_settings().model_copy(update={"model": network})
    model = train_network(windows, split, settings=settings)
    rows, span = split.validation, Span(opens=split.validation.start - 6, start=72, stop=split.validation.stop)
    with torch.no_grad():
        scores = span_scores(model.network(torch.device("cpu")), windows, span, torch.arange(12))
    y, labelled, target_sd = windows.y[rows], windows.labelled[rows], windows.scaler.target_sd
    losses = session_losses(scores, y, labelled, settings=settings.loss, target_sd=target_sd)
    assert rows.start == 72
    assert model.best.validation_loss == pytest.approx(losses.total.mean().item(), rel=1e-5)


def test_long_training_carries_over_to_exact_windows():
    windows, split = planted_windows(n_sessions=300, n_tickers=20)
    settings = small_settings(max_epochs=15)
    model = train_network(windows, split, settings=settings)
    exact = predict_scores(model, windows, sessions=windows.sessions[split.test]).to_numpy()
    span = Span(opens=split.test.start - 40, start=split.test.start, stop=split.test.stop)
    with torch.no_grad():
        unrolled = span_scores(model.network(torch.device("cpu")), windows, span, torch.arange(20)).numpy()
    agreement = [np.corrcoef(a, b)[0, 1] for a, b in zip(exact, unrolled, strict=True)]
    assert np.mean(agreement) > 0.95


def test_training_diverges_loudly():
    windows, split = planted_windows()
    x = windows.x.clone()
    x[30, 2] = torch.inf
    with pytest.raises(RunError, match=r"diverged in epoch 1: lower training\.learning_rate"):
        train_network(replace(windows, x=x), split, settings=small_settings())


def test_no_usable_validation_session_is_told_before_training():
    windows, split = planted_windows()
    y = windows.y.clone()
    y[split.validation] = torch.nan
    with pytest.raises(DataError, match="no validation session has 5 names"):
        train_network(replace(windows, y=y), split, settings=small_settings())


def test_the_networks_own_lookback_must_be_that_of_the_windows():
    windows, split = planted_windows(lookback=5)
    with pytest.raises(ValueError, match="lookback"):
        train_network(windows, split, settings=small_settings())


def test_an_unknown_device_is_refused():
    with pytest.raises(ValueError, match="device must be auto, cpu or cuda, was tpu"):
        resolve_device("tpu")


def test_settings_refuse_unknown_keys():
    with pytest.raises(ValueError, match="hiden"):
        settings_of({"hiden": 3})
    with pytest.raises(ValueError, match="should be an instance of KindSettings"):
        ModelSettings(model={"hidden": 3})


TRAINER = """
import sys
from pathlib import Path
from models.networks.train import train_network
from models.networks.trained import EpochRecord
from models.networks.training_state import ResumePoint
from tests.oracles.planted import planted_windows, small_settings
windows, split = planted_windows(n_sessions=200, n_tickers=30)
settings = small_settings(max_epochs=12, patience=12)
point = ResumePoint(folder=Path(sys.argv[1]))
train_network(windows, split, settings=settings, resume=point, progress=lambda r: print(r.epoch, flush=True))
"""


@pytest.mark.slow
def test_a_training_killed_by_the_system_ends_with_the_same_bits(tmp_path):
    root = Path(__file__).resolve().parent.parent
    command = [sys.executable, "-c", TRAINER]
    environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, str(tmp_path / "whole")], check=True, env=environment, stdout=subprocess.DEVNULL)
    with subprocess.Popen([*command, str(tmp_path / "killed")], env=environment, stdout=subprocess.PIPE) as process:
        for _ in range(3):
            process.stdout.readline()
        time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    subprocess.run([*command, str(tmp_path / "killed")], check=True, env=environment, stdout=subprocess.DEVNULL)
    points = [ResumePoint(folder=tmp_path / name) for name in ("whole", "killed")]
    whole, killed = (load_state(replace(p, identity=stored_identity(p))) for p in points)
    assert len(whole.history) == len(killed.history) == 12
    assert same_bits(whole.weights, killed.weights)
    assert same_bits(whole.best_weights, killed.best_weights)
    assert same_bits(whole.moments, killed.moments)


def stored_identity(point):
    with safe_open(point.path, framework="pt") as stored:
        return json.loads(stored.metadata()["identity"])


def test_terms_take_the_place_of_the_pair_with_the_same_bits():
    windows, split = planted_windows()
    pair = train_network(windows, split, settings=small_settings(max_epochs=2))
    named = train_network(
        windows, split, settings=small_settings(max_epochs=2, loss={"terms": {"soft_rank": 0.7, "huber": 1.0 - 0.7}})
    )
    assert same_bits(pair.weights, named.weights)
    assert pair.best.as_card() == named.best.as_card()


def test_a_record_comes_back_from_its_card():
    windows, split = planted_windows()
    record = train_network(windows, split, settings=small_settings(max_epochs=1)).best
    assert replace(record, seconds=0.0) == EpochRecord.from_card(record.as_card())
    assert {"rank_term", "rank_gradient", "huber_term", "huber_gradient"} <= record.as_card().keys()


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_a_network_with_further_heads_is_scored_by_its_first(kind):
    windows, split = planted_windows()
    network = settings_of({"kind": kind, "hidden": 4, "layers": 1, "lookback": 6, "heads": ["score", "log_variance"]})
    settings = small_settings(max_epochs=1).model_copy(update={"model": network})
    model = train_network(windows, split, settings=settings)
    sessions = windows.sessions[split.test]
    for scoring in ("exact", "long"):
        scores = predict_scores(model, windows, sessions=sessions, scoring=scoring)
        assert scores.notna().any(axis=None)
    assert model.network(torch.device("cpu"))(windows.x[:6]).shape == (6, windows.x.shape[1], 2)
