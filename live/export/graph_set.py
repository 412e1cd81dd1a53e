"""Graph set: what of a version is exported, and the bytes of every file that was asked for."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.progress import ProgressCallback, silent
from live.export.bundle import INT8, ONNX, TORCHSCRIPT, ExportFormat
from models.checkpoint import Checkpoint
from models.export.graph import ExportGraph, export_graph
from models.export.graph_files import onnx_bytes, torchscript_bytes
from models.export.int8_graph import int8_graph
from models.export.pruned_weights import PrunedModel, pruned_checkpoint
from models.export.refusal import ExportError
from strategy.frozen.run_version import FrozenStrategy

__all__ = ["ExportOptions", "GraphSet", "export_options", "graph_set"]

FORMATS: Mapping[ExportFormat, str] = {"onnx": ONNX, "torchscript": TORCHSCRIPT}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """What is exported, and how.

    Parameters
    ----------
    formats : tuple of {"onnx", "torchscript"}
        Files of float weights, one at least, each once.
    int8 : bool
        Beside them, an archive whose recurrent and dense layers are int8.
    prune : float or None
        Share of every matrix of a network that is set to zero first, in all files.
    progress : callable
        Called as sessions are scored.
    """

    formats: tuple[ExportFormat, ...] = ("onnx",)
    int8: bool = False
    prune: float | None = None
    progress: ProgressCallback = silent

    def __post_init__(self) -> None:
        if not self.formats:
            raise ValueError("--to must be onnx or torchscript, was neither")
        if self.prune is not None and not 0.0 < self.prune < 1.0:
            raise ValueError(f"--prune must be a share above 0 and below 1, was {self.prune:g}")


def export_options(
    formats: Iterable[str], *, int8: bool = False, prune: float | None = None, progress: ProgressCallback = silent
) -> ExportOptions:
    """What is exported, from words; each format counts once.

    Raises
    ------
    ValueError
        If a format is neither onnx nor torchscript, or the share no share.
    """
    asked = list(dict.fromkeys(formats))
    known = {str(each): each for each in FORMATS}
    if strangers := [each for each in asked if each not in known]:
        raise ValueError(f"--to must be onnx or torchscript, was {strangers[0][:60]!r}")
    return ExportOptions(formats=tuple(known[each] for each in asked), int8=int8, prune=prune, progress=progress)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GraphSet:
    """The graph of a version and its files.

    Parameters
    ----------
    checkpoint : Checkpoint
        What the graph was made of: the version's, or the pruned one.
    graph : ExportGraph
        As it runs in torch.
    files : mapping of str to bytes
        By name.
    pruned : PrunedModel or None
        What pruning did.
    """

    checkpoint: Checkpoint
    graph: ExportGraph
    files: Mapping[str, bytes]
    pruned: PrunedModel | None

    @property
    def hashes(self) -> dict[str, str]:
        """Sha256 of each file."""
        return {name: hashlib.sha256(content).hexdigest() for name, content in self.files.items()}


def graph_set(frozen: FrozenStrategy, options: ExportOptions) -> GraphSet:
    """Make the graph of a version and the bytes of its files.

    Raises
    ------
    ExportError
        If its kind cannot be a graph, be pruned or be int8.
    MissingExtraError
        If a library of the extra ``export`` is not installed.
    """
    kind = "+".join(frozen.spec.model.kinds)
    if frozen.spec.model.scored == "long":
        raise ExportError(
            f"{frozen.folder.version} is scored long, its state carried through each calendar quarter, and a graph "
            'reads windows: train it with model.scoring = "exact"'
        )
    pruned = None if options.prune is None else pruned_checkpoint(frozen.checkpoint, options.prune)
    checkpoint = frozen.checkpoint if pruned is None else pruned.checkpoint
    graph = export_graph(checkpoint)
    files: dict[str, bytes] = {}
    tell, steps = options.progress, len(options.formats) + options.int8
    changed = int8_graph(graph, kind=kind) if options.int8 else None
    for name in options.formats:
        tell("writing graphs", len(files), steps, FORMATS[name])
        write = {"onnx": onnx_bytes, "torchscript": torchscript_bytes}[name]
        files[FORMATS[name]] = write(graph, kind=kind)
    if changed is not None:
        files[INT8] = torchscript_bytes(graph, changed=changed, kind=kind)
    tell("writing graphs", steps, steps)
    return GraphSet(checkpoint=checkpoint, graph=graph, files=files, pruned=pruned)
