"""Fitted network: a trained network behind the seam, and how it comes back from a checkpoint."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd
import torch
from torch import nn

from core.memory import memory_errors
from models.model import ModelCard, ScoreContext, StoredModel, WindowScores
from models.model_kinds import own_failures
from models.model_settings import Head, ModelSettings
from models.networks.heads import score_of
from models.networks.predict import predict_head, predict_scores
from models.networks.trained import EpochRecord, TrainedModel, check_weights
from models.spans import reads_sections, reads_sequences
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
            facts=_facts(model),
        )

    @property
    def before_refit(self) -> "FittedNetwork":
        """The network that validation rows did not train; itself where there was no refit, or it came from a file."""
        chosen = self.trained.chosen_weights
        return self if chosen is None else FittedNetwork(replace(self.trained, weights=chosen, chosen_weights=None))

    def scores(
        self, windows: Windows, sessions: pd.DatetimeIndex, *, context: ScoreContext | None = None
    ) -> pd.DataFrame:
        """Score sessions; see ``models.networks.predict``."""
        how = context or ScoreContext()
        with own_failures(self.settings.model.kind), memory_errors():
            return predict_scores(
                self.trained, windows, sessions=sessions, scoring=how.scoring, device=how.device, progress=how.progress
            )

    def head(
        self,
        head: Head,
        windows: Windows,
        sessions: pd.DatetimeIndex,
        *,
        context: ScoreContext | None = None,
        change: Callable[[nn.Module], None] | None = None,
    ) -> pd.DataFrame:
        """What one head gives for sessions, of the network or of a changed one; see ``models.networks.predict``."""
        with own_failures(self.settings.model.kind), memory_errors():
            how = context or ScoreContext()
            return predict_head(self.trained, windows, sessions, context=how, head=head, change=change)

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

        return WindowScores(score=score, is_differentiable=True, compares_names=reads_sections(network))


def _facts(model: TrainedModel) -> tuple[tuple[str, str], ...]:
    """What else decided the weights, where it is not as ever."""
    training = model.settings.training
    facts: list[tuple[str, str]] = [("Mode", training.mode)]
    if training.precision != "float32":
        facts.append(("Precision", training.precision))
    if training.start:
        facts.append(("Began with the weights", training.start[:12]))
    if training.refit:
        facts.append(("Refit", f"on training and validation, {model.best_epoch} epochs; accuracies are of before"))
    return tuple(facts)


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
    check_weights(model.outline().state_dict(), weights)
    return FittedNetwork(model)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
