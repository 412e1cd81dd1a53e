"""The attentive LSTM: LSTM layers, and attention over their outputs of a window."""

import math
from typing import Any, ClassVar

import torch
from torch import nn

from models.architectures.rank_lstm import lstm_layers
from models.model_settings import RecurrentSettings
from models.networks.heads import squeezed
from models.threads import across_cores

__all__ = ["AttentiveLSTM"]


class AttentiveLSTM(nn.Module):
    """Score each ticker from the LSTM's last output and a weighted mean of its last ``lookback`` outputs.

    A session's weight follows from its own output, not from where it is asked: outputs of a sequence are weighted once
    and averaged over each step's window.

    Parameters
    ----------
    n_features : int
        Features per session.
    settings : RecurrentSettings
        Widths, dropout between layers, lookback.

    References
    ----------
    F. Feng et al. (2019), "Enhancing stock movement prediction with adversarial training", section 3.1: attentive LSTM,
    temporal attention layer.
    """

    reads: ClassVar[str] = "sequences"

    def __init__(self, n_features: int, settings: RecurrentSettings) -> None:
        super().__init__()
        width = settings.widths[-1]
        self.lookback = settings.lookback
        self.lstm = lstm_layers(n_features, settings)
        self.project = nn.Linear(width, width)
        self.weigh = nn.Linear(width, 1, bias=False)
        self.head = nn.Linear(2 * width, len(settings.heads))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Score after each step, (L, N), or all heads, (L, N, heads), of sequences x (L, N, F) from a zero state."""
        h = across_cores(self.lstm, x)  # (L, N, H)
        steps = torch.arange(len(h), device=h.device)
        distance = steps[:, None] - steps  # (L, L): from the row's step back to the column's
        outside = (distance < 0) | (distance >= self.lookback)
        energies = self._energies(h).T[:, None, :].masked_fill(outside, -math.inf)  # (N, L, L)
        read = torch.bmm(energies.softmax(dim=2), h.transpose(0, 1))  # (N, L, H)
        return squeezed(self.head(torch.cat([read.transpose(0, 1), h], dim=2)))

    def step(self, x: torch.Tensor, state: tuple[Any, ...] | None) -> tuple[torch.Tensor, tuple[Any, ...]]:
        """Score after one further step, (N,), or all heads, of x (1, N, F), and the state to read on from.

        The state is that of the layers and their last ``lookback`` outputs; None is the zero state.
        """
        inner, seen = (None, x.new_zeros(0, x.shape[1], 0)) if state is None else state
        h, inner = self.lstm(x, inner)  # (1, N, H)
        seen = torch.cat([seen, h])[-self.lookback :] if len(seen) else h
        weights = self._energies(seen).softmax(dim=0)[..., None]  # (L, N, 1)
        read = (weights * seen).sum(dim=0)  # (N, H)
        return squeezed(self.head(torch.cat([read, h[0]], dim=1))), (inner, seen)

    def _energies(self, h: torch.Tensor) -> torch.Tensor:
        energies: torch.Tensor = self.weigh(self.project(h).tanh())[..., 0]  # (L, N)
        return energies
