"""Export card: what another program must know of a bundle: what goes in, what comes out, and where it is from."""

from importlib import metadata
from typing import Any

from live.export.bundle import FORMAT, INT8, ONNX
from live.export.graph_set import ExportOptions, GraphSet
from market.panel import Panel
from models.export.graph_files import INPUTS, OPSET, OUTPUT
from strategy.frozen.run_version import FrozenStrategy

__all__ = ["export_card"]

LIBRARIES = ("numpy", "onnx", "onnxruntime", "onnxscript", "torch")


def export_card(frozen: FrozenStrategy, panel: Panel, made: GraphSet, options: ExportOptions) -> dict[str, Any]:
    """The card of a bundle, as plain values.

    Parameters
    ----------
    frozen : FrozenStrategy
        The version.
    panel : Panel
        The bars that parity was measured on.
    made : GraphSet
        Its graphs.
    options : ExportOptions
        What was asked for.
    """
    settings, scaler = made.checkpoint.model.settings.model, made.checkpoint.model.scaler
    names = list(scaler.names)
    features, universe = INPUTS
    return {
        "format": FORMAT,
        "version": str(frozen.folder.version),
        "lock": frozen.folder.sha256,
        "kind": "+".join(settings.kinds),
        "features": names,
        "feature_set": frozen.spec.features.set,
        "lookback": settings.lookback,
        "horizon": frozen.spec.label.horizon,
        "opset": OPSET if ONNX in made.files else None,
        "inputs": {
            features: {"dtype": "float32", "shape": ["sessions", "names", len(names)], "missing": "NaN"},
            universe: {"dtype": "bool", "shape": ["sessions", "names"]},
        },
        "outputs": {OUTPUT: {"dtype": "float64", "shape": [f"sessions - {settings.lookback - 1}", "names"]}},
        "files": made.hashes,
        "bytes": {name: len(content) for name, content in made.files.items()},
        "calibration": made.checkpoint.calibration.as_card(),
        "int8": INT8 in made.files,
        "prune": options.prune,
        "pruned": None if made.pruned is None else {"zeros": made.pruned.zeros, "weights": made.pruned.weights},
        "learned_until": f"{made.checkpoint.learned_until:%Y-%m-%d}",
        "panel": panel.fingerprint(),
        "notes": _notes(frozen, made, options),
        "libraries": _libraries(),
    }


def _notes(frozen: FrozenStrategy, made: GraphSet, options: ExportOptions) -> list[str]:
    """What the graph does otherwise, or leaves out."""
    heads, uncertainty = made.checkpoint.model.settings.model.gives, frozen.spec.uncertainty
    notes = {
        "features are rounded to float32 on the way in; an infinite one counts as missing": True,
        f"heads {', '.join(heads)}: the graph gives the expected return alone": len(heads) > 1,
        "ranges of returns are not in the graph": uncertainty.is_on,
        "the version's book weighs expected returns by their spread, which is not in the graph": uncertainty.weigh,
        "ONNX Runtime leaves recurrent layers in float: int8 is the TorchScript archive": options.int8
        and "onnx" in options.formats,
        "int8 rounds what goes into a layer by the range of its call: score one session a call": options.int8,
        "pruned weights are zeros in dense matrices: neither smaller nor faster": options.prune is not None,
    }
    return [note for note, holds in notes.items() if holds]


def _libraries() -> dict[str, str]:
    """Versions of what wrote and checked the files, where they are installed."""
    found = {}
    for name in ("quintile", *LIBRARIES):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
