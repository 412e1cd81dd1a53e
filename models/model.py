"""Model: the seam between what learns and everything that trains, scores, checks, freezes and reports it.

A model is settings in and a fitted model out, deterministic from its seed. What was fitted scores sessions, knows its
card, and gives its state as tensors, from which its kind restores it: no class is unpickled.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pandas as pd
import torch

from models.model_settings import ModelSettings, Scoring
from models.sample_splits import Split
from models.windows import Scaler, Windows

if TYPE_CHECKING:
    from models.networks.watched_epoch import WatchedEpoch

__all__ = [
    "FitContext",
    "FittedModel",
    "Model",
    "ModelCard",
    "ScoreContext",
    "StoredModel",
    "Weights",
    "WindowScores",
    "before_refit",
]


Weights = Mapping[str, torch.Tensor]
"""Weights of a network, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What is to be said of a fitted model.

    Parameters
    ----------
    kind : str
        Its kind.
    settings : ModelSettings
        Kind, loss and training.
    n_parameters, n_bytes : int
        Numbers that were fitted, and bytes of its state.
    seed : int
        Of everything random.
    validation_ic : float
        Mean within-session Spearman correlation on validation; NaN where it is not known.
    history : tuple of mapping of str to float
        One row an epoch, from the first; empty for a kind without epochs.
    best_epoch : int
        The epoch kept, from 1; 0 without epochs.
    facts : tuple of (str, str)
        What else the report should say, such as the penalty chosen.
    """

    kind: str
    settings: ModelSettings
    n_parameters: int
    n_bytes: int
    seed: int
    validation_ic: float = math.nan
    history: tuple[Mapping[str, float], ...] = ()
    best_epoch: int = 0
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FitContext:
    """Where and how a model is fitted; on one device, nothing here but ``start`` changes a bit.

    Parameters
    ----------
    folder : Path or None
        Where a long training keeps its state after every epoch; None keeps none.
    identity : mapping of str to str
        Fingerprints that a kept state must share to be resumed.
    device : {"auto", "cpu", "cuda"}
        Where to train, for kinds that can choose.
    start : mapping of str to Tensor, optional
        Weights that a network begins with, whose sha256 ``training.start`` says; other kinds have none.
    progress : callable
        Called with rounds done, rounds at most, and a note.
    announce : callable, optional
        Called with a line before a long training: what it will take. By default nothing is measured for one.
    watch : callable, optional
        Called with the numbers of each epoch of a network, before ``progress``.
    """

    folder: Path | None = None
    identity: Mapping[str, str] = field(default_factory=dict)
    device: str = "auto"
    start: Weights | None = None
    progress: Callable[[int, int, str], None] = lambda _done, _total, _note: None
    announce: Callable[[str], None] | None = None
    watch: "Callable[[WatchedEpoch], None] | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreContext:
    """Where and how sessions are scored.

    Parameters
    ----------
    scoring : {"exact", "long"}, optional
        As the fitted model's own settings say by default; kinds without a state read exact windows.
    device : {"auto", "cpu", "cuda"}
        Where, for kinds that can choose.
    progress : callable, optional
        Called with sessions done and sessions in all.
    """

    scoring: Scoring | None = None
    device: str = "auto"
    progress: Callable[[int, int], None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredModel:
    """State of a fitted model as a checkpoint keeps it.

    Parameters
    ----------
    scaler : Scaler
        What scaled its windows.
    tensors : mapping of str to Tensor
        Weights; a text or a file of a library is a tensor of its bytes.
    record : mapping
        Plain JSON values beside them.
    """

    scaler: Scaler
    tensors: Mapping[str, torch.Tensor]
    record: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowScores:
    """A fitted model asked for windows that are no session's, on the processor.

    Parameters
    ----------
    score : callable
        Windows (L, N, F) to scores (N,).
    is_differentiable : bool
        Whether gradients flow from the scores to the windows.
    compares_names : bool
        Whether a score depends on the other windows beside its own.
    """

    score: Callable[[torch.Tensor], torch.Tensor]
    is_differentiable: bool
    compares_names: bool = False


class FittedModel(Protocol):
    """A model after fitting: scores, a card, and its state."""

    @property
    def settings(self) -> ModelSettings:
        """Kind, loss and training that it was fitted with."""

    @property
    def scaler(self) -> Scaler:
        """What scaled the windows it was fitted on, and must scale those it scores."""

    @property
    def card(self) -> ModelCard:
        """What is to be said of it."""

    def scores(
        self, windows: Windows, sessions: pd.DatetimeIndex, *, context: ScoreContext | None = None
    ) -> pd.DataFrame:
        """Score sessions × tickers, not calibrated, higher is better.

        Row *t* reads windows that end at *t* and nothing later; NaN where the windows' mask is False.
        """

    def window_scores(self) -> WindowScores | None:
        """What scores windows that are no session's, to see what the model reads; None if it cannot."""

    def stored(self) -> StoredModel:
        """Its state, from which its kind restores an equal one."""


class Model(Protocol):
    """Something that learns to score, from scaled windows and their labels."""

    def fit(self, windows: Windows, split: Split, *, context: FitContext) -> FittedModel:
        """Fit on the training rows; validation rows serve to stop and to choose, later rows are not read."""


def before_refit(model: FittedModel) -> FittedModel:
    """What validation rows did not train: the model as it was before ``training.refit``, else the model itself.

    Calibration and whatever else is measured on validation asks this one; known after fitting, not after loading.
    """
    before: FittedModel = getattr(model, "before_refit", model)
    return before
