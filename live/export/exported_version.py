"""Exported version: a frozen version as a bundle, written only where its files score as the version does."""

from pathlib import Path

from core.files import write_bytes, write_json
from live.export.bundle import CARD, PARITY, Bundle
from live.export.bundle_place import new_bundle, require_place
from live.export.export_card import export_card
from live.export.graph_set import ExportOptions, graph_set
from live.export.parity_study import parity_study
from market.panel import Panel
from models.export.refusal import ExportError
from strategy.frozen.run_version import FrozenStrategy, open_frozen
from strategy.frozen.versions import VersionFolder
from strategy.trials.log import TrialLog

__all__ = ["export_version", "opened_version"]


def opened_version(folder: VersionFolder, log: TrialLog) -> FrozenStrategy:
    """A version that may be exported: intact, under the lock that the log knows, and of the code that runs now.

    Raises
    ------
    ExportError
        If its deciding code has changed and no replay with this code attests the same numbers.
    RunError
        If it is not intact, or its lock is another.
    """
    frozen = open_frozen(folder, log, allow_drift=True)
    if frozen.stamps:
        raise ExportError(
            f"{folder.version} was frozen with other code than runs now, and is not exported: see whether `quintile "
            f"replay {folder.version}` gives the same numbers"
        )
    return frozen


def export_version(frozen: FrozenStrategy, panel: Panel, out: Path, *, options: ExportOptions | None = None) -> Bundle:
    """Export a version: graph files, parity with our own scoring on every test session, card; all of it or nothing.

    Parameters
    ----------
    frozen : FrozenStrategy
        From ``opened_version``, so that its files and code are checked.
    panel : Panel
        Bars that reach past its validation span; its own, where it holds them.
    out : Path
        Folder of the bundle; a former export there is replaced.
    options : ExportOptions, optional
        Formats, int8, pruning.

    Raises
    ------
    ExportError
        If the kind cannot be a graph, or a file does not keep the written limits of parity.
    MissingExtraError
        If a library of the extra ``export`` is not installed.
    ValueError
        If the folder holds something else, or the bars no test session.
    """
    options = options or ExportOptions()
    require_place(out)
    with new_bundle(out) as folder:  # first, so that a place that cannot be written to fails before the work
        made = graph_set(frozen, options)
        parity = parity_study(frozen, panel, made, options)
        card = export_card(frozen, panel, made, options)
        for name, content in made.files.items():
            write_bytes(folder / name, content)
        write_json(folder / PARITY, parity)
        write_json(folder / CARD, card)
    return Bundle(folder=out, card=card, parity=parity)
