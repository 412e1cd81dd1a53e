"""Pair losses: how well differences of scores agree with those of returns, over all pairs of a session's names.

Every term here reads differences of scores alone: adding one number to a session's scores changes nothing. With
o = sᵢ − sⱼ and t = sign(yᵢ − yⱼ), a pair of equal returns (t = 0) counts in `ranknet` only. A session whose returns are
all equal has loss 0 and no gradient in the others. Pairs are formed in blocks, each once, and the gradient beside the
value: memory is linear in S × N, time in S × N². Each term differentiates once.

References
----------
C. Burges et al. (2005), "Learning to rank using gradient descent", eq. 3: RankNet's cost. S. Rendle et al. (2009),
"BPR: Bayesian personalized ranking from implicit feedback", BPR-Opt. R. Herbrich, T. Graepel, K. Obermayer (2000),
"Large margin rank boundaries for ordinal regression": the hinge on pairs. C. Burges (2010), "From RankNet to
LambdaRank to LambdaMART", sect. 4: pairs weighted by what a swap changes. "LambdaRankIC" (arXiv 2605.00501): what a
swap changes in the rank IC.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from models.losses.loss_batch import LossBatch
from models.losses.rank_loss import average_ranks

__all__ = ["BLOCK", "Forces", "PairCosts", "bpr", "lambdarank_ic", "margin", "pair_forces", "ranknet", "swap_costs"]

BLOCK = 2**18  # pairs formed at once: a few tensors of 1 MiB of float32, within a core's cache

Slopes = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
PairCosts = Callable[[torch.Tensor, slice, slice], Slopes]
"""Differences of scores (S, rows, columns), with their rows and columns, to cost, first and second derivative."""


def margin(batch: LossBatch) -> torch.Tensor:
    """Mean of max(0, m − t·o) over pairs of unequal returns, with m = ``margin`` in units of the scores."""
    wanted, returns = batch.settings.margin, batch.returns

    def costs(differences: torch.Tensor, rows: slice, columns: slice) -> Slopes:
        sides = _sides(returns, rows, columns)
        missing = sides.abs() * wanted - sides * differences
        short = (missing > 0).to(differences.dtype)
        return missing * short, -sides * short, torch.zeros_like(short)

    return _pair_sums(batch.scores, batch.mask, costs) / _ordered_pairs(returns, batch.mask)


def bpr(batch: LossBatch) -> torch.Tensor:
    """Mean of −log sigmoid(t·o) over pairs of unequal returns: only which is higher counts, log 2 at equal scores."""
    returns = batch.returns

    def costs(differences: torch.Tensor, rows: slice, columns: slice) -> Slopes:
        sides = _sides(returns, rows, columns)
        return _logistic(differences, sides, sides.abs())

    return _pair_sums(batch.scores, batch.mask, costs) / _ordered_pairs(returns, batch.mask)


def ranknet(batch: LossBatch) -> torch.Tensor:
    """Mean over all pairs of log(1 + eᵒ) − P·o, with P = sigmoid of the pair's difference of labels.

    Where `bpr` asks only which return is higher, P grows with the difference of returns ÷ target_sd (raw returns where
    ``rank_scale`` is ``"raw"``): a pair of nearly equal returns asks for nearly equal scores. Lowest where the scores
    are the labels and a constant.
    """
    labels, count = batch.labels, batch.mask.sum(dim=1)

    def costs(differences: torch.Tensor, rows: slice, columns: slice) -> Slopes:
        wanted = torch.sigmoid(_differences(labels, rows, columns))
        risen = torch.sigmoid(differences)
        cost = torch.nn.functional.softplus(differences) - wanted * differences
        return cost, risen - wanted, risen * (1.0 - risen)

    return _pair_sums(batch.scores, batch.mask, costs) / (count * (count - 1) / 2).clamp(min=1.0)


def lambdarank_ic(batch: LossBatch) -> torch.Tensor:
    """Mean over names of Σⱼ wᵢⱼ·(−log sigmoid(t·o)): each pair counts by what swapping it would change in the rank IC.

    See `swap_costs` for wᵢⱼ, which is a constant to the gradient: the loss is that whose gradient is wanted, and its
    value falls and rises also with the weights.
    """
    names = batch.mask.sum(dim=1).clamp(min=1)
    return _pair_sums(batch.scores, batch.mask, swap_costs(batch.scores, batch.returns, batch.mask)) / names


def swap_costs(scores: torch.Tensor, labels: torch.Tensor, mask: torch.Tensor) -> PairCosts:
    """Costs wᵢⱼ·(−log sigmoid(t·o)), wᵢⱼ = 12·|r̂ᵢ − r̂ⱼ|·|ỹᵢ − ỹⱼ| / (n(n² − 1)) for ranks r̂ of scores, ỹ of labels.

    Names of equal scores have no rank difference: taken literally, scores that begin equal never move.
    Here |r̂ᵢ − r̂ⱼ| is its mean over all orders of the names that are tied: (g + 1)/3 for two of g equal scores, and the
    difference of average ranks for unequal ones. From equal scores the first step is then along the labels' centred
    ranks, as that of a least-squares fit to rank labels is.

    Parameters
    ----------
    scores, labels : Tensor of float, shape (S, N)
        Read under the mask only; ties of labels are averaged.
    mask : Tensor of bool, shape (S, N)
        Names that count.
    """
    held = scores.detach()
    ranks, wanted, tied = average_ranks(held, mask), average_ranks(labels, mask), _tied(held, mask)
    names = mask.sum(dim=1).clamp(min=2).to(scores.dtype)
    scale = (12.0 / (names * (names.square() - 1.0)))[:, None, None]

    def costs(differences: torch.Tensor, rows: slice, columns: slice) -> Slopes:
        gaps = _differences(ranks, rows, columns).abs()
        gaps = torch.where(gaps == 0.0, (tied[:, rows, None] + 1.0) / 3.0, gaps)
        apart = _differences(wanted, rows, columns)
        return _logistic(differences, apart.sign(), scale * gaps * apart.abs())

    return costs


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forces:
    """Sums over the pairs of a session's names.

    Parameters
    ----------
    cost : Tensor of float, shape (S,)
        Of all pairs.
    gradient, curvature : Tensor of float, shape (S, N)
        Its first derivative by each score, and the diagonal of its second; 0 outside the mask.
    """

    cost: torch.Tensor
    gradient: torch.Tensor
    curvature: torch.Tensor


@torch.no_grad()
def pair_forces(scores: torch.Tensor, mask: torch.Tensor, costs: PairCosts, *, block: int = BLOCK) -> Forces:
    """Costs of all pairs i < j of a session, and their derivatives.

    Parameters
    ----------
    scores : Tensor of float, shape (S, N)
        Finite, also outside the mask.
    mask : Tensor of bool, shape (S, N)
        Names that count.
    costs : callable
        What a pair costs.
    block : int
        Pairs formed at once; changes memory, not results beyond rounding.
    """
    n_sessions, n_names = scores.shape
    cost, gradient, curvature = scores.new_zeros(n_sessions), torch.zeros_like(scores), torch.zeros_like(scores)
    height = max(1, block // max(1, n_sessions * n_names))
    for start in range(0, n_names, height):
        rows, columns = slice(start, min(start + height, n_names)), slice(start, n_names)
        pairs = mask[:, rows, None] & mask[:, None, columns]
        pairs &= torch.ones(pairs.shape[1:], dtype=torch.bool, device=mask.device).triu(1)
        value, slope, bend = (
            each.masked_fill_(~pairs, 0.0) for each in costs(_differences(scores, rows, columns), rows, columns)
        )
        cost += value.sum(dim=(1, 2))
        gradient[:, rows] += slope.sum(dim=2)
        gradient[:, columns] -= slope.sum(dim=1)
        curvature[:, rows] += bend.sum(dim=2)
        curvature[:, columns] += bend.sum(dim=1)
    return Forces(cost=cost, gradient=gradient, curvature=curvature)


class _PairSums(torch.autograd.Function):
    """Sum of costs over a session's pairs; saves its gradient, (S, N), and no pair."""

    @staticmethod
    def forward(ctx: Any, scores: torch.Tensor, mask: torch.Tensor, costs: PairCosts) -> torch.Tensor:
        forces = pair_forces(scores, mask, costs)
        ctx.save_for_backward(forces.gradient)
        return forces.cost

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return upstream[:, None] * gradient, None, None


def _pair_sums(scores: torch.Tensor, mask: torch.Tensor, costs: PairCosts) -> torch.Tensor:
    sums: torch.Tensor = _PairSums.apply(scores, mask, costs)  # type: ignore[no-untyped-call]
    return sums


def _logistic(differences: torch.Tensor, sides: torch.Tensor, weights: torch.Tensor) -> Slopes:
    """−w log sigmoid(t·o), and its derivatives by o."""
    wrong = torch.sigmoid(-sides * differences)
    cost = weights * torch.nn.functional.softplus(-sides * differences)
    return cost, -weights * sides * wrong, weights * wrong * (1.0 - wrong)


def _differences(values: torch.Tensor, rows: slice, columns: slice) -> torch.Tensor:
    return values[:, rows, None] - values[:, None, columns]  # (S, rows, columns)


def _sides(returns: torch.Tensor, rows: slice, columns: slice) -> torch.Tensor:
    return _differences(returns, rows, columns).sign()


def _tied(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Names of a session that have the same value, itself included; outside the mask, some number. Shape (S, N)."""
    pushed = torch.where(mask, values, torch.inf)
    order = torch.sort(pushed, dim=1).values
    through = torch.searchsorted(order, pushed, side="right")
    return (through - torch.searchsorted(order, pushed, side="left")).to(values.dtype)


def _ordered_pairs(returns: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Pairs of unequal returns of each session, at least 1; shape (S,)."""
    equal = torch.where(mask, _tied(returns, mask), 0.0).sum(dim=1)  # ordered pairs, each name with itself
    return ((mask.sum(dim=1).square() - equal) / 2).clamp(min=1.0)
