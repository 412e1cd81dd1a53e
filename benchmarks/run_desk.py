"""The desk over 500 runs: ``quintile runs`` and ``quintile board``, without and with what the store keeps of them.

Each run is a copy of one small run with other settings and 2,520 sessions of its own returns. Every command is a
process of its own, interpreter start included, with a warm page cache; where nothing is kept, ``.runs.json`` is removed
before.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.features import children_seconds
from benchmarks.runner import Options, Section
from benchmarks.runner.measure import ROOT, environment
from strategy.desk.run_index import BOARD, CACHE

N_RUNS, N_SESSIONS = 500, 2_520
COMMANDS = ("runs", "board")


def section(options: Options) -> Section:
    """Measure, and return the section."""
    from tests.frozen_market import bench
    from tests.oracles.many_runs import many_runs

    with tempfile.TemporaryDirectory() as home:
        root = Path(home) / "runs"
        many_runs(bench(Path(home)).run, root, N_RUNS, longer=N_SESSIONS)
        clocks = {
            (command, kept): [_timed(command, root, kept=kept) for _ in range(options.rounds)]
            for kept in (False, True)
            for command in COMMANDS
        }
        size = (root / BOARD).stat().st_size
    rows = [
        (f"quintile {command}", "kept" if kept else "nothing kept", *_least_and_median(timed))
        for (command, kept), timed in clocks.items()
    ]
    return Section(
        heading="The desk over 500 runs",
        clock=f"wall clock of {options.rounds} processes each, interpreter start included",
        notes=(f"{N_RUNS} runs of {N_SESSIONS:,} sessions; the board's page has {size / 1e6:.2f} MB.",),
        columns=("command", "of the runs", "clock, least s", "median s", "processor, least s", "median s"),
        rows=tuple(rows),
    )


def _least_and_median(timed: list[tuple[float, float]]) -> tuple[str, ...]:
    clock, busy = zip(*timed, strict=True)
    return tuple(f"{number:.2f}" for number in (min(clock), median(clock), min(busy), median(busy)))


def _timed(command: str, root: Path, *, kept: bool) -> tuple[float, float]:
    """Seconds by the clock on the wall, and of the processor."""
    if not kept:
        (root / CACHE).unlink(missing_ok=True)
    words = [sys.executable, "-m", "quintile", command, "--out", str(root)]
    start, busy = time.perf_counter(), children_seconds()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, env=environment(PYTHONPATH=str(ROOT)))
    return time.perf_counter() - start, children_seconds() - busy
