"""DLinear: the window split into a trend and what is left of it, each read by one linear layer."""

from typing import ClassVar

import torch
from torch import nn

from models.networks.heads import squeezed

__all__ = ["TrendLinear"]


class TrendLinear(nn.Module):
    """Score each ticker linearly in the window of its features: weights of their trend, and of what is left.

    The trend is a centred moving average within the window, whose first and last session stand for those beyond it; it
    is linear itself, so that neither part is ever made: the weights are joined, and read the window as it lies.

    Parameters
    ----------
    n_features : int
        Features per session.
    lookback : int
        Sessions of a window.
    smooth : int
        Sessions of the moving average.
    n_outputs : int
        Heads.

    References
    ----------
    A. Zeng, M. Chen, L. Zhang, Q. Xu (2023), "Are Transformers effective for time series forecasting?", section 4:
    DLinear with weights of its own for each series (DLinear-I), summed over the features of a name.
    """

    reads: ClassVar[str] = "windows"
    average: torch.Tensor

    def __init__(self, n_features: int, *, lookback: int, smooth: int, n_outputs: int) -> None:
        super().__init__()
        shape = (lookback, n_features, n_outputs)
        self.trend, self.rest = (nn.Parameter(torch.empty(shape)) for _ in range(2))
        self.bias = nn.Parameter(torch.zeros(n_outputs))
        bound = (lookback * n_features) ** -0.5
        for weights in (self.trend, self.rest):
            nn.init.uniform_(weights, -bound, bound)
        self.register_buffer("average", _moving_average(lookback, smooth), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Score of each window, (N,), or all heads, (N, heads), of windows x (L, N, F)."""
        difference = torch.tensordot(self.average, self.trend - self.rest, dims=([0], [0]))  # (L, F, heads)
        weights = self.rest + difference
        return squeezed(torch.bmm(x, weights).sum(dim=0) + self.bias)


def _moving_average(lookback: int, smooth: int) -> torch.Tensor:
    """The matrix (L, L) that makes the trend of a window: row *t* averages the sessions around *t*."""
    matrix = torch.zeros(lookback, lookback)
    for step in range(-((smooth - 1) // 2), smooth // 2 + 1):
        rows = torch.arange(lookback)
        matrix[rows, (rows + step).clamp(0, lookback - 1)] += 1.0 / smooth
    return matrix
