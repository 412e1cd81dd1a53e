"""Attention block: what layers of attention share, over time or between names."""

import torch
from torch import nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from models.model_settings import AttentionSettings

__all__ = ["AttentionBlock"]


class AttentionBlock(nn.Module):
    """Self-attention and two dense layers, each normalised before and added to what it was given.

    Attention is computed block by block and again for its gradient, so that no matrix of items × items is kept.

    Parameters
    ----------
    settings : AttentionSettings
        Width, attention heads, dropout.

    References
    ----------
    A. Vaswani et al. (2017), "Attention is all you need", section 3. R. Xiong et al. (2020), "On layer normalization in
    the Transformer architecture", figure 1b. T. Dao et al. (2022), "FlashAttention", section 3.
    """

    def __init__(self, settings: AttentionSettings) -> None:
        super().__init__()
        width = settings.hidden
        self.n_heads = settings.attention_heads
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.asked = nn.Linear(width, 3 * width)
        self.mixed = nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.dropouts = nn.ModuleList(nn.Dropout(settings.dropout) for _ in range(2))

    def forward(self, h: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
        """Groups of items h (B, I, H) after attention within each group, the bias (heads, I, I) added to its logits."""
        n, items, width = h.shape
        asked = self.asked(self.first(h)).view(n, items, 3, self.n_heads, width // self.n_heads)
        q, k, v = asked.permute(2, 0, 3, 1, 4)  # (B, heads, I, H / heads) each
        mask = None if bias is None else bias.expand(n, -1, -1, -1)
        attended = scaled_dot_product_attention(q, k, v, attn_mask=mask)
        h = h + self.dropouts[0](self.mixed(attended.transpose(1, 2).reshape(n, items, width)))
        after: torch.Tensor = h + self.dropouts[1](self.narrow(gelu(self.wide(self.second(h)))))
        return after
