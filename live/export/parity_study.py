"""Parity study: every file of a graph set on every test session, beside our own scoring, and whether it may leave."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from live.export.bundle import INT8, opened_graph
from live.export.graph_set import ExportOptions, GraphSet
from live.export.parity import (
    NAMES,
    RULE,
    cost_fault,
    graph_parity,
    panels_of_names,
    parity_fault,
    weights_cost,
)
from live.export.scored_version import ScoredVersion, scored_version
from market.panel import Panel
from models.export.refusal import ExportError
from strategy.frozen.run_version import FrozenStrategy

__all__ = ["parity_study"]

FORMAT = "quintile parity 1"


def parity_study(frozen: FrozenStrategy, panel: Panel, made: GraphSet, options: ExportOptions) -> dict[str, Any]:
    """How every file scores beside the version, as plain values.

    Parameters
    ----------
    frozen : FrozenStrategy
        The version.
    panel : Panel
        Bars that reach past its validation span.
    made : GraphSet
        Its graphs.
    options : ExportOptions
        Shows progress.

    Raises
    ------
    ExportError
        If a file does not keep the limits of ``RULE``.
    """
    version = scored_version(frozen, panel, made.checkpoint, progress=options.progress)
    costs = {}
    if made.pruned is not None:
        whole = scored_version(frozen, panel, frozen.checkpoint, progress=options.progress)
        costs["prune"] = _cost(version.expected, whole, way="prune")
    files, panels = {}, panels_of_names(version, progress=options.progress)
    for name in made.files:
        score = opened_graph(name, made.files[name], sha256=made.hashes[name])
        table, found = graph_parity(
            score,
            version,
            panels=panels,
            one_by_one=name == INT8,
            progress=options.progress,
            stage=f"scoring with {name}",
        )
        fault = None if name == INT8 else parity_fault(table, has_steps=made.graph.has_steps)
        if fault is not None:
            raise ExportError(f"{name} does not score as {frozen.folder.version} does, and is not written: {fault}")
        files[name] = table.as_json()
        if name == INT8:
            costs["int8"] = _cost(found, version, way="int8")
    tested = version.expected.index
    return {
        "format": FORMAT,
        "version": str(frozen.folder.version),
        "panel": panel.fingerprint(),
        "first": f"{tested[0]:%Y-%m-%d}",
        "last": f"{tested[-1]:%Y-%m-%d}",
        "sessions": len(tested),
        "names": len(version.expected.columns),
        "panels_of_names": list(NAMES),
        "rule": dict(RULE),
        "files": files,
        "cost": costs,
    }


def _cost(changed: pd.DataFrame, version: ScoredVersion, *, way: str) -> Mapping[str, Any]:
    cost = weights_cost(changed, version)
    if (fault := cost_fault(cost, way=way)) is not None:
        raise ExportError(f"--{way} costs {version.frozen.folder.version} too much, and is not written: {fault}")
    return cost.as_json()
