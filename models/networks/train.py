"""Training: one loop, in the order things happen.

Everything random derives from seed and epoch: initial weights from (seed, 0), batches, augmentations and dropout of an
epoch from (seed, epoch). A training that was killed and resumed ends with the bits of one that was not, on the same
machine. On the processor it is steady: nothing depends on how many threads there are.

With ``training.refit`` there are two passes: the first chooses the number of epochs on validation, the second begins
anew and takes as many, at the same rates, over training and validation rows together.
"""

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from core.allocator import keep_large_blocks
from core.errors import RunError
from models.losses.rank_loss import rank_correlations
from models.model_settings import ModelSettings, TrainingSettings
from models.networks.augmentation import augmentation_rng
from models.networks.epoch_measures import epoch_curves, epoch_means, side_accuracies
from models.networks.heads import score_of
from models.networks.learning_schedule import best_epoch, epoch_learning_rate, is_finished
from models.networks.step_gradient import check_precision, span_losses, step_gradient
from models.networks.trained import EpochRecord, TrainedModel, check_weights, epoch_seed, untrained_network
from models.networks.training_state import (
    ResumePoint,
    TrainingState,
    adam_moments,
    load_state,
    restore_moments,
    save_state,
)
from models.networks.watched_epoch import WatchedEpoch
from models.sample_splits import Split
from models.spans import Span, cover, labelled_block, reads_sequences, span_scores, training_batches, usable_rows
from models.threads import steady
from models.windows import Windows

__all__ = ["train_network"]

EVALUATION_SESSIONS = 256  # validation sessions unrolled at once: bounds memory
OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}

Weights = Mapping[str, torch.Tensor]


@dataclass(slots=True, kw_only=True, eq=False)
class _Learner:
    """What changes while training."""

    network: nn.Module
    optimizer: torch.optim.Adam
    history: list[EpochRecord] = field(default_factory=list)
    best_weights: dict[str, torch.Tensor] = field(default_factory=dict)
    refitted: int = 0

    @property
    def losses(self) -> list[float]:
        return [record.validation_loss for record in self.history]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Job:
    """What does not change while training."""

    windows: Windows
    settings: ModelSettings
    start: Weights | None
    point: ResumePoint | None
    progress: Callable[[WatchedEpoch], None] | None

    def tell(self, learner: _Learner, record: EpochRecord, curves: Mapping[str, Any]) -> None:
        """Put the state on disk, then show the epoch."""
        if self.point is not None:
            save_state(self.point, _state(learner))
        if self.progress is not None:
            shown = {key: value for key, value in asdict(record).items() if key not in ("terms", "gradients")}
            self.progress(WatchedEpoch(epochs=max(record.epoch, self.settings.training.max_epochs), **shown, **curves))


def train_network(
    windows: Windows,
    split: Split,
    *,
    settings: ModelSettings,
    start: Weights | None = None,
    resume: ResumePoint | None = None,
    progress: Callable[[WatchedEpoch], None] | None = None,
) -> TrainedModel:
    """Train a network on the training span and keep the epoch with the best validation loss.

    Parameters
    ----------
    windows : Windows
        Scaled features, forward returns and mask; the scaler fitted on ``split.train``. Where they are is where the
        network is trained.
    split : Split
        Training and validation rows, purged.
    settings : ModelSettings
        Kind, loss and training; the kind has a network.
    start : mapping of str to Tensor, optional
        Weights to begin with, whose hash ``settings.training.start`` says; drawn from the seed by default.
    resume : ResumePoint, optional
        Where state is saved after every epoch; a state saved there is resumed.
    progress : callable, optional
        Called with each epoch's numbers, after its state is on disk; an epoch of a refit has no validation.

    Raises
    ------
    DataError
        If no training or validation session can be used.
    RunError
        If the state belongs to another training, the gradient stops being finite, or the weights to begin with are not
        given.
    CheckpointError
        If those are of another network.
    """
    training, place = settings.training, windows.x.device
    if windows.lookback != settings.model.lookback:
        raise ValueError(f"windows have a lookback of {windows.lookback}, the settings {settings.model.lookback}")
    _check_start(training, start)
    check_precision(training.precision, place)
    keep_large_blocks()
    train_rows = usable_rows(windows, split.train, span="training")
    usable_rows(windows, split.validation, span="validation")
    point = resume.extended(_identity(settings, place)) if resume else None
    job = _Job(windows=windows, settings=settings, start=start, point=point, progress=progress)
    with steady(), _reproducible(place):
        learner = _begin(windows, settings, start)
        saved = load_state(point) if point else None
        if saved is not None:
            _restore(learner, saved)
        while not is_finished(learner.losses, training):
            _choose_on(learner, job, train_rows, split.validation)
        weights = _refitted(learner, job, split) if training.refit else learner.best_weights
    return TrainedModel(
        weights=weights,
        settings=settings,
        scaler=windows.scaler,
        best_epoch=best_epoch(learner.losses, min_delta=training.min_delta),
        history=tuple(learner.history),
        chosen_weights=learner.best_weights if training.refit else None,
    )


def _choose_on(learner: _Learner, job: _Job, rows: np.ndarray, validation: slice) -> None:
    """Train for an epoch, measure it on validation, and keep its weights if they are the best so far."""
    started, epoch, settings = time.perf_counter(), len(learner.history) + 1, job.settings
    rate = epoch_learning_rate(learner.losses, settings.training)
    measured, curves = _train_epoch(learner, job.windows, rows, settings=settings, epoch=epoch, rate=rate)
    measured |= _evaluate(learner.network, job.windows, validation, settings=settings)
    record = EpochRecord(epoch=epoch, seconds=time.perf_counter() - started, **measured)
    learner.history.append(record)
    if best_epoch(learner.losses, min_delta=settings.training.min_delta) == epoch:
        learner.best_weights = _copied(learner.network)
    job.tell(learner, record, curves)


def _refitted(learner: _Learner, job: _Job, split: Split) -> dict[str, torch.Tensor]:
    """Weights of a training on training and validation rows, for the chosen epochs at the rates that these had."""
    rows = usable_rows(job.windows, slice(split.train.start, split.validation.stop), span="training")
    chosen = best_epoch(learner.losses, min_delta=job.settings.training.min_delta)
    if not learner.refitted:
        fresh = _begin(job.windows, job.settings, job.start)
        learner.network, learner.optimizer = fresh.network, fresh.optimizer
    for first in learner.history[learner.refitted : chosen]:
        started = time.perf_counter()
        measured, curves = _train_epoch(
            learner, job.windows, rows, settings=job.settings, epoch=first.epoch, rate=first.learning_rate
        )
        learner.refitted = first.epoch
        record = EpochRecord(
            epoch=len(learner.history) + first.epoch,
            validation_loss=math.nan,
            validation_ic=math.nan,
            seconds=time.perf_counter() - started,
            **measured,
        )
        job.tell(learner, record, curves)
    return _copied(learner.network)


def _train_epoch(
    learner: _Learner, windows: Windows, rows: np.ndarray, *, settings: ModelSettings, epoch: int, rate: float
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Take one pass over the training sessions; return its mean losses and pulls, and its curves."""
    training, network, optimizer = settings.training, learner.network, learner.optimizer
    torch.manual_seed(epoch_seed(training.seed, epoch))
    rng = augmentation_rng(training.seed, epoch)
    for group in optimizer.param_groups:
        group["lr"] = rate
    network.train()
    tally = []
    unrolled = training if reads_sequences(network) else training.model_copy(update={"mode": "exact"})
    batches = training_batches(rows, lookback=windows.lookback, settings=unrolled, epoch=epoch)
    for spans in _steps(batches, training.accumulate):
        optimizer.zero_grad()
        sums = step_gradient(network, windows, spans, settings=settings, rng=rng)
        if sums is None:
            continue
        norm = torch.nn.utils.clip_grad_norm_(network.parameters(), training.clip_norm).item()
        tally.append(sums | {"norm": norm})
        if not math.isfinite(norm):
            raise RunError(f"training diverged in epoch {epoch}: lower training.learning_rate, was {rate:g}")
        optimizer.step()
    if not tally:
        raise RunError(f"training.mixup left no session with enough labelled names in epoch {epoch}: set it to 0")
    return epoch_means(tally, settings.loss.weights) | {"learning_rate": rate}, epoch_curves(tally)


def _steps(batches: list[list[Span]], accumulate: int) -> Iterator[list[Span]]:
    """The spans of each step, ``accumulate`` batches of them."""
    for first in range(0, len(batches), accumulate):
        yield [span for batch in batches[first : first + accumulate] for span in batch]


@torch.no_grad()
def _evaluate(network: nn.Module, windows: Windows, rows: slice, *, settings: ModelSettings) -> dict[str, float]:
    """Mean loss, rank IC and accuracy of the validation sessions, unrolled after a burn-in."""
    network.eval()
    losses, correlations, accuracies = [], [], []
    for span in cover(rows, burn_in=settings.training.burn_in, length=EVALUATION_SESSIONS):
        names, y, labelled = labelled_block(windows, span)
        given = span_scores(network, windows, span, names)
        batch = span_losses(given, y, labelled, target_sd=windows.scaler.target_sd, settings=settings)
        scores = score_of(given, settings.model.gives)
        losses.append(batch.total[batch.counted].double())
        correlations.append(rank_correlations(scores, y, labelled)[batch.counted])
        accuracies.append(side_accuracies(scores, y, labelled)[batch.counted])
    loss, ic = torch.cat(losses).mean().item(), torch.cat(correlations).nanmean().item()
    if not (math.isfinite(loss) and math.isfinite(ic)):
        raise RunError(f"validation scores cannot be ranked (loss {loss:g}, IC {ic:g}): lower training.learning_rate")
    return {"validation_loss": loss, "validation_ic": ic, "validation_accuracy": torch.cat(accuracies).nanmean().item()}


def _begin(windows: Windows, settings: ModelSettings, start: Weights | None = None) -> _Learner:
    """Build a network with seeded or given initial weights, and its optimiser."""
    training = settings.training
    network = untrained_network(settings, windows.scaler.names)
    if start is not None:
        check_weights(network.state_dict(), start)
        network.load_state_dict(start)
    network = network.to(windows.x.device)
    optimizer = OPTIMIZERS[training.optimizer](
        network.parameters(), lr=training.learning_rate, betas=training.betas, weight_decay=training.weight_decay
    )
    return _Learner(network=network, optimizer=optimizer)


def _check_start(training: TrainingSettings, start: Weights | None) -> None:
    """Refuse to begin with other weights than the settings name."""
    if training.start and start is None:
        raise RunError(
            f"training begins with the weights {training.start[:12]}, which are not at hand: give the run that they "
            "are of with --from, or unset training.start"
        )
    if start is not None and not training.start:
        raise ValueError("start must be named by training.start, which was empty: set the sha256 of the weights")


def _restore(learner: _Learner, state: TrainingState) -> None:
    """Put the learner where the saved training stood."""
    learner.network.load_state_dict(state.weights)
    restore_moments(learner.optimizer, state.moments)
    learner.history, learner.best_weights = list(state.history), state.best_weights
    learner.refitted = state.refitted


def _state(learner: _Learner) -> TrainingState:
    return TrainingState(
        weights=_copied(learner.network),
        best_weights=learner.best_weights,
        moments=adam_moments(learner.optimizer),
        history=tuple(learner.history),
        refitted=learner.refitted,
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
