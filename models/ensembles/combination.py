"""Combination: the scores of several fits on one scale, and the one score that they make."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.ensembles.ensemble_settings import EnsembleSettings
from models.ensembles.session_scale import central_ranks, scaled_sessions, z_scores

__all__ = ["Combination", "trimmed_mean"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Combination:
    """How the scores of members and seeds become one.

    Parameters
    ----------
    settings : EnsembleSettings
        Says how.
    weights : tuple of float
        One a member, in the order of their names; what ``weighted`` and ``stacked`` use, and the others show.
    """

    settings: EnsembleSettings
    weights: tuple[float, ...]

    def combined(self, scores: Sequence[np.ndarray]) -> np.ndarray:
        """One score a name from those of every fit, each (n_sessions, n_tickers), seeds of a member side by side.

        NaN where one of them is.
        """
        if self.settings.combine == "rank_mean":
            return _mean([scaled_sessions(each, central_ranks) for each in scores])
        scaled = [scaled_sessions(each, z_scores) for each in scores]
        if self.settings.combine == "trimmed_mean":
            return trimmed_mean(scaled, cut=self.settings.n_trimmed)
        members = self.member_scores(scaled)
        total = np.zeros(members[0].shape)
        for weight, member in zip(self.weights, members, strict=True):
            total = total + weight * member
        return total

    def member_scores(self, scaled: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The mean over its seeds of each member."""
        seeds = self.settings.seeds
        return [_mean(scaled[start : start + seeds]) for start in range(0, len(scaled), seeds)]


def trimmed_mean(scores: Sequence[np.ndarray], *, cut: int) -> np.ndarray:
    """Mean of each cell over fits without its ``cut`` lowest and ``cut`` highest; NaN where one is."""
    stacked = np.sort(np.stack(scores), axis=0)  # NaN sort last
    known = np.isfinite(stacked[-1])
    mean = _mean(list(stacked[cut : len(scores) - cut]))
    return np.where(known, mean, np.nan)


def _mean(scores: Sequence[np.ndarray]) -> np.ndarray:
    total = np.zeros(scores[0].shape)
    for each in scores:  # one after the other: the same bits however many sessions there are
        total = total + each
    return total / len(scores)
