"""Estimator graphs: weighted sums, random cosines and trees on the last sessions of each window, in float64."""

import math

import torch
from torch import nn

from models.bar_levels import divisors_of
from models.estimators.estimator_model import FittedEstimator
from models.estimators.fourier_features import FourierRidge
from models.estimators.ridge_model import Linear
from models.estimators.window_columns import WindowColumns
from models.export.refusal import ExportError
from models.export.tree_graph import TreeScores, trees_of

__all__ = ["estimator_graph"]


def estimator_graph(model: FittedEstimator) -> nn.Module:
    """The graph of scores of a fitted estimator.

    Raises
    ------
    ExportError
        If its predictions are not a weighted sum, random cosines or trees.
    """
    kind, predictor = model.settings.model, model.predictor
    scores: nn.Module
    if isinstance(predictor, Linear):
        scores = LinearScores(predictor)
    elif isinstance(predictor, FourierRidge):
        scores = FourierScores(predictor)
    elif (trees := trees_of(predictor)) is not None:
        scores = TreeScores(trees)
    else:
        raise ExportError(
            f"kind {kind.kind} predicts by Python code of its own: only networks, weighted sums, trees and ensembles "
            "of them become a graph"
        )
    return SampleScores(scores, columns=model.columns, lookback=kind.lookback)


class SampleScores(nn.Module):
    """Scores of the cells that samples hold.

    Parameters
    ----------
    scores : Module
        Samples (n, width) of float32 to scores (n,) of float64.
    columns : WindowColumns
        Which cells.
    lookback : int
        Sessions of a window.
    """

    def __init__(self, scores: nn.Module, *, columns: WindowColumns, lookback: int) -> None:
        super().__init__()
        self.scores = scores
        self.columns = columns
        self.lookback = lookback

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Scores (S', N) of scaled features x (S, N, F)."""
        columns, opens = self.columns, self.lookback - 1
        last = x[opens:]  # (S', N, F)
        count = last.shape[0]
        places = torch.tensor(columns.places)
        read = (x[opens - lag : opens - lag + count] for lag in range(columns.lags))
        divided = (cells - divisors_of(last, columns.divisors) if columns.divisors else cells for cells in read)
        samples = torch.cat([cells[:, :, places] for cells in divided], dim=2)  # (S', N, width)
        scores: torch.Tensor = self.scores(samples.flatten(0, 1))
        return scores.reshape(mask.shape)


class LinearScores(nn.Module):
    """A weighted sum.

    Parameters
    ----------
    linear : Linear
        Its coefficients.
    """

    coefficients: torch.Tensor

    def __init__(self, linear: Linear) -> None:
        super().__init__()
        self.register_buffer("coefficients", torch.tensor(linear.coefficients, dtype=torch.float64))

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """Scores (n,) of samples (n, width)."""
        return (samples.double() * self.coefficients).sum(dim=1)


class FourierScores(nn.Module):
    """A weighted sum of random cosines.

    Parameters
    ----------
    ridge : FourierRidge
        Frequencies, offsets and coefficients.
    """

    frequencies: torch.Tensor
    offsets: torch.Tensor
    coefficients: torch.Tensor

    def __init__(self, ridge: FourierRidge) -> None:
        super().__init__()
        for name in ("frequencies", "offsets", "coefficients"):
            self.register_buffer(name, torch.tensor(getattr(ridge, name), dtype=torch.float64))
        self.scale = math.sqrt(2.0 / len(ridge.offsets))

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """Scores (n,) of samples (n, width)."""
        cosines = torch.cos(samples.double() @ self.frequencies + self.offsets)
        return (cosines * self.coefficients).sum(dim=1) * self.scale
