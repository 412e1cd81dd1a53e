"""Validation ICs of long and exact training: the same strategy, market and seeds, all else equal.

Both modes are judged by the mean rank IC of the validation sessions, scored from exact windows as prediction does. A
cell is one training; cells are kept in a folder, so that a stopped command goes on where it was.
"""

import argparse
import statistics
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from benchmarks.runner.page import processor
from core.parallel import Workers
from market.inputs import load_inputs
from market.request import BarsRequest
from market.synthetic import SyntheticSettings
from quintile.progress_display import progress_bars
from strategy.definitions.spec import StrategySpec, load_spec, override
from strategy.studies.planted_alpha.cell_workers import measure_cells
from strategy.studies.planted_alpha.cells import Cell, CellCache, Numbers
from strategy.studies.planted_alpha.study_settings import BOOK, SMALL

__all__ = ["HEADING", "ic_cells", "ic_section"]

HEADING = "## Validation IC of long and exact training"
MODES = ("long", "exact")
BARS = Path(__file__).parent.parent.parent / "shared" / "data" / "sp500_5y_2013_2018.parquet"
TOLERANCE = 0.003


def ic_cells(seeds: Sequence[int], *, full: bool, bars: Path = BARS) -> list[Cell]:
    """Every market's trainings, seed by seed and mode by mode; recorded bars are left out where there are none.

    Parameters
    ----------
    seeds : sequence of int
        Of weights, dropout and batches; on the built-in market of the market too.
    full : bool
        The real model instead of 1 × 32 units on 40 sessions.
    bars : Path
        Recorded bars.
    """
    cells = [
        _cell(f"built-in, seed {seed}, {mode}", SyntheticSettings(seed=seed), _spec(seed, mode, full=full))
        for seed, mode in product(seeds, MODES)
    ]
    if not bars.is_file():
        return cells
    request = BarsRequest(bars=str(bars), universe="top400")
    known = load_inputs(request).panel.fingerprint()
    return cells + [
        _cell(f"sp500_5y, seed {seed}, {mode}", request, _spec(seed, mode, full=full), bars=known)
        for seed, mode in product(seeds, MODES)
    ]


def ic_section(chosen: argparse.Namespace) -> str:
    """Measure the cells that are missing and return the section."""
    cells = ic_cells(range(1, chosen.seeds + 1), full=chosen.full)
    with progress_bars() as progress:
        cache, workers = CellCache(chosen.cells), Workers(count=chosen.workers)
        measurements = measure_cells(cells, cache=cache, stage="training", workers=workers, progress=progress)
    size = "2 × 128 units, 90 sessions" if chosen.full else "1 × 32 units, 40 sessions, at most 30 epochs, patience 6"
    spent = sum(numbers["seconds"] or 0.0 for numbers in measurements)
    head = (
        f"`python -m benchmarks.training --ic{' --full' if chosen.full else ''}`: {processor()}, one thread, "
        f"{spent / 60:.0f} minutes of processor time. {size}; the rest as in `{BOOK}`, the two modes apart in "
        f"`training.mode` alone. Mean rank IC of the validation sessions at the best epoch, from exact windows. "
        f"Target: a difference within ±{TOLERANCE} on the mean of three seeds; ± is the standard error over the seeds."
    )
    return "\n\n".join([HEADING, head, "\n".join(_table(cells, measurements))]) + "\n"


def _table(cells: Sequence[Cell], measurements: Sequence[Numbers]) -> list[str]:
    """Row of each market and seed, and of each market's mean."""
    lines = [
        "| market | long | exact | long − exact | epochs | seconds, long | seconds, exact |",
        "|---|" + "---:|" * 6,
    ]
    markets = dict[str, list[tuple[Numbers, Numbers]]]()
    for long, exact, cell in zip(measurements[::2], measurements[1::2], cells[::2], strict=True):
        name = cell.name.rpartition(", ")[0]
        markets.setdefault(name.partition(",")[0], []).append((long, exact))
        lines.append(_row(name, long, exact))
    return lines + [_mean_row(market, pairs) for market, pairs in markets.items()]


def _row(name: str, long: Numbers, exact: Numbers) -> str:
    ics = [long["validation_ic"] or 0.0, exact["validation_ic"] or 0.0]
    epochs = f"{long['epochs'] or 0:.0f}, {exact['epochs'] or 0:.0f}"
    seconds = [f"{each['seconds'] or 0:,.0f}" for each in (long, exact)]
    return f"| {name} | {ics[0]:+.4f} | {ics[1]:+.4f} | {ics[0] - ics[1]:+.4f} | {epochs} | {' | '.join(seconds)} |"


def _mean_row(market: str, pairs: Sequence[tuple[Numbers, Numbers]]) -> str:
    long, exact = ([pair[side]["validation_ic"] or 0.0 for pair in pairs] for side in (0, 1))
    gaps = [a - b for a, b in zip(long, exact, strict=True)]
    error = f" ± {statistics.stdev(gaps) / len(gaps) ** 0.5:.4f}" if len(gaps) > 1 else ""
    means = [statistics.mean(side) for side in (long, exact)]
    cells = f"{means[0]:+.4f} | {means[1]:+.4f} | {means[0] - means[1]:+.4f}{error}"
    return f"| **{market}, mean of {len(pairs)}** | {cells} | | | |"


def _spec(seed: int, mode: str, *, full: bool) -> StrategySpec:
    size = () if full else SMALL
    return override(load_spec(BOOK), (*size, f'training.mode="{mode}"', f"training.seed={seed}"))


def _cell(name: str, market: SyntheticSettings | BarsRequest, spec: StrategySpec, *, bars: str = "") -> Cell:
    return Cell(name=name, market=market, spec=spec, learner="network", bars=bars)
