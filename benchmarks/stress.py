"""The stress matrix of every builder: 21 rows each, ten years of 500 names, decided anew and kept by the ledger.

    python -m benchmarks.stress [--sessions 2520] [--names 500]      (memory needs Linux)

Run from the checkout. Prints a table and writes it into its own section of `benchmarks/README.md`. The books are
those of `quintile compare-books` on random scores; none needs an optimiser. A first pass over a few sessions compiles
and does not count. Memory is what the measured passes add to the peak resident set.
"""

import argparse
import os
import platform
import time
from dataclasses import replace

import numpy as np
import pandas as pd

from benchmarks.ledger import workload
from benchmarks.soft_rank import high_water, processor, write
from market.panel import Panel, aligned_frame
from strategy.books import with_book
from strategy.comparing import book_lineup
from strategy.inputs import Inputs
from strategy.spec import StrategySpec, load_spec
from strategy.what_ifs import stress_matrix

HEADING = "## The stress matrix of every builder"
SMALL = (140, 110)  # sessions and names of the pass that compiles


def bars(n_sessions: int, n_names: int) -> tuple[Panel, pd.DataFrame]:
    """Return random walks whose dollar volumes differ, and scores that are noise."""
    panel, _ = workload()
    panel = panel.between(panel.sessions[0], panel.sessions[n_sessions - 1])
    names = panel.tickers[:n_names]
    rng = np.random.default_rng(1)
    frames = {name: getattr(panel, name)[names] for name in ("open", "high", "low", "close", "universe")}
    volume = aligned_frame(rng.lognormal(13, 1, frames["close"].shape), panel.sessions, names)
    part = replace(panel, **frames, volume=volume, dollar_volume=volume * frames["close"])
    return part, aligned_frame(rng.normal(0, 0.002, volume.shape), panel.sessions, names)


def measure(n_sessions: int, n_names: int) -> list[tuple[str, float, float]]:
    """Return the seconds of processor time and of the clock that each book's 21 rows took."""
    spec = load_spec("filter_negative")
    panel, scores = bars(n_sessions, n_names)
    rows = []
    for name, book in book_lineup(spec).items():
        clock, busy = time.perf_counter(), time.process_time()
        stressed(with_book(spec, book), panel, scores)
        rows.append((name, time.process_time() - busy, time.perf_counter() - clock))
        print(f"{name}: {rows[-1][1]:.1f} s", flush=True)
    return rows


def stressed(spec: StrategySpec, panel: Panel, scores: pd.DataFrame) -> None:
    """Ask for one stress matrix and insist on all 21 rows."""
    found = stress_matrix(spec, Inputs(panel=panel), scores=scores)
    if found["sharpe"].isna().any():
        raise RuntimeError(f"rows are missing: {found['refused'][found['sharpe'].isna()].to_dict()}")


def section(n_sessions: int, n_names: int) -> str:
    """Measure, and return the section of the README."""
    measure(*SMALL)
    before = high_water()
    rows = measure(n_sessions, n_names)
    busy, clock = (sum(row[place] for row in rows) for place in (1, 2))
    facts = (
        f"{processor()}, {os.cpu_count()} cores shared with other work, Python {platform.python_version()}, numpy "
        f"{np.__version__}; one pass, two threads in the ledger."
    )
    notes = (
        f"{n_sessions:,} sessions × {n_names} names, {len(rows)} books × 21 rows = {21 * len(rows)} ledgers: "
        f"{busy:,.1f} s of processor time, {clock:,.1f} s by the clock, {high_water() - before:,.0f} MB above what was "
        "there before."
    )
    lines = ["| book | processor s | clock s |", "|---|---:|---:|"]
    lines += [f"| {name} | {cpu:,.2f} | {wall:,.2f} |" for name, cpu, wall in rows]
    return "\n\n".join([HEADING, "`python -m benchmarks.stress`: " + facts, notes, "\n".join(lines)]) + "\n"


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=2_520)
    parser.add_argument("--names", type=int, default=500)
    chosen = parser.parse_args()
    text = section(chosen.sessions, chosen.names)
    print("\n" + text)
    write(text, HEADING)


if __name__ == "__main__":
    main()
