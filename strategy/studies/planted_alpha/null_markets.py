"""Null markets: false positives of ridge where nothing is planted.

The verdict's rule calls every synthetic market NOT EVIDENCE. Here that one ground is lifted, or the rule would not be
tried; each market has its own bars, so each is its own first trial.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from backtests.verdict import Confidence, Grounds, weigh
from core.parallel import Workers
from core.progress import ProgressCallback, silent
from strategy.studies.planted_alpha.cell_workers import measure_cells
from strategy.studies.planted_alpha.cells import Cell, CellCache, Numbers
from strategy.studies.planted_alpha.study_settings import PlantedAlphaSettings, planted_market

__all__ = ["NullTable", "measure_null", "null_cells", "null_table"]

NULL_BAND = 2.0  # standard errors


@dataclass(frozen=True, slots=True, kw_only=True)
class NullTable:
    """Counts over the null markets.

    Parameters
    ----------
    seeds : int
        Markets.
    within : int
        Those whose |IC| is within two HAC standard errors of zero.
    mean_ic, ic_error : float
        Mean IC over markets, and its standard error from their spread.
    mean_sharpe : float
        Mean annual net Sharpe ratio; costs put it below zero.
    evidence : int
        How many ended in EVIDENCE by the rule as written, under which no synthetic market can.
    verdicts : mapping of str to int
        How many ended in each word of the written rule, all grounds but "the market is synthetic" weighed.
    """

    seeds: int
    within: int
    mean_ic: float
    ic_error: float
    mean_sharpe: float
    evidence: int
    verdicts: Mapping[str, int]


def null_cells(settings: PlantedAlphaSettings) -> dict[int, Cell]:
    """Ridge on the null market of every seed."""
    spec = settings.spec()
    return {
        seed: Cell(
            name=f"null, ridge, seed {seed}",
            market=planted_market(settings, seed=seed, level=0.0),
            spec=spec,
            learner="ridge",
        )
        for seed in settings.null_seeds
    }


def measure_null(
    settings: PlantedAlphaSettings,
    *,
    cache: CellCache,
    workers: Workers | None = None,
    progress: ProgressCallback = silent,
) -> NullTable:
    """Measure ridge on every null market and count."""
    cells = null_cells(settings)
    numbers = measure_cells(list(cells.values()), cache=cache, workers=workers, progress=progress, stage="null markets")
    return null_table(dict(zip(cells, numbers, strict=True)))


def null_table(numbers: Mapping[int, Numbers]) -> NullTable:
    """The counts over measured null markets; a market without an error or a Sharpe ratio counts against."""
    markets = [{name: math.nan if value is None else value for name, value in one.items()} for one in numbers.values()]
    coefficients = [one["ic"] for one in markets]
    mean, count = sum(coefficients) / len(markets), len(markets)
    spread = sum((value - mean) ** 2 for value in coefficients) / (count - 1) if count > 1 else math.nan
    verdicts = [_word(one, synthetic=False) for one in markets]
    return NullTable(
        seeds=count,
        within=sum(abs(one["ic"]) <= NULL_BAND * one["ic_error"] for one in markets),
        mean_ic=mean,
        ic_error=math.sqrt(spread / count),
        mean_sharpe=sum(one["sharpe"] for one in markets) / count,
        evidence=sum(_word(one, synthetic=True) == "EVIDENCE" for one in markets),
        verdicts={word: verdicts.count(word) for word in ("EVIDENCE", "WEAK", "NOT EVIDENCE")},
    )


def _word(numbers: Mapping[str, float], *, synthetic: bool) -> str:
    alone = Confidence(
        n_trials=1,
        probabilistic=numbers["psr"],
        deflated=math.nan,
        sessions=int(numbers["sessions"]),
        sessions_needed=math.nan,
    )
    return weigh(Grounds(confidence=alone, synthetic=synthetic, ic_above_zero=numbers["ic_low"] > 0.0))
