import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.model_settings import TrainingSettings
from models.networks.learning_schedule import best_epoch, epoch_learning_rate, is_finished

losses_lists = st.lists(st.floats(0.0, 1.0), max_size=40)


@given(losses_lists)
def test_the_learning_rate_is_that_of_torchs_plateau_schedule(losses):
    settings = TrainingSettings(plateau_patience=2, min_learning_rate=1e-4, min_delta=0.1)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=settings.learning_rate)
    twin = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.5, patience=2, threshold=0.1, threshold_mode="abs", min_lr=1e-4, eps=0.0
    )
    for loss in losses:
        twin.step(loss)
    assert epoch_learning_rate(losses, settings) == pytest.approx(optimizer.param_groups[0]["lr"])


def test_the_best_epoch_has_to_be_better_by_min_delta():
    assert best_epoch([1.0, 0.9, 0.85, 0.7, 0.65], min_delta=0.1) == 4
    assert best_epoch([1.0, 0.9, 0.85, 0.7, 0.65], min_delta=0.0) == 5
    assert best_epoch([], min_delta=0.0) == 0


def test_training_stops_after_patience_epochs_without_improvement():
    settings = TrainingSettings(patience=3, max_epochs=10, min_delta=0.1)
    assert not is_finished([1.0, 1.0, 1.0], settings)
    assert is_finished([1.0, 1.0, 1.0, 0.95], settings)
    assert not is_finished([1.0, 1.0, 1.0, 0.8], settings)
    assert is_finished([1.0 - 0.2 * k for k in range(10)], settings)


def test_an_untrained_network_is_not_finished():
    assert not is_finished([], TrainingSettings(patience=1, max_epochs=1))
    assert math.isclose(epoch_learning_rate([], TrainingSettings()), 1e-3)
