"""The curves of a training that is watched: what they are by another way, and that watching moves no bit."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from models.model import FitContext
from models.model_kinds import make_model
from models.networks import step_gradient
from models.networks.epoch_measures import rank_sums
from models.networks.train import train_network
from models.networks.watched_epoch import WatchedEpoch, watcher
from tests.oracles.planted import planted_windows, small_settings


def trained(settings: Any) -> tuple[Any, list[WatchedEpoch]]:
    seen: list[WatchedEpoch] = []
    windows, split = planted_windows()
    return train_network(windows, split, settings=settings, progress=seen.append), seen


@pytest.mark.parametrize("more", [{}, {"mode": "exact", "accumulate": 2}, {"mixup": 0.4, "input_noise": 0.1}])
def test_curves_are_those_of_the_batches_own_scores_and_gradients(
    more: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    correlations: list[float] = []
    norms: list[float] = []

    def told(scores: torch.Tensor, targets: torch.Tensor, mask: torch.Tensor) -> dict[str, float]:
        for row, wanted, names in zip(scores.numpy(), targets.numpy(), mask.numpy(), strict=True):
            if names.sum() >= 5:
                correlations.append(float(spearmanr(row[names], wanted[names]).statistic))
        return rank_sums(scores, targets, mask)

    clip = torch.nn.utils.clip_grad_norm_

    def clipped(parameters: Any, limit: float) -> torch.Tensor:
        held = list(parameters)
        norms.append(math.sqrt(sum(float(each.grad.double().square().sum()) for each in held)))
        return clip(held, limit)

    monkeypatch.setattr(step_gradient, "rank_sums", told)
    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", clipped)
    _, (seen,) = trained(small_settings(max_epochs=1, clip_norm=1e-3, **more))
    assert len(norms) > 1
    assert seen.train_ic == pytest.approx(np.mean(correlations), abs=1e-12)
    assert seen.gradient_norm == pytest.approx(np.mean(norms), rel=1e-5)
    assert seen.max_gradient_norm == pytest.approx(max(norms), rel=1e-5)
    assert seen.max_gradient_norm > 1e-3, "the norm is that before clipping"


def test_watching_moves_no_bit_and_says_what_the_record_says(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = small_settings(max_epochs=2)
    model, seen = trained(settings)
    for record, told in zip(model.history, seen, strict=True):
        shared = ("epoch", "train_loss", "validation_loss", "validation_ic", "train_accuracy", "validation_accuracy")
        assert all(getattr(record, name) == getattr(told, name) for name in (*shared, "learning_rate", "seconds"))
        assert told.epochs == 2
    monkeypatch.setattr(step_gradient, "rank_sums", lambda *_: {"ic": 0.0, "ranked": 0.0})
    blind, unseen = trained(settings)
    assert all(torch.equal(model.weights[name], blind.weights[name]) for name in model.weights)
    assert [record.as_card() for record in model.history] == [record.as_card() for record in blind.history]
    assert math.isnan(unseen[0].train_ic)


def test_epochs_of_members_are_told_under_their_place() -> None:
    from tests.test_models_kinds import settings_for

    windows, split = planted_windows()
    seen: list[WatchedEpoch] = []
    make_model(settings_for("ensemble", seeds=2)).fit(
        windows, split, context=FitContext(device="cpu", watch=seen.append)
    )
    assert [each.part for each in seen if each.epoch == 1] == ["deep.0", "deep.1"]


def test_nobody_watches_a_display_that_does_not_say_so() -> None:
    assert watcher(print) is None
