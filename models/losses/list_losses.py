"""List losses: a session's scores as one distribution over its names.

References
----------
Z. Cao, T. Qin, T.-Y. Liu, M.-F. Tsai, H. Li (2007), "Learning to rank: from pairwise approach to listwise approach",
eq. 6 with top-one probabilities.
"""

import torch

from models.losses.loss_batch import LossBatch

__all__ = ["listnet"]


def listnet(batch: LossBatch) -> torch.Tensor:
    """−Σᵢ P(yᵢ)·log P(sᵢ), P the softmax over the session's names, of labels and of scores.

    Labels are returns ÷ target_sd, or raw where ``rank_scale`` is ``"raw"``. Adding one number to a session's scores
    changes nothing; lowest where the scores are the labels and a constant; log n at equal scores.
    """
    wanted = torch.softmax(torch.where(batch.mask, batch.labels, -torch.inf), dim=1)
    highest = torch.where(batch.mask, batch.scores, -torch.inf).amax(dim=1, keepdim=True).detach()
    shifted = torch.where(batch.mask, batch.scores - highest, 0.0)
    total = torch.where(batch.mask, shifted.exp(), 0.0).sum(dim=1, keepdim=True).log()
    return torch.where(batch.mask, wanted * (total - shifted), 0.0).sum(dim=1)
