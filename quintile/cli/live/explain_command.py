"""``quintile explain``: why two results differ, stage by stage."""

import json
from pathlib import Path
from typing import Annotated

import typer

from quintile.cli.options import (
    ExchangeCode,
    Json,
    Open,
    Quiet,
    Verbose,
    Versions,
    command_line,
    run_store,
    runs_named_by,
)

__all__ = ["EXPLAIN_EXAMPLES", "explain_command"]

EXPLAIN_EXAMPLES = """\b
Examples:
  quintile explain 20261121 latest --out why.html
  quintile explain latest filter_negative@1.0.0
  quintile explain latest trades.csv --capital 1000000
  quintile explain filter_negative@1.1.0 paper:filter_negative@1.1.0 --bars latest.parquet
  quintile explain paper:filter_negative@1.1.0 fills:filter_negative@1.1.0 --bars latest.parquet --json

trades.csv has a row a fill: date, ticker, shares (or size with a side), price, and fee where there is one."""

SIDE = (
    "An id of a run or its folder, NAME@VERSION, paper:NAME@VERSION, fills:NAME@VERSION, or a file of another tool's "
    "trades."
)


def explain_command(
    first: Annotated[str, typer.Argument(metavar="A", help=SIDE)],
    second: Annotated[str, typer.Argument(metavar="B", help="The same; figures are those of B less those of A.")],
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE.html", help="Also write the page there.")] = None,
    bars: Annotated[
        str | None, typer.Option(metavar="PATH", help="Bars for a side that has none of its own, or not any more.")
    ] = None,
    universe: Annotated[str | None, typer.Option(help="Universe of these bars; a run's or version's own else.")] = None,
    exchange: ExchangeCode = None,
    capital: Annotated[
        float | None, typer.Option(metavar="CASH", min=1e-9, help="Cash before the first of given trades or fills.")
    ] = None,
    versions: Versions = None,
    store: Annotated[Path, typer.Option("--store", metavar="DIR", help="Folder of runs.")] = Path("runs"),
    open_: Open = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Explain why two results differ: return, Sharpe ratio and IC by stage, by replays with stages swapped."""
    from live.differences.differences_page import write_page
    from live.differences.gap_division import explain
    from live.differences.recipe_sources import Told, recipes
    from quintile.bar_requests import told_fields
    from quintile.cli.options import versions_folder
    from quintile.progress_display import progress_bars

    if open_ and out is None:
        raise ValueError("--open needs --out: the page that is opened")
    if bars is None and (universe is not None or exchange is not None):
        raise ValueError("--universe and --exchange need --bars: they say how these bars are read")
    words = {"bars": bars, "universe": universe, "exchange": exchange}
    fields = told_fields({name: word for name, word in words.items() if word is not None})
    with progress_bars(quiet=quiet or as_json) as progress, runs_named_by("--store"):
        told = Told(store=run_store(store), versions=versions_folder(versions), fields=fields, capital=capital)
        found = explain(*recipes(first, second, told), progress=progress)
    if out is not None:
        found = write_page(found, out, command=command_line())
    if as_json:
        print(json.dumps(found.as_dict() | {"page": None if out is None else str(out)}, indent=2))
    else:
        print(found)
        if out is not None:
            print(f"page  {out}")
    if open_ and out is not None:
        typer.launch(out.resolve().as_uri())
