"""Training estimate: what a training will take, from two steps on a network that is thrown away.

The network and its optimiser are made anew, everything random is given back, and nothing of them is kept: a training
that was estimated ends with the bits of one that was not.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import nn

from core.progress import duration
from models.model_settings import ModelSettings
from models.networks.augmentation import augmentation_rng
from models.networks.step_gradient import step_gradient
from models.networks.train import OPTIMIZERS
from models.networks.trained import untrained_network
from models.sample_splits import Split
from models.spans import Span, reads_sequences, training_batches, usable_rows
from models.threads import steady
from models.windows import Windows

__all__ = ["LONG_SECONDS", "TrainingEstimate", "estimate_training"]

LONG_SECONDS = 10.0  # a training that is over sooner needs no estimate
MEASURED_STEPS = 2
MIN_STEPS = 20  # of the whole training: two steps are then a tenth of it at most
FORWARD_SHARE = 1 / 3  # of a session's step: scored and not learned from


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingEstimate:
    """What a training takes if it goes to its last epoch, about.

    Parameters
    ----------
    n_parameters : int
        Numbers that are fitted.
    n_bytes : int
        Peak memory of the process after the measured steps, or of the graphics card; 0 where the system does not say.
    seconds : float
        All epochs that there may be, validation and a refit included.
    epochs : int
        Epochs at most, without those of a refit.
    stops_early : bool
        Whether fewer may do.

    Examples
    --------
    >>> TrainingEstimate(n_parameters=14_113, n_bytes=4 * 10**8, seconds=720.0, epochs=30, stops_early=True).words
    'about 12 min: 30 epochs of 24 s, early stopping may end it sooner; 14,113 parameters, about 0.4 GB'
    """

    n_parameters: int
    n_bytes: int
    seconds: float
    epochs: int
    stops_early: bool

    @property
    def is_long(self) -> bool:
        """Whether it is worth a line."""
        return self.seconds > LONG_SECONDS

    @property
    def words(self) -> str:
        """One line."""
        memory = f", about {max(self.n_bytes / 1e9, 0.1):.1f} GB" if self.n_bytes else ""
        early = ", early stopping may end it sooner" if self.stops_early else ""
        each = self.seconds / self.epochs
        one = f"{each:.1f} s" if each < 10.0 else duration(each)
        epochs = f"{self.epochs} epoch{'' if self.epochs == 1 else 's'} of {one}"
        return f"about {duration(self.seconds)}: {epochs}{early}; {self.n_parameters:,} parameters{memory}"


def estimate_training(
    windows: Windows,
    split: Split,
    *,
    settings: ModelSettings,
    clock: Callable[[], float] = time.perf_counter,
) -> TrainingEstimate | None:
    """Take two steps of a training's first epoch with a network of its own; None for one of fewer than 20 steps.

    Parameters
    ----------
    windows : Windows
        Where the network will be trained.
    split : Split
        Training and validation rows.
    settings : ModelSettings
        Kind, loss and training.
    clock : callable
        Seconds.

    Raises
    ------
    DataError
        If no training session can be used.
    """
    training = settings.training
    rows = usable_rows(windows, split.train, span="training")
    with _as_before(windows.x.device), steady():
        network = untrained_network(settings, windows.scaler.names).to(windows.x.device)
        steps = _steps(network, windows, rows, settings)
        if len(steps) * training.max_epochs < MIN_STEPS:
            return None
        seconds = _step_seconds(network, windows, steps, settings, clock)
    validated = FORWARD_SHARE * (split.validation.stop - split.validation.start) / len(rows)
    again = (split.validation.stop - split.train.start) / (split.train.stop - split.train.start)
    epoch = seconds * len(steps) * (1.0 + validated + (again if training.refit else 0.0))
    return TrainingEstimate(
        n_parameters=sum(parameter.numel() for parameter in network.parameters()),
        n_bytes=_peak_bytes(windows.x.device),
        seconds=epoch * training.max_epochs,
        epochs=training.max_epochs,
        stops_early=training.patience < training.max_epochs,
    )


def _steps(network: nn.Module, windows: Windows, rows: np.ndarray, settings: ModelSettings) -> list[list[Span]]:
    """The spans of each step of the first epoch."""
    training = settings.training
    unrolled = training if reads_sequences(network) else training.model_copy(update={"mode": "exact"})
    batches = training_batches(rows, lookback=windows.lookback, settings=unrolled, epoch=1)
    groups = (batches[k : k + training.accumulate] for k in range(0, len(batches), training.accumulate))
    return [[span for batch in group for span in batch] for group in groups]


def _step_seconds(
    network: nn.Module,
    windows: Windows,
    steps: list[list[Span]],
    settings: ModelSettings,
    clock: Callable[[], float],
) -> float:
    """Seconds of the quicker of two steps: the first one also warms up."""
    training, rng = settings.training, augmentation_rng(settings.training.seed, 1)
    optimizer = OPTIMIZERS[training.optimizer](network.parameters(), lr=training.learning_rate)
    network.train()
    seconds = []
    for spans in islice(steps, MEASURED_STEPS):
        started = clock()
        optimizer.zero_grad()
        if step_gradient(network, windows, spans, settings=settings, rng=rng) is not None:
            torch.nn.utils.clip_grad_norm_(network.parameters(), training.clip_norm).item()  # waits for a graphics card
            optimizer.step()
        seconds.append(clock() - started)
    return min(seconds)


def _peak_bytes(place: torch.device) -> int:
    """The most memory that was held so far, on the graphics card or by this process; 0 where that is not told."""
    if place.type == "cuda":
        return int(torch.cuda.max_memory_allocated(place))
    try:
        import resource
    except ImportError:  # of Unix alone
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@contextmanager
def _as_before(place: torch.device) -> Iterator[None]:
    """Give back whatever random state the block uses, numpy's too, which a user's network may draw from."""
    kept = np.random.get_state()  # noqa: NPY002
    devices = [torch.cuda.current_device()] if place.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        np.random.set_state(kept)  # noqa: NPY002
