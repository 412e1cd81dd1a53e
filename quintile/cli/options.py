"""Options and printing shared by all commands."""

import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from strategy.runs.store import RunFolder, RunStore

__all__ = [
    "AllowDrift",
    "Assignments",
    "Bars",
    "Benchmark",
    "Csv",
    "End",
    "ExchangeCode",
    "Factors",
    "Hedge",
    "Json",
    "KeepThin",
    "Open",
    "Out",
    "Outside",
    "OwnUniverse",
    "PointInTime",
    "Quiet",
    "RunId",
    "Sectors",
    "Split",
    "Start",
    "Strategy",
    "Universe",
    "Verbose",
    "Versions",
    "Vix",
    "command_line",
    "interruptible",
    "print_path",
    "print_rows",
    "run_store",
    "runs_named_by",
    "show_file",
    "show_run",
    "told_options",
    "versions_folder",
]

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Hide progress bars.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="More detail, and the traceback of an error.")]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of runs.")]
Csv = Annotated[bool, typer.Option("--csv", help="Also write CSV copies of the frames, for people.")]
Open = Annotated[bool, typer.Option("--open", help="Open the page in the browser.")]
Sectors = Annotated[Path | None, typer.Option(metavar="FILE", help="Current sector of each ticker.")]
Factors = Annotated[Path | None, typer.Option(metavar="FILE", help="Daily factor returns, as fractions.")]
Hedge = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Bars of the hedge, such as an index fund, for portfolio.hedge.")
]
Outside = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=FILE",
        help="Table with a clock (date, ticker, value, known_at) that becomes the feature NAME; repeatable.",
    ),
]
Universe = Annotated[
    str, typer.Option(help="all, topN by trailing dollar volume, or a member file; filters: top400,age=252,price=5.")
]
OwnUniverse = Annotated[str | None, typer.Option(help="Universe of the bars; the version's own by default.")]
AllowDrift = Annotated[bool, typer.Option("--allow-drift", help="Run although code has changed.")]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run, its first characters, or latest.")]
Strategy = Annotated[str, typer.Argument(help="A shipped strategy or a TOML file.")]
Bars = Annotated[
    str,
    typer.Option(
        help="builtin, or builtin:seed=2; a stored data set, a file or folder of bars, or yfinance:AAPL,MSFT."
    ),
]
ExchangeCode = Annotated[
    str | None,
    typer.Option(
        "--exchange",
        metavar="CODE",
        help="Whose sessions the bars hold: a code such as XTKS, 24/7, or none; inferred by default.",
    ),
]
Start = Annotated[str | None, typer.Option(metavar="DATE", help="First session of the bars.")]
End = Annotated[str | None, typer.Option(metavar="DATE", help="Last session of the bars.")]
Split = Annotated[str | None, typer.Option(metavar="TRAIN,VALIDATION", help="Last date of training and of validation.")]
Benchmark = Annotated[Path | None, typer.Option(metavar="FILE", help="Benchmark prices, plotted beside the book.")]
Vix = Annotated[Path | None, typer.Option(metavar="FILE", help="VIX closes, for the volatility regimes.")]
KeepThin = Annotated[
    bool,
    typer.Option("--keep-thin-sessions", help="Keep dates at which less than half of the usual names traded."),
]
PointInTime = Annotated[bool, typer.Option("--point-in-time", help="Declare that the bars include delisted names.")]
Versions = Annotated[
    Path | None, typer.Option("--versions", metavar="DIR", help="Folder of versions; the shipped versions by default.")
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key, e.g. portfolio.k=0.1; repeatable."),
]


@contextmanager
def interruptible(otherwise: str = "nothing of it was left") -> Iterator[None]:
    """On Ctrl-C, print the command with which the work goes on, or else how things stand, and exit with 130."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        from core.errors import noted_remedy

        command = noted_remedy(interrupt)
        hint = otherwise if command is None else f"continue with `{command}`"
        print(f"quintile: interrupted; {hint}", file=sys.stderr)
        raise typer.Exit(130) from interrupt


def command_line() -> str:
    """The command line as typed."""
    return shlex.join(["quintile", *sys.argv[1:]])


def told_options(context: typer.Context) -> dict[str, Any]:
    """The options and arguments that stand on the command line, by parameter; defaults are not among them."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return {name: context.params[name] for name, source in sources.items() if source and source.name != "DEFAULT"}


def run_store(out: Path, *, csv: bool = False) -> "RunStore":
    """The store of runs in a folder; with ``csv`` its new runs keep CSV copies of their frames."""
    from strategy.runs.store import RunStore

    if out.is_file():
        raise ValueError(f"{out} is a file: choose a folder with --out")
    return RunStore(out, csv=csv)


@contextmanager
def runs_named_by(option: str) -> Iterator[None]:
    """Name an option in what is said of the folder of runs, where --out is another folder."""
    from core.errors import RunError

    words = "folder with --out"
    try:
        yield
    except (RunError, ValueError) as error:
        if words not in str(error):
            raise
        raise type(error)(str(error).replace(words, f"folder with {option}")) from error


def show_run(folder: "RunFolder", *, as_json: bool, verbose: bool) -> None:
    """Print a run's verdict and numbers, as tables or as JSON."""
    from quintile.cli.console import print_summary

    if as_json:
        print(json.dumps(folder.metrics | {"run": folder.run_id, "folder": str(folder.path)}, indent=2))
    else:
        print_summary(folder, verbose=verbose)


def print_path(path: Path, *, as_json: bool, quiet: bool = False) -> None:
    """Print the path of a file."""
    if as_json:
        print(json.dumps({"path": str(path)}))
    elif not quiet:
        print(path)


def show_file(path: Path, *, open_: bool, as_json: bool, quiet: bool) -> None:
    """Print the path of a file, and open the file with ``open_``; quiet hides the path of an opened file."""
    print_path(path, as_json=as_json, quiet=quiet and open_)
    if open_:
        typer.launch(path.resolve().as_uri())


def print_rows(rows: list[dict[str, Any]], *, empty: str, without: Sequence[str], as_json: bool, quiet: bool) -> None:
    """Print rows of equal keys as JSON, or as a table without the columns ``without``; ``empty`` if there are none."""
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


def versions_folder(versions: Path | None) -> Path:
    """The folder of versions: the user's, or the shipped one."""
    from strategy.frozen.versions import SHIPPED

    return SHIPPED if versions is None else versions
