"""Point losses: how far what a network gives for a name lies from the return itself, each name by itself.

A label is a return ÷ target_sd, the training span's cross-sectional sd, or raw where ``rank_scale`` is ``"raw"``. Each
term is a mean over the session's names.

References
----------
P. J. Huber (1964), "Robust estimation of a location parameter": `huber`. D. A. Nix, A. S. Weigend (1994), "Estimating
the mean and variance of the target probability distribution", eq. 3: `gaussian`.
"""

import math

import torch

from models.losses.loss_batch import LossBatch
from models.losses.rank_loss import session_means

__all__ = ["direction", "gaussian", "huber", "mse", "volatility"]


def huber(batch: LossBatch) -> torch.Tensor:
    """Mean Huber loss of score and label, δ in their unit: ½e² up to δ, δ(|e| − ½δ) beyond."""
    delta = batch.settings.huber_delta / batch.unit
    losses = torch.nn.functional.huber_loss(batch.scores, batch.labels, reduction="none", delta=delta)
    return session_means(losses, batch.mask).squeeze(1)


def mse(batch: LossBatch) -> torch.Tensor:
    """Mean of (s − y)²."""
    return session_means((batch.scores - batch.labels).square(), batch.mask).squeeze(1)


def gaussian(batch: LossBatch) -> torch.Tensor:
    """Mean of ½(log 2π + v + (y − s)²·e⁻ᵛ), −log of the normal density with mean s and log variance v.

    v is the head ``log_variance``, in the unit of the labels squared: the log of the mean squared error.
    """
    log_variance = batch.outputs["log_variance"]
    surprise = (batch.labels - batch.scores).square() * (-log_variance).exp()
    return session_means(0.5 * (math.log(2.0 * math.pi) + log_variance + surprise), batch.mask).squeeze(1)


def direction(batch: LossBatch) -> torch.Tensor:
    """Mean of log(1 + eᵈ) − u·d, with u = 1, ½ or 0 for a return above, at and below 0: a logistic regression.

    d, the log odds of a return above 0, is the head ``direction``.
    """
    odds, risen = batch.outputs["direction"], (1.0 + batch.returns.sign()) / 2.0
    return session_means(torch.nn.functional.softplus(odds) - risen * odds, batch.mask).squeeze(1)


def volatility(batch: LossBatch) -> torch.Tensor:
    """Mean of (q − |return| ÷ target_sd)², whatever ``rank_scale``: least for the mean absolute return to be expected.

    q is the head ``volatility``.
    """
    sizes = batch.returns.abs() / batch.target_sd
    return session_means((batch.outputs["volatility"] - sizes).square(), batch.mask).squeeze(1)
