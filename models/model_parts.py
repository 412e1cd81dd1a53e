"""Model parts: the fits that a model is made of, one of a single model: layers or trees, parameters, epochs, time."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from models.ensembles.fitted_ensemble import FittedEnsemble, member_models
from models.estimators.estimator_model import FittedEstimator
from models.estimators.tree_sizes import TreeSizes, tree_sizes
from models.model import FittedModel, ModelCard
from models.networks.fitted_network import FittedNetwork
from models.networks.layer_counts import Layer, layers_of

__all__ = ["ModelPart", "parts_of"]

DRAWN = ("frequencies", "offsets")  # of random Fourier features, which nothing is fitted to


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelPart:
    """One fit.

    Parameters
    ----------
    place : str
        ``NAME.k`` of an ensemble's member with its *k*-th seed; empty for a model by itself.
    card : ModelCard
        Kind, settings, size and history.
    layers : tuple of Layer
        Of a network, or of another model whose tensors are numbers; none of trees.
    trees : TreeSizes or None
        Of a forest.
    weight : float or None
        What its member counts in an ensemble.
    seconds : float or None
        Wall clock of its epochs, where it is known.
    """

    place: str
    card: ModelCard
    layers: tuple[Layer, ...]
    trees: TreeSizes | None
    weight: float | None
    seconds: float | None

    @property
    def parameters(self) -> int | None:
        """Numbers that were fitted, as torch counts them; leaves of trees; None where that cannot be said."""
        if self.trees is not None:
            return self.trees.leaves
        return sum(layer.parameters for layer in self.layers) or self.card.n_parameters or None

    @property
    def keras_parameters(self) -> int | None:
        """The same as Keras counts them."""
        return sum(layer.keras_parameters for layer in self.layers) or self.parameters

    @property
    def settings(self) -> dict[str, Any]:
        """What ``[model]`` said of it."""
        return self.card.settings.model.model_dump(mode="json")

    @property
    def loss(self) -> Mapping[str, float]:
        """Weights of the terms that it was trained by; none for a kind that is fitted otherwise."""
        return self.card.settings.loss.weights if self.card.settings.model.learns_by_epochs else {}

    def as_json(self) -> dict[str, Any]:
        """Everything, as plain values."""
        card = self.card
        return {
            "place": self.place,
            "kind": card.kind,
            "weight": self.weight,
            "seed": card.seed,
            "settings": self.settings,
            "loss": dict(self.loss),
            "parameters": {"torch": self.parameters, "keras": self.keras_parameters},
            "bytes": card.n_bytes,
            "layers": [asdict(layer) for layer in self.layers],
            "trees": None if self.trees is None else asdict(self.trees),
            "validation_rank_ic": None if math.isnan(card.validation_ic) else card.validation_ic,
            "epochs": len(card.history),
            "best_epoch": card.best_epoch,
            "training_seconds": self.seconds,
            "history": [dict(epoch) for epoch in card.history],
            "facts": dict(card.facts),
        }


def parts_of(model: FittedModel, seconds: Callable[[str], float | None] = lambda _place: None) -> tuple[ModelPart, ...]:
    """Every fit behind a model, in order; one for a model that is no ensemble.

    Parameters
    ----------
    model : FittedModel
        As a checkpoint gives it back.
    seconds : callable
        Wall clock of the epochs of the fit at a place; None where it is not known.
    """
    return tuple(
        ModelPart(
            place=place,
            card=fit.card,
            layers=_layers(fit),
            trees=tree_sizes(fit.predictor) if isinstance(fit, FittedEstimator) else None,
            weight=weight,
            seconds=seconds(place),
        )
        for place, fit, weight in _fits(model)
    )


def _fits(model: FittedModel) -> Iterator[tuple[str, FittedModel, float | None]]:
    if not isinstance(model, FittedEnsemble):
        yield "", model, None
        return
    for place, fit in zip(member_models(model.settings), model.fits, strict=True):
        yield place, fit, model.members[place.rpartition(".")[0]].weight


def _layers(fit: FittedModel) -> tuple[Layer, ...]:
    """Layers of the tensors that hold numbers; those of trees and other libraries hold bytes."""
    tensors = {name: tensor for name, tensor in fit.stored().tensors.items() if tensor.is_floating_point()}
    if not isinstance(fit, FittedNetwork):
        return layers_of(tensors, fitted=[name for name in tensors if name not in DRAWN])
    network = fit.trained.outline()
    in_order = {name: tensors[name] for name in network.state_dict() if name in tensors}
    return layers_of(in_order, fitted=[name for name, _ in network.named_parameters()])
