"""Options of training: what each does, that none moves the default's bits, and that each resumes to the same bits."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.errors import CheckpointError, RunError
from models.kinds.lstm import LstmSettings
from models.model import FitContext, before_refit
from models.model_settings import TrainingSettings
from models.networks import step_gradient as steps
from models.networks.augmentation import augmentation_rng, drawn_sample
from models.networks.epoch_measures import side_accuracies, side_sums
from models.networks.network_model import NetworkModel
from models.networks.train import _begin, train_network
from models.networks.training_state import ResumePoint
from models.spans import Span, labelled_block
from tests.oracles.kills import KilledError, kill_after, same_bits
from tests.oracles.planted import planted_windows, small_settings

HASH = "a" * 64
OPTIONS = {
    "adamw": {"optimizer": "adamw", "weight_decay": 0.1, "betas": (0.5, 0.9)},
    "accumulate": {"accumulate": 2, "batch_sessions": 20},
    "bf16": {"precision": "bf16"},
    "input_noise": {"input_noise": 0.3},
    "mixup": {"mixup": 0.4},
    "refit": {"refit": True},
    "all": {"optimizer": "adamw", "accumulate": 2, "input_noise": 0.1, "mixup": 0.2, "refit": True},
}
SIZES = {"n_sessions": 80, "n_features": 2, "n_tickers": 8}


def settings_with(*, dropout=0.0, **training):
    settings = small_settings(**training)
    return settings.model_copy(update={"model": LstmSettings(hidden=4, layers=2, dropout=dropout, lookback=6)})


def is_without(option):
    return OPTIONS[option].get("precision") == "bf16" and not steps._processor_has_bf16()


@pytest.mark.parametrize("mode", ["long", pytest.param("exact", marks=pytest.mark.slow)])
@pytest.mark.parametrize("option", list(OPTIONS))
def test_every_option_repeats_and_resumes_to_the_same_bits(tmp_path, option, mode):
    if is_without(option):
        pytest.skip("no bfloat16 here")
    windows, split = planted_windows(**SIZES)
    settings = settings_with(mode=mode, dropout=0.3, max_epochs=2, **OPTIONS[option])
    whole = train_network(windows, split, settings=settings)
    point = ResumePoint(folder=tmp_path)
    for epoch in (1, *([3] if settings.training.refit else [])):  # the third is the first of the refit
        with pytest.raises(KilledError):
            train_network(windows, split, settings=settings, resume=point, progress=kill_after(epoch))
    torch.rand(3)
    resumed = train_network(windows, split, settings=settings, resume=point)
    assert same_bits(whole.weights, resumed.weights)
    assert [each.as_card() for each in whole.history] == [each.as_card() for each in resumed.history]
    plain = train_network(windows, split, settings=settings_with(mode=mode, dropout=0.3, max_epochs=2))
    assert not same_bits(whole.weights, plain.weights)


def test_the_defaults_named_are_the_defaults():
    windows, split = planted_windows(**SIZES)
    named = {"optimizer": "adam", "betas": (0.9, 0.999), "accumulate": 1, "precision": "float32", "mixup": 0.0}
    first, second = (train_network(windows, split, settings=settings_with(max_epochs=1, **o)) for o in ({}, named))
    assert same_bits(first.weights, second.weights)
    assert TrainingSettings(**named).deciding() == TrainingSettings().deciding()
    assert "mixup" not in TrainingSettings().deciding()


@pytest.mark.parametrize("mode", ["long", "exact"])
def test_accumulated_batches_are_one_larger_batch_to_the_bit(mode):
    windows, split = planted_windows(**SIZES)
    small, large = {"batch_sessions": 20, "accumulate": 2}, {"batch_sessions": 40}
    chosen = (settings_with(mode=mode, dropout=0.3, max_epochs=2, **sizes) for sizes in (small, large))
    first, second = (train_network(windows, split, settings=settings) for settings in chosen)
    assert same_bits(first.weights, second.weights)
    assert first.history[-1].as_card() == second.history[-1].as_card()


def test_adamw_decays_beside_the_gradient_and_adam_within_it():
    windows, _ = planted_windows(**SIZES)
    for name in ("adam", "adamw"):
        learner = _begin(windows, settings_with(optimizer=name, weight_decay=0.1, learning_rate=0.01))
        weights = next(learner.network.parameters())
        before = weights.detach().clone()
        for each in learner.network.parameters():
            each.grad = torch.zeros_like(each)
        learner.optimizer.step()
        signed = before * (1 - 0.01 * 0.1) if name == "adamw" else before - 0.01 * before.sign()
        torch.testing.assert_close(weights.detach(), signed, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("betas", [(1.0, 0.9), (0.9, -0.1), (0.9,)])
def test_betas_must_be_two_shares_below_one(betas):
    with pytest.raises(ValueError, match="betas"):
        TrainingSettings(betas=betas)


def mixed(windows, span, **options):
    return drawn_sample(windows, span, TrainingSettings(**options), augmentation_rng(1, 1))


def test_mixed_names_keep_one_share_over_features_and_labels_of_their_own_sessions():
    windows, _ = planted_windows(**SIZES)
    windows.mask[31, 2] = False  # its window is not whole, though its label is known
    span = Span(opens=20, start=26, stop=40)
    sample = mixed(windows, span, mixup=0.5)
    shares, partners, inputs = sample.shares.numpy(), sample.partners.numpy(), sample.inputs()
    assert sorted(partners) == list(range(8))
    assert ((shares >= 0.0) & (shares <= 1.0)).all()
    x, y = windows.x[20:40].numpy(), windows.y[20:40].numpy()
    for name, (share, partner) in enumerate(zip(shares, partners, strict=True)):
        if name == partner:
            np.testing.assert_array_equal(inputs.y[:, name], y[:, name])
        wanted = share * x[:, name] + (1.0 - share) * x[:, partner]
        np.testing.assert_allclose(inputs.x[:, name], wanted, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(inputs.y[:, name], share * y[:, name] + (1.0 - share) * y[:, partner], atol=1e-6)
    unlabelled = (~inputs.labelled[11]).nonzero().squeeze(1).tolist()
    assert unlabelled == sorted({2, int(np.flatnonzero(partners == 2)[0])})
    assert torch.equal(windows.x, planted_windows(**SIZES)[0].x)  # nothing is changed in place


def test_a_name_without_labels_in_the_span_is_mixed_with_nobody():
    windows, _ = planted_windows(**SIZES)
    windows.y[:, 3] = torch.nan
    sample = mixed(windows, Span(opens=20, start=26, stop=40), mixup=0.5)
    assert sample.partners[3] == 3
    assert torch.equal(sample.inputs().x[:, 3], windows.x[20:40, 3])
    names, _, _ = labelled_block(sample.inputs(), sample.span)
    assert names.tolist() == [0, 1, 2, 4, 5, 6, 7]


def test_names_are_mixed_half_and_half_on_average_and_hardly_at_a_small_alpha():
    windows, _ = planted_windows(n_sessions=80, n_features=1, n_tickers=400)
    span = Span(opens=20, start=26, stop=40)
    even, slight = (mixed(windows, span, mixup=alpha).shares.numpy() for alpha in (100.0, 0.01))
    assert abs(even.mean() - 0.5) < 0.02
    assert np.minimum(slight, 1.0 - slight).mean() < 0.02


def test_noise_has_its_sd_spares_missing_cells_and_labels_and_differs_by_span():
    windows, _ = planted_windows(n_sessions=200, n_features=3, n_tickers=50)
    windows.x[100:110, 4] = 0.0
    rng = augmentation_rng(1, 1)
    span, settings = Span(opens=0, start=6, stop=200), TrainingSettings(input_noise=0.25)
    first, second = (drawn_sample(windows, span, settings, rng) for _ in range(2))
    added = (first.inputs().x - windows.x).numpy()
    assert (added[100:110, 4] == 0.0).all()
    assert added[added != 0.0].std() == pytest.approx(0.25, rel=0.02)
    assert abs(added.mean()) < 0.005
    torch.testing.assert_close(first.inputs().y, windows.y, equal_nan=True)
    assert not torch.equal(first.inputs().x, second.inputs().x)
    assert torch.equal(first.inputs().x, first.inputs().x)


def test_another_name_of_the_rows_after_a_span_moves_no_augmented_input():
    windows, _ = planted_windows(**SIZES)
    span = Span(opens=20, start=26, stop=40)
    later = windows.x.clone()
    later[40:] = 9.0
    first, second = (mixed(each, span, mixup=0.5, input_noise=0.1) for each in (windows, replace(windows, x=later)))
    assert torch.equal(first.inputs().x, second.inputs().x)


def test_without_augmentation_the_windows_are_read_as_they_are():
    windows, _ = planted_windows(**SIZES)
    sample = mixed(windows, Span(opens=20, start=26, stop=40))
    assert sample.inputs() is windows


def test_a_refit_reads_validation_labels_and_no_test_label():
    windows, split = planted_windows(**SIZES)
    settings = settings_with(refit=True, max_epochs=1)
    y = windows.y.clone()
    y[split.validation.stop :] = -5.0
    before, after = (train_network(replace(windows, y=each), split, settings=settings) for each in (windows.y, y))
    assert same_bits(before.weights, after.weights)
    y = windows.y.clone()
    y[split.validation.stop - 1] *= -1
    moved = train_network(replace(windows, y=y), split, settings=settings)
    assert not same_bits(before.weights, moved.weights)
    assert same_bits(before.chosen_weights, moved.chosen_weights)


def test_a_refit_takes_the_chosen_epochs_at_their_rates_from_the_same_first_weights():
    windows, split = planted_windows(**SIZES)
    settings = settings_with(max_epochs=6, patience=2, plateau_patience=0, min_delta=0.02, learning_rate=0.05)
    refit = settings.model_copy(update={"training": settings.training.model_copy(update={"refit": True})})
    chosen, seen = train_network(windows, split, settings=settings), []
    again = train_network(windows, split, settings=refit, progress=seen.append)
    assert same_bits(again.chosen_weights, chosen.weights)
    assert again.history[0].as_card() == chosen.history[0].as_card()
    extra = seen[len(again.history) :]
    assert len(extra) == again.best_epoch
    assert [each.learning_rate for each in extra] == [each.learning_rate for each in again.history[: len(extra)]]
    assert all(np.isnan(each.validation_loss) for each in extra)


def test_what_validation_did_not_train_is_known_after_a_refit():
    windows, split = planted_windows(**SIZES)
    sessions = windows.sessions[split.validation]
    fitted = [
        NetworkModel(settings_with(max_epochs=1, refit=refit)).fit(windows, split, context=FitContext(device="cpu"))
        for refit in (False, True)
    ]
    plain, refit = fitted
    assert before_refit(plain) is plain
    assert before_refit(refit).scores(windows, sessions).equals(plain.scores(windows, sessions))
    assert not refit.scores(windows, sessions).equals(plain.scores(windows, sessions))
    assert any(name == "Refit" for name, _ in refit.card.facts)
    assert refit.card.validation_ic == plain.card.validation_ic


def test_training_begins_with_given_weights_and_only_with_those_it_names():
    windows, split = planted_windows(**SIZES)
    first = train_network(windows, split, settings=settings_with(max_epochs=1))
    still = settings_with(max_epochs=1, learning_rate=1e-30, min_learning_rate=1e-30, weight_decay=0.0, start=HASH)
    again = train_network(windows, split, settings=still, start=first.weights)
    assert same_bits(first.weights, again.weights)
    with pytest.raises(RunError, match="which are not at hand: give the run that they are of with --from"):
        train_network(windows, split, settings=still)
    with pytest.raises(ValueError, match=r"start must be named by training\.start"):
        train_network(windows, split, settings=settings_with(), start=first.weights)
    other = {name: tensor[:1] for name, tensor in first.weights.items()}
    with pytest.raises(CheckpointError, match="weights of another network"):
        train_network(windows, split, settings=still, start=other)


def test_bf16_is_refused_in_one_line_where_there_is_none(monkeypatch):
    windows, split = planted_windows(**SIZES)
    monkeypatch.setattr(steps, "_processor_has_bf16", lambda: False)
    with pytest.raises(ValueError, match=r"^training\.precision bf16 is not available: this processor has no bfloat16"):
        train_network(windows, split, settings=settings_with(precision="bf16"))


@pytest.mark.skipif(not steps._processor_has_bf16(), reason="no bfloat16 here")
def test_bf16_learns_what_float32_learns_and_keeps_weights_and_scores_in_float32():
    windows, split = planted_windows(n_sessions=200, n_tickers=20)
    models = [train_network(windows, split, settings=small_settings(precision=p, max_epochs=8)) for p in PRECISIONS]
    plain, rounded = models
    assert all(tensor.dtype == torch.float32 for tensor in rounded.weights.values())
    assert abs(plain.best.validation_ic - rounded.best.validation_ic) < 0.03
    assert rounded.best.validation_ic > 0.25


PRECISIONS = ("float32", "bf16")


def test_accuracy_is_the_share_on_the_right_side_of_both_medians():
    mask = torch.ones(3, 6, dtype=torch.bool)
    mask[1, 5] = False
    mask[2, 3:] = False  # too few names
    scores = torch.tensor([[1.0, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 9], [1, 2, 3, 4, 5, 6]])
    returns = torch.tensor([[1.0, 2, 6, 3, 4, 5], [5, 4, 3, 2, 1, 9], [1, 2, 3, 4, 5, 6]])
    found = side_accuracies(scores, returns, mask)
    assert found[0] == pytest.approx(4 / 6)
    assert found[1] == 0.0  # the name at both medians is on no side
    assert torch.isnan(found[2])
    assert side_sums(scores, returns, mask) == {"accuracy": pytest.approx(4 / 6), "judged": 2.0}


def test_accuracy_has_no_side_among_ties_and_keeps_under_increasing_maps():
    rng = np.random.default_rng(0)
    scores, returns = torch.from_numpy(rng.standard_normal((50, 21))), torch.from_numpy(rng.standard_normal((50, 21)))
    mask = torch.from_numpy(rng.random((50, 21)) < 0.8)
    found = side_accuracies(scores, returns, mask)
    assert torch.equal(found, side_accuracies(scores.exp(), returns * 3.0, mask))
    torch.testing.assert_close(1.0 - found, side_accuracies(-scores, returns, mask))
    assert torch.isnan(side_accuracies(torch.zeros(2, 6), returns[:2, :6], torch.ones(2, 6, dtype=torch.bool))).all()


def test_accuracy_of_correlated_normals_is_sheppards():
    rng = np.random.default_rng(1)
    scores, noise = rng.standard_normal((2, 400, 501))
    returns = 0.3 * scores + (1 - 0.3**2) ** 0.5 * noise
    found = side_accuracies(torch.from_numpy(scores), torch.from_numpy(returns), torch.ones(400, 501, dtype=torch.bool))
    assert float(found.mean()) == pytest.approx(0.5 + np.arcsin(0.3) / np.pi, abs=0.004)


def test_both_accuracies_are_recorded_and_a_record_of_before_has_none():
    windows, split = planted_windows(n_sessions=200, n_tickers=20)
    best = train_network(windows, split, settings=small_settings(max_epochs=10)).best
    assert 0.55 < best.validation_accuracy < 1.0
    assert 0.55 < best.train_accuracy < 1.0
    card = best.as_card()
    old = {key: value for key, value in card.items() if not key.endswith("_accuracy")}
    assert card.keys() - old.keys() == {"train_accuracy", "validation_accuracy"}
    assert type(best).from_card(old).as_card() == old
