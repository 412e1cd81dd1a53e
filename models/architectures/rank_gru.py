"""The rank GRU: stacked GRU layers and one linear head, applied at every step."""

from typing import Any, ClassVar

import torch
from torch import nn

from models.architectures.tapered import recurrent_layers
from models.model_settings import RecurrentSettings
from models.networks.heads import squeezed

__all__ = ["RankGRU"]


class RankGRU(nn.Module):
    """Score each ticker from the sequence of its features; a quarter fewer weights than the LSTM of that width.

    Parameters
    ----------
    n_features : int
        Features per session.
    settings : RecurrentSettings
        Width, depth and dropout between layers.

    References
    ----------
    K. Cho et al. (2014), "Learning phrase representations using RNN encoder-decoder for statistical machine
    translation", section 2.3.
    """

    reads: ClassVar[str] = "sequences"

    def __init__(self, n_features: int, settings: RecurrentSettings) -> None:
        super().__init__()
        self.gru = recurrent_layers(
            nn.GRU, n_features, settings.hidden, layers=settings.layers, dropout=settings.dropout
        )
        self.head = nn.Linear(settings.widths[-1], len(settings.heads))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Score after each step, (L, N), or all heads, (L, N, heads), of sequences x (L, N, F) from a zero state."""
        h, _ = self.gru(x)  # (L, N, H)
        return squeezed(self.head(h))

    def step(self, x: torch.Tensor, state: Any) -> tuple[torch.Tensor, Any]:
        """Score after one further step, (N,), or all heads, of x (1, N, F), and the state to read on from.

        None is the zero state.
        """
        h, state = self.gru(x, state)  # (1, N, H)
        return squeezed(self.head(h)[0]), state
