"""TrainedModel: what training hands on to prediction and to the checkpoint."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import nn

from core.errors import CheckpointError
from models.bar_levels import Divided, divisor_places
from models.model_kinds import build_network
from models.model_settings import ModelSettings
from models.windows import Scaler

_CARD_NAMES = {"soft_rank": "rank"}  # as the first cards wrote them
ACCURACIES = ("train_accuracy", "validation_accuracy")  # which the first cards did not have

__all__ = [
    "EpochRecord",
    "TrainedModel",
    "check_fits",
    "check_weights",
    "epoch_seed",
    "resolve_device",
    "untrained_network",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRecord:
    """One epoch of training.

    Parameters
    ----------
    epoch : int
        From 1.
    train_loss, validation_loss : float
        Mean mixed loss over sessions; training's is measured under dropout and before each step.
    terms : mapping of str to float
        The parts of train_loss, unweighted, by the name of the term.
    gradients : mapping of str to float
        Norm of each weighted part's gradient with respect to a batch's scores, averaged over the batches: how hard
        each pulls.
    validation_ic : float
        Mean within-session Spearman correlation over the validation sessions, from long spans.
    train_accuracy, validation_accuracy : float
        Share of names that score and return put on the same side of their session's medians, averaged over sessions;
        training's is measured as train_loss is, on mixed names where names are mixed. Chance is one half. NaN in a
        record of before.
    learning_rate : float
        Of this epoch.
    seconds : float
        Wall clock; the only number here that differs between identical runs.
    """

    epoch: int
    train_loss: float
    validation_loss: float
    terms: Mapping[str, float]
    gradients: Mapping[str, float]
    validation_ic: float
    learning_rate: float
    seconds: float
    train_accuracy: float = math.nan
    validation_accuracy: float = math.nan

    def as_card(self) -> dict[str, Any]:
        """Record without its wall clock, its parts side by side, for a checkpoint's card."""
        parts = {f"{_CARD_NAMES.get(name, name)}_term": value for name, value in sorted(self.terms.items())}
        parts |= {f"{_CARD_NAMES.get(name, name)}_gradient": value for name, value in sorted(self.gradients.items())}
        whole = {key: value for key, value in asdict(self).items() if key not in ("seconds", "terms", "gradients")}
        return {key: value for key, value in (whole | parts).items() if key not in ACCURACIES or math.isfinite(value)}

    @classmethod
    def from_card(cls, card: Mapping[str, Any]) -> Self:
        """The record that ``as_card`` described, without a wall clock."""
        whole = {key: value for key, value in card.items() if not key.endswith(("_term", "_gradient"))}
        return cls(**whole, terms=_parts(card, "_term"), gradients=_parts(card, "_gradient"), seconds=0.0)


def _parts(card: Mapping[str, Any], ending: str) -> dict[str, float]:
    names = {written: name for name, written in _CARD_NAMES.items()}
    parts = {key.removesuffix(ending): value for key, value in card.items() if key.endswith(ending)}
    return {names.get(key, key): value for key, value in parts.items()}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainedModel:
    """Weights of the best epoch with everything needed to score new windows.

    Parameters
    ----------
    weights : dict of str to Tensor
        The network's parameters and persistent buffers, on the CPU.
    settings : ModelSettings
        Kind, loss and training settings.
    scaler : Scaler
        Of the training rows.
    best_epoch : int
        Epoch of the weights, from 1.
    history : tuple of EpochRecord
        Every epoch that ran and was judged on validation.
    chosen_weights : dict of str to Tensor or None
        Weights of the best epoch where ``weights`` are those of a refit: what validation rows did not train. Known
        after training only, no file keeps them.
    """

    weights: dict[str, torch.Tensor]
    settings: ModelSettings
    scaler: Scaler
    best_epoch: int
    history: tuple[EpochRecord, ...]
    chosen_weights: dict[str, torch.Tensor] | None = None

    @property
    def best(self) -> EpochRecord:
        """The record of the best epoch."""
        return self.history[self.best_epoch - 1]

    def network(self, device: torch.device) -> nn.Module:
        """Build the network with these weights, in evaluation mode."""
        network = self.outline()
        network.load_state_dict(self.weights)
        return network.to(device).eval()

    def outline(self) -> nn.Module:
        """Build the network as training began with it; the caller's random state stays as it was."""
        with torch.random.fork_rng(devices=[]):
            return untrained_network(self.settings, self.scaler.names)


def untrained_network(settings: ModelSettings, features: tuple[str, ...]) -> nn.Module:
    """Build a network on the processor; what it draws, in its weights or beside them, follows from the seed.

    One that is given levels of bars divides each window as it reads it.
    """
    torch.default_generator.manual_seed(epoch_seed(settings.training.seed, 0))
    network, places = build_network(settings.model, len(features)), divisor_places(features)
    return Divided(network, places) if max(places) >= 0 else network


def check_fits(settings: ModelSettings, features: tuple[str, ...], weights: Mapping[str, torch.Tensor]) -> None:
    """Refuse weights that a network of these settings and features cannot have; see ``check_weights``."""
    with torch.random.fork_rng(devices=[]):
        check_weights(untrained_network(settings, features).state_dict(), weights)


def epoch_seed(seed: int, epoch: int) -> int:
    """Seed of everything random in an epoch, from 1; that of 0 draws the first weights."""
    return int(np.random.SeedSequence((seed, epoch)).generate_state(1)[0])


def resolve_device(device: str) -> torch.device:
    """Resolve ``"auto"`` (cuda where there is one), ``"cpu"`` or ``"cuda"``.

    Raises
    ------
    ValueError
        If the word is another, or cuda is asked for and missing.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device must be auto, cpu or cuda, was {device}")
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise ValueError("device cuda is not available here: use auto or cpu")
    return torch.device("cuda" if available and device != "cpu" else "cpu")


def check_weights(untrained: Mapping[str, torch.Tensor], weights: Mapping[str, torch.Tensor]) -> None:
    """Refuse weights of another network, and numbers that are not finite where they began so, unlike a mask's.

    Raises
    ------
    CheckpointError
        If they are.
    """
    wrong = sorted(key for key in {*untrained, *weights} if _shape(untrained, key) != _shape(weights, key))
    if wrong:
        raise CheckpointError(f"holds weights of another network ({', '.join(wrong[:3])}): retrain")
    infinite = [key for key in weights if _is_finite(untrained[key]) and not _is_finite(weights[key])]
    if infinite:
        raise CheckpointError(f"holds weights that are not finite ({infinite[0]}): retrain")


def _is_finite(tensor: torch.Tensor) -> bool:
    return bool(torch.isfinite(tensor).all())


def _shape(tensors: Mapping[str, torch.Tensor], key: str) -> Any:
    return (tuple(tensors[key].shape), tensors[key].dtype) if key in tensors else None
