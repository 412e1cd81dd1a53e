"""The command line: ``quintile``. Each command reads its words, calls one function of the package and prints.

Heavy libraries are imported inside the commands, so that ``quintile --help`` answers at once.
"""

import errno
import gc
import os
import sys
import traceback
import warnings
from pathlib import Path
from types import TracebackType
from typing import Annotated

import typer

from core.terminal import plain_streams
from quintile.cli.compare_commands import COMPARE_EXAMPLES, compare_books_command
from quintile.cli.data_commands import add_data_commands
from quintile.cli.desk.desk_commands import BOARD_EXAMPLES, COMPARE_RUNS_EXAMPLES, board_command, compare_command
from quintile.cli.desk.track_command import TRACK_EXAMPLES, track_command
from quintile.cli.desk.watch_command import WATCH_EXAMPLES, watch_command
from quintile.cli.evaluation_commands import (
    DECIDE_EXAMPLES,
    EVALUATE_EXAMPLES,
    NEW_EXAMPLES,
    decide_command,
    evaluate_command,
    new_command,
)
from quintile.cli.feature_commands import FEATURES_EXAMPLES, features_command
from quintile.cli.forecasts.forecast_commands import add_forecast_commands
from quintile.cli.live.bench_model_command import BENCH_MODEL_EXAMPLES, bench_model_command
from quintile.cli.live.explain_command import EXPLAIN_EXAMPLES, explain_command
from quintile.cli.live.export_command import EXPORT_EXAMPLES, export_command
from quintile.cli.live.fake_broker_command import FAKE_BROKER_EXAMPLES, fake_broker_command
from quintile.cli.live.monitor_command import MONITOR_EXAMPLES, monitor_command
from quintile.cli.live.retrain_command import RETRAIN_EXAMPLES, retrain_command
from quintile.cli.live.serve_command import SERVE_EXAMPLES, serve_command
from quintile.cli.live.serverless_command import SERVERLESS_EXAMPLES, serverless_command
from quintile.cli.live.sizing_command import SIZING_EXAMPLES, size_book_command
from quintile.cli.live.trade_command import TRADE_EXAMPLES, trade_command
from quintile.cli.model_commands import add_model_commands
from quintile.cli.paper_commands import PAPER_EXAMPLES, paper_command
from quintile.cli.proof_commands import PROVE_EXAMPLES, prove_command
from quintile.cli.run_commands import RUN_EXAMPLES, run_command
from quintile.cli.store_commands import add_store_commands
from quintile.cli.study_commands import CALIBRATE_EXAMPLES, calibrate_command
from quintile.cli.sweeps.sweep_command import SWEEP_EXAMPLES, sweep_command
from quintile.cli.version_commands import add_versioning_commands
from quintile.cli.view_commands import definition_command, report_command, show_command, tearsheet_command
from quintile.cli.walk_commands import WALK_EXAMPLES, walk_command

__all__ = ["app", "main"]

INTERRUPTED = 130
MAX_LINE = 2_000  # characters of an error
SELDOM = 50_000  # objects between two collections: imports make many that stay, and a tenth of a short command

app = typer.Typer(
    name="quintile",
    help="Backtests and portfolio research, from daily bars to an honest report.",
    epilog="""\b
Start with:
  quintile run
  quintile show latest
  quintile report latest --open""",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"quintile {version('quintile')}")
        raise typer.Exit


@app.callback()
def _own_files(
    features: Annotated[
        Path | None, typer.Option("--features", metavar="FILE", help="Run this Python file first: it adds features.")
    ] = None,
    models: Annotated[
        Path | None,
        typer.Option("--models", metavar="FILE", help="Run this Python file first: it adds models and book rules."),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and leave.")
    ] = False,
) -> None:
    if features is not None:
        from signals.features.user_features import load_features

        load_features(features)
    if models is not None:
        from strategy.learning.user_files import load_models

        load_models(models)


def _examples(*lines: str) -> str:
    return "\n  ".join(("\b\nExamples:", *lines))


app.command("run", epilog=RUN_EXAMPLES)(run_command)
app.command("walk", epilog=WALK_EXAMPLES)(walk_command)
app.command("walk-forward", epilog=WALK_EXAMPLES, hidden=True)(walk_command)
app.command("sweep", epilog=SWEEP_EXAMPLES)(sweep_command)
app.command("evaluate", epilog=EVALUATE_EXAMPLES)(evaluate_command)
app.command("compare-books", epilog=COMPARE_EXAMPLES)(compare_books_command)
app.command("compare", epilog=COMPARE_RUNS_EXAMPLES)(compare_command)
app.command("explain", epilog=EXPLAIN_EXAMPLES)(explain_command)
app.command("board", epilog=BOARD_EXAMPLES)(board_command)
app.command("prove", epilog=PROVE_EXAMPLES)(prove_command)
app.command("calibrate-market", epilog=CALIBRATE_EXAMPLES)(calibrate_command)
app.command("size-book", epilog=SIZING_EXAMPLES)(size_book_command)
app.command("decide", epilog=DECIDE_EXAMPLES)(decide_command)
app.command("paper", epilog=PAPER_EXAMPLES)(paper_command)
app.command("trade", epilog=TRADE_EXAMPLES)(trade_command)
app.command("fake-broker", epilog=FAKE_BROKER_EXAMPLES)(fake_broker_command)
app.command("monitor", epilog=MONITOR_EXAMPLES)(monitor_command)
app.command("serve", epilog=SERVE_EXAMPLES)(serve_command)
app.command("retrain", epilog=RETRAIN_EXAMPLES)(retrain_command)
app.command("new", epilog=NEW_EXAMPLES)(new_command)
add_store_commands(
    app,
    _examples(
        "quintile runs",
        "quintile runs --strategy filter_negative --where 'sharpe_net>0.5' --sort sharpe_net --reverse",
        "quintile runs --where portfolio.k=0.1 --limit 10",
        "quintile runs --out DIR --json",
        "quintile runs prune --keep 20 --dry-run",
    ),
    _examples(
        "quintile runs prune --keep 20",
        "quintile runs prune --older-than 90 --yes",
        "quintile runs prune --artefacts --dry-run",
    ),
)
app.command("show", epilog=_examples("quintile show", "quintile show 20261121 --json"))(show_command)
app.command("watch", epilog=WATCH_EXAMPLES)(watch_command)
app.command("track", epilog=TRACK_EXAMPLES)(track_command)
app.command("report", epilog=_examples("quintile report", "quintile report latest --open"))(report_command)
app.command("tearsheet", epilog=_examples("quintile tearsheet latest --open"))(tearsheet_command)
app.command("definition", epilog=_examples("quintile definition filter_negative --out STRATEGY_DEFINITION.md"))(
    definition_command
)

app.command("features", epilog=FEATURES_EXAMPLES)(features_command)
add_versioning_commands(app)
app.command("export", epilog=EXPORT_EXAMPLES)(export_command)
app.command("bench-model", epilog=BENCH_MODEL_EXAMPLES)(bench_model_command)
app.command("serverless", epilog=SERVERLESS_EXAMPLES)(serverless_command)
add_model_commands(app)
add_forecast_commands(app)
add_data_commands(app)


def main() -> None:
    """Run the command line; every failure is one line on standard error and a non-zero exit."""
    gc.set_threshold(SELDOM, *gc.get_threshold()[1:])
    worded = warnings.formatwarning
    with plain_streams():
        warnings.formatwarning = _warning_line
        try:
            app()
        except SystemExit as end:  # the usual one; asking whether it is one of the others would import pandas
            if end.code == INTERRUPTED and "interrupted" not in getattr(sys.stderr, "tail", ""):
                _print_line("interrupted; nothing half-written was left")
            raise
        except _expected_errors() as error:
            if "--verbose" in sys.argv:
                raise
            _print_line(_told(error))
            sys.exit(1)
        finally:
            warnings.formatwarning = worded
            sys.excepthook = _tell_fault  # typer sets its own on the way


def _print_line(words: str) -> None:
    """Print one line on standard error."""
    if not (getattr(sys.stderr, "tail", "") or "\n").endswith("\n"):
        print(file=sys.stderr)  # what a user's own code printed is not ended
    print(_line(words), file=sys.stderr)


def _line(words: str) -> str:
    """Words as one line of ours; of a very long one the middle is left out."""
    line = " ".join(words.split())
    shown = line if len(line) <= MAX_LINE else f"{line[: MAX_LINE // 2]} … {line[-MAX_LINE // 2 :]}"
    return f"quintile: {shown}"


def _warning_line(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    line: str | None = None,
) -> str:
    """A warning, of a user's own code or of a library that it calls, as one line."""
    return _line(f"{Path(filename).name} line {lineno} warns: {category.__name__}: {message}") + "\n"


def _tell_fault(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Tell what ends the process: with ``--verbose`` all of it, else one line; for a fault of Quintile's own, where."""
    with plain_streams():
        if "--verbose" in sys.argv:
            print("".join(traceback.format_exception(kind, error, trace)), end="", file=sys.stderr)
            return
        last = traceback.extract_tb(trace)[-1:]
        where = "".join(f", {Path(frame.filename).name} line {frame.lineno}" for frame in last)
        _print_line(
            f"a fault of Quintile itself ({kind.__name__}: {error}{where}): please report what the command prints with "
            "--verbose"
        )


def _told(error: Exception) -> str:
    """Return an error in words; what the system says of a file lacks the remedy."""
    if isinstance(error, MemoryError):
        said = f" ({error})" if str(error) else ""
        return f"out of memory{said}: give fewer names or sessions, or use a machine with more{_goes_on(error)}"
    if isinstance(error, UnicodeEncodeError):
        return (
            f"{error.object[:80]!r} holds a character that cannot be used here: set PYTHONUTF8=1 or a UTF-8 locale, or "
            "choose a plain name"
        )
    if not isinstance(error, OSError) or error.errno is None:
        return str(error) or type(error).__name__
    where = "" if error.filename is None else f" ({error.filename})"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full{where}: free some space and repeat; nothing half-written was left{_goes_on(error)}"
    if error.errno == errno.ENOENT:
        return f"there is no file or folder {error.filename or ''}".rstrip() + ": check its path"
    return f"{os.strerror(error.errno).lower()}{where}: give another path, or change its permissions{_goes_on(error)}"


def _goes_on(error: Exception) -> str:
    """How an unfinished run that the error ended goes on; empty where it left none."""
    from core.errors import noted_remedy

    command = noted_remedy(error)
    return "" if command is None else f"; the unfinished run goes on with `{command}`"


def _expected_errors() -> tuple[type[Exception], ...]:
    from core.errors import QuintileError

    return (QuintileError, ValueError, OSError, MemoryError)
