"""Commands of the desk: ``compare`` and ``board``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quintile.cli.options import Json, Open, Out, Quiet, Verbose, Versions, print_path, run_store, show_file

if TYPE_CHECKING:
    from backtests.report.boards.comparison import Comparison

__all__ = ["BOARD_EXAMPLES", "COMPARE_RUNS_EXAMPLES", "board_command", "compare_command"]

COMPARE_RUNS_EXAMPLES = """\b
Examples:
  quintile compare 20261121 latest
  quintile compare 20261121 20261122 20261123 --open
  quintile compare latest filter_negative@1.0.0 --json"""
BOARD_EXAMPLES = """\b
Examples:
  quintile board
  quintile board --open
  quintile board --out DIR --quiet"""

Page = Annotated[
    Path | None,
    typer.Option("--page", metavar="FILE.html", help="Path of the page; within the folder of runs by default."),
]


def compare_command(
    runs: Annotated[
        list[str],
        typer.Argument(metavar="RUN RUN ...", help="Ids of runs, their first characters, latest, or NAME@VERSION."),
    ],
    page: Page = None,
    open_: Open = False,
    versions: Versions = None,
    out: Out = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Compare runs: settings that differ, curves, and whether their numbers can be told apart, on one page."""
    from quintile.cli.version_commands import versions_folder
    from strategy.desk.compare_runs import compare_runs

    found = compare_runs(runs, store=run_store(out), versions=versions_folder(versions), page=page)
    if as_json:
        print(json.dumps(found.as_dict() | {"page": str(found.page)}, indent=2))
    elif not quiet:
        _print(found)
    if open_ and found.page is not None:
        typer.launch(found.page.resolve().as_uri())


def board_command(
    page: Page = None,
    open_: Open = False,
    versions: Annotated[
        Path | None,
        typer.Option(
            "--versions",
            metavar="DIR",
            help="Folder of versions; those beside the runs and the shipped ones by default.",
        ),
    ] = None,
    forecasts: Annotated[
        Path | None, typer.Option("--forecasts", metavar="DIR", help="Folder of forecasts; beside the runs by default.")
    ] = None,
    out: Out = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Draw one page over all runs, walks, sweeps, forecasts and versions; it is drawn anew as runs end."""
    from strategy.desk.board import draw_board

    board = draw_board(out, page=page, versions=versions, forecasts=forecasts)
    if not (as_json or quiet):
        print(board.counts)
    show_file(board.page, open_=open_, as_json=as_json, quiet=quiet)


def _print(found: "Comparison") -> None:
    """Print what can be told apart, then runs and settings, in as many tables as the terminal is narrow."""
    from backtests.report.boards.comparison import run_rows, settings_rows, shared_facts
    from quintile.cli.console import table

    for line in (*found.remarks, *found.sentences):
        print(line)
    print()
    apart, same = shared_facts(run_rows(found))
    table("", ["", *found.names], apart, in_parts=True)
    print("\n".join(same))
    settings = settings_rows(found)
    if settings:
        print()
        table("", ["setting that differs", *found.names], settings, in_parts=True)
    if found.page is not None:
        print("page  ", end="")
        print_path(found.page, as_json=False)
