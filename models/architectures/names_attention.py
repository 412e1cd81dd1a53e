"""Attention across names: each name of a session sees the others of its own day."""

from typing import ClassVar

import torch
from torch import nn

from models.architectures.attention_block import AttentionBlock
from models.model_settings import AttentionSettings
from models.networks.heads import squeezed

__all__ = ["CrossAttention"]


class CrossAttention(nn.Module):
    """Score the names of a session together, from a reading of each one's window and attention between them.

    Names have no order: swapping two swaps their scores.

    Parameters
    ----------
    n_features : int
        Features per session.
    settings : AttentionSettings
        Width, layers, attention heads, dropout, lookback.

    References
    ----------
    J. Lee et al. (2019), "Set Transformer", section 3.1: self-attention blocks without positions. J. Wang et al.
    (2019), "AlphaStock", section 4.2: attention between the assets of a day.
    """

    reads: ClassVar[str] = "sections"

    def __init__(self, n_features: int, settings: AttentionSettings) -> None:
        super().__init__()
        self.enter = nn.Linear(settings.lookback * n_features, settings.hidden)
        self.blocks = nn.ModuleList(AttentionBlock(settings) for _ in range(settings.layers))
        self.norm = nn.LayerNorm(settings.hidden)
        self.head = nn.Linear(settings.hidden, len(settings.heads))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Score of each name, (N,), or all heads, (N, heads), of all windows of a session, x (L, N, F)."""
        h = self.enter(x.transpose(0, 1).flatten(start_dim=1))[None]  # (1, N, H): one group, the session's names
        for block in self.blocks:
            h = block(h)
        return squeezed(self.head(self.norm(h[0])))
