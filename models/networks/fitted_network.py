"""Fitted network: a trained network behind the seam, and how it comes back from a checkpoint."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch

from core.errors import CheckpointError
from core.memory import memory_errors
from models.model import ModelCard, ScoreContext, StoredModel, WindowScores
from models.model_kinds import own_failures
from models.model_settings import ModelSettings
from models.networks.heads import score_of
from models.networks.predict import predict_scores
from models.networks.trained import EpochRecord, TrainedModel
from models.spans import reads_sequences
from models.windows import Scaler, Windows

__all__ = ["FittedNetwork", "restored_network"]


@dataclass(frozen=True, slots=True, eq=False)
class FittedNetwork:
    """A trained network behind the seam.

    Parameters
    ----------
    trained : TrainedModel
        Weights of the best epoch, settings, scaler and history.
    """

    trained: TrainedModel

    @property
    def settings(self) -> ModelSettings:
        """Kind, loss and training."""
        return self.trained.settings

    @property
    def scaler(self) -> Scaler:
        """Of the training rows."""
        return self.trained.scaler

    @property
    def card(self) -> ModelCard:
        """Size, seed, losses and the epoch kept."""
        model, weights = self.trained, self.trained.weights.values()
        return ModelCard(
            kind=model.settings.model.kind,
            settings=model.settings,
            n_parameters=sum(tensor.numel() for tensor in weights),
            n_bytes=sum(tensor.numel() * tensor.element_size() for tensor in weights),
            seed=model.settings.training.seed,
            validation_ic=model.best.validation_ic,
            history=tuple(record.as_card() for record in model.history),
            best_epoch=model.best_epoch,
            facts=(("Mode", model.settings.training.mode),),
        )

    def scores(
        self, windows: Windows, sessions: pd.DatetimeIndex, *, context: ScoreContext | None = None
    ) -> pd.DataFrame:
        """Score sessions; see ``models.networks.predict``."""
        how = context or ScoreContext()
        with own_failures(self.settings.model.kind), memory_errors():
            return predict_scores(
                self.trained, windows, sessions=sessions, scoring=how.scoring, device=how.device, progress=how.progress
            )

    def stored(self) -> StoredModel:
        """Weights, and the history of the training."""
        model = self.trained
        record = {"best_epoch": model.best_epoch, "history": [epoch.as_card() for epoch in model.history]}
        return StoredModel(scaler=model.scaler, tensors=model.weights, record=record)

    def window_scores(self) -> WindowScores:
        """The network on the processor, its last score where it scores every step."""
        network = self.trained.network(torch.device("cpu"))
        sequences, heads = reads_sequences(network), self.settings.model.gives

        def score(x: torch.Tensor) -> torch.Tensor:
            given = network(x)
            return score_of(given[-1] if sequences else given, heads)

        return WindowScores(score=score, is_differentiable=True)


def restored_network(settings: ModelSettings, stored: StoredModel) -> FittedNetwork:
    """The trained network of a checkpoint; weights of another network are refused."""
    history = tuple(EpochRecord.from_card(epoch) for epoch in stored.record["history"])
    if not all(_is_number(value) for epoch in history for value in epoch.as_card().values()):
        raise ValueError("an epoch holds something that is no number")
    best = stored.record["best_epoch"]
    if not 1 <= best <= len(history):
        raise ValueError(f"epoch {best} is not among its {len(history)} epochs")
    weights = dict(stored.tensors)
    model = TrainedModel(weights=weights, settings=settings, scaler=stored.scaler, best_epoch=best, history=history)
    _check_weights(model.outline().state_dict(), weights)
    return FittedNetwork(model)


def _check_weights(untrained: Mapping[str, torch.Tensor], weights: Mapping[str, torch.Tensor]) -> None:
    """Refuse weights of another network, and numbers that are not finite where they began so, unlike a mask's."""
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


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
