"""``quintile watch``: how a run stands, from another terminal; it reads the run's files and nothing else."""

import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.terminal import styled
from quintile.cli.desk.watch_view import view_lines
from quintile.cli.options import Json, Out, Quiet, Verbose, interruptible, run_store

if TYPE_CHECKING:
    from strategy.runs.log.watched_run import WatchedRun
    from strategy.runs.store import RunFolder

__all__ = ["WATCH_EXAMPLES", "watch_command"]

WATCH_EXAMPLES = """\b
Examples:
  quintile watch
  quintile watch 20261121 --once
  quintile watch latest --follow
  quintile watch latest --out DIR --json"""

SECONDS_BETWEEN = 0.5  # two looks a second
STARTS_WITHIN = 10.0  # seconds that a run which is just being made may take for its first line
NARROWEST = 30  # columns that are written for, however few there are
PLAIN_WIDTH = 100  # columns where nobody's terminal says how wide it is


def watch_command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Id of a run, its first characters, or latest.")] = "latest",
    follow: Annotated[
        bool | None,
        typer.Option("--follow/--once", help="Watch until it ends, or look once; by default follow on a terminal."),
    ] = None,
    out: Out = Path("runs"),
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Watch a run from another terminal: stage, time left, curves of its training, last lines of its log.

    It reads the run's files alone, disturbs nobody, and shows runs that were killed or have finished as well.
    """
    from strategy.runs.log.watched_run import watched_run

    folder = run_store(out).find(run)
    if as_json:
        if follow:
            raise ValueError("--json looks once: leave --follow out")
        print(json.dumps(watched_run(folder).as_dict(), indent=2, allow_nan=False))
        return
    is_terminal = sys.stdout.isatty()
    if not (is_terminal if follow is None else follow):
        print("\n".join(_lines(watched_run(folder), PLAIN_WIDTH if not is_terminal else _width())))
        return
    with interruptible("the run itself goes on"):
        (_follow_drawn if is_terminal else _follow_plain)(folder)


def _follow_drawn(folder: "RunFolder") -> None:
    """Draw the view over and over in its place, and leave the last one."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(file=styled(sys.stdout))

    def drawn(seen: "WatchedRun") -> Text:
        return Text("\n".join(_lines(seen, max(console.width, NARROWEST))), no_wrap=False)

    with Live(console=console, auto_refresh=False) as live:
        _each_change(folder, lambda seen: live.update(drawn(seen), refresh=True))


def _follow_plain(folder: "RunFolder") -> None:
    """Print the log's lines as they come, and the view when nothing more does."""
    shown = 0

    def show(seen: "WatchedRun") -> None:
        nonlocal shown
        for line in seen.lines[shown:]:
            print(line, flush=True)
        shown = len(seen.lines)
        if seen.is_over:
            print("\n".join(_lines(seen, PLAIN_WIDTH)), flush=True)

    _each_change(folder, show)


def _each_change(folder: "RunFolder", show: Callable[["WatchedRun"], None]) -> None:
    """Show a run twice a second until it is over; one that is only just being made may have no log yet."""
    from strategy.runs.log.watched_run import watched_run

    began = time.monotonic()
    while True:
        seen = watched_run(folder)
        show(seen)
        is_lost = seen.state == "unknown" and not seen.lines and time.monotonic() - began > STARTS_WITHIN
        if seen.is_over or is_lost:
            return
        time.sleep(SECONDS_BETWEEN)


def _lines(seen: "WatchedRun", width: int) -> list[str]:
    return view_lines(seen, width=width, now=datetime.now(UTC), encoding=getattr(sys.stdout, "encoding", None))


def _width() -> int:
    from rich.console import Console

    return max(Console(file=styled(sys.stdout)).width, NARROWEST)
