"""The temporal convolutional network: dilated causal convolutions over each name's sessions."""

from typing import ClassVar

import torch
from torch import nn
from torch.nn.functional import pad

from models.networks.heads import squeezed

__all__ = ["TemporalConvolutions"]


class TemporalConvolutions(nn.Module):
    """Score each ticker after each step, from residual blocks of convolutions whose dilation doubles.

    It reads 1 + 2(kernel − 1)(2ᵇ − 1) sessions for b blocks. Where that is no more than the lookback, an unrolled
    sequence gives the score of the step's window.

    Parameters
    ----------
    n_features : int
        Features per session.
    hidden, blocks : int
        Channels of each block, and how many blocks.
    kernel : int
        Sessions of a convolution.
    dropout : float
        Share of a name's channels that is dropped.
    n_outputs : int
        Heads.

    References
    ----------
    S. Bai, J. Kolter, V. Koltun (2018), "An empirical evaluation of generic convolutional and recurrent networks for
    sequence modeling", figure 1; without its weight normalisation.
    """

    reads: ClassVar[str] = "sequences"

    def __init__(
        self, n_features: int, *, hidden: int, blocks: int, kernel: int, dropout: float, n_outputs: int
    ) -> None:
        super().__init__()
        shapes = [(hidden if k else n_features, hidden, kernel) for k in range(blocks)]
        self.blocks = nn.ModuleList(_Block(*shape, dilation=2**k, dropout=dropout) for k, shape in enumerate(shapes))
        self.head = nn.Linear(hidden, n_outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Score after each step, (L, N), or all heads, (L, N, heads), of sequences x (L, N, F)."""
        h = x.permute(1, 2, 0).contiguous()  # (N, F, L)
        for block in self.blocks:
            h = block(h)  # (N, H, L)
        return squeezed(self.head(h.permute(2, 0, 1)))


class _Block(nn.Module):
    def __init__(self, n_inputs: int, hidden: int, kernel: int, *, dilation: int, dropout: float) -> None:
        super().__init__()
        self.before = (kernel - 1) * dilation
        self.first = nn.Conv1d(n_inputs, hidden, kernel, dilation=dilation)
        self.second = nn.Conv1d(hidden, hidden, kernel, dilation=dilation)
        self.past = nn.Conv1d(n_inputs, hidden, 1) if n_inputs != hidden else nn.Identity()
        self.dropouts = nn.ModuleList(nn.Dropout1d(dropout) for _ in range(2))  # whole channels of a name

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        given = self.dropouts[0](self.first(pad(h, (self.before, 0))).relu())  # (N, H, L), padded on the past alone
        given = self.dropouts[1](self.second(pad(given, (self.before, 0))).relu())
        joined: torch.Tensor = given + self.past(h)
        return joined.relu()
