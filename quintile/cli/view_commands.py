"""Views of a run or a strategy: ``show``, ``report``, ``tearsheet``, ``definition``."""

import json
from pathlib import Path
from typing import Annotated

import typer

from quintile.cli.options import (
    Json,
    Open,
    Out,
    Quiet,
    RunId,
    Strategy,
    Verbose,
    print_path,
    run_store,
    show_file,
    show_run,
)

__all__ = ["definition_command", "report_command", "show_command", "tearsheet_command"]


def show_command(
    run: RunId = "latest",
    out: Out = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show a run's verdict and headline numbers."""
    show_run(run_store(out).find(run), as_json=as_json, verbose=verbose and not quiet)


def report_command(
    run: RunId = "latest",
    open_: Open = False,
    out: Out = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Print the path of a run's report, or open it."""
    from strategy.runs.artefacts import find_report

    show_file(find_report(run_store(out).find(run)), open_=open_, as_json=as_json, quiet=quiet)


def tearsheet_command(
    run: RunId = "latest",
    open_: Open = False,
    out: Out = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write the quantstats tearsheet of a run's net returns and print its path."""
    from strategy.runs.artefacts import draw_tearsheet

    show_file(draw_tearsheet(run_store(out).find(run)), open_=open_, as_json=as_json, quiet=quiet)


def definition_command(
    strategy: Strategy = "filter_negative",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write to a file instead of printing.")
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Render a strategy's definition, every key with its value and meaning, from its spec."""
    from core.files import require_apart, require_new, write_text
    from strategy.definitions.render import MARK, render_definition
    from strategy.definitions.spec import load_spec

    spec = load_spec(strategy)
    if as_json:
        print(json.dumps(spec.model_dump(mode="json"), indent=2))
    elif out is None:
        print(render_definition(spec), end="")
    else:
        require_apart(out, strategy, what="--out")
        require_new(out, what="--out", ours=MARK)
        write_text(out, render_definition(spec))
        print_path(out, as_json=False, quiet=quiet)
