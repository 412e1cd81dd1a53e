"""The window MLP: a multilayer perceptron on all features of all sessions of a window."""

import itertools
from typing import ClassVar

import torch
from torch import nn

from models.networks.heads import squeezed

__all__ = ["WindowMLP"]


class WindowMLP(nn.Module):
    """Score each ticker from its window laid out flat, with no notion of order in time.

    Parameters
    ----------
    n_inputs : int
        Features of all sessions of a window.
    hidden : tuple of int
        Widths.
    dropout : float
        After each layer.
    n_outputs : int
        Heads.

    References
    ----------
    S. Gu, B. Kelly, D. Xiu (2020), "Empirical asset pricing via machine learning", section 1.7: feed-forward networks
    whose widths fall by half. D. Hendrycks, K. Gimpel (2016), "Gaussian error linear units".
    """

    reads: ClassVar[str] = "windows"

    def __init__(self, n_inputs: int, *, hidden: tuple[int, ...], dropout: float, n_outputs: int) -> None:
        super().__init__()
        widths = (n_inputs, *hidden)
        layers = []
        for inputs, outputs in itertools.pairwise(widths):
            layers += [nn.Linear(inputs, outputs), nn.GELU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(widths[-1], n_outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Score of each window, (N,), or all heads, (N, heads), of windows x (L, N, F)."""
        h = self.layers(x.transpose(0, 1).flatten(start_dim=1))  # (N, L·F) to (N, H)
        return squeezed(self.head(h))
