"""``decide``, ``run`` and ``walk`` from a new process, alone and beside four neighbours that keep the processor busy.

The bars are the built-in market and the network is that of ``filter_negative``; it learns for two epochs, which is
enough to see what training costs beside neighbours. *All held* repeats a decision, so that the
run's folder holds every score; *one session* is the day after the run; *nothing held* scores the whole test span, as
for bars that are restated.
Processor seconds are those of the command alone: beside neighbours the clock tells how the system shares its cores.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.features import children_seconds
from benchmarks.runner import Options, Section
from benchmarks.whole_run import quintile
from market.synthetic import synthetic_market

N_NEIGHBOURS = 4
BUSY = "while True: pass"
SHORT = ("--set", "training.max_epochs=2", "--quiet")
COMMANDS = {
    "quintile decide, all held": ("decide", "latest", "--quiet"),
    "quintile decide, one session": ("decide", "latest", "--quiet"),
    "quintile decide, nothing held": ("decide", "latest", "--quiet"),
    "quintile run": ("run", "--out", "others", *SHORT),
    "quintile walk": ("walk", "--out", "others", "--train", "756", "--test", "372", *SHORT),
}
FORGOTTEN = {"one session": ("decided_scores.json",), "nothing held": ("decided_scores.json", "scores.json")}
Seconds = tuple[float, float]


def section(options: Options) -> Section:
    """Measure, and return the section."""
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        sessions = synthetic_market().panel.sessions
        quintile(folder, "run", "--end", f"{sessions[-2]:%Y-%m-%d}", *SHORT)
        quintile(folder, *COMMANDS["quintile decide, all held"])
        alone = {name: measured(name, folder, options) for name in COMMANDS}
        with neighbours():
            beside = {name: measured(name, folder, options) for name in COMMANDS}
    rows = [
        (name, *map(_text, alone[name]), *map(_text, beside[name]), _times(alone[name], beside[name]))
        for name in COMMANDS
    ]
    return Section(
        heading="Beside busy neighbours",
        clock=f"medians of {options.rounds} rounds of the first two, one round of the others, all cores",
        notes=(
            f"The built-in market, the default network and {N_NEIGHBOURS} neighbours of a busy thread each. Decisions "
            "are of a finished run in a new process, imports and bars included; run and walk train for two epochs.",
        ),
        columns=("command", "alone: clock s", "processor s", "beside: clock s", "processor s", "times"),
        rows=tuple(rows),
    )


@contextmanager
def neighbours() -> Iterator[None]:
    """Keep processes busy while the block runs."""
    started = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(N_NEIGHBOURS)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def measured(name: str, folder: Path, options: Options) -> Seconds:
    """Median clock and processor seconds of a command; of the quick ones all rounds count."""
    rounds = options.rounds if name.endswith(("held", "session")) and "nothing" not in name else 1
    taken = [_taken(name, folder) for _ in range(rounds)]
    return statistics.median(clock for clock, _ in taken), statistics.median(busy for _, busy in taken)


def _taken(name: str, folder: Path) -> Seconds:
    with _forgotten(folder, FORGOTTEN.get(name.partition(", ")[2], ())):
        clock, busy = time.perf_counter(), children_seconds()
        quintile(folder, *COMMANDS[name])
        return time.perf_counter() - clock, children_seconds() - busy


@contextmanager
def _forgotten(folder: Path, names: tuple[str, ...]) -> Iterator[None]:
    """Take records of scores away from the run's folder, and put them back."""
    (run,) = (path.parent for path in (folder / "runs").glob("*/*/run.json"))
    kept = {run / name: (run / name).read_bytes() for name in names}
    for path in kept:
        path.unlink()
    yield
    for path, content in kept.items():
        path.write_bytes(content)


def _text(seconds: float) -> str:
    return f"{seconds:,.2f}"


def _times(alone: Seconds, beside: Seconds) -> str:
    return f"{beside[1] / alone[1]:.2f}"
