"""The causal Transformer: each step attends to the steps before it, within a reach that ends with the window."""

import math
from typing import ClassVar

import torch
from torch import nn

from models.architectures.attention_block import AttentionBlock
from models.model_settings import AttentionSettings
from models.networks.heads import squeezed

__all__ = ["CausalTransformer"]


class CausalTransformer(nn.Module):
    """Score each ticker after each step, from attention over its own last sessions.

    A layer attends to its own step and those shortly before it, so that all layers together reach back ``lookback``
    sessions and no further: an unrolled sequence gives the score of the step's window. Nearer steps weigh more, by a
    slope of each attention head (ALiBi), so that a step knows distances and no dates.

    Parameters
    ----------
    n_features : int
        Features per session.
    settings : AttentionSettings
        Width, depth, attention heads, dropout, lookback.

    References
    ----------
    A. Vaswani et al. (2017), "Attention is all you need". O. Press, N. Smith, M. Lewis (2022), "Train short, test long:
    attention with linear biases enables input length extrapolation", section 3. I. Beltagy, M. Peters, A. Cohan (2020),
    "Longformer: the long-document Transformer", section 3.1: a sliding window in each layer.
    """

    reads: ClassVar[str] = "sequences"

    def __init__(self, n_features: int, settings: AttentionSettings) -> None:
        super().__init__()
        self.reach = 1 + (settings.lookback - 1) // settings.layers  # steps that a layer attends to
        self.n_heads = settings.attention_heads
        self.enter = nn.Linear(n_features, settings.hidden)
        self.blocks = nn.ModuleList(AttentionBlock(settings) for _ in range(settings.layers))
        self.norm = nn.LayerNorm(settings.hidden)
        self.head = nn.Linear(settings.hidden, len(settings.heads))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Score after each step, (L, N), or all heads, (L, N, heads), of sequences x (L, N, F)."""
        h = self.enter(x.transpose(0, 1).contiguous())  # (N, L, H)
        bias = _bias(x.shape[0], self.reach, self.n_heads, like=h)
        for block in self.blocks:
            h = block(h, bias)
        return squeezed(self.head(self.norm(h)).transpose(0, 1))


def _bias(length: int, reach: int, n_heads: int, *, like: torch.Tensor) -> torch.Tensor:
    """What is added to the attention of each step to each, (heads, L, L): −∞ ahead and out of reach."""
    steps = torch.arange(length, device=like.device)
    distance = steps[:, None] - steps  # (L, L): from the row's step back to the column's
    slopes = torch.tensor([2.0 ** (-8.0 * (k + 1) / n_heads) for k in range(n_heads)], device=like.device)
    bias = -slopes[:, None, None] * distance
    return bias.masked_fill((distance < 0) | (distance >= reach), -math.inf).to(like.dtype)
