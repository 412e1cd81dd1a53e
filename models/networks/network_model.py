"""Network model: any network of a kind that has one behind the seam, trained by the one loop."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from core.errors import RunError
from core.memory import memory_errors
from core.user_file import named_failures
from models.model import FitContext
from models.model_kinds import own_failures
from models.model_settings import ModelSettings
from models.networks.fitted_network import FittedNetwork
from models.networks.train import train_network
from models.networks.trained import resolve_device, untrained_network
from models.networks.training_estimate import estimate_training
from models.networks.training_state import ResumePoint
from models.networks.watched_epoch import WatchedEpoch
from models.sample_splits import Split
from models.spans import reads_sequences
from models.windows import Windows

__all__ = ["NetworkModel", "device_name"]


@dataclass(frozen=True, slots=True)
class NetworkModel:
    """A network that the training loop trains.

    Parameters
    ----------
    settings : ModelSettings
        Its kind has a network.
    """

    settings: ModelSettings

    def fit(self, windows: Windows, split: Split, *, context: FitContext) -> FittedNetwork:
        """Train, or go on with a training whose state is kept."""
        self._check_network(windows)
        resume = None if context.folder is None else ResumePoint(folder=context.folder, identity=context.identity)

        def show(seen: WatchedEpoch) -> None:
            note = f"loss {seen.validation_loss:.4f} · validation rank IC {seen.validation_ic:+.4f}"
            if math.isnan(seen.validation_loss):
                note = f"refit, training loss {seen.train_loss:.4f}"
            if context.watch is not None:
                context.watch(seen)
            context.progress(seen.epoch, seen.epochs, note)

        with own_failures(self.settings.model.kind), memory_errors():
            windows = windows.to(resolve_device(context.device))
            if context.announce is not None and (resume is None or not resume.path.exists()):
                self._announce(windows, split, context.announce)
            return FittedNetwork(
                train_network(
                    windows,
                    split,
                    settings=self.settings,
                    start=context.start,
                    resume=resume,
                    progress=show,
                )
            )

    def _announce(self, windows: Windows, split: Split, announce: Callable[[str], None]) -> None:
        """Say what a long training will take, before its first epoch."""
        found = estimate_training(windows, split, settings=self.settings)
        if found is not None and found.is_long:
            announce(found.words)

    def _check_network(self, windows: Windows) -> None:
        """Refuse a network that fails, or whose scores have another shape than it says, before the first epoch."""
        kind, features = self.settings.model, windows.scaler.names
        with torch.random.fork_rng(devices=[]), torch.no_grad(), named_failures(f"network {kind.kind}"):
            network = untrained_network(self.settings, features).eval()
            longer = windows.lookback + 1 if reads_sequences(network) else windows.lookback
            for length in (windows.lookback, longer):
                _check_scores(network, torch.zeros(length, 3, len(features)), kind.gives)
        if kind.scored == "long" and not callable(getattr(network, "step", None)):
            raise RunError(
                f"network {kind.kind} cannot be scored long: give it a method step(x, state), or set model.scoring to "
                "exact"
            )


def device_name(device: str) -> str:
    """What a network is trained on where ``device`` is asked for: cpu, or a graphics card by its name."""
    place = resolve_device(device)
    return f"cuda ({torch.cuda.get_device_name(place)})" if place.type == "cuda" else place.type


def _check_scores(network: nn.Module, x: torch.Tensor, heads: tuple[str, ...]) -> None:
    scores, wanted = network(x), tuple(x.shape[:2] if reads_sequences(network) else x.shape[1:2])
    wanted = wanted if len(heads) == 1 else (*wanted, len(heads))
    found = tuple(scores.shape) if isinstance(scores, torch.Tensor) else type(scores).__name__
    if found != wanted:
        raise RunError(
            f"network {type(network).__name__} gives scores of shape {found} for windows {tuple(x.shape)} "
            f"(sessions, names, features), must be {wanted}: return a score a name, or one a session and name with "
            'reads = "sequences"'
        )
