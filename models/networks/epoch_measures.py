"""Epoch measures: what an epoch's losses, gradients, accuracies and correlations come to, beside the loss itself."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch

from models.losses.rank_loss import MIN_NAMES, rank_correlations

__all__ = ["epoch_curves", "epoch_means", "rank_sums", "side_accuracies", "side_sums"]


def side_accuracies(scores: torch.Tensor, targets: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Share of each session's names that score and return put on the same side of their medians, float64 (S,).

    A name at either median is on no side. Chance is one half; under a Gaussian copula with correlation ρ it is
    1/2 + arcsin(ρ)/π (W. F. Sheppard, 1899). NaN in a session with fewer than 5 names, or with none on a side.

    Parameters
    ----------
    scores, targets : Tensor of float, shape (S, N)
        Read under the mask only.
    mask : Tensor of bool, shape (S, N)
        Names that count.
    """
    sides = _sides(scores, mask) * _sides(targets, mask)  # 1, −1, or 0 for a name on no side
    judged = (sides != 0.0).sum(dim=1)
    known = (judged > 0) & (mask.sum(dim=1) >= MIN_NAMES)
    share = (sides > 0.0).sum(dim=1).double() / judged.clamp(min=1)
    return torch.where(known, share, torch.nan)


def side_sums(scores: torch.Tensor, targets: torch.Tensor, mask: torch.Tensor) -> dict[str, float]:
    """Sum of the accuracies over the sessions that have one, and how many these are."""
    found = side_accuracies(scores, targets, mask)
    return {"accuracy": found.nansum().item(), "judged": float(found.isfinite().sum())}


def rank_sums(scores: torch.Tensor, targets: torch.Tensor, mask: torch.Tensor) -> dict[str, float]:
    """Sum of the rank correlations over the sessions that have one, and how many these are."""
    found = rank_correlations(scores, targets, mask)
    return {"ic": found.nansum().item(), "ranked": float(found.isfinite().sum())}


def epoch_curves(tally: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Session mean of the batches' rank correlations, and mean and largest norm of the steps' gradients.

    Parameters
    ----------
    tally : sequence of mapping
        As for ``epoch_means``, each with the ``norm`` of its step before clipping.
    """
    ranked, norms = sum(step["ranked"] for step in tally), [step["norm"] for step in tally]
    return {
        "train_ic": sum(step["ic"] for step in tally) / ranked if ranked else math.nan,
        "gradient_norm": sum(norms) / len(norms),
        "max_gradient_norm": max(norms),
    }


def epoch_means(tally: Sequence[Mapping[str, float]], terms: Iterable[str]) -> dict[str, Any]:
    """Session means of the loss, its terms and the accuracy, and step means of the terms' gradient norms.

    Parameters
    ----------
    tally : sequence of mapping
        Sums over the sessions of each step, as ``step_gradient`` gives them.
    terms : iterable of str
        Names of the loss's terms.
    """
    sessions, judged = (sum(step[name] for step in tally) for name in ("sessions", "judged"))
    accuracy = sum(step["accuracy"] for step in tally)
    return {
        "train_loss": sum(step["loss"] for step in tally) / sessions,
        "train_accuracy": accuracy / judged if judged else math.nan,
        "terms": {name: sum(step[f"{name}_term"] for step in tally) / sessions for name in terms},
        "gradients": {name: sum(math.sqrt(step[f"{name}_pull"]) for step in tally) / len(tally) for name in terms},
    }


def _sides(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """1 above the median of the session's names, −1 below it, 0 at it and outside the mask."""
    ordered = torch.where(mask, values, torch.inf).sort(dim=1).values
    count = mask.sum(dim=1, keepdim=True)
    lower, upper = ordered.gather(1, (count - 1).clamp(min=0) // 2), ordered.gather(1, count // 2 * (count > 1))
    above, below = (values >= upper) & (values > lower), (values <= lower) & (values < upper)
    return torch.where(mask, above.double() - below.double(), 0.0)
