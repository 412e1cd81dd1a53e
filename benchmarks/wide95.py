"""wide95 of 1,695 stocks over 6,000 sessions, and of halves of both, as ``quintile features us --set wide95`` makes it.

Every run is a new process with a warm page cache: bars from our store, then 95 features under a budget of memory,
each written to an empty cache and mapped, then their coverage, for which every number is read. The features alone are
timed. At the whole size two more ways are measured: features that an earlier run has kept, and features in memory.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.features import workload, write_ours
from benchmarks.runner import Options, Section
from benchmarks.runner.measure import ROOT, environment
from signals.features import FEATURE_SETS

N_SESSIONS, N_NAMES = 6_000, 1_695
N_FEATURES = len(FEATURE_SETS["wide95"])
BUDGET, ROOMY = 4_000_000_000, 6_000_000_000  # bytes: with a cache, and with all features in memory
PROGRAM = """
import json, sys, time
from pathlib import Path
from benchmarks.runner import high_water
from market import load_bars
from signals.features import Computing, compute_features
from signals.catalogue.feature_coverage import coverage
start, memory, cache = sys.argv[1:]
computing = Computing(dtype="float32", memory=int(memory), cache=Path(cache) if cache else None)
panel = load_bars("bench", start=start)
n_sessions, n_names = panel.close.shape
clock, busy = time.perf_counter(), time.process_time()
features = compute_features(panel, "wide95", computing=computing)
clock, busy = time.perf_counter() - clock, time.process_time() - busy
computed = high_water()
coverage(features, panel)
print(json.dumps(dict(clock=clock, busy=busy, computed=computed, read=high_water(), cells=n_sessions * n_names)))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How features are computed.

    Parameters
    ----------
    n_names, n_sessions : int
        Size of the panel; fewer sessions are the last ones.
    kept : str
        ``"cache"`` into an empty one, ``"found"`` in one that is full, or ``"memory"``.
    """

    n_names: int
    n_sessions: int
    kept: str = "cache"

    @property
    def cells(self) -> int:
        """Numbers of one feature."""
        return self.n_names * self.n_sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What one run took: seconds by the clock and of the processor, and peaks in MB of its process.

    Parameters
    ----------
    clock, busy : float
        Of the features alone.
    computed : float
        Peak when the features were ready, bars and imports included.
    read : float
        Peak after all numbers were read; pages of mapped files count, though the system may take them back.
    cells : int
        Numbers of one feature.
    """

    clock: float
    busy: float
    computed: float
    read: float
    cells: int


def ways() -> list[Way]:
    """Four sizes, then the other ways at the whole size."""
    sizes = [(N_NAMES // 2, N_SESSIONS // 2), (N_NAMES // 2, N_SESSIONS), (N_NAMES, N_SESSIONS // 2)]
    whole = [Way(n_names=N_NAMES, n_sessions=N_SESSIONS, kept=kept) for kept in ("cache", "found", "memory")]
    return [Way(n_names=names, n_sessions=sessions) for names, sessions in sizes] + whole


@contextmanager
def stores(widths: Iterable[int]) -> Iterator[dict[int, Path]]:
    """Yield folders of stores that hold random walks of as many stocks as each is named by."""
    with tempfile.TemporaryDirectory() as home:
        folders = {width: Path(home) / str(width) for width in widths}
        for width, folder in folders.items():
            write_ours(folder, workload(N_SESSIONS, width))
        workload.cache_clear()
        yield folders


def taken(way: Way, store: Path) -> Taken:
    """Compute the features once in a new process."""
    start = workload_sessions()[-way.n_sessions]
    with tempfile.TemporaryDirectory() as cache:
        arguments = [start, str(ROOMY), ""] if way.kept == "memory" else [start, str(BUDGET), cache]
        if way.kept == "found":
            run(arguments, store)
        return run(arguments, store)


def workload_sessions() -> list[str]:
    """Sessions of every store."""
    return [f"{day:%Y-%m-%d}" for day in workload(N_SESSIONS, 1).sessions]


def run(arguments: list[str], store: Path) -> Taken:
    """Run the program on a store and return what it says of itself."""
    command, home = [sys.executable, "-c", PROGRAM, *arguments], environment(QUINTILE_DATA=str(store))
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=home).stdout
    return Taken(**json.loads(answer))


def median(runs: list[Taken]) -> Taken:
    """Medians of the seconds and the largest peaks."""
    return Taken(
        clock=statistics.median(each.clock for each in runs),
        busy=statistics.median(each.busy for each in runs),
        computed=max(each.computed for each in runs),
        read=max(each.read for each in runs),
        cells=runs[0].cells,
    )


def row(way: Way, measured: Taken) -> tuple[str, ...]:
    """Cells of one line of the table."""
    label = {"cache": "into a cache", "found": "found in a cache", "memory": "in memory"}[way.kept]
    nanoseconds = measured.busy / (measured.cells * N_FEATURES) * 1e9
    times = (f"{measured.clock:,.1f}", f"{measured.busy:,.1f}", f"{nanoseconds:,.1f}")
    return (
        label,
        f"{way.n_names:,}",
        f"{way.n_sessions:,}",
        *times,
        f"{measured.computed:,.0f}",
        f"{measured.read:,.0f}",
    )


def section(options: Options) -> Section:
    """Measure, and return the section."""
    everything = ways()
    runs: dict[Way, list[Taken]] = {way: [] for way in everything}
    with stores(sorted({way.n_names for way in everything})) as folders:
        taken(everything[0], folders[everything[0].n_names])  # kernels are compiled, and kept on disk
        for _ in range(options.rounds):
            for way in everything:
                runs[way].append(taken(way, folders[way.n_names]))
    medians = {way: median(each) for way, each in runs.items()}
    return Section(
        heading=f"Features: wide95 of {N_NAMES:,} × {N_SESSIONS:,}",
        clock=f"medians of {options.rounds} interleaved round(s), each run in a new process, all cores",
        notes=(_what(), _linear([(way, medians[way]) for way in everything if way.kept == "cache"])),
        columns=("features", "stocks", "sessions", "clock s", "processor s", "ns per number", "MB", "MB, all read"),
        rows=tuple(row(way, medians[way]) for way in everything),
    )


def _what() -> str:
    return (
        f"{N_FEATURES} features of random walks as float32, the budget {BUDGET / 1e9:.0f} GB with a cache and "
        f"{ROOMY / 1e9:.0f} GB in memory. Seconds are of the features alone, from bars in memory; with a cache the "
        "files are hashed and written, and those found are hashed. MB is the peak of the process up to then, imports "
        "and loading of bars included; the last column also counts pages of mapped files, once every number was read, "
        "which the system may take back."
    )


def _linear(curve: list[tuple[Way, Taken]]) -> str:
    (small, first), (large, last) = curve[0], curve[-1]
    return (
        f"From the smallest panel to the largest there are {large.cells / small.cells:.1f} times the numbers and "
        f"{last.busy / first.busy:.1f} times the processor seconds, of which about one loads the compiled kernels at "
        "every size."
    )
