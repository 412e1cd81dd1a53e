"""The rank LSTM: stacked LSTM layers and one linear head, applied at every step."""

from typing import ClassVar

import torch
from torch import nn

from models.model_settings import RecurrentSettings
from models.networks.heads import squeezed
from models.threads import across_cores

__all__ = ["RankLSTM"]

State = tuple[torch.Tensor, torch.Tensor]  # hidden and cell, (layers, N, H) each


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
    R. Jozefowicz, W. Zaremba, I. Sutskever (2015), "An empirical exploration of recurrent network architectures",
    section 2.1: forget gates that start open let the gradient reach far back from the first epoch on.
    """

    reads: ClassVar[str] = "sequences"

    def __init__(self, n_features: int, settings: RecurrentSettings) -> None:
        super().__init__()
        dropout = settings.dropout if settings.layers > 1 else 0.0
        self.lstm = nn.LSTM(n_features, settings.hidden, settings.layers, dropout=dropout)
        self.head = nn.Linear(settings.hidden, len(settings.heads))
        self._open_forget_gates(settings)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Score after each step, (L, N), or all heads, (L, N, heads), of sequences x (L, N, F) from a zero state."""
        h = across_cores(self.lstm, x)  # (L, N, H)
        return squeezed(self.head(h))

    def step(
        self, x: torch.Tensor, state: tuple[torch.Tensor, ...] | None
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        """Score after one further step, (N,), or all heads, of x (1, N, F), and the state to read on from.

        None is the zero state.
        """
        h, state = self.lstm(x, state)  # (1, N, H)
        return squeezed(self.head(h)[0]), state

    def _open_forget_gates(self, settings: RecurrentSettings) -> None:
        with torch.no_grad():
            for layer in range(settings.layers):
                gates = getattr(self.lstm, f"bias_ih_l{layer}")  # (4H,): input, forget, cell, output
                gates[settings.hidden : 2 * settings.hidden] += 1.0
