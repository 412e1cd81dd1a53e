"""One daily book of 500 names over ten years: the compiled ledger, vectorbt, and bt in an environment of its own.

    python -m benchmarks.ledger [--rounds 5] [--books 1000] [--bt PYTHON] [--no-memory]      (memory needs Linux)

Run from the checkout. Prints a table and writes it into its own section of `benchmarks/README.md`. The forms are
interleaved; times are medians of processor time, which neighbours on a shared machine disturb less than the clock;
ratios are of medians. *Arrays* times the simulation alone, on arrays that are ready: the ledger with every table that
a result needs, or its equity only, beside vectorbt's `from_orders` and `value`. *Call* times what a user calls, from
frames to equity. Memory is the peak resident set of a process that runs one form once, less the same process before.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from backtests import Costs
from backtests.kernel import keep_books
from backtests.ledger import blank_record, keep_ledger, ledger_bars, ledger_terms
from backtests.many_books import net_returns_of
from backtests.schedule import due_weights
from backtests.vectorbt_engine import OrderFrames, _simulate, order_frames, vectorbt_equity
from benchmarks.soft_rank import high_water, processor, write
from market import Execution, Panel, PanelFacts
from market.panel import aligned_frame

N_SESSIONS, N_NAMES = 2_520, 500
ALPHA = 0.15  # of the smoothing, so that every name trades every session
PLAIN = Costs(trade_bps=5)
FRICTIONS = Costs(
    trade_bps=5,
    impact="square_root",
    impact_bps=20,
    borrow_bps=50,
    cash_bps=100,
    borrowing_bps=300,
    rebate_bps=50,
    maintenance_margin=0.25,
    initial_margin=0.5,
)
README = Path(__file__).parent / "README.md"
HEADING = "## The ledger and other simulators"
PEER = """
import sys, time, numpy as np, pandas as pd, bt
kept = np.load(sys.argv[1])
days = pd.bdate_range("2010-01-04", periods=len(kept["close"]))
names = [f"T{k:03d}" for k in range(kept["close"].shape[1])]
close, weights = (pd.DataFrame(kept[name], days, names) for name in ("close", "weights"))
start = time.process_time()
algos = [bt.algos.WeighTarget(weights), bt.algos.Rebalance()]
fee = lambda quantity, price: abs(quantity) * price * 5e-4
test = bt.Backtest(bt.Strategy("book", algos), close, integer_positions=False, commissions=fee, progress_bar=False)
bt.run(test)
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(time.process_time() - start, int(peak) * 1024 / 1e6)
"""


@cache
def workload() -> tuple[Panel, pd.DataFrame]:
    """Return random walks and the decided weights of a smoothed random long/short book, 50/50."""
    rng = np.random.default_rng(0)
    shape = N_SESSIONS, N_NAMES
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.015, shape), axis=0))
    opens = close * np.exp(rng.normal(0, 0.005, shape))
    sides = np.sign(rng.normal(size=shape)) * (rng.random(shape) < 0.4)
    target = pd.DataFrame(sides / np.abs(sides).sum(axis=1, keepdims=True)).ewm(alpha=ALPHA, adjust=False).mean()
    sessions, names = pd.bdate_range("2010-01-04", periods=shape[0]), pd.Index([f"T{k:03d}" for k in range(shape[1])])
    frames = {"open": opens, "high": np.fmax(opens, close), "low": np.fmin(opens, close), "close": close}
    frames |= {"volume": np.full(shape, 1e6), "dollar_volume": close * 1e6, "universe": np.ones(shape, dtype=bool)}
    panel = Panel(
        **{name: aligned_frame(values, sessions, names) for name, values in frames.items()},
        facts=PanelFacts(source="random walk", adjustment="none", volume_basis="none", synthetic=True),
    )
    return panel, aligned_frame(target.to_numpy(), panel.sessions, panel.tickers)


@cache
def due() -> pd.DataFrame:
    """Return the weights that come due."""
    return due_weights(*workload(), Execution())


def arrays(costs: Costs, *, tables: bool) -> Callable[[], object]:
    """Return the kernel's run on arrays that are ready."""
    panel, _ = workload()
    bars = ledger_bars(panel, Execution(), costs)
    wanted = np.ascontiguousarray(due().to_numpy())
    terms = ledger_terms(costs, bars, capital=1e6, start=1)

    def run() -> object:
        record = blank_record(bars, tables=tables)
        keep_books(bars, wanted, terms, record)
        return record.equity

    return run


def from_orders() -> Callable[[], object]:
    """Return vectorbt's run on arrays that are ready."""
    orders = order_frames(workload()[0], due(), execution=Execution(), costs=PLAIN)
    frames = {name: getattr(orders, name)[1:] for name in OrderFrames.__slots__}

    def run() -> object:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _simulate(dict(frames))

    return run


def call(costs: Costs) -> Callable[[], object]:
    """Return ``keep_ledger`` on frames."""
    return lambda: keep_ledger(workload()[0], due(), execution=Execution(), costs=costs).equity


def vectorbt_call() -> Callable[[], object]:
    """Return the vectorbt engine on frames."""
    return lambda: vectorbt_equity(workload()[0], due(), execution=Execution(), costs=PLAIN, start=1)


FORMS: dict[str, tuple[str, Callable[[], Callable[[], object]]]] = {
    "vectorbt": ("arrays", from_orders),
    "ledger": ("arrays", lambda: arrays(PLAIN, tables=True)),
    "ledger, equity only": ("arrays", lambda: arrays(PLAIN, tables=False)),
    "ledger, every friction": ("arrays", lambda: arrays(FRICTIONS, tables=True)),
    "vectorbt ": ("call", vectorbt_call),
    "ledger ": ("call", lambda: call(PLAIN)),
    "ledger, every friction ": ("call", lambda: call(FRICTIONS)),
}


def medians(rounds: int) -> dict[str, float]:
    """Return median seconds of interleaved runs; the first round compiles and does not count."""
    runs = {name: make() for name, (_, make) in FORMS.items()}
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds + 1):
        for name, run in runs.items():
            start = time.process_time()
            run()
            times[name].append(time.process_time() - start)
    return {name: statistics.median(kept[1:]) for name, kept in times.items()}


def difference() -> float:
    """Return the largest equity difference of the two engines ÷ capital."""
    panel, _ = workload()
    ours = keep_ledger(panel, due(), execution=Execution(), costs=PLAIN).equity[1:] / 1e6
    return float(np.abs(ours - vectorbt_equity(panel, due(), execution=Execution(), costs=PLAIN, start=1)).max())


def peak(name: str) -> float:
    """Return how much one run raises this process's peak memory, in MB; a run before compiles and imports."""
    run = FORMS[name][1]()
    keep_ledger(*_small(), execution=Execution(), costs=FRICTIONS if "friction" in name else PLAIN)
    vectorbt_equity(*_small(), execution=Execution(), costs=PLAIN, start=1)
    before = high_water()
    run()
    return high_water() - before


def _small() -> tuple[Panel, pd.DataFrame]:
    panel, weights = workload()
    few = panel.between(None, panel.sessions[9])
    return few, due_weights(few, weights.iloc[:10], Execution())


def megabytes(name: str) -> float:
    """Return the peak memory of one run in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.ledger", "--peak", name]
    finished = subprocess.run(command, check=True, capture_output=True, text=True, cwd=README.parent.parent)
    return float(finished.stdout)


def bt_run(interpreter: str) -> tuple[float, float]:
    """Return processor seconds and peak MB of bt on the same closes and weights, in its own environment."""
    panel, weights = workload()
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "book.npz"
        np.savez(kept, close=panel.close.to_numpy(), weights=weights.to_numpy())
        command = [interpreter, "-W", "ignore", "-c", PEER, str(kept)]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(told[-2]), float(told[-1])


def many(n_books: int) -> tuple[float, float, float]:
    """Return clock and processor seconds for the returns of many books, and the peak memory that they add in MB."""
    panel, weights = workload()

    def books() -> Iterator[pd.DataFrame]:
        for number in range(n_books):  # every book other weights, at no cost
            yield weights.set_axis(np.roll(weights.columns, number), axis=1)

    net_returns_of(panel, [weights], execution=Execution(), costs=PLAIN)
    before, clock, start = high_water(), time.perf_counter(), time.process_time()
    net_returns_of(panel, books(), execution=Execution(), costs=PLAIN)
    return time.perf_counter() - clock, time.process_time() - start, high_water() - before


def table(times: dict[str, float], memory: bool) -> list[str]:
    """Return the lines of the table."""
    lines = ["| measured | form | ms | times faster than vectorbt | MB |", "|---|---|---:|---:|---:|"]
    rivals = {"arrays": times["vectorbt"], "call": times["vectorbt "]}
    for name, (kind, _) in FORMS.items():
        megabyte = f"{megabytes(name):,.0f}" if memory else ""
        lines.append(
            f"| {kind} | {name.strip()} | {times[name] * 1e3:,.1f} | {rivals[kind] / times[name]:,.1f} | {megabyte} |"
        )
    return lines


def section(chosen: argparse.Namespace) -> str:
    """Measure, and return the section of the README."""
    times = medians(chosen.rounds)
    lines = table(times, memory=not chosen.no_memory)
    if chosen.bt:
        seconds, peak_ = bt_run(chosen.bt)
        against = times["vectorbt "] / seconds
        lines.append(f"| call | bt, closes | {seconds * 1e3:,.0f} | {against:,.3f} | {peak_:,.0f} in all |")
    clock, busy, added = many(chosen.books)
    facts = (
        f"{processor()}, {os.cpu_count()} cores shared with other work, Python {platform.python_version()}, numpy "
        f"{np.__version__}; processor time, medians of {chosen.rounds} interleaved rounds in one run."
    )
    notes = (
        f"{N_SESSIONS:,} sessions × {N_NAMES} names, every name traded every session, 50/50, 5 bps. Largest equity "
        f"difference of ledger and vectorbt: {difference():.0e} of capital. *Arrays* is the simulation alone, *call* "
        "goes from frames to equity. *Every friction* is root impact, borrow fees, interest, rebate and margin.\n\n"
        f"Net returns of {chosen.books:,} books of that size (`net_returns_of`, two threads): {clock:,.1f} s by the "
        f"clock, {busy:,.1f} s of processor time, {added:,.0f} MB."
    )
    return "\n\n".join([HEADING, "`python -m benchmarks.ledger`: " + facts, notes, "\n".join(lines)]) + "\n"


def main() -> None:
    """Measure, print and write, or print one peak."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--books", type=int, default=1_000)
    parser.add_argument("--bt", metavar="PYTHON", help="interpreter of an environment with bt")
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.peak:
        print(peak(chosen.peak))
        return
    text = section(chosen)
    print("\n" + text)
    write(text, HEADING)


if __name__ == "__main__":
    main()
