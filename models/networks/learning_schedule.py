"""Learning schedule: rate, best epoch and stopping as functions of the validation losses so far; no state is held.

What is monitored is the validation loss of the mixed objective, as the reference asks; the validation rank IC is
recorded beside it.
"""

import math
from collections.abc import Sequence

from models.model_settings import TrainingSettings

__all__ = ["best_epoch", "epoch_learning_rate", "is_finished"]


def best_epoch(losses: Sequence[float], *, min_delta: float) -> int:
    """Last epoch, from 1, whose loss was more than ``min_delta`` below the best before it; 0 for none."""
    best, chosen = math.inf, 0
    for epoch, loss in enumerate(losses, start=1):
        if loss < best - min_delta:
            best, chosen = loss, epoch
    return chosen


def is_finished(losses: Sequence[float], settings: TrainingSettings) -> bool:
    """Whether the epochs are used up or ``patience`` of them in a row brought no improvement."""
    waited = len(losses) - best_epoch(losses, min_delta=settings.min_delta)
    return len(losses) >= settings.max_epochs or waited >= settings.patience


def epoch_learning_rate(losses: Sequence[float], settings: TrainingSettings) -> float:
    """Learning rate of the epoch that follows the given losses.

    It is multiplied by ``plateau_factor`` whenever more than ``plateau_patience`` epochs in a row brought no
    improvement, down to ``min_learning_rate``: torch's ``ReduceLROnPlateau`` with an absolute threshold.
    """
    rate, best, waited = settings.learning_rate, math.inf, 0
    for loss in losses:
        improved = loss < best - settings.min_delta
        best, waited = (loss, 0) if improved else (best, waited + 1)
        if waited > settings.plateau_patience:
            rate, waited = max(rate * settings.plateau_factor, settings.min_learning_rate), 0
    return rate
