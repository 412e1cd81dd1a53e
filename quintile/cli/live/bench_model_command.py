"""``quintile bench-model``: what each form of a frozen version takes, beside its bounds."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from quintile.cli.options import Json, Quiet, Verbose, Versions, interruptible, versions_folder

if TYPE_CHECKING:
    from live.latency.latency_table import LatencyTable

__all__ = ["BENCH_MODEL_EXAMPLES", "bench_model_command"]

BENCH_MODEL_EXAMPLES = """\b
Examples:
  quintile bench-model filter_negative@1.1.0
  quintile bench-model filter_negative@1.1.0 --repeats 10 --threads 2
  quintile bench-model filter_negative@1.1.0 --json

Bounds: 100 ms for one name, 1 s for a session of 200 or 1,695 names, at the 99th percentile. Over a bound is told, not
an error: machines differ, and are busy."""


def bench_model_command(
    version: Annotated[str, typer.Argument(metavar="NAME@VERSION", help="A frozen version.")],
    repeats: Annotated[int, typer.Option(min=1, max=100, help="Rounds; each starts every form anew.")] = 5,
    n_threads: Annotated[
        int | None, typer.Option("--threads", min=1, max=64, help="Threads of every form; all there are by default.")
    ] = None,
    versions: Versions = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Measure load, one name, sessions of 200 and 1,695 names and memory: torch, ONNX, TorchScript and int8.

    Every form is timed in a process of its own, in interleaved rounds; each row says whether it is within its bound.
    """
    from core.parallel import cores
    from live.latency.measured_forms import LatencySettings, measure_latency
    from quintile.cli.version_commands import find
    from quintile.progress_display import progress_bars

    settings = LatencySettings(repeats=repeats, n_threads=n_threads or cores())
    folder = find(version, versions_folder(versions))
    with interruptible(), progress_bars(quiet=quiet or as_json) as progress:
        made = measure_latency(folder, settings=settings, progress=progress)
    if as_json:
        print(json.dumps(made.as_json(), indent=2))
    else:
        _print(made)


def _print(made: "LatencyTable") -> None:
    from live.latency.latency_words import conditions_line, told_rows
    from quintile.cli.console import table

    columns = ["form", "what", "p50", "p95", "p99", "processor", "bound", ""]
    table(made.version, columns, told_rows(made))
    print(conditions_line(made))
    for form, reason in made.left_out.items():
        print(f"{form} is left out: {reason}")
