"""A whole ``quintile run`` on 500 stocks × 2,520 sessions with a given model, cold, and where its time goes.

The model is of the default network; it learned for one epoch, which is not timed, and is scored both ways: from exact
windows, and carried through each quarter. Every command is a process of its own with a warm page cache. The profile is
of one more carried run, under Python's profiler, which slows small functions most.
"""

import pstats
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.features import children_seconds, workload, write_ours
from benchmarks.runner import Options, Section
from benchmarks.runner.measure import ROOT, environment, interleaved

N_SESSIONS, N_NAMES = 2_520, 500
LEARNED, JUDGED_AFTER = 1_640, 1_890  # rows of the last sessions that the model fits, and validates on
CARRIED = ("--set", "model.scoring=long")
TRAINING = (*CARRIED, "--set", "training.max_epochs=1")
GIVEN = ("run", "--bars", "bench", "--model", "latest", "--quiet")
COMMANDS = {
    "quintile run, long scoring": (*GIVEN, *CARRIED),
    "quintile run, exact scoring": GIVEN,
    "quintile show": ("show", "latest"),
    "quintile --help": ("--help",),
}
STEPS = {  # the function of each step; none calls another
    "bars from the store": ("market/inputs.py", "load_inputs"),
    "features and windows": ("strategy/learning/decide.py", "frozen_windows"),
    "scores": ("strategy/learning/learn.py", "scores_of"),
    "what the network reads": ("strategy/learning/explain.py", "explain"),
    "both books by two engines": ("backtests/engine/backtest.py", "run_backtest"),
    "wall of baselines and 200 random books": ("backtests/comparison/baseline_books.py", "compare_with_baselines"),
    "rank ICs, decay and quantiles": ("backtests/evaluation.py", "_signal"),
    "studies of both books": ("backtests/breakdown/book_study.py", "book_study"),
    "what-ifs and stress rows": ("backtests/sensitivity/stress.py", "run_what_ifs"),
    "parquet and CSV files": ("strategy/runs/store.py", "write_frame"),
    "report": ("backtests/report/report_page.py", "write_report"),
}


def section(options: Options) -> Section:
    """Measure, and return the section."""
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        prepare(folder)
        busy: dict[str, list[float]] = {name: [] for name in COMMANDS}
        forms = {
            name: partial(_timed, busy[name], partial(quintile, folder, *arguments))
            for name, arguments in COMMANDS.items()
        }
        clock = interleaved(forms, options.rounds, clock=time.perf_counter)
        steps = profiled(folder)
    medians = {name: statistics.median(seconds[1:]) for name, seconds in busy.items()}
    rows = [("cold", name, f"{clock[name]:,.2f}", f"{medians[name]:,.2f}") for name in COMMANDS]
    rows += [("profile", name, f"{seconds:,.2f}", "") for name, seconds in steps.items()]
    return Section(
        heading="A whole run with a given model",
        clock=f"medians of {options.rounds} interleaved rounds in one run, all cores; one profile",
        notes=(
            f"{N_NAMES} stocks × {N_SESSIONS:,} sessions of random walks from our store, the default strategy and "
            f"network, {N_SESSIONS - JUDGED_AFTER} sessions judged, report included. Nothing is trained. Seconds of "
            "the profile, of a run with long scoring, are cumulative and under the profiler; steps do not overlap.",
        ),
        columns=("measured", "what", "clock s", "processor s"),
        rows=tuple(rows),
    )


def prepare(folder: Path) -> None:
    """Store the bars and train the model that the runs are given."""
    panel = workload(N_SESSIONS, N_NAMES)
    write_ours(folder / "data", panel)
    split = f"{panel.sessions[LEARNED]:%Y-%m-%d},{panel.sessions[JUDGED_AFTER]:%Y-%m-%d}"
    quintile(folder, "run", "--bars", "bench", "--split", split, *TRAINING, "--quiet")


def quintile(folder: Path, *arguments: str, profile: Path | None = None) -> None:
    """Run a command of quintile in a process of its own, on the runs and data of ``folder``."""
    profiler = () if profile is None else ("-m", "cProfile", "-o", str(profile))
    command = [sys.executable, *profiler, "-m", "quintile", *arguments]
    home = environment(PYTHONPATH=str(ROOT), QUINTILE_DATA=str(folder / "data"))
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder, env=home)


def profiled(folder: Path) -> dict[str, float]:
    """Cumulative seconds of each step of one run, and of everything else."""
    path = folder / "run.prof"
    start = time.perf_counter()
    quintile(folder, *GIVEN, *CARRIED, profile=path)
    whole = time.perf_counter() - start
    seconds = {name: _cumulative(pstats.Stats(str(path)), *place) for name, place in STEPS.items()}
    return seconds | {"everything else, imports among it": whole - sum(seconds.values()), "whole": whole}


def _cumulative(stats: pstats.Stats, file: str, function: str) -> float:
    rows = stats.stats  # type: ignore[attr-defined] - typed nowhere
    return sum(each[3] for (path, _, name), each in rows.items() if path.endswith(file) and name == function)


def _timed(kept: list[float], run: Callable[[], object]) -> None:
    start = children_seconds()
    run()
    kept.append(children_seconds() - start)
