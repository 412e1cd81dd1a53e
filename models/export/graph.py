"""Graph: a checkpoint as one module, from raw features and the universe to expected returns.

Scaler, missing values, windows, model, within-session z-score and calibration are inside, in the precision in which
they decide: scaling, z-score and calibration in float64, networks in float32. What differs from our own scoring is that
raw features come in as float32, and the order in which a runtime adds.
"""

import torch
from torch import nn

from models.checkpoint import Checkpoint
from models.ensembles.fitted_ensemble import FittedEnsemble
from models.estimators.estimator_model import FittedEstimator
from models.export.ensemble_graph import EnsembleScores
from models.export.estimator_graphs import estimator_graph
from models.export.network_graphs import cut_windows, network_graph
from models.export.refusal import ExportError
from models.export.session_scale_graph import within_session_z
from models.export.tree_graph import TreeScores
from models.model import FittedModel
from models.networks.fitted_network import FittedNetwork
from models.windows import Scaler

__all__ = ["ExportGraph", "export_graph"]


def export_graph(checkpoint: Checkpoint) -> "ExportGraph":
    """The graph of a checkpoint, in evaluation mode on the processor.

    Parameters
    ----------
    checkpoint : Checkpoint
        Trained and calibrated.

    Returns
    -------
    ExportGraph
        ``features`` float32 (S, N, F), raw and NaN where missing, and ``universe`` bool (S, N) to ``expected_returns``
        float64 (S − L + 1, N): row *i* is the decision at row *i* + L − 1, NaN where the name is not in the universe or
        its window is not complete. An infinite feature counts as missing.

    Raises
    ------
    ExportError
        If the model cannot be a graph, with the reason in one line.
    """
    model = checkpoint.model
    if model.settings.model.scored == "long":
        raise ExportError(
            f"kind {model.settings.model.kind} is scored long, its state carried through each calendar quarter, and a "
            'graph reads windows: train it with model.scoring = "exact"'
        )
    with torch.no_grad():
        return ExportGraph(checkpoint, scores_graph(model)).eval()


def scores_graph(model: FittedModel) -> nn.Module:
    """The graph of a fitted model's scores, from scaled features; see ``models.export.network_graphs``.

    Raises
    ------
    ExportError
        If it cannot be one.
    """
    if isinstance(model, FittedNetwork):
        return network_graph(model)
    if isinstance(model, FittedEstimator):
        return estimator_graph(model)
    if isinstance(model, FittedEnsemble):
        return EnsembleScores([scores_graph(fit) for fit in model.fits], combination=model.combination)
    raise ExportError(
        f"kind {model.settings.model.kind} is a class that scores whole sessions in Python of its own: only networks, "
        "weighted sums, trees and ensembles of them become a graph"
    )


class ExportGraph(nn.Module):
    """Raw features and universe to expected returns.

    Parameters
    ----------
    checkpoint : Checkpoint
        Scaler, lookback and calibration.
    scores : Module
        Scaled features and mask to scores.
    """

    level: torch.Tensor
    slope: torch.Tensor

    def __init__(self, checkpoint: Checkpoint, scores: nn.Module) -> None:
        super().__init__()
        self.scaling = Scaling(checkpoint.model.scaler)
        self.lookback = checkpoint.model.settings.model.lookback
        self.scores = scores
        for name in ("level", "slope"):  # tensors: exporters write a number as float32
            self.register_buffer(name, torch.tensor(getattr(checkpoint.calibration, name), dtype=torch.float64))

    @property
    def has_steps(self) -> bool:
        """Whether trees or ranks decide: a number that is rounded may fall on the other side of one."""
        return any(isinstance(each, TreeScores) or getattr(each, "ranks", False) for each in self.modules())

    def forward(self, features: torch.Tensor, universe: torch.Tensor) -> torch.Tensor:
        """Expected returns (S − L + 1, N) of features (S, N, F) and universe (S, N)."""
        x, complete = self.scaling(features)
        whole = cut_windows(complete, self.lookback).all(dim=0)  # (S', N)
        mask = universe[self.lookback - 1 :] & whole
        scores = self.scores(x, mask)
        known = mask & torch.isfinite(scores)
        expected = self.level + self.slope * within_session_z(scores, known)
        return expected.masked_fill(~known, torch.nan)


class Scaling(nn.Module):
    """Winsorize and z-score each feature in float64; 0 where missing.

    Levels of bars are not taken to a name's first one as ours are: windows are divided later, which takes it off again.

    Parameters
    ----------
    scaler : Scaler
        Of the training rows.
    """

    lower: torch.Tensor
    upper: torch.Tensor
    mean: torch.Tensor
    sd: torch.Tensor

    def __init__(self, scaler: Scaler) -> None:
        super().__init__()
        for name in ("lower", "upper", "mean", "sd"):
            self.register_buffer(name, torch.tensor(getattr(scaler, name), dtype=torch.float64))

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Scaled features (S, N, F) of float32, and whether each cell (S, N) has all of them."""
        known = torch.isfinite(features)
        raw = features.double()
        clipped = torch.minimum(torch.maximum(raw, self.lower), self.upper)
        scaled = ((clipped - self.mean) / self.sd).float()
        return scaled.masked_fill(~known, 0.0), known.all(dim=2)
