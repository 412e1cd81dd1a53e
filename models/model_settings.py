"""Settings of learning: network, loss, training and split, as a strategy file names them; imports no torch."""

import datetime as dt
from typing import Literal, Self

from pydantic import Field, model_validator

from core.settings import Later
from market import Settings

__all__ = ["LossSettings", "ModelSettings", "NetworkSettings", "Scoring", "SplitSettings", "TrainingSettings"]

Scoring = Literal["exact", "long"]


class NetworkSettings(Settings):
    """The LSTM: width, depth and how much it sees.

    Parameters
    ----------
    hidden : int
        Units a layer.
    layers : int
        Stacked layers.
    dropout : float
        Share of units dropped between layers while training, in [0, 1).
    lookback : int
        Sessions in a window, the decision's own session included.
    scoring : {"exact", "long"}
        ``"exact"`` reads each session's windows from a zero state; ``"long"`` carries the network through each calendar
        quarter, from ``lookback`` sessions before it: see ``models.carried``. No part of what is learned but the
        calibration.
    """

    hidden: int = Field(default=128, ge=1)
    layers: int = Field(default=2, ge=1)
    dropout: float = Field(default=0.2, ge=0.0, lt=1.0)
    lookback: int = Field(default=90, ge=1)
    scoring: Later[Scoring] = "exact"


class LossSettings(Settings):
    """The mix of a rank term and a Huber term.

    Parameters
    ----------
    temperature : float
        τ of the soft rank, in standard deviations of the session's predictions (``"zscore"``) or raw units (``"raw"``).
    rank_weight : float
        Weight of the rank term, in [0, 1]; the Huber term has the rest.
    huber_delta : float
        Error at which the Huber term turns linear, in units of the target.
    rank_scale : {"zscore", "raw"}
        ``"zscore"`` ranks z-scored predictions against hard average ranks of the targets and divides the Huber term's
        targets and δ by the training span's cross-sectional sd; ``"raw"`` is the literal loss on unscaled numbers.
    correlation : {"soft_rank", "pearson"}
        What the correlation term correlates: soft ranks of the predictions with ranks of the targets, or the values
        themselves, without ranks, temperature or scale.
    """

    temperature: float = Field(default=0.05, gt=0.0)
    rank_weight: float = Field(default=0.7, ge=0.0, le=1.0)
    huber_delta: float = Field(default=0.05, gt=0.0)
    rank_scale: Literal["zscore", "raw"] = "zscore"
    correlation: Later[Literal["soft_rank", "pearson"]] = "soft_rank"


class TrainingSettings(Settings):
    """Optimiser, schedule and stopping.

    Parameters
    ----------
    mode : {"long", "exact"}
        ``"long"`` unrolls consecutive sessions after a burn-in and scores every step; ``"exact"`` unrolls each
        session's windows from a zero state, as prediction does, some 25 to 60 times slower.
    batch_sessions : int
        Sessions in one optimiser step; in long mode at least one chunk.
    learning_rate, weight_decay : float
        Of Adam.
    max_epochs : int
        Passes over the training sessions.
    patience, min_delta : int, float
        Training stops after ``patience`` epochs in a row whose validation loss is not ``min_delta`` below the best.
    clip_norm : float
        Largest norm of the gradient of one step.
    plateau_factor, plateau_patience, min_learning_rate : float, int, float
        The learning rate is multiplied by the factor when more than ``plateau_patience`` epochs brought no improvement.
    burn_in : int
        Sessions unrolled before a chunk's first scored session (long mode).
    chunk_sessions : int
        Scored sessions in one chunk (long mode).
    seed : int
        Of initial weights, dropout and the order of batches.
    """

    mode: Literal["long", "exact"] = "long"
    batch_sessions: int = Field(default=32, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0.0)
    weight_decay: float = Field(default=1e-5, ge=0.0)
    max_epochs: int = Field(default=50, ge=1)
    patience: int = Field(default=15, ge=1)
    min_delta: float = Field(default=1e-4, ge=0.0)
    clip_norm: float = Field(default=1.0, gt=0.0)
    plateau_factor: float = Field(default=0.5, gt=0.0, lt=1.0)
    plateau_patience: int = Field(default=5, ge=0)
    min_learning_rate: float = Field(default=1e-6, gt=0.0)
    burn_in: int = Field(default=90, ge=0)
    chunk_sessions: int = Field(default=64, ge=1)
    seed: int = Field(default=1, ge=0, lt=2**31)


class ModelSettings(Settings):
    """Everything that decides what is learned from given windows: network, loss and training."""

    network: NetworkSettings = NetworkSettings()
    loss: LossSettings = LossSettings()
    training: TrainingSettings = TrainingSettings()


class SplitSettings(Settings):
    """Where training, validation and test meet: fractions of the sessions, or two dates.

    Parameters
    ----------
    train, validation : float
        Fractions of the sessions; the test span has the rest.
    train_end, validation_end : date, optional
        Last session of training and of validation, both included; given together, they replace the fractions.
    """

    train: float = Field(default=0.60, gt=0.0, lt=1.0)
    validation: float = Field(default=0.15, gt=0.0, lt=1.0)
    train_end: dt.date | None = None
    validation_end: dt.date | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.train_end is None) != (self.validation_end is None):
            raise ValueError("train_end and validation_end go together: give both or neither")
        if self.train_end and self.validation_end and self.train_end >= self.validation_end:
            raise ValueError(f"train_end {self.train_end} must be before validation_end {self.validation_end}")
        if self.train + self.validation >= 1.0:
            raise ValueError(f"train + validation must leave a test span, was {self.train + self.validation:g}")
        return self
