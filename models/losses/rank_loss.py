"""Rank loss: one less the correlation of soft ranks, and the ranks and correlations of one session at a time.

Tensors are (S, N): sessions × tickers under a bool mask. Nothing here compares two sessions: every value and every
gradient of a session depends on that session's row alone (to rounding in wide cross-sections). Memory is linear in
S × N: pairwise differences are formed in blocks and formed again in the backward pass. Cross-sections wider than
``GRID_ABOVE`` names take the same soft ranks from `models.losses.grid_ranks`, whose time is linear in the names too.

References
----------
T. Qin, T.-Y. Liu, H. Li (2010), "A general approximation framework for direct optimization of information retrieval
measures", eq. 10: ranks as sums of sigmoids of pairwise differences.
"""

from typing import Any

import torch
from torch.autograd.function import once_differentiable

from models.losses.grid_ranks import GRID_ABOVE, grid_soft_ranks
from models.losses.loss_batch import LossBatch

__all__ = [
    "MIN_NAMES",
    "average_ranks",
    "centred",
    "correlations",
    "pearson",
    "rank_correlations",
    "session_means",
    "soft_rank",
    "soft_ranks",
    "varies",
    "within_session_z",
]

MIN_NAMES = 5  # sessions with fewer labelled names enter neither loss nor metric
BLOCK = 2**19  # pairwise differences formed at once: 2 MiB of float32, within a core's cache


def soft_rank(batch: LossBatch) -> torch.Tensor:
    """1 − Spearman correlation of soft ranks with the returns' ranks, in [0, 2].

    With ``rank_scale="zscore"`` scores are z-scored within the session before the soft rank and compared with hard
    average ranks of the returns. A session whose scores are all equal has no order to improve: its term is the constant
    1. A network's random initial weights do not give equal scores, so this is a guard and not the usual start.
    ``"raw"`` is the literal reference: soft ranks of raw scores and of raw returns.
    """
    temperature, mask = batch.settings.temperature, batch.mask
    if batch.settings.rank_scale == "raw":
        wanted = _wide_soft_ranks(batch.returns, mask, temperature)
        return 1.0 - correlations(_wide_soft_ranks(batch.scores, mask, temperature), wanted, mask)
    ranks = _wide_soft_ranks(within_session_z(batch.scores, mask), mask, temperature)
    return 1.0 - correlations(ranks, average_ranks(batch.returns, mask), mask)


def pearson(batch: LossBatch) -> torch.Tensor:
    """1 − Pearson correlation of scores and returns as they are, in [0, 2]; z-scoring either would change nothing."""
    return 1.0 - correlations(batch.scores, batch.returns, batch.mask)


def soft_ranks(values: torch.Tensor, mask: torch.Tensor, *, temperature: float, block: int = BLOCK) -> torch.Tensor:
    """Σⱼ sigmoid((xᵢ − xⱼ)/τ) over the names j of the same session, i included; 0 outside the mask.

    The pairwise form, at every width: the twin of `models.losses.grid_ranks.grid_soft_ranks`.

    Parameters
    ----------
    values : Tensor of float, shape (S, N)
        Finite, also outside the mask.
    mask : Tensor of bool, shape (S, N)
        Names that count.
    temperature : float
        τ, positive; as it falls the result tends to the average rank less one half.
    block : int
        Pairwise differences formed at once; changes memory, not results beyond rounding.
    """
    ranks: torch.Tensor = _SoftRanks.apply(values, mask, temperature, block)  # type: ignore[no-untyped-call]
    return ranks


def average_ranks(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Ranks from 1, ties averaged, within each session's mask; 0 outside it. Shape (S, N)."""
    pushed = torch.where(mask, values, torch.inf)
    order = torch.sort(pushed, dim=1).values
    below = torch.searchsorted(order, pushed, side="left")
    through = torch.searchsorted(order, pushed, side="right")
    ranks = (below + through + 1).to(values.dtype) / 2
    return torch.where(mask, ranks, 0.0)


def rank_correlations(scores: torch.Tensor, targets: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Each session's Spearman correlation, float64 of shape (S,); NaN with fewer than 5 names or no spread."""
    ranks, wanted = average_ranks(scores.double(), mask), average_ranks(targets.double(), mask)
    known = (mask.sum(dim=1) >= MIN_NAMES) & varies(ranks, mask) & varies(wanted, mask)
    return torch.where(known, correlations(ranks, wanted, mask), torch.nan)


def _wide_soft_ranks(values: torch.Tensor, mask: torch.Tensor, temperature: float) -> torch.Tensor:
    """Soft ranks by the form that suits the width."""
    form = grid_soft_ranks if values.shape[1] > GRID_ABOVE else soft_ranks
    return form(values, mask, temperature=temperature)


def within_session_z(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Z-scores (ddof=0) within each session; a session of equal values is only centred."""
    deviations = centred(values, mask)
    spread = varies(values, mask)[:, None]
    variance = torch.where(spread, session_means(deviations.square(), mask), 1.0)  # before the root: no gradient of √0
    return deviations / variance.sqrt()


def correlations(a: torch.Tensor, b: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Correlation within each session; 0, without gradient, where either side is constant."""
    left, right = centred(a, mask), centred(b, mask)
    both = varies(a, mask) & varies(b, mask)
    scale = torch.where(both, left.square().sum(dim=1) * right.square().sum(dim=1), 1.0)
    return torch.where(both, (left * right).sum(dim=1) / scale.sqrt(), 0.0)


def centred(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Values less their session's mean; 0 outside the mask."""
    return torch.where(mask, values - session_means(values, mask), 0.0)


def session_means(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean under the mask, shape (S, 1); 0 for a session without names."""
    count = mask.sum(dim=1, keepdim=True).clamp(min=1)
    return torch.where(mask, values, 0.0).sum(dim=1, keepdim=True) / count


def varies(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Whether a session holds two different values: an exact test, where an sd has rounding."""
    highest = torch.where(mask, values, -torch.inf).amax(dim=1)
    lowest = torch.where(mask, values, torch.inf).amin(dim=1)
    return highest > lowest


class _SoftRanks(torch.autograd.Function):
    """Soft ranks with an analytic backward pass; saves only the values, not their differences.

    With sigmoid(u) = (1 + tanh(u/2))/2 and s' = (1 − tanh²)/4, symmetric in i and j,
    ∂L/∂xₖ = (gₖ Σⱼ s'ₖⱼ − Σⱼ s'ₖⱼ gⱼ)/τ.
    """

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, mask: torch.Tensor, temperature: float, block: int) -> torch.Tensor:
        ctx.save_for_backward(values, mask)
        ctx.temperature, ctx.block = temperature, block
        names = mask.to(values.dtype)
        ranks = torch.empty_like(values)
        for rows in _row_blocks(values, block):
            tilt = _half_differences(values, rows, temperature=temperature).tanh_()  # (S, rows, N)
            ranks[:, rows] = (tilt @ names[:, :, None]).squeeze(2)
        return 0.5 * names * (ranks + names.sum(dim=1, keepdim=True))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        values, mask = ctx.saved_tensors
        names = mask.to(values.dtype)
        pulls = torch.stack([names, names * upstream], dim=2)  # (S, N, 2)
        gradient = torch.empty_like(values)
        for rows in _row_blocks(values, ctx.block):
            slope = _half_differences(values, rows, temperature=ctx.temperature).tanh_()
            slope.square_().neg_().add_(1.0)  # 4 s'
            sums = slope @ pulls  # (S, rows, 2)
            gradient[:, rows] = upstream[:, rows] * sums[:, :, 0] - sums[:, :, 1]
        return names * gradient / (4.0 * ctx.temperature), None, None, None


def _row_blocks(values: torch.Tensor, block: int) -> list[slice]:
    n_sessions, n_names = values.shape
    height = max(1, block // max(1, n_sessions * n_names))
    return [slice(start, min(start + height, n_names)) for start in range(0, n_names, height)]


def _half_differences(values: torch.Tensor, rows: slice, *, temperature: float) -> torch.Tensor:
    halves = values * (0.5 / temperature)
    return halves[:, rows, None] - halves[:, None, :]  # (S, rows, N)
