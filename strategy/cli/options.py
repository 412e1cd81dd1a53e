"""Options and printing that every command shares."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from strategy.runs import RunFolder, RunStore

__all__ = [
    "Json",
    "Open",
    "Out",
    "Quiet",
    "RunId",
    "Sectors",
    "Verbose",
    "absolute",
    "located",
    "print_path",
    "run_store",
    "show_run",
]

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bars.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="More detail; a traceback with an error.")]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of runs.")]
Open = Annotated[bool, typer.Option("--open", help="Open it in the browser.")]
Sectors = Annotated[Path | None, typer.Option(metavar="FILE", help="Sector of each ticker, as of today.")]
RunId = Annotated[str, typer.Argument(metavar="[RUN]", help="A run's id, the beginning of one, or latest.")]


def located(source: str) -> str:
    """Return bars so that a later command finds the same: a stored name with its version, a path in full."""
    from market.store import find_version

    stored = find_version(source)
    if stored is not None:
        return f"{stored[1].name}@{stored[1].fingerprint[:12]}"
    return absolute(source)


def absolute(source: str) -> str:
    """Return the whole path of what is one, and any other word as it is."""
    return str(Path(source).resolve()) if Path(source).exists() else source


def run_store(out: Path) -> "RunStore":
    """Return the store in a folder."""
    from strategy.runs import RunStore

    return RunStore(out)


def show_run(folder: "RunFolder", *, as_json: bool, verbose: bool) -> None:
    """Print a run's verdict and numbers, for people or as JSON."""
    from strategy.summary import print_summary

    if as_json:
        print(json.dumps(folder.metrics | {"run": folder.run_id, "folder": str(folder.path)}, indent=2))
    else:
        print_summary(folder, verbose=verbose)


def print_path(path: Path, *, as_json: bool, quiet: bool = False) -> None:
    """Print where something was written."""
    if as_json:
        print(json.dumps({"path": str(path)}))
    elif not quiet:
        print(path)
