"""``quintile export``: a frozen version as ONNX or TorchScript, written only where it scores as the version does."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quintile.cli.options import ExchangeCode, Json, Quiet, Verbose, Versions, interruptible

if TYPE_CHECKING:
    from live.export.bundle import Bundle
    from market.panel import Panel
    from strategy.frozen.versions import VersionFolder

__all__ = ["EXPORT_EXAMPLES", "export_command"]

EXPORT_EXAMPLES = """\b
Examples:
  quintile export filter_negative@1.1.0 --to onnx --out exported
  quintile export filter_negative@1.1.0 --to onnx --to torchscript --int8 --out exported
  quintile export filter_negative@1.1.0 --to torchscript --prune 0.5 --out pruned

Raw features and the universe go in, expected returns come out: scaler, windows, network, z-score and calibration are
inside. Every test session is scored by each file and compared with the version; what does not agree is not written."""


def export_command(
    version: Annotated[str, typer.Argument(metavar="NAME@VERSION", help="A frozen version.")],
    to: Annotated[list[str], typer.Option("--to", metavar="FORMAT", help="onnx or torchscript; repeatable.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the export; a former one is replaced.")],
    int8: Annotated[
        bool, typer.Option("--int8", help="Also an archive with int8 layers, and what that costs.")
    ] = False,
    prune: Annotated[
        float | None, typer.Option(metavar="SHARE", help="Smallest weights set to zero, of every matrix of a network.")
    ] = None,
    bars: Annotated[
        str | None, typer.Option("--bars", metavar="PATH", help="Bars of the version, where it does not hold them.")
    ] = None,
    universe: Annotated[str | None, typer.Option(help="Universe of --bars.")] = None,
    exchange: ExchangeCode = None,
    versions: Versions = None,
    runs: Annotated[Path, typer.Option("--runs", metavar="DIR", help="Folder of runs, whose log knows locks.")] = Path(
        "runs"
    ),
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Export a version as one graph from raw features to expected returns, with a card and a parity report."""
    from live.export.bundle_place import require_place
    from live.export.exported_version import export_version, opened_version
    from live.export.graph_set import export_options
    from quintile.cli.version_commands import find
    from quintile.progress_display import progress_bars
    from strategy.trials.log import TrialLog

    require_place(out)
    folder = find(version, versions)
    with interruptible(), progress_bars(quiet=quiet or as_json) as progress:
        options = export_options(to, int8=int8, prune=prune, progress=progress)
        frozen = opened_version(folder, TrialLog(runs))
        panel = _panel(folder, {"bars": bars, "universe": universe, "exchange": exchange})
        made = export_version(frozen, panel, out, options=options)
    if as_json:
        print(json.dumps({"folder": str(made.folder), "card": made.card, "parity": made.parity}, indent=2))
    else:
        _print(made)


def _panel(folder: "VersionFolder", told: dict[str, Any]) -> "Panel":
    """The version's bars, or those that were told."""
    from market.inputs import load_inputs
    from quintile.cli.version_commands import told_request
    from strategy.frozen.replay import frozen_spec, version_bars

    if not any(told.values()):
        return version_bars(folder, folder.body)
    return load_inputs(told_request(folder, **told), holdout=frozen_spec(folder).holdout).panel


def _print(made: "Bundle") -> None:
    from live.export import parity_words
    from quintile.cli.console import table

    parity = made.parity
    span = f"{parity['sessions']:,} test sessions from {parity['first']} to {parity['last']}"
    title = f"{parity['version']}, {span}, {parity['names']:,} names"
    table(title, parity_words.FILE_COLUMNS, parity_words.file_rows(parity))
    table("Panels of other sizes, one session a call", parity_words.NAMES_COLUMNS, parity_words.names_rows(parity))
    if parity["cost"]:
        table("What changed weights cost", parity_words.COST_COLUMNS, parity_words.cost_rows(parity))
    print("\n".join([*parity_words.bundle_lines(made.card), str(made.folder)]))
