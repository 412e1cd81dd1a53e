"""Session forces: what pulls the scores of boosted trees, where names are compared within their session.

Boosting asks for the gradient and the curvature of its loss at every sample. Here they are sums over the pairs of names
of one session, formed in blocks: memory is linear in the samples, time in sessions × names².
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch

from models.estimators.samples import Samples
from models.losses.pair_losses import BLOCK, pair_forces, swap_costs
from models.threads import threads

__all__ = ["SessionForces"]

PARTS = 8  # blocks of rows that a group of sessions is cut into at least: pairs are formed once, not twice


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SessionForces:
    """Objective LambdaRankIC of LightGBM, see `models.losses.pair_losses.swap_costs` for the weight of a pair.

    Trees begin at equal scores, and leave names of one leaf equal: names of equal scores are weighed by the mean of
    what a swap changes over all orders of them, so that the first tree is fitted to the labels' centred ranks.

    Parameters
    ----------
    labels : Tensor of float32, shape (n_sessions, n_names)
        Labels of each session from the left; their order within a session is all that is read.
    held : Tensor of bool, shape (n_sessions, n_names)
        Cells that are a sample.
    """

    labels: torch.Tensor
    held: torch.Tensor

    @classmethod
    def of(cls, samples: Samples) -> Self:
        """Lay samples out by session."""
        held = torch.arange(int(samples.sizes.max()))[None, :] < torch.from_numpy(samples.sizes)[:, None]
        labels = torch.zeros(held.shape)
        labels[held] = torch.from_numpy(samples.y).float()
        return cls(labels=labels, held=held)

    def __call__(self, scores: np.ndarray, _trained_on: Any = None) -> tuple[np.ndarray, np.ndarray]:
        """Gradient and curvature (n_samples,) of float32 at the scores (n_samples,) that the trees give so far."""
        laid = torch.zeros(self.held.shape)
        laid[self.held] = torch.from_numpy(np.asarray(scores)).float()
        gradient, curvature = torch.zeros_like(laid), torch.zeros_like(laid)
        step = max(1, PARTS * BLOCK // max(self.held.shape[1], PARTS) ** 2)
        with threads(1):
            for start in range(0, len(laid), step):
                rows = slice(start, start + step)
                costs = swap_costs(laid[rows], self.labels[rows], self.held[rows])
                forces = pair_forces(laid[rows], self.held[rows], costs)
                gradient[rows], curvature[rows] = forces.gradient, forces.curvature
        return gradient[self.held].numpy(), curvature[self.held].numpy()
