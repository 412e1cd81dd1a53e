"""The stress matrix of every builder: 21 rows each, ten years of 500 names, decided anew and kept by the ledger.

The books are those of ``quintile compare-books`` on random scores; none needs an optimiser. A first pass over a few
sessions compiles and does not count.
"""

import time
from dataclasses import replace

import numpy as np
import pandas as pd

from backtests.sensitivity.stress import stress_matrix
from benchmarks.ledger import N_NAMES, N_SESSIONS, workload
from benchmarks.runner import Options, Section, high_water
from market.inputs import Inputs
from market.panel import Panel, aligned_frame
from portfolio.rules import TradingRules
from strategy.definitions.spec import load_spec
from strategy.studies.book_lineup import book_lineup

SMALL = (140, 110)  # sessions and names of the pass that compiles


def bars(n_sessions: int, n_names: int) -> tuple[Panel, pd.DataFrame]:
    """Random walks whose dollar volumes differ, and scores that are noise."""
    panel, _ = workload()
    panel = panel.between(panel.sessions[0], panel.sessions[n_sessions - 1])
    names = panel.tickers[:n_names]
    rng = np.random.default_rng(1)
    frames = {name: getattr(panel, name)[names] for name in ("open", "high", "low", "close", "universe")}
    volume = aligned_frame(rng.lognormal(13, 1, frames["close"].shape), panel.sessions, names)
    part = replace(panel, **frames, volume=volume, dollar_volume=volume * frames["close"])
    return part, aligned_frame(rng.normal(0, 0.002, volume.shape), panel.sessions, names)


def measure(n_sessions: int, n_names: int) -> list[tuple[str, float, float]]:
    """Seconds of processor time and of the clock that each book's 21 rows took."""
    spec = load_spec("filter_negative")
    rules = spec.rules
    panel, scores = bars(n_sessions, n_names)
    rows = []
    for name, book in book_lineup(spec).items():
        clock, busy = time.perf_counter(), time.process_time()
        stressed(rules.with_book(book), panel, scores)
        rows.append((name, time.process_time() - busy, time.perf_counter() - clock))
        print(f"{name}: {rows[-1][1]:.1f} s", flush=True)
    return rows


def stressed(rules: TradingRules, panel: Panel, scores: pd.DataFrame) -> None:
    """Compute one stress matrix and insist on all 21 rows."""
    matrix = stress_matrix(rules, Inputs(panel=panel), scores=scores)
    if matrix["sharpe"].isna().any():
        raise RuntimeError(f"rows are missing: {matrix['refused'][matrix['sharpe'].isna()].to_dict()}")


def section(options: Options) -> Section:  # noqa: ARG001 - one pass says enough
    """Measure, and return the section."""
    measure(*SMALL)
    before = high_water()
    rows = measure(N_SESSIONS, N_NAMES)
    busy, clock = (sum(row[place] for row in rows) for place in (1, 2))
    note = (
        f"{N_SESSIONS:,} sessions × {N_NAMES} names, {len(rows)} books × 21 rows = {21 * len(rows)} ledgers: "
        f"{busy:,.1f} s of processor time, {clock:,.1f} s by the clock, {high_water() - before:,.0f} MB above what was "
        "there before."
    )
    return Section(
        heading="The stress matrix of every builder",
        clock="one pass, two threads in the ledger",
        notes=(note,),
        columns=("book", "processor s", "clock s"),
        rows=tuple((name, f"{cpu:,.2f}", f"{wall:,.2f}") for name, cpu, wall in rows),
    )
