"""``quintile track``: finished runs for TensorBoard or MLflow; the run folder stays the record."""

import json
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quintile.cli.options import Json, Out, Quiet, Verbose, interruptible, run_store

if TYPE_CHECKING:
    from strategy.runs.store import RunFolder
    from strategy.tracking.tracked_run import TrackedRun

__all__ = ["TRACK_EXAMPLES", "track_command"]

TRACK_EXAMPLES = """\b
Examples:
  quintile track latest --to tensorboard
  quintile track 20261121 20261122 --to tensorboard --into events
  quintile track latest --to mlflow"""

TRACKERS = ("tensorboard", "mlflow")


def track_command(
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="Ids of runs, their first characters, or latest.")],
    to: Annotated[str, typer.Option(metavar="TRACKER", help="tensorboard or mlflow.")],
    into: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to; by default the folder tensorboard or mlflow.")
    ] = None,
    out: Out = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Export finished runs to TensorBoard or MLflow: settings, numbers, curves, hashes and files.

    The run folder stays the record and is not touched. A run that lies there already is not exported twice; one that
    has changed since takes its former place.
    """
    from strategy.tracking.tracked_run import tracked_run

    if to not in TRACKERS:
        raise ValueError(f"--to must be {' or '.join(TRACKERS)}, was {to!r}")
    target = into or Path(to)
    store = run_store(out)
    folders = list(dict.fromkeys(store.find(run) for run in runs))
    _check_apart(target, folders)
    export, view = _exporter(to, target)
    with interruptible("what was exported before stays"):
        made = {folder.run_id: export(tracked_run(folder), target) for folder in folders}
    if as_json:
        print(json.dumps({"into": str(target), "exported": made, "view": view}, indent=2))
        return
    for run, new in made.items():
        print(f"{run}  {'exported' if new else 'is there already'}")
    if not quiet:
        print(f"look at them with `{view}`")


def _exporter(to: str, target: Path) -> "tuple[Callable[[TrackedRun, Path], bool], str]":
    """What exports a run, once its library is there, and the command that shows what was exported."""
    if to == "tensorboard":
        from strategy.tracking.tensorboard_files import require_tensorboard, write_events

        require_tensorboard()
        return write_events, shlex.join(["tensorboard", "--logdir", str(target)])
    from strategy.tracking.mlflow_store import require_mlflow, store_address, store_run

    require_mlflow()
    return store_run, shlex.join(["mlflow", "ui", "--backend-store-uri", store_address(target)])


def _check_apart(target: Path, folders: "Sequence[RunFolder]") -> None:
    """Refuse to write into a run."""
    for folder in folders:
        own = folder.path.resolve()
        if own == target.resolve() or own in target.resolve().parents:
            raise ValueError(
                f"--into {target} lies in run {folder.run_id}, which is not touched: choose another folder"
            )
