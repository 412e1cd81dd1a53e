"""Layer counts: the layers behind stored tensors, with their parameters as torch and as Keras count them.

Read from names and shapes alone, as torch names them: nothing is built or run. An LSTM layer of width h on n inputs has
4(h(n + h) + 2h) parameters in torch, which keeps two biases a gate, and 4(h(n + h) + h) in Keras, which keeps one; a
GRU has 3(h(n + h) + 2h) in both (Keras with ``reset_after``), and a simple recurrence is spared a bias as an LSTM is.
Every other layer counts alike.
"""

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Layer", "Shaped", "layers_of"]

RECURRENT = re.compile(r"(weight|bias)_(ih|hh|hr)_(l\d+(?:_reverse)?)")
CELLS = {1: "recurrent", 3: "GRU", 4: "LSTM"}  # by gates
DENSE = {1: "norm", 2: "dense", 3: "convolution", 4: "convolution"}  # by axes of the weight


class Shaped(Protocol):
    """A tensor, of which the shape is read."""

    @property
    def shape(self) -> Collection[int]:
        """Length of each axis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer of a fitted model.

    Parameters
    ----------
    name : str
        Where it is in the network.
    kind : str
        LSTM, GRU, recurrent, dense, convolution, norm, weights, or buffer, which is kept and not fitted.
    shapes : mapping of str to tuple of int
        Shape of each of its tensors, by its name within the layer.
    parameters, keras_parameters : int
        As torch counts and as Keras does.
    """

    name: str
    kind: str
    shapes: Mapping[str, tuple[int, ...]]
    parameters: int
    keras_parameters: int

    def __str__(self) -> str:
        return f"{self.name} ({self.kind}, {self.parameters:,})"


def layers_of(tensors: Mapping[str, Shaped], *, fitted: Collection[str] | None = None) -> tuple[Layer, ...]:
    """The layers of a model in the order of its tensors.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        By name, such as ``lstm.weight_ih_l0`` or ``head.bias``.
    fitted : collection of str, optional
        Names of those that were fitted; all by default.

    Examples
    --------
    >>> import torch
    >>> layers = layers_of(torch.nn.LSTM(7, 64).state_dict())
    >>> [(layer.name, layer.kind, layer.parameters, layer.keras_parameters) for layer in layers]
    [('l0', 'LSTM', 18688, 18432)]
    """
    groups: dict[tuple[str, bool], dict[str, tuple[int, ...]]] = {}
    for name, tensor in tensors.items():
        place, leaf = _place(name)
        is_fitted = fitted is None or name in fitted
        groups.setdefault((place, is_fitted), {})[leaf] = tuple(tensor.shape)
    return tuple(_layer(place, shapes, is_fitted=is_fitted) for (place, is_fitted), shapes in groups.items())


def _place(name: str) -> tuple[str, str]:
    """The layer that a tensor belongs to, and its name there; layers that torch stacks in one module are told apart."""
    place, _, leaf = name.rpartition(".")
    stacked = RECURRENT.fullmatch(leaf)
    if stacked is None:
        return place, leaf
    return f"{place}.{stacked[3]}".lstrip("."), f"{stacked[1]}_{stacked[2]}"


def _layer(place: str, shapes: dict[str, tuple[int, ...]], *, is_fitted: bool) -> Layer:
    count = sum(map(math.prod, shapes.values())) if is_fitted else 0
    kind = _kind(shapes) if is_fitted else "buffer"
    spared = math.prod(shapes.get("bias_hh", (0,))) if kind in ("LSTM", "recurrent") else 0
    return Layer(name=place or "network", kind=kind, shapes=shapes, parameters=count, keras_parameters=count - spared)


def _kind(shapes: Mapping[str, tuple[int, ...]]) -> str:
    if "weight_hh" in shapes:
        rows, read = shapes["weight_hh"]
        width = shapes["weight_hr"][1] if "weight_hr" in shapes else read
        return CELLS.get(rows // width, "weights") if rows % width == 0 else "weights"
    if "weight" in shapes and shapes.keys() <= {"weight", "bias"}:
        return DENSE.get(len(shapes["weight"]), "weights")
    return "weights"
