"""Planted and null markets: what each learner finds of an alpha whose strength is known."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.intervals import Interval
from core.parallel import Workers
from core.progress import ProgressCallback, silent
from strategy.studies.planted_alpha.cell_workers import measure_cells
from strategy.studies.planted_alpha.cells import Cell, CellCache, Numbers
from strategy.studies.planted_alpha.seed_intervals import ratio_interval, seed_interval
from strategy.studies.planted_alpha.study_settings import LEARNERS, NETWORKS, PlantedAlphaSettings, planted_market

__all__ = ["PlantedRow", "PlantedTable", "measure_planted", "planted_cells", "planted_table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedRow:
    """One learner at one strength; intervals over seeds, 95 %.

    Parameters
    ----------
    level : float
        Planted IC.
    learner : str
        Name in ``LEARNERS``.
    ic : Interval
        Mean daily rank IC of the test span.
    recovery : Interval
        ``ic`` ÷ that of the oracle on the same names and sessions; NaN without planted alpha.
    oracle_correlation : Interval
        Mean within-session correlation with the oracle scores.
    sharpe : Interval
        Annual net Sharpe ratio of the book.
    """

    level: float
    learner: str
    ic: Interval
    recovery: Interval
    oracle_correlation: Interval
    sharpe: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedTable:
    """All rows of the study, strength by strength.

    Parameters
    ----------
    rows : tuple of PlantedRow
        In the order of the settings.
    seeds : tuple of int
        Over which intervals are taken.
    oracle : mapping of float to Interval
        The oracle's IC by planted IC, over the markets of ``oracle_seeds``.
    oracle_seeds : tuple of int
        Those markets.
    """

    rows: tuple[PlantedRow, ...]
    seeds: tuple[int, ...]
    oracle: Mapping[float, Interval]
    oracle_seeds: tuple[int, ...]

    @property
    def uncovered(self) -> tuple[float, ...]:
        """Planted ICs that the oracle's interval does not hold: none, if the market is what it says."""
        return tuple(level for level, ic in self.oracle.items() if not ic.low <= level <= ic.high)

    @property
    def oracle_rows(self) -> list[dict[str, Any]]:
        """The oracle's intervals as plain values."""
        return [{"planted_ic": level, "ic": list(ic)} for level, ic in self.oracle.items()]

    @property
    def beyond_oracle(self) -> tuple[PlantedRow, ...]:
        """Rows whose recovery is significantly above 1: none, unless a learner reads the future."""
        return tuple(row for row in self.rows if row.learner != "oracle" and row.recovery.low > 1.0)


def planted_cells(settings: PlantedAlphaSettings) -> dict[tuple[float, str, int], Cell]:
    """The cells by (planted IC, learner, seed), those that train first."""
    keys = [
        (level, learner, seed)
        for learner in sorted(settings.learners, key=LEARNERS.index)
        for level in settings.levels
        for seed in _seeds(settings, learner)
    ]
    return {(level, learner, seed): _cell(settings, level, learner, seed) for level, learner, seed in keys}


def measure_planted(
    settings: PlantedAlphaSettings,
    *,
    cache: CellCache,
    workers: Workers | None = None,
    progress: ProgressCallback = silent,
) -> PlantedTable:
    """Measure every cell of the planted study and return its table."""
    cells = planted_cells(settings)
    numbers = measure_cells(
        list(cells.values()), cache=cache, workers=workers, progress=progress, stage="planted markets"
    )
    return planted_table(settings, dict(zip(cells, numbers, strict=True)))


def planted_table(settings: PlantedAlphaSettings, numbers: Mapping[tuple[float, str, int], Numbers]) -> PlantedTable:
    """The table of measured cells.

    Parameters
    ----------
    settings : PlantedAlphaSettings
        Levels, learners and seeds; the oracle among the learners.
    numbers : mapping of (planted IC, learner, seed) to Numbers
        One entry a cell.
    """
    seeds = settings.seeds
    rows = tuple(
        _row(level, learner, {seed: (numbers[level, learner, seed], numbers[level, "oracle", seed]) for seed in seeds})
        for level in settings.levels
        for learner in settings.learners
    )
    oracle = {
        level: seed_interval([_number(numbers[level, "oracle", seed], "ic") for seed in settings.oracle_seeds])
        for level in settings.levels
    }
    return PlantedTable(rows=rows, seeds=seeds, oracle=oracle, oracle_seeds=settings.oracle_seeds)


def _seeds(settings: PlantedAlphaSettings, learner: str) -> tuple[int, ...]:
    """The markets of a learner; the oracle's are many, because it needs no training."""
    more = settings.oracle_seeds if learner == "oracle" else ()
    return tuple(dict.fromkeys((*settings.seeds, *more)))


def _row(level: float, learner: str, by_seed: Mapping[int, tuple[Numbers, Numbers]]) -> PlantedRow:
    """The row of a learner from its own and the oracle's numbers by seed."""
    own, oracle = zip(*by_seed.values(), strict=True)
    recovery = (
        ratio_interval(_named(own, "ic"), _named(oracle, "ic")) if level else Interval(math.nan, math.nan, math.nan)
    )
    return PlantedRow(
        level=level,
        learner=learner,
        ic=seed_interval(_named(own, "ic")),
        recovery=recovery,
        oracle_correlation=seed_interval(_named(own, "oracle_correlation")),
        sharpe=seed_interval(_named(own, "sharpe")),
    )


def _named(numbers: Sequence[Numbers], name: str) -> list[float]:
    return [_number(one, name) for one in numbers]


def _number(numbers: Numbers, name: str) -> float:
    return math.nan if (value := numbers[name]) is None else value


def _cell(settings: PlantedAlphaSettings, level: float, learner: str, seed: int) -> Cell:
    return Cell(
        name=f"{learner}, IC {level:g}, seed {seed}",
        market=planted_market(settings, seed=seed, level=level),
        spec=settings.spec(*NETWORKS.get(learner, ()), f"training.seed={seed}"),
        learner="network" if learner in NETWORKS else learner,
    )
