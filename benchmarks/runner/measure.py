"""Measure: medians of interleaved runs, and peaks of memory."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

__all__ = ["ROOT", "Clock", "added_peak", "environment", "fresh_peak", "high_water", "interleaved"]

ROOT = Path(__file__).parent.parent.parent
Clock = Callable[[], float]


def interleaved(
    forms: Mapping[str, Callable[[], object]], rounds: int, *, clock: Clock = time.process_time
) -> dict[str, float]:
    """Median seconds of every form; the first round compiles and warms up, and does not count.

    Processor time is the default: neighbours on a shared machine disturb it less than the clock on the wall.
    """
    times: dict[str, list[float]] = {name: [] for name in forms}
    for _ in range(rounds + 1):
        for name, run in forms.items():
            start = clock()
            run()
            times[name].append(clock() - start)
    return {name: statistics.median(kept[1:]) for name, kept in times.items()}


def environment(**more: str) -> dict[str, str]:
    """Environment of a new process that is timed: this one's, but bytecode is kept as it is where nobody forbids it."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | more


def high_water() -> float:
    """This process's peak resident memory in MB, from Linux's process table."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6


def added_peak(run: Callable[[], object]) -> float:
    """How much one run raises this process's peak memory, in MB."""
    before = high_water()
    run()
    return high_water() - before


def fresh_peak(workload: str, form: str) -> float:
    """What the workload's ``peak`` says of a form in a process of its own, in MB."""
    command = [sys.executable, "-m", "benchmarks", workload, "--peak", form]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout)
