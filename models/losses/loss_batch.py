"""Loss batch: what a term of the loss reads of a batch of sessions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from models.model_settings import LossSettings

__all__ = ["LossBatch", "Term"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LossBatch:
    """Sessions × tickers of a batch; everything is 0 outside the mask.

    Parameters
    ----------
    outputs : mapping of str to Tensor of float, shape (S, N)
        What the network gives, by head; ``"score"`` is always there.
    returns : Tensor of float, shape (S, N)
        Labels: forward returns as simple returns.
    mask : Tensor of bool, shape (S, N)
        Names that count.
    settings : LossSettings
        Temperature, δ and the like.
    target_sd : float
        Cross-sectional sd of the training span's labels.
    """

    outputs: Mapping[str, torch.Tensor]
    returns: torch.Tensor
    mask: torch.Tensor
    settings: LossSettings
    target_sd: float

    @property
    def scores(self) -> torch.Tensor:
        """The head that is traded, shape (S, N)."""
        return self.outputs["score"]

    @property
    def unit(self) -> float:
        """Returns of one unit of the scores: target_sd, or 1 where ``rank_scale`` is ``"raw"``."""
        return 1.0 if self.settings.rank_scale == "raw" else self.target_sd

    @property
    def labels(self) -> torch.Tensor:
        """Returns in units of the scores, shape (S, N)."""
        return self.returns / self.unit


Term = Callable[[LossBatch], torch.Tensor]
"""A term of the loss: a batch to the loss of each session, shape (S,), whatever in sessions that do not count."""
