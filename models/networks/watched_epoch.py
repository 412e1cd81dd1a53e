"""Watched epoch: the numbers of one epoch for whoever looks on; nothing is decided by them. Imports no torch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["WatchedEpoch", "watcher"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedEpoch:
    """One epoch as it is shown and logged.

    What training says of itself (loss, rank IC, accuracy) is measured on the scores that each batch was learned from:
    while the weights move, with dropout on, on mixed names where names are mixed. It costs no pass of its own, and is
    on other terms than validation, which is measured after the epoch with dropout off.

    Parameters
    ----------
    epoch, epochs : int
        Which, from 1, and how many there may be; those of a refit go on counting beyond.
    train_loss, validation_loss : float
        Mean mixed loss over sessions; NaN for the validation of a refit.
    train_ic, validation_ic : float
        Mean within-session Spearman correlation of score and return; NaN where no session has one.
    train_accuracy, validation_accuracy : float
        Share of names on the same side of both medians, averaged over sessions; chance is one half.
    learning_rate : float
        Of this epoch.
    gradient_norm, max_gradient_norm : float
        Mean and largest Euclidean norm of a step's gradient over all weights, before it is clipped.
    seconds : float
        Wall clock, validation included.
    part : str
        Of an ensemble: the member and seed that is being fitted.
    """

    epoch: int
    epochs: int
    train_loss: float
    validation_loss: float
    train_ic: float
    validation_ic: float
    train_accuracy: float
    validation_accuracy: float
    learning_rate: float
    gradient_norm: float
    max_gradient_norm: float
    seconds: float
    part: str = ""


def watcher(progress: Any) -> Callable[[WatchedEpoch], None] | None:
    """What takes the numbers of epochs where progress is shown or logged; None where nobody looks."""
    watch: Callable[[WatchedEpoch], None] | None = getattr(progress, "watch", None)
    return watch
