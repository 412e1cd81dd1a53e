"""Horizon loop: one network trained for all horizons at once, in the order things happen.

Stopping, step sizes and seeds are those of a strategy's training (``models.networks.learning_schedule``): the initial
weights derive from (seed, 0), chunks and dropout of an epoch from (seed, epoch). What a strategy's loop does beside,
comparing names and keeping a state on disk, a network of seconds has no use for. It runs on one thread of the
processor: the bits are the same however many there are.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from core.errors import RunError
from models.forecasters.learned.horizon_network import horizon_loss, horizon_network, steps_given
from models.forecasters.learned.series_lanes import Lanes
from models.model_settings import ModelSettings
from models.networks.learning_schedule import epoch_learning_rate
from models.networks.trained import epoch_seed
from models.spans import Span, cover, training_batches
from models.threads import steady

__all__ = ["TrainedHorizons", "train_horizons"]

STEPS = 8  # in an epoch at least, where there are rows enough
MIN_CHUNK, MAX_CHUNK = 8, 64  # rows of a step: a short one is mostly warm-up
EVALUATION_ROWS = 256

Weights = Mapping[str, torch.Tensor]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainedHorizons:
    """Weights of the best epoch.

    Parameters
    ----------
    weights : mapping of str to Tensor
        By name.
    best_epoch : int
        From 1; 0 where the weights that a training began with stayed the best.
    losses : tuple of float
        Of validation, an epoch each.
    """

    weights: Weights
    best_epoch: int
    losses: tuple[float, ...]


def train_horizons(
    learned: Lanes, validation: Lanes, *, settings: ModelSettings, start: Weights | None = None
) -> TrainedHorizons:
    """Train on one set of lanes and keep the epoch with the least loss on another.

    Parameters
    ----------
    learned, validation : Lanes
        With a label each at least.
    settings : ModelSettings
        Kind and training.
    start : mapping of str to Tensor, optional
        Weights to begin with, which stay where no epoch is better; drawn from the seed by default.

    Raises
    ------
    RunError
        If the gradient stops being finite.
    """
    training, losses, best_epoch = settings.training, list[float](), 0
    with steady(), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(epoch_seed(training.seed, 0))
        network = horizon_network(settings.model, learned.x.shape[2], learned.y.shape[2])
        if start is not None:
            network.load_state_dict(start)
        optimizer = torch.optim.Adam(
            network.parameters(), lr=training.learning_rate, betas=training.betas, weight_decay=training.weight_decay
        )
        least = math.inf if start is None else _loss(network, validation, settings)
        best = _copied(network)
        while len(losses) < training.max_epochs and len(losses) - best_epoch < training.patience:
            _train_epoch(network, optimizer, learned, settings=settings, losses=losses)
            losses.append(_loss(network, validation, settings))
            if losses[-1] < least - training.min_delta:
                least, best_epoch, best = losses[-1], len(losses), _copied(network)
    return TrainedHorizons(weights=best, best_epoch=best_epoch, losses=tuple(losses))


def _train_epoch(
    network: nn.Module, optimizer: torch.optim.Adam, learned: Lanes, *, settings: ModelSettings, losses: Sequence[float]
) -> None:
    """Take one pass over the lanes, a step a chunk of their rows."""
    epoch = len(losses) + 1
    torch.manual_seed(epoch_seed(settings.training.seed, epoch))
    for group in optimizer.param_groups:
        group["lr"] = epoch_learning_rate(losses, settings.training)
    network.train()
    for span in _chunks(learned, settings, epoch):
        optimizer.zero_grad()
        loss = _span_loss(network, learned, span, settings)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(network.parameters(), settings.training.clip_norm)
        if not math.isfinite(norm.item()):
            rate = optimizer.param_groups[0]["lr"]
            raise RunError(f"training diverged in epoch {epoch}: lower learning_rate, was {rate:g}")
        optimizer.step()


def _chunks(learned: Lanes, settings: ModelSettings, epoch: int) -> Iterator[Span]:
    """Stretches of rows in the order of an epoch, every label in one of them."""
    rows = learned.labelled_rows
    length = min(MAX_CHUNK, max(MIN_CHUNK, len(rows) // STEPS))
    training = settings.training.model_copy(
        update={"mode": "long", "burn_in": learned.warm_up, "chunk_sessions": length, "batch_sessions": length}
    )
    for batch in training_batches(rows, lookback=settings.model.lookback, settings=training, epoch=epoch):
        yield from batch


@torch.no_grad()
def _loss(network: nn.Module, lanes: Lanes, settings: ModelSettings) -> float:
    """Mean loss over all labels of the lanes."""
    network.eval()
    rows, total, labels = slice(lanes.warm_up, len(lanes.x)), 0.0, 0
    for span in cover(rows, burn_in=lanes.warm_up, length=EVALUATION_ROWS):
        known = int(torch.isfinite(lanes.y[span.start : span.stop]).sum())
        if known:
            total += known * _span_loss(network, lanes, span, settings).item()
            labels += known
    if not math.isfinite(total):
        raise RunError("training diverged: the validation loss is not finite; lower learning_rate")
    return total / labels


def _span_loss(network: nn.Module, lanes: Lanes, span: Span, settings: ModelSettings) -> torch.Tensor:
    x = lanes.x[span.opens : span.stop]
    given = steps_given(network, x, start=span.start - span.opens, lookback=settings.model.lookback)
    return horizon_loss(given, lanes.y[span.start : span.stop])


def _copied(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
