"""Tapered: recurrent layers of one width each, where torch stacks layers of one width."""

import itertools
from collections.abc import Callable

import torch
from torch import nn

__all__ = ["Tapered", "recurrent_layers"]


class Tapered(nn.Module):
    """Recurrent layers, one over the other, each with a width of its own.

    Parameters
    ----------
    cell : type of Module
        ``nn.LSTM`` or ``nn.GRU``.
    n_features : int
        Inputs of the first layer.
    widths : tuple of int
        Units of each layer, from the first.
    dropout : float
        Between layers.
    """

    def __init__(
        self, cell: Callable[..., nn.Module], n_features: int, widths: tuple[int, ...], dropout: float
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(cell(*pair) for pair in itertools.pairwise((n_features, *widths)))
        self.dropouts = nn.ModuleList(nn.Dropout(dropout) for _ in widths[1:])  # one between every two layers

    def forward(
        self, x: torch.Tensor, state: tuple[object, ...] | None = None
    ) -> tuple[torch.Tensor, tuple[object, ...]]:
        """Outputs of the last layer, (L, N, H), of x (L, N, F), and the state of every layer, to read on from."""
        after = []
        for k, layer in enumerate(self.layers):
            read = self.dropouts[k - 1](x) if k else x
            x, known = layer(read, None if state is None else state[k])  # (L, N, H of layer k)
            after.append(known)
        return x, tuple(after)


def recurrent_layers(
    cell: Callable[..., nn.Module], n_features: int, hidden: int | tuple[int, ...], *, layers: int, dropout: float
) -> nn.Module:
    """Layers of one width, which torch stacks, or of one width each."""
    if isinstance(hidden, tuple):
        return Tapered(cell, n_features, hidden, dropout)
    return cell(n_features, hidden, layers, dropout=dropout if layers > 1 else 0.0)
