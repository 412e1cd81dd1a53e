"""Ensemble graph: the members' scores on one scale within each session, and the one score that they make."""

from collections.abc import Sequence

import torch
from torch import nn

from models.ensembles.combination import Combination
from models.export.session_scale_graph import central_ranks, within_session_z

__all__ = ["EnsembleScores"]


class EnsembleScores(nn.Module):
    """The combination of members; see ``models.ensembles.combination``.

    Parameters
    ----------
    members : sequence of Module
        Graphs of scores of every fit, seeds of a member side by side.
    combination : Combination
        How scores become one.
    """

    def __init__(self, members: Sequence[nn.Module], *, combination: Combination) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        settings = combination.settings
        self.combine, self.seeds, self.cut = settings.combine, settings.seeds, settings.n_trimmed
        self.weights = combination.weights

    @property
    def ranks(self) -> bool:
        """Whether scores are ranked on the way."""
        return self.combine == "rank_mean"

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Scores (S', N) of scaled features x (S, N, F)."""
        given = [member(x, mask) for member in self.members]
        known = mask
        for each in given:
            known = known & torch.isfinite(each)
        combined = self._combined([self._scaled(each, mask) for each in given])
        return combined.masked_fill(~known, torch.nan)

    def _scaled(self, scores: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        known = mask & torch.isfinite(scores)
        return central_ranks(scores, known) if self.ranks else within_session_z(scores, known)

    def _combined(self, scaled: list[torch.Tensor]) -> torch.Tensor:
        if self.ranks:
            return _mean(scaled)
        if self.combine == "trimmed_mean":
            ordered = torch.stack(scaled).sort(dim=0).values
            return _mean([ordered[k] for k in range(self.cut, len(scaled) - self.cut)])
        starts = range(0, len(scaled), self.seeds)
        members = [_mean(scaled[start : start + self.seeds]) for start in starts]
        total = torch.zeros_like(members[0])
        for weight, member in zip(self.weights, members, strict=True):
            total = total + weight * member
        return total


def _mean(scores: list[torch.Tensor]) -> torch.Tensor:
    total = torch.zeros_like(scores[0])
    for each in scores:
        total = total + each
    return total / len(scores)
