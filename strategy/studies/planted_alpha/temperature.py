"""Temperature: what the soft rank's τ does to what is learned, for raw and for z-scored predictions.

On real bars every setting whose test span is looked at is a trial, and is logged as one before the table is shown.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from core.intervals import Interval
from core.parallel import Workers
from core.progress import ProgressCallback, silent
from market.inputs import load_inputs
from market.panel import Panel
from market.request import BarsRequest
from models.sample_splits import resolve_split
from strategy.runs.store import RunStore
from strategy.studies.planted_alpha.cell_workers import measure_cells
from strategy.studies.planted_alpha.cells import Cell, CellCache, Numbers
from strategy.studies.planted_alpha.seed_intervals import seed_interval
from strategy.studies.planted_alpha.study_settings import PlantedAlphaSettings, planted_market
from strategy.trials.log import TrialKey, TrialLog, distinct, trial_kind

__all__ = [
    "RealBars",
    "TemperatureRow",
    "TemperatureTable",
    "measure_temperature",
    "temperature_cells",
    "temperature_table",
]

Key = tuple[str, float, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class RealBars:
    """Bars of a real market, and the store whose trial log counts what is tried on them.

    Parameters
    ----------
    request : BarsRequest
        Where they come from.
    store : RunStore
        Store of the user's runs.
    """

    request: BarsRequest
    store: RunStore = field(default_factory=RunStore)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemperatureRow:
    """One scale and τ; intervals over seeds, 95 %.

    Parameters
    ----------
    rank_scale : str
        ``"raw"`` or ``"zscore"``.
    temperature : float
        τ.
    validation_ic, test_ic : Interval
        Mean daily rank IC of either span.
    validation_error, test_error : float
        HAC standard error within a seed, mean over seeds.
    rank_gradient, huber_gradient : float
        Norm of each term's weighted gradient with respect to a batch's scores, mean over epochs and seeds.
    """

    rank_scale: str
    temperature: float
    validation_ic: Interval
    validation_error: float
    test_ic: Interval
    test_error: float
    rank_gradient: float
    huber_gradient: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TemperatureTable:
    """All rows on one market.

    Parameters
    ----------
    market : str
        Where they were measured.
    rows : tuple of TemperatureRow
        Scale by scale.
    seeds : tuple of int
        Over which intervals are taken.
    """

    market: str
    rows: tuple[TemperatureRow, ...]
    seeds: tuple[int, ...]


def measure_temperature(
    settings: PlantedAlphaSettings,
    *,
    cache: CellCache,
    workers: Workers | None = None,
    progress: ProgressCallback = silent,
    real: RealBars | None = None,
) -> TemperatureTable:
    """Measure every cell of the temperature study on planted markets, or on real bars."""
    if real is None:
        cells = temperature_cells(settings)
        market = f"built-in markets, planted IC {settings.temperature_level:g} (SYNTHETIC)"
        numbers = measure_cells(
            list(cells.values()), cache=cache, workers=workers, progress=progress, stage="temperature, planted"
        )
        return temperature_table(settings, dict(zip(cells, numbers, strict=True)), market=market)
    panel = load_inputs(real.request).panel
    cells = temperature_cells(settings, request=real.request, bars=panel.fingerprint())
    numbers = measure_cells(
        list(cells.values()), cache=cache, workers=workers, progress=progress, stage="temperature, real"
    )
    count_trials(list(zip(cells.values(), numbers, strict=True)), panel, TrialLog(real.store.root))
    market = f"{panel.facts.source} (universe: {panel.facts.universe})"
    return temperature_table(settings, dict(zip(cells, numbers, strict=True)), market=market)


def temperature_cells(
    settings: PlantedAlphaSettings, *, request: BarsRequest | None = None, bars: str = ""
) -> dict[Key, Cell]:
    """The cells by (scale, τ, seed), on planted markets or on the bars of a request with that fingerprint."""
    return {
        (scale, temperature, seed): Cell(
            name=f"{'planted' if request is None else 'real'}, {scale}, τ {temperature:g}, seed {seed}",
            market=request or planted_market(settings, seed=seed, level=settings.temperature_level),
            bars=bars,
            spec=settings.spec(
                f'loss.rank_scale="{scale}"', f"loss.temperature={temperature}", f"training.seed={seed}"
            ),
            learner="network",
        )
        for scale in settings.rank_scales
        for temperature in settings.temperatures
        for seed in settings.seeds
    }


def count_trials(cells: list[tuple[Cell, Numbers]], panel: Panel, log: TrialLog) -> None:
    """Log every setting that looked at the test span of real bars; one that the log knows is not logged again.

    Parameters
    ----------
    cells : list of (Cell, Numbers)
        Measured cells of the bars.
    panel : Panel
        The bars.
    log : TrialLog
        Trial log of the user's store.
    """
    for cell, numbers in cells:
        spec = cell.spec
        split = resolve_split(panel.sessions, spec.split, delay=spec.execution.delay, horizon=spec.label.horizon)
        key = TrialKey.of({"spec": spec.fingerprint(), "panel": cell.bars}, panel.sessions[split.test])
        if key not in distinct(log.entries()):
            facts = {"sharpe": numbers["sharpe"], "sessions": int(numbers["sessions"] or 0)}
            facts |= {"synthetic": panel.facts.synthetic}
            log.append(trial_kind(), strategy=spec.name, run="calibrate-market", key=asdict(key), **facts)


def temperature_table(
    settings: PlantedAlphaSettings, numbers: Mapping[Key, Numbers], *, market: str
) -> TemperatureTable:
    """The table of measured cells."""
    rows = tuple(
        _row(scale, temperature, [numbers[scale, temperature, seed] for seed in settings.seeds])
        for scale in settings.rank_scales
        for temperature in settings.temperatures
    )
    return TemperatureTable(market=market, rows=rows, seeds=settings.seeds)


def _row(scale: str, temperature: float, numbers: list[Numbers]) -> TemperatureRow:
    def over_seeds(name: str) -> list[float]:
        return [math.nan if (value := one[name]) is None else value for one in numbers]

    def mean(name: str) -> float:
        return seed_interval(over_seeds(name)).estimate

    return TemperatureRow(
        rank_scale=scale,
        temperature=temperature,
        validation_ic=seed_interval(over_seeds("validation_ic")),
        validation_error=mean("validation_error"),
        test_ic=seed_interval(over_seeds("ic")),
        test_error=mean("ic_error"),
        rank_gradient=mean("rank_gradient"),
        huber_gradient=mean("huber_gradient"),
    )
