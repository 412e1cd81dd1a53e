"""Graph files: a graph as the bytes of one ONNX or TorchScript file, and what scores with such bytes.

Both are traced with several sessions and names, so that neither count is part of the file. A TorchScript archive holds
code: it is only ever loaded when its sha256 is the one that the card beside it states.
"""

import hashlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from models.export.graph import ExportGraph
from models.export.refusal import ExportError
from models.forecasters.forecast_extra import forecast_library
from models.model_kinds import own_failures
from models.threads import threads

__all__ = ["INPUTS", "OPSET", "OUTPUT", "GraphScores", "onnx_bytes", "onnx_scores", "torchscript_bytes"]
__all__ += ["torchscript_scores"]

INPUTS = ("features", "universe")
OUTPUT = "expected_returns"
OPSET = 20
TRACED = (3, 2)  # decisions and names: neither is 1, which a tracer would take for a constant
MAX_ONNX_BYTES = 2**31 - 1  # of one file, by protocol buffers
SEED = 7

GraphScores = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Features (S, N, F) of float32 and universe (S, N) of bool to expected returns (S − L + 1, N) of float64."""


def onnx_bytes(graph: ExportGraph, *, kind: str) -> bytes:
    """The graph as one ONNX file, its weights inside.

    Parameters
    ----------
    graph : ExportGraph
        From ``export_graph``.
    kind : str
        For an error.

    Raises
    ------
    ExportError
        If torch's exporter has no form for an operation of the network, or the file would be too large.
    MissingExtraError
        If onnx or onnxscript is not installed.
    """
    for name in ("onnx", "onnxscript"):
        forecast_library(name, extra="export")
    sessions, names = torch.export.Dim("sessions", min=graph.lookback), torch.export.Dim("names", min=1)
    axes = {0: sessions, 1: names}
    with _hushed(), own_failures(kind):
        try:
            program = torch.onnx.export(
                graph,
                traced_inputs(graph),
                dynamo=True,
                opset_version=OPSET,
                input_names=list(INPUTS),
                output_names=[OUTPUT],
                dynamic_shapes=dict.fromkeys(INPUTS, axes),
                verbose=False,
            )
        except torch.onnx.errors.OnnxExporterError as error:
            raise ExportError(f"kind {kind} has no ONNX form: {_reason(error)}") from error
    content: bytes = program.model_proto.SerializeToString()  # type: ignore[union-attr]
    if len(content) > MAX_ONNX_BYTES:
        raise ExportError(f"kind {kind} is too large for one ONNX file: {len(content):,} bytes")
    return content


def torchscript_bytes(graph: ExportGraph, *, kind: str, changed: nn.Module | None = None) -> bytes:
    """The graph, or a changed copy of it, as a TorchScript archive.

    Parameters
    ----------
    graph : ExportGraph
        From ``export_graph``; says what goes in.
    kind : str
        For an error.
    changed : Module, optional
        Its int8 form, which is written in its place.

    Raises
    ------
    ExportError
        If the network cannot be traced.
    """
    written = io.BytesIO()
    with _hushed(), own_failures(kind), torch.inference_mode(False), torch.no_grad():
        try:
            traced = torch.jit.trace(changed or graph, traced_inputs(graph), check_trace=False)  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            raise ExportError(f"kind {kind} cannot be traced: {_reason(error)}") from error
        torch.jit.save(traced, written)
    return written.getvalue()


def onnx_scores(content: bytes, *, n_threads: int = 1) -> GraphScores:
    """What scores with an ONNX file, in ONNX Runtime on the processor.

    Raises
    ------
    MissingExtraError
        If onnxruntime is not installed.
    """
    runtime = forecast_library("onnxruntime", extra="export")
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = n_threads, 3
    session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def score(features: np.ndarray, universe: np.ndarray) -> np.ndarray:
        given = dict(zip(INPUTS, (features, universe), strict=True))
        found: np.ndarray = session.run([OUTPUT], given)[0]
        return found

    return score


def torchscript_scores(content: bytes, *, sha256: str, n_threads: int = 1) -> GraphScores:
    """What scores with a TorchScript archive of ours.

    Parameters
    ----------
    content : bytes
        The archive.
    sha256 : str
        What its card states; an archive of another is not opened.
    n_threads : int
        Threads of each call.

    Raises
    ------
    ExportError
        If the archive is another.
    """
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ExportError("the TorchScript archive is not the one that its card describes, and is not opened")
    with _hushed():
        torch.quantize_per_tensor(torch.zeros(1), 1.0, 0, torch.qint8)  # tells once that it is deprecated: not the user
        loaded = torch.jit.load(io.BytesIO(content), map_location="cpu")  # type: ignore[no-untyped-call]

    def score(features: np.ndarray, universe: np.ndarray) -> np.ndarray:
        given = (torch.from_numpy(np.ascontiguousarray(each)) for each in (features, universe))
        with threads(n_threads), torch.inference_mode():
            found: np.ndarray = loaded(*given).numpy()
        return found

    return score


def traced_inputs(graph: ExportGraph) -> tuple[torch.Tensor, torch.Tensor]:
    """Features and universe of the shape that graphs are traced with."""
    decisions, names = TRACED
    drawn = torch.randn(
        (graph.lookback + decisions - 1, names, len(graph.scaling.sd)), generator=torch.Generator().manual_seed(SEED)
    )
    features = (drawn * graph.scaling.sd + graph.scaling.mean).float()
    return features, torch.ones(features.shape[:2], dtype=torch.bool)


@contextmanager
def _hushed() -> Iterator[None]:
    """Without the warnings and log lines that torch's exporters give of themselves."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _reason(error: BaseException) -> str:
    """The first line of what is behind an error."""
    cause = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    return (lines[0] if lines else type(cause).__name__)[:200]
