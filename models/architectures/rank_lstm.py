"""The rank LSTM: stacked LSTM layers and one linear head, applied at every step."""

from typing import Any, ClassVar

import torch
from torch import nn

from models.architectures.tapered import recurrent_layers
from models.model_settings import RecurrentSettings
from models.networks.heads import squeezed
from models.threads import across_cores

__all__ = ["RankLSTM", "lstm_layers"]


def lstm_layers(n_features: int, settings: RecurrentSettings) -> nn.Module:
    """LSTM layers whose forget gates start open."""
    layers = recurrent_layers(nn.LSTM, n_features, settings.hidden, layers=settings.layers, dropout=settings.dropout)
    with torch.no_grad():
        for name, gates in layers.named_parameters():
            if name.rpartition(".")[2].startswith("bias_ih"):
                width = len(gates) // 4  # (4H,): input, forget, cell, output
                gates[width : 2 * width] += 1.0
    return layers


class RankLSTM(nn.Module):
    """Score each ticker from the sequence of its features.

    Parameters
    ----------
    n_features : int
        Features per session.
    settings : RecurrentSettings
        Width, depth and dropout between layers.

    References
    ----------
    S. Hochreiter, J. Schmidhuber (1997), "Long short-term memory". R. Jozefowicz, W. Zaremba, I. Sutskever (2015), "An
    empirical exploration of recurrent network architectures", section 2.1: forget gates that start open let the
    gradient reach far back from the first epoch on.
    """

    reads: ClassVar[str] = "sequences"

    def __init__(self, n_features: int, settings: RecurrentSettings) -> None:
        super().__init__()
        self.lstm = lstm_layers(n_features, settings)
        self.head = nn.Linear(settings.widths[-1], len(settings.heads))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Score after each step, (L, N), or all heads, (L, N, heads), of sequences x (L, N, F) from a zero state."""
        h = across_cores(self.lstm, x)  # (L, N, H)
        return squeezed(self.head(h))

    def step(self, x: torch.Tensor, state: tuple[Any, ...] | None) -> tuple[torch.Tensor, tuple[Any, ...]]:
        """Score after one further step, (N,), or all heads, of x (1, N, F), and the state to read on from.

        None is the zero state.
        """
        h, state = self.lstm(x, state)  # (1, N, H)
        return squeezed(self.head(h)[0]), state
