"""Horizon network: a network of a strategy's kind with an output for each horizon, and what it says of windows.

Outputs lie on the last axis: the expected return over each horizon, and behind them, where the kind has that head, the
log of each one's variance; all in standard deviations of the training returns over that horizon.
"""

import math

import torch
from torch import nn

from models.model_kinds import build_network
from models.model_settings import KindSettings
from models.spans import reads_sequences

__all__ = ["gives_variance", "horizon_loss", "horizon_network", "steps_given", "windows_given"]

WINDOWS_ABREAST = 512  # windows read at once


def gives_variance(kind: KindSettings) -> bool:
    """Whether it gives a variance beside each expectation."""
    return "log_variance" in kind.gives


def horizon_network(kind: KindSettings, n_features: int, n_horizons: int) -> nn.Module:
    """An untrained network with every head of the kind once a horizon, weights drawn from torch's generator."""
    heads = tuple(f"{head} {place}" for head in kind.gives for place in range(n_horizons))
    return build_network(kind.model_copy(update={"heads": heads}), n_features)


def steps_given(network: nn.Module, x: torch.Tensor, *, start: int, lookback: int) -> torch.Tensor:
    """What the network gives from row ``start`` of sequences (L, C, F) on: (L − start, C, outputs)."""
    if reads_sequences(network):
        given: torch.Tensor = network(x)[start:]
    else:
        given = torch.stack([network(x[row + 1 - lookback : row + 1]) for row in range(start, len(x))])
    return given.reshape(*given.shape[:2], -1)  # a single output has no axis of its own


def horizon_loss(given: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean over all labels of the squared error, or of −log of the normal density where a variance is given.

    Parameters
    ----------
    given : Tensor of float, shape (…, H) or (…, 2 H)
        Of the network.
    labels : Tensor of float, shape (…, H)
        NaN where there is none, which counts nothing.
    """
    n_horizons = labels.shape[-1]
    known = torch.isfinite(labels)
    squared = (torch.where(known, labels, 0.0) - given[..., :n_horizons]).square()
    if given.shape[-1] > n_horizons:
        log_variance = given[..., n_horizons:]
        squared = 0.5 * (math.log(2.0 * math.pi) + log_variance + squared * (-log_variance).exp())
    return squared[known].mean()


@torch.inference_mode()
def windows_given(network: nn.Module, x: torch.Tensor, rows: slice, *, lookback: int) -> torch.Tensor:
    """What the network gives of the windows that end at each of the rows: (rows, N, outputs).

    Windows are read in blocks that lie at the same rows of x whichever are asked for, filled up with zeros: what is
    said of a row has the same bits beside other rows.

    Parameters
    ----------
    network : Module
        In evaluation mode.
    x : Tensor of float, shape (T, N, F)
        Scaled features.
    rows : slice
        Within x; a step skips rows.
    lookback : int
        Rows of a window; one that would begin before x is read as if zeros came before.
    """
    n_series = x.shape[1]
    block = max(1, WINDOWS_ABREAST // n_series)
    begin, end, step = rows.indices(len(x))
    said = []
    for first in range(begin // block * block, end, block):
        wide = x.new_zeros(block + lookback - 1, *x.shape[1:])
        low, high = max(begin, first) - lookback + 1, min(end, first + block)
        wide[max(low, 0) - first + lookback - 1 : high - first + lookback - 1] = x[max(low, 0) : high]
        windows = wide.unfold(0, lookback, 1).permute(3, 0, 1, 2)  # (L, block, N, F)
        given = network(windows.reshape(lookback, block * n_series, -1))
        last = given[-1] if reads_sequences(network) else given
        asked = slice(max(begin, first) - first, high - first)
        said.append(last.reshape(block, n_series, -1)[asked])
    return torch.cat(said)[::step]
