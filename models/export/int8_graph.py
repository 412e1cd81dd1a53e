"""Int8: the weights of recurrent and dense layers as bytes, by torch's dynamic quantisation.

Weights are rounded once to 256 steps a tensor; what goes into a layer is rounded anew at each call, by its own range.
ONNX Runtime quantises neither LSTM nor GRU, so that int8 is a TorchScript archive whatever the other format is.

References
----------
B. Jacob et al. (2018), "Quantization and training of neural networks for efficient integer-arithmetic-only inference",
section 2.1.
"""

import warnings

import torch
from torch import nn

from models.export.graph import ExportGraph
from models.export.refusal import ExportError

__all__ = ["int8_graph"]

LAYERS = (nn.LSTM, nn.GRU, nn.Linear)


def int8_graph(graph: ExportGraph, *, kind: str) -> nn.Module:
    """A copy of a graph whose recurrent and dense layers are int8.

    Parameters
    ----------
    graph : ExportGraph
        Stays as it is.
    kind : str
        For an error.

    Raises
    ------
    ExportError
        If it has no such layer.
    """
    if not any(isinstance(layer, LAYERS) for layer in graph.modules()):
        raise ExportError(f"kind {kind} has no recurrent or dense layer for int8: leave --int8 out")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces that another package will take this over
        from torch.ao.quantization import quantize_dynamic

        made: nn.Module = quantize_dynamic(graph, set(LAYERS), dtype=torch.qint8)  # type: ignore[no-untyped-call]
    return made.eval()
