"""Point losses: how far scores lie from the returns themselves, in units of their cross-sectional sd."""

import torch

from models.losses.loss_batch import LossBatch
from models.losses.rank_loss import session_means

__all__ = ["huber"]


def huber(batch: LossBatch) -> torch.Tensor:
    """Mean Huber loss, with δ and returns ÷ target_sd, or raw where ``rank_scale`` is ``"raw"``."""
    unit = 1.0 if batch.settings.rank_scale == "raw" else batch.target_sd
    delta = batch.settings.huber_delta / unit
    losses = torch.nn.functional.huber_loss(batch.scores, batch.returns / unit, reduction="none", delta=delta)
    return session_means(losses, batch.mask).squeeze(1)
