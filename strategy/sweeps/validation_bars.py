"""Validation bars: the bars that a sweep's points are trained and judged on, which end with validation.

Whatever trains or judges a point is given these and nothing else: for it, there is no test bar. They lie as files in
the sweep's folder while it is under way, where its workers read them.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Self

from core.files import read_json, write_bytes, write_json
from market.inputs import Inputs
from models.sample_splits import Split, resolve_split
from strategy.definitions.spec import StrategySpec
from strategy.frozen.archive import panel_files, read_panel, read_sectors, sector_files

__all__ = ["TestSpan", "ValidationBars", "cut_at_validation", "kept_bars"]

ROWS_FILE = "rows.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSpan:
    """What is known of the test before anything is judged on it: which bars, and when.

    Parameters
    ----------
    panel : str
        Fingerprint of all bars.
    first, last : str
        Its first and last session, ISO dates.
    """

    panel: str
    first: str
    last: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ValidationBars:
    """Bars until the end of validation, and where validation begins.

    Parameters
    ----------
    inputs : Inputs
        Bars and sectors.
    validation_row, end_row : int
        First row of validation, and the row after the last bar: no label of validation reaches beyond.
    """

    inputs: Inputs
    validation_row: int
    end_row: int

    def split(self, spec: StrategySpec) -> Split:
        """Rows of training and validation, purged by the strategy's delay and horizon as a run purges them.

        Raises
        ------
        ValueError
            If a span keeps no row.
        """
        purge = spec.execution.delay + spec.label.horizon
        return Split(
            train=slice(0, self.validation_row - purge),
            validation=slice(self.validation_row, self.end_row - purge),
            test=slice(self.end_row, self.end_row),
            purge=purge,
        )

    def dates(self, spec: StrategySpec) -> tuple[str, str]:
        """First and last session that is judged, ISO dates."""
        sessions, rows = self.inputs.panel.sessions, self.split(spec).validation
        return f"{sessions[rows.start]:%Y-%m-%d}", f"{sessions[rows.stop - 1]:%Y-%m-%d}"

    def keep(self, folder: Path) -> None:
        """Write the bars as files; those of a former process are the same ones."""
        if (folder / ROWS_FILE).is_file():
            return
        sectors = {} if self.inputs.sectors is None else sector_files(self.inputs.sectors)
        for name, content in (panel_files(self.inputs.panel) | sectors).items():
            write_bytes(folder / name, content)
        write_json(folder / ROWS_FILE, [self.validation_row, self.end_row])

    @classmethod
    def kept(cls, folder: Path) -> Self:
        """The bars that ``keep`` wrote."""
        validation_row, end_row = read_json(folder / ROWS_FILE, tuple[int, int])
        inputs = Inputs(panel=read_panel(folder), sectors=read_sectors(folder))
        return cls(inputs=inputs, validation_row=validation_row, end_row=end_row)


@lru_cache(maxsize=1)
def kept_bars(folder: Path) -> ValidationBars:
    """The bars of a folder; those that this process read last are at hand."""
    return ValidationBars.kept(folder)


def cut_at_validation(spec: StrategySpec, inputs: Inputs) -> tuple[ValidationBars, TestSpan]:
    """The bars until the end of validation, and what is known of the test.

    Parameters
    ----------
    spec : StrategySpec
        Its split says where validation and test meet.
    inputs : Inputs
        All bars.

    Raises
    ------
    DataError
        If a span keeps no session.
    """
    panel = inputs.panel
    split = resolve_split(panel.sessions, spec.split, delay=spec.execution.delay, horizon=spec.label.horizon)
    first_test = split.test.start
    seen = panel.until(panel.sessions[first_test - 1])
    cut = replace(Inputs(panel=seen), sectors=inputs.sectors)
    bars = ValidationBars(inputs=cut, validation_row=split.validation.start, end_row=first_test)
    first, last = (f"{panel.sessions[row]:%Y-%m-%d}" for row in (first_test, -1))
    return bars, TestSpan(panel=panel.fingerprint(), first=first, last=last)
