"""Market calibration: run the chosen studies and keep their tables."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from backtests.verdict import finite_or_none
from core.files import write_json
from core.parallel import Workers
from core.progress import ProgressCallback, silent
from strategy.studies.planted_alpha.cells import CellCache
from strategy.studies.planted_alpha.null_markets import NullTable, measure_null
from strategy.studies.planted_alpha.planted_markets import PlantedTable, measure_planted
from strategy.studies.planted_alpha.study_settings import PlantedAlphaSettings
from strategy.studies.planted_alpha.temperature import RealBars, TemperatureTable, measure_temperature

__all__ = ["STUDIES", "Calibration", "Study", "calibrate_market", "save_calibration"]

Study = Literal["planted", "null", "temperature"]
STUDIES: tuple[Study, ...] = ("planted", "null", "temperature")
CELLS = "cells"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Results of the studies; None for a study that was not run.

    Parameters
    ----------
    settings : PlantedAlphaSettings
        What was measured.
    planted : PlantedTable or None
        Measured IC, recovery and Sharpe ratio by planted IC and learner.
    null : NullTable or None
        Counts over the null markets.
    temperature : tuple of TemperatureTable
        On planted markets and, where given, on real bars.
    """

    settings: PlantedAlphaSettings
    planted: PlantedTable | None = None
    null: NullTable | None = None
    temperature: tuple[TemperatureTable, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """Settings and tables as plain values; NaN is None."""
        values: dict[str, Any] = {
            "settings": self.settings.model_dump(mode="json"),
            "planted": None if self.planted is None else [asdict(row) for row in self.planted.rows],
            "oracle": None if self.planted is None else self.planted.oracle_rows,
            "null": None if self.null is None else asdict(self.null),
            "temperature": [asdict(table) for table in self.temperature],
        }
        finite: dict[str, Any] = finite_or_none(values)
        return finite


def calibrate_market(
    settings: PlantedAlphaSettings | None = None,
    *,
    studies: tuple[Study, ...] = STUDIES,
    out: Path = Path("calibration"),
    real: RealBars | None = None,
    workers: Workers | None = None,
    progress: ProgressCallback = silent,
) -> Calibration:
    """Measure how much of an alpha of known strength the pipeline finds, and how often it finds one that is not there.

    Cells already in ``out`` are read, not measured again. Nothing measured on a synthetic market enters a trial log: no
    strategy is chosen by it. Every setting tried on real bars does.

    Parameters
    ----------
    settings : PlantedAlphaSettings, optional
        Size, strengths, learners and seeds.
    studies : tuple of {"planted", "null", "temperature"}
        Which to run.
    out : Path
        Folder that keeps the cells.
    real : RealBars, optional
        For the temperature study, beside the planted markets.
    workers : Workers, optional
        One by default, which is this process.
    progress : callable
        Called after every cell.

    Raises
    ------
    DataError
        If the bars cannot carry the strategy.
    RunError
        If a worker was killed.
    """
    settings, cache = settings or PlantedAlphaSettings(), CellCache(out / CELLS)
    unknown = set(studies) - set(STUDIES)
    if unknown:
        raise ValueError(f"studies are {list(STUDIES)}, was {sorted(unknown)[0]!r}")
    markets = (None,) if real is None else (None, real)
    return Calibration(
        settings=settings,
        planted=measure_planted(settings, cache=cache, workers=workers, progress=progress)
        if "planted" in studies
        else None,
        null=measure_null(settings, cache=cache, workers=workers, progress=progress) if "null" in studies else None,
        temperature=tuple(
            measure_temperature(settings, cache=cache, workers=workers, progress=progress, real=bars)
            for bars in markets
            if "temperature" in studies
        ),
    )


def save_calibration(calibration: Calibration, folder: Path) -> Path:
    """Write ``calibration.json``; return its path."""
    path = folder / "calibration.json"
    write_json(path, calibration.as_json())
    return path
