"""Training: one loop, in the order things happen.

Everything random derives from seed and epoch: initial weights from (seed, 0), batches and dropout of an epoch from
(seed, epoch). A training that was killed and resumed ends with the bits of one that was not, on the same machine. On
the processor it is steady: nothing depends on how many threads there are.
"""

import math
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from core.allocator import keep_large_blocks
from core.errors import RunError
from models.losses.rank_loss import rank_correlations
from models.losses.session_losses import SessionLosses, session_losses
from models.model_settings import ModelSettings
from models.networks.heads import score_of
from models.networks.learning_schedule import best_epoch, epoch_learning_rate, is_finished
from models.networks.trained import EpochRecord, TrainedModel, epoch_seed, resolve_device, untrained_network
from models.networks.training_state import (
    ResumePoint,
    TrainingState,
    adam_moments,
    load_state,
    restore_moments,
    save_state,
)
from models.sample_splits import Split
from models.spans import (
    Span,
    cover,
    labelled_block,
    reads_sequences,
    span_scores,
    training_batches,
    usable_rows,
    usable_sessions,
)
from models.threads import steady, threads
from models.windows import Windows

__all__ = ["train_network"]

EVALUATION_SESSIONS = 256  # validation sessions unrolled at once: bounds memory


@dataclass(slots=True, kw_only=True, eq=False)
class _Learner:
    """What changes while training."""

    network: nn.Module
    optimizer: torch.optim.Adam
    history: list[EpochRecord] = field(default_factory=list)
    best_weights: dict[str, torch.Tensor] = field(default_factory=dict)

    @property
    def losses(self) -> list[float]:
        return [record.validation_loss for record in self.history]


def train_network(
    windows: Windows,
    split: Split,
    *,
    settings: ModelSettings,
    resume: ResumePoint | None = None,
    device: str = "auto",
    progress: Callable[[EpochRecord], None] | None = None,
) -> TrainedModel:
    """Train a network on the training span and keep the epoch with the best validation loss.

    Parameters
    ----------
    windows : Windows
        Scaled features, forward returns and mask; the scaler fitted on ``split.train``.
    split : Split
        Training and validation rows, purged.
    settings : ModelSettings
        Kind, loss and training; the kind has a network.
    resume : ResumePoint, optional
        Where state is saved after every epoch; a state saved there is resumed.
    device : {"auto", "cpu", "cuda"}
        Where to train.
    progress : callable, optional
        Called with each epoch's record, after its state is on disk.

    Raises
    ------
    DataError
        If no training or validation session can be used.
    RunError
        If the state belongs to another training, or the gradient stops being finite.
    """
    if windows.lookback != settings.model.lookback:
        raise ValueError(f"windows have a lookback of {windows.lookback}, the settings {settings.model.lookback}")
    keep_large_blocks()
    place = resolve_device(device)
    windows = windows.to(place)
    train_rows = usable_rows(windows, split.train, span="training")
    usable_rows(windows, split.validation, span="validation")
    point = resume.extended(_identity(settings, place)) if resume else None
    with steady(), _reproducible(place):
        learner = _begin(windows, settings, place)
        saved = load_state(point) if point else None
        if saved is not None:
            _restore(learner, saved)
        while not is_finished(learner.losses, settings.training):
            started = time.perf_counter()
            measured = _train_epoch(learner, windows, train_rows, settings=settings)
            measured |= _evaluate(learner.network, windows, split.validation, settings=settings)
            seconds = time.perf_counter() - started
            record = EpochRecord(epoch=len(learner.history) + 1, seconds=seconds, **measured)
            _finish_epoch(learner, record, min_delta=settings.training.min_delta)
            if point is not None:
                save_state(point, _state(learner))
            if progress is not None:
                progress(record)
    return TrainedModel(
        weights=learner.best_weights,
        settings=settings,
        scaler=windows.scaler,
        best_epoch=best_epoch(learner.losses, min_delta=settings.training.min_delta),
        history=tuple(learner.history),
    )


def _train_epoch(learner: _Learner, windows: Windows, rows: np.ndarray, *, settings: ModelSettings) -> dict[str, Any]:
    """Take one pass over the training sessions; return its mean losses and gradient norms."""
    training, network, optimizer = settings.training, learner.network, learner.optimizer
    epoch, rate = len(learner.history) + 1, epoch_learning_rate(learner.losses, training)
    torch.manual_seed(epoch_seed(training.seed, epoch))
    for group in optimizer.param_groups:
        group["lr"] = rate
    network.train()
    tally = []
    unrolled = training if reads_sequences(network) else training.model_copy(update={"mode": "exact"})
    for batch in training_batches(rows, lookback=windows.lookback, settings=unrolled, epoch=epoch):
        optimizer.zero_grad()
        tally.append(_accumulate_gradient(network, windows, batch, settings=settings))
        norm = torch.nn.utils.clip_grad_norm_(network.parameters(), training.clip_norm)
        if not math.isfinite(norm.item()):
            raise RunError(f"training diverged in epoch {epoch}: lower training.learning_rate, was {rate:g}")
        optimizer.step()
    return _means(tally, settings.loss.weights) | {"learning_rate": rate}


def _accumulate_gradient(
    network: nn.Module, windows: Windows, batch: list[Span], *, settings: ModelSettings
) -> dict[str, float]:
    """Add the gradient of the batch's mean session loss to the weights; return sums over its sessions."""
    usable = [usable_sessions(windows, slice(span.start, span.stop)) for span in batch]
    counted = sum(int(sessions.sum()) for sessions in usable)
    spans = [_backward(network, windows, span, counted=counted, settings=settings) for span in batch]
    sums = {key: sum(part[key] for part in spans) for key in spans[0]}
    return sums | {"sessions": float(counted)}


def _backward(
    network: nn.Module, windows: Windows, span: Span, *, counted: int, settings: ModelSettings
) -> dict[str, float]:
    """Push one span's share of the gradient through the network; return sums over its sessions."""
    names, y, labelled = labelled_block(windows, span)
    given = span_scores(network, windows, span, names)  # (sessions, names) or (sessions, names, heads)
    outputs = given.detach().requires_grad_()  # the loss has a small graph of its own: all pulls cost next to nothing
    losses = _losses(outputs, y, labelled, windows=windows, settings=settings)
    pulls = {
        name: torch.autograd.grad(weight / counted * losses.terms[name].sum(), outputs, retain_graph=True)[0]
        for name, weight in settings.loss.weights.items()
    }
    with threads(1):
        torch.autograd.backward(given, sum(pulls.values(), torch.zeros_like(outputs)))
    measured = {"loss": losses.total.sum().item()}
    measured |= {f"{name}_term": term.sum().item() for name, term in losses.terms.items()}
    return measured | {f"{name}_pull": pull.square().sum().item() for name, pull in pulls.items()}


def _losses(
    outputs: torch.Tensor, y: torch.Tensor, labelled: torch.Tensor, *, windows: Windows, settings: ModelSettings
) -> SessionLosses:
    return session_losses(
        outputs,
        y,
        labelled,
        settings=settings.loss,
        target_sd=windows.scaler.target_sd,
        heads=settings.model.gives,
    )


def _means(tally: list[dict[str, float]], terms: Iterable[str]) -> dict[str, Any]:
    """Session means of the loss and its terms, and batch means of the terms' gradient norms."""
    sessions = sum(batch["sessions"] for batch in tally)
    return {
        "train_loss": sum(batch["loss"] for batch in tally) / sessions,
        "terms": {name: sum(batch[f"{name}_term"] for batch in tally) / sessions for name in terms},
        "gradients": {name: sum(math.sqrt(batch[f"{name}_pull"]) for batch in tally) / len(tally) for name in terms},
    }


@torch.no_grad()
def _evaluate(network: nn.Module, windows: Windows, rows: slice, *, settings: ModelSettings) -> dict[str, float]:
    """Mean loss and mean rank IC of the validation sessions, unrolled after a burn-in."""
    network.eval()
    losses, correlations = [], []
    for span in cover(rows, burn_in=settings.training.burn_in, length=EVALUATION_SESSIONS):
        names, y, labelled = labelled_block(windows, span)
        given = span_scores(network, windows, span, names)
        batch = _losses(given, y, labelled, windows=windows, settings=settings)
        scores = score_of(given, settings.model.gives)
        losses.append(batch.total[batch.counted].double())
        correlations.append(rank_correlations(scores, y, labelled)[batch.counted])
    loss, ic = torch.cat(losses).mean().item(), torch.cat(correlations).nanmean().item()
    if not (math.isfinite(loss) and math.isfinite(ic)):
        raise RunError(f"validation scores cannot be ranked (loss {loss:g}, IC {ic:g}): lower training.learning_rate")
    return {"validation_loss": loss, "validation_ic": ic}


def _begin(windows: Windows, settings: ModelSettings, place: torch.device) -> _Learner:
    """Build a network with seeded initial weights, and its optimiser."""
    network = untrained_network(settings, windows.x.shape[2]).to(place)
    optimizer = torch.optim.Adam(
        network.parameters(), lr=settings.training.learning_rate, weight_decay=settings.training.weight_decay
    )
    return _Learner(network=network, optimizer=optimizer)


def _restore(learner: _Learner, state: TrainingState) -> None:
    """Put the learner where the saved training stood."""
    learner.network.load_state_dict(state.weights)
    restore_moments(learner.optimizer, state.moments)
    learner.history, learner.best_weights = list(state.history), state.best_weights


def _finish_epoch(learner: _Learner, record: EpochRecord, *, min_delta: float) -> None:
    """Add the record, and keep its weights if they are the best so far."""
    learner.history.append(record)
    if best_epoch(learner.losses, min_delta=min_delta) == record.epoch:
        learner.best_weights = _copied(learner.network)


def _state(learner: _Learner) -> TrainingState:
    return TrainingState(
        weights=_copied(learner.network),
        best_weights=learner.best_weights,
        moments=adam_moments(learner.optimizer),
        history=tuple(learner.history),
    )


def _copied(network: nn.Module) -> dict[str, torch.Tensor]:
    form = torch.contiguous_format  # of a parameter that was made as a transpose, say: files hold no other
    return {name: tensor.detach().cpu().clone(memory_format=form) for name, tensor in network.state_dict().items()}


def _identity(settings: ModelSettings, place: torch.device) -> dict[str, str]:
    """Identify what else decides the bits of the result, beside what the caller names."""
    return {
        "model settings": settings.model_dump_json(),
        "torch": torch.__version__,
        "device": place.type,
    }


@contextmanager
def _reproducible(place: torch.device) -> Iterator[None]:
    """Allow deterministic kernels only, and give the caller's random state and settings back afterwards.

    Those kernels also fill new tensors before they are written; unasked for, that touches gigabytes of an LSTM's
    workspace that a pass needs later or never. It serves to find reads of unwritten memory, of which there are none.
    """
    before = torch.are_deterministic_algorithms_enabled()
    filled = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic with it only
    devices = [torch.cuda.current_device()] if place.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.use_deterministic_algorithms(True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before)
            torch.utils.deterministic.fill_uninitialized_memory = filled  # type: ignore[attr-defined]
