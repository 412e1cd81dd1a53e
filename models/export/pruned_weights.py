"""Pruned weights: the smallest weights of every matrix of a network set to zero.

The zeros stay in dense files and dense products: the file is as large as before and as slow. What it shows is how many
weights the scores hang on.

References
----------
S. Han, J. Pool, J. Tran, W. Dally (2015), "Learning both weights and connections for efficient neural networks",
section 3, without training again.
"""

from dataclasses import dataclass, replace

import torch

from models.checkpoint import Checkpoint
from models.ensembles.fitted_ensemble import FittedEnsemble
from models.export.refusal import ExportError
from models.model import FittedModel
from models.networks.fitted_network import FittedNetwork

__all__ = ["PrunedModel", "pruned_checkpoint"]

MIN_AXES = 2  # of a matrix; biases and norms stay


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PrunedModel:
    """A checkpoint without its smallest weights.

    Parameters
    ----------
    checkpoint : Checkpoint
        With the calibration of before.
    zeros, weights : int
        Weights of matrices that are zero now, and all of them.
    """

    checkpoint: Checkpoint
    zeros: int
    weights: int


def pruned_checkpoint(checkpoint: Checkpoint, share: float) -> PrunedModel:
    """Set the smallest weights of every matrix of a network, or of an ensemble's networks, to zero.

    Parameters
    ----------
    checkpoint : Checkpoint
        Stays as it is.
    share : float
        Part of each matrix, above 0 and below 1; the part is rounded down.

    Raises
    ------
    ExportError
        If there is no network.
    ValueError
        If the share is not between 0 and 1.
    """
    if not 0.0 < share < 1.0:
        raise ValueError(f"--prune must be a share above 0 and below 1, was {share:g}")
    model, before = _pruned(checkpoint.model, share), _matrices(checkpoint.model)
    if not before:
        raise ExportError(f"kind {checkpoint.model.card.kind} has no network to prune: leave --prune out")
    return PrunedModel(
        checkpoint=replace(checkpoint, model=model),
        zeros=sum(int((matrix == 0.0).sum()) for matrix in _matrices(model)),
        weights=sum(matrix.numel() for matrix in before),
    )


def _pruned(model: FittedModel, share: float) -> FittedModel:
    if isinstance(model, FittedEnsemble):
        return replace(model, fits=tuple(_pruned(fit, share) for fit in model.fits))
    if not isinstance(model, FittedNetwork):
        return model
    learned = _learned_matrices(model)
    weights = {
        name: _without_smallest(each, share) if name in learned else each
        for name, each in model.trained.weights.items()
    }
    return FittedNetwork(replace(model.trained, weights=weights))


def _matrices(model: FittedModel) -> list[torch.Tensor]:
    if isinstance(model, FittedEnsemble):
        return [matrix for fit in model.fits for matrix in _matrices(fit)]
    if not isinstance(model, FittedNetwork):
        return []
    return [model.trained.weights[name] for name in _learned_matrices(model)]


def _learned_matrices(model: FittedNetwork) -> tuple[str, ...]:
    return tuple(name for name, each in model.trained.outline().named_parameters() if each.dim() >= MIN_AXES)


def _without_smallest(matrix: torch.Tensor, share: float) -> torch.Tensor:
    """A copy whose smallest magnitudes are zero; of equal ones the first."""
    kept = matrix.clone().flatten()
    smallest = kept.abs().sort(stable=True).indices[: int(share * kept.numel())]
    kept[smallest] = 0.0
    return kept.reshape(matrix.shape)
