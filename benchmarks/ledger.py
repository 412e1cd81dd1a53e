"""One daily book of 500 names over ten years: the compiled ledger, vectorbt, and bt in an environment of its own.

*Arrays* times the simulation alone, on arrays that are ready: the ledger with every table that a result needs, or its
equity only, beside vectorbt's ``from_orders`` and ``value``. *Call* times what a user calls, from frames to equity.
"""

import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from backtests.engine.due_weights import due_weights
from backtests.engine.kernel import keep_books
from backtests.engine.ledger import blank_record, keep_ledger, ledger_bars, ledger_terms
from backtests.engine.many_books import net_returns_of
from backtests.engine.vectorbt_engine import OrderFrames, _simulate, order_frames, vectorbt_equity
from benchmarks.runner import Options, Ratio, Section, added_peak, fresh_peak, high_water, interleaved, run_peer
from benchmarks.runner.peers import PeerMissing
from market import Execution, Panel, PanelFacts
from market.panel import aligned_frame
from portfolio.costs import Costs

N_SESSIONS, N_NAMES = 2_520, 500
N_BOOKS = 1_000
PEER_ROUNDS = 3  # a minute each
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
PEER = """
import sys, time, numpy as np, pandas as pd, bt
kept = np.load(sys.argv[1])
days = pd.bdate_range("2010-01-04", periods=len(kept["close"]))
names = [f"T{k:03d}" for k in range(kept["close"].shape[1])]
close, weights = (pd.DataFrame(kept[name], days, names) for name in ("close", "weights"))
before = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) * 1024 / 1e6
start = time.process_time()
algos = [bt.algos.WeighTarget(weights), bt.algos.Rebalance()]
fee = lambda quantity, price: abs(quantity) * price * 5e-4
test = bt.Backtest(bt.Strategy("book", algos), close, integer_positions=False, commissions=fee, progress_bar=False)
bt.run(test)
seconds = time.process_time() - start
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(seconds, int(peak) * 1024 / 1e6 - before)
"""


@cache
def workload() -> tuple[Panel, pd.DataFrame]:
    """Random walks and the decided weights of a smoothed random long/short book, 50/50."""
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
    """Weights that come due."""
    return due_weights(*workload(), Execution())


def arrays(costs: Costs, *, tables: bool) -> Callable[[], object]:
    """Kernel's run on arrays that are ready."""
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
    """vectorbt's run on arrays that are ready."""
    orders = order_frames(workload()[0], due(), execution=Execution(), costs=PLAIN)
    frames = {name: getattr(orders, name)[1:] for name in OrderFrames.__slots__}

    def run() -> object:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _simulate(dict(frames))

    return run


def call(costs: Costs) -> Callable[[], object]:
    """``keep_ledger`` on frames."""
    return lambda: keep_ledger(workload()[0], due(), execution=Execution(), costs=costs).equity


def vectorbt_call() -> Callable[[], object]:
    """``vectorbt_equity`` on frames."""
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


def difference() -> float:
    """Largest equity difference of the two engines ÷ capital."""
    panel, _ = workload()
    ours = keep_ledger(panel, due(), execution=Execution(), costs=PLAIN).equity[1:] / 1e6
    return float(np.abs(ours - vectorbt_equity(panel, due(), execution=Execution(), costs=PLAIN, start=1)).max())


def peak(form: str) -> float:
    """How much one run raises this process's peak memory, in MB; a run before compiles and imports."""
    run = FORMS[form][1]()
    keep_ledger(*_small(), execution=Execution(), costs=FRICTIONS if "friction" in form else PLAIN)
    vectorbt_equity(*_small(), execution=Execution(), costs=PLAIN, start=1)
    return added_peak(run)


def _small() -> tuple[Panel, pd.DataFrame]:
    panel, weights = workload()
    few = panel.between(None, panel.sessions[9])
    return few, due_weights(few, weights.iloc[:10], Execution())


def bt_run(options: Options) -> tuple[float, float]:
    """Median processor seconds of bt on the same closes and weights, and the MB that it adds."""
    panel, weights = workload()
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "book.npz"
        np.savez(kept, close=panel.close.to_numpy(), weights=weights.to_numpy())
        answers = [
            run_peer("bt", PEER, str(kept), options=options).split()[-2:]
            for _ in range(min(options.rounds, PEER_ROUNDS))
        ]
    return statistics.median(float(seconds) for seconds, _ in answers), float(answers[-1][1])


def many(n_books: int) -> tuple[float, float, float]:
    """Clock and processor seconds for the returns of many books, and the peak memory that they add in MB."""
    panel, weights = workload()

    def books() -> Iterator[pd.DataFrame]:
        for number in range(n_books):  # every book other weights, at no cost
            yield weights.set_axis(np.roll(weights.columns, number), axis=1)

    net_returns_of(panel, [weights], execution=Execution(), costs=PLAIN)
    before, clock, start = high_water(), time.perf_counter(), time.process_time()
    net_returns_of(panel, books(), execution=Execution(), costs=PLAIN)
    return time.perf_counter() - clock, time.process_time() - start, high_water() - before


def rows(times: dict[str, float], memory: bool) -> list[tuple[str, ...]]:
    """Lines of the table."""
    rivals = {"arrays": times["vectorbt"], "call": times["vectorbt "]}
    lines = []
    for name, (kind, _) in FORMS.items():
        megabytes = f"{fresh_peak('ledger', name):,.0f}" if memory else ""
        lines.append((kind, name.strip(), f"{times[name] * 1e3:,.1f}", f"{rivals[kind] / times[name]:,.1f}", megabytes))
    return lines


def ratios(times: dict[str, float]) -> list[Ratio]:
    """Ledger against vectorbt."""
    rivals = {"arrays": times["vectorbt"], "call": times["vectorbt "]}
    return [
        Ratio(form=f"{name.strip()} ({kind})", rival="vectorbt", times=rivals[kind] / times[name])
        for name, (kind, _) in FORMS.items()
        if "vectorbt" not in name
    ]


def section(options: Options) -> Section:
    """Measure, and return the section."""
    times = interleaved({name: make() for name, (_, make) in FORMS.items()}, options.rounds)
    lines, bars, missing = rows(times, options.memory), ratios(times), []
    try:
        seconds, added = bt_run(options)
        against = f"{times['vectorbt '] / seconds:,.3f}"
        lines.append(
            ("call", "bt, closes", f"{seconds * 1e3:,.1f}", against, f"{added:,.0f}" if options.memory else "")
        )
        bars.append(Ratio(form="ledger (call)", rival="bt", times=seconds / times["ledger "]))
    except PeerMissing as reason:
        missing.append(f"Left out: {reason}.")
    clock, busy, added = many(N_BOOKS)
    notes = (
        f"{N_SESSIONS:,} sessions × {N_NAMES} names, every name traded every session, 50/50, 5 bps. Largest equity "
        f"difference of ledger and vectorbt: {difference():.0e} of capital. *Arrays* is the simulation alone, *call* "
        "goes from frames to equity. *Every friction* is root impact, borrow fees, interest, rebate and margin.",
        f"Net returns of {N_BOOKS:,} books of that size (`net_returns_of`, two threads): {clock:,.1f} s by the "
        f"clock, {busy:,.1f} s of processor time, {added:,.0f} MB.",
        *missing,
    )
    return Section(
        heading="The ledger and other simulators",
        clock=f"processor time, medians of {options.rounds} interleaved rounds in one run (bt at most {PEER_ROUNDS})",
        notes=notes,
        columns=("measured", "form", "ms", "times faster than vectorbt", "MB"),
        rows=tuple(lines),
        ratios=tuple(bars),
    )
