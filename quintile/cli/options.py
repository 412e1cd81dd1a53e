"""Options and printing that every command shares."""

import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from market.request import BarsRequest
    from strategy.runs.store import RunFolder, RunStore

__all__ = [
    "Factors",
    "Hedge",
    "Json",
    "Open",
    "Out",
    "Quiet",
    "RunId",
    "Sectors",
    "Universe",
    "Verbose",
    "bars_request",
    "command_line",
    "interruptible",
    "print_path",
    "print_rows",
    "run_store",
    "show_file",
    "show_run",
]

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bars.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="More detail; a traceback with an error.")]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of runs.")]
Open = Annotated[bool, typer.Option("--open", help="Open it in the browser.")]
Sectors = Annotated[Path | None, typer.Option(metavar="FILE", help="Sector of each ticker, as of today.")]
Factors = Annotated[Path | None, typer.Option(metavar="FILE", help="Factor returns as fractions, to regress on.")]
Hedge = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Bars of what portfolio.hedge sells, beside the universe.")
]
Universe = Annotated[
    str, typer.Option(help="all, topN (by trailing dollar volume) or a member file; ,age=N,price=X behind.")
]
RunId = Annotated[str, typer.Argument(metavar="[RUN]", help="A run's id, the beginning of one, or latest.")]


def located(source: str) -> str:
    """Bars so that a later command finds the same: a stored name with its version, a path in full."""
    from market.store import find_version

    stored = find_version(source)
    if stored is not None:
        return f"{stored[1].name}@{stored[1].fingerprint[:12]}"
    return absolute(source)


def absolute(source: str) -> str:
    """The whole path of what is one, and any other word as it is."""
    return str(Path(source).resolve()) if Path(source).exists() else source


def absolute_universe(universe: str) -> str:
    """A universe with the whole path of its member file, if it has one, and its conditions as they are."""
    from market.eligibility import Eligibility

    source = Eligibility.parse(universe).source
    return absolute(source) + universe[len(source) :]


def bars_request(bars: str, universe: str | None = None, **beside: Path | str | bool | None) -> "BarsRequest":
    """Bars and what stands beside them as the options say, files by absolute path."""
    from market.request import BarsRequest

    words: dict[str, Any] = {k: str(v.resolve()) if isinstance(v, Path) else v for k, v in beside.items()}
    return BarsRequest(bars=located(bars), universe=absolute_universe(universe or "all"), **words)


@contextmanager
def interruptible(store: "RunStore") -> Iterator[None]:
    """Answer Ctrl-C with what continues the unfinished run, and exit with 130."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        left = [folder for folder in store.folders() if not folder.is_complete]
        hint = f"continue with `{left[-1].resume_command}`" if left else "nothing was started"
        print(f"quintile: interrupted; {hint}", file=sys.stderr)
        raise typer.Exit(130) from interrupt


def command_line() -> str:
    """The words that the user typed."""
    return shlex.join(["quintile", *sys.argv[1:]])


def run_store(out: Path) -> "RunStore":
    """The store in a folder."""
    from strategy.runs.store import RunStore

    return RunStore(out)


def show_run(folder: "RunFolder", *, as_json: bool, verbose: bool) -> None:
    """Print a run's verdict and numbers, for people or as JSON."""
    from quintile.cli.summary import print_summary

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


def show_file(path: Path, *, open_: bool, as_json: bool, quiet: bool) -> None:
    """Print where a file is and open it if asked to; quiet silences the path of a file that is opened."""
    print_path(path, as_json=as_json, quiet=quiet and open_)
    if open_:
        typer.launch(path.resolve().as_uri())


def print_rows(rows: list[dict[str, Any]], *, empty: str, without: Sequence[str], as_json: bool, quiet: bool) -> None:
    """Print rows of equal keys: all of them as JSON, a table that leaves some columns out, or ``empty`` for none."""
    from quintile.cli.console import table

    if as_json:
        print(json.dumps(rows, indent=2))
    elif rows:
        columns = [column for column in rows[0] if column not in without]
        table("", columns, [[_cell(row[column]) for column in columns] for row in rows])
    elif not quiet:
        print(empty)


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
