"""Session losses: the weighted sum of the terms that a strategy names, for every session of a batch."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from models.losses import list_losses, pair_losses, point_losses, rank_loss
from models.losses.loss_batch import LossBatch, Term
from models.losses.rank_loss import MIN_NAMES
from models.model_settings import LossSettings

__all__ = ["TERMS", "SessionLosses", "session_losses"]

TERMS: Mapping[str, Term] = {
    "soft_rank": rank_loss.soft_rank,
    "pearson": rank_loss.pearson,
    "huber": point_losses.huber,
    "mse": point_losses.mse,
    "listnet": list_losses.listnet,
    "margin": pair_losses.margin,
    "bpr": pair_losses.bpr,
    "ranknet": pair_losses.ranknet,
    "lambdarank_ic": pair_losses.lambdarank_ic,
    "gaussian": point_losses.gaussian,
    "direction": point_losses.direction,
    "volatility": point_losses.volatility,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SessionLosses:
    """Loss of each session, shape (S,); 0 in sessions that do not count.

    Parameters
    ----------
    total : Tensor of float
        The weighted sum of the terms.
    terms : mapping of str to Tensor of float
        Each term by its name, not weighted.
    counted : Tensor of bool
        Sessions with at least ``MIN_NAMES`` names.
    """

    total: torch.Tensor
    terms: Mapping[str, torch.Tensor]
    counted: torch.Tensor


def session_losses(
    predictions: torch.Tensor,
    targets: torch.Tensor,
    mask: torch.Tensor,
    *,
    settings: LossSettings,
    target_sd: float,
    heads: Sequence[str] = ("score",),
) -> SessionLosses:
    """Loss of every session, and its terms.

    Parameters
    ----------
    predictions : Tensor of float, shape (S, N) or (S, N, H)
        Scores, or what each of several heads gives.
    targets : Tensor of float, shape (S, N)
        Forward returns as simple returns; read, as predictions are, under the mask only.
    mask : Tensor of bool, shape (S, N)
        Names that count.
    settings : LossSettings
        Terms with their weights, temperature, δ and scale.
    target_sd : float
        Cross-sectional sd of the training span's targets.
    heads : sequence of str
        What the last axis of the predictions holds.
    """
    each = predictions.unsqueeze(2) if predictions.dim() == 2 else predictions
    batch = LossBatch(
        outputs={head: torch.where(mask, each[:, :, k], 0.0) for k, head in enumerate(heads)},
        returns=torch.where(mask, targets, 0.0),
        mask=mask,
        settings=settings,
        target_sd=target_sd,
    )
    counted = mask.sum(dim=1) >= MIN_NAMES
    terms = {name: torch.where(counted, TERMS[name](batch), 0.0) for name in settings.weights}
    weighted = [weight * terms[name] for name, weight in settings.weights.items()]
    total = functools.reduce(torch.add, weighted)
    return SessionLosses(total=total, terms=terms, counted=counted)
