"""The folder of runs: ``runs`` lists them, ``runs prune`` frees their space."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quintile.cli.options import Json, Out, Quiet, Verbose, run_store, told_options
from quintile.cli.version_commands import Versions, versions_folder

if TYPE_CHECKING:
    from strategy.frozen.retention import PrunePlan

__all__ = ["add_store_commands"]


def runs_command(
    context: typer.Context,
    strategy: Annotated[str | None, typer.Option(metavar="NAME", help="Only runs of this strategy.")] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONDITION",
            help="Only runs that meet KEY OP VALUE, e.g. 'sharpe_net>0.5' or 'portfolio.k=0.1'; repeatable. OP is one "
            "of >= <= != = > < and ~, which is contains.",
        ),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="By a headline number, a setting or a fact; oldest first by default."),
    ] = None,
    reverse: Annotated[bool, typer.Option("--reverse", help="Highest first; without --sort, newest first.")] = False,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="The first N by --sort; without it, the newest N.")
    ] = None,
    out: Out = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """List the runs of a folder and the settings in which they differ, or free their space with prune."""
    if context.invoked_subcommand is not None:
        context.obj = {"out": out, "as_json": as_json, "quiet": quiet}
        return
    from quintile.cli.desk.run_list import RunChoice, print_runs

    choice = RunChoice(strategy=strategy, where=tuple(where or ()), sort=sort, reverse=reverse, limit=limit)
    print_runs(out, choice, as_json=as_json, quiet=quiet, verbose=verbose)


def prune_command(
    context: typer.Context,
    keep: Annotated[int | None, typer.Option(metavar="N", help="Keep the newest N runs.")] = None,
    older_than: Annotated[int | None, typer.Option(metavar="DAYS", help="Prune only runs older than this.")] = None,
    artefacts: Annotated[
        bool,
        typer.Option("--artefacts", help="Keep every run; remove training state, CSV copies and kept features alone."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be freed, and remove nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    versions: Versions = None,
    out: Out = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Free the space of old runs.

    The record that the trial log and later verdicts need stays. A run that a version was frozen from stays whole, and
    so does one whose walk has a run that stays.
    """
    from strategy.frozen.retention import plan_artefacts, plan_prune, prune

    above = context.obj or {}  # options may stand before the word prune
    told = told_options(context)
    store = run_store(told.get("out", above.get("out", out)))
    as_json, quiet = as_json or above.get("as_json", False), quiet or above.get("quiet", False)
    if artefacts and (keep is not None or older_than is not None):
        raise ValueError("--artefacts keeps every run: leave --keep and --older-than out")
    if artefacts:
        plan = plan_artefacts(store)
    else:
        plan = plan_prune(store, versions_folder(versions), keep=keep, older_than=older_than)
    if not as_json and not (quiet and yes):
        print(plan)
    goes = bool(plan.n_bytes or plan.runs) and not dry_run and (yes or _asked(plan))
    if goes:
        prune(plan)
    if as_json:
        print(json.dumps(plan.as_dict() | {"removed": goes}, indent=2))
    elif not quiet:
        print("removed" if goes else "nothing was removed")


def _asked(plan: "PrunePlan") -> bool:
    if not sys.stdin.isatty():
        raise ValueError("nobody is there to ask: give --yes to remove, or --dry-run to look")
    return typer.confirm(f"Remove {len(plan.paths)} files and folders?")


def add_store_commands(app: typer.Typer, examples: str, prune_examples: str) -> None:
    """Register ``runs``, which lists when nothing follows it, and ``runs prune``."""
    runs = typer.Typer(invoke_without_command=True, rich_markup_mode=None)
    runs.callback(epilog=examples)(runs_command)
    runs.command("prune", epilog=prune_examples)(prune_command)
    app.add_typer(runs, name="runs")
