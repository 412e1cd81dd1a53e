"""Fold files: the files in a fold's folder. Imports no torch, so that what only watches a fold starts at once.

A fold's folder keeps the training state after every epoch, then the checkpoint, then the scores; ``fold.json`` is
written last, and the fold is done once the sha256 of all of them is noted. What is read of a fold is what was noted.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from core.files import atomic_path, write_json
from strategy.runs.kept_files import KeptFiles

if TYPE_CHECKING:
    from backtests.breakdown.range_study import ReturnRanges

__all__ = ["PROGRESS_FILE", "RANGES", "FoldFiles"]

PROGRESS_FILE = "progress.json"  # there while the fold is being computed
RECORD_FILE = "fold.json"
RANGES = ("expected", "spread")  # frames beside the scores, of a model whose expected returns have ranges


@dataclass(frozen=True, slots=True)
class FoldFiles:
    """The files of one fold of a run.

    Parameters
    ----------
    run : Path
        Folder of the run.
    number : int
        Number of the fold, from 1.
    """

    run: Path
    number: int

    @property
    def path(self) -> Path:
        """The fold's folder."""
        return self.run / "folds" / f"{self.number:03d}"

    @property
    def is_complete(self) -> bool:
        """Whether the fold was scored and everything of it is there.

        Raises
        ------
        RunError
            If a file is not as the fold left it.
        """
        scores = [name for name in self._kept.noted if name.endswith(".parquet")]
        return self._kept.hold(RECORD_FILE, *scores)

    @property
    def record(self) -> dict[str, Any]:
        """Dates, epochs and validation IC of a finished fold."""
        record: dict[str, Any] = json.loads(self._kept.read(RECORD_FILE))
        return record

    def write_scores(self, name: str, scores: pd.DataFrame) -> None:
        """Write ``<name>.parquet``, whole or not at all."""
        with atomic_path(self.path / f"{name}.parquet") as temporary:
            scores.to_parquet(temporary, compression="zstd")

    def read_scores(self, name: str) -> pd.DataFrame:
        """The scores of the fold's sessions."""
        return pd.read_parquet(io.BytesIO(self._kept.read(f"{name}.parquet")))

    def write_ranges(self, ranges: "ReturnRanges | None") -> dict[str, Any]:
        """Write expected returns and their spreads; what the record says of them, nothing where there are none."""
        if ranges is None:
            return {}
        for name in RANGES:
            self.write_scores(name, getattr(ranges, name))
        return {"uncertainty": ranges.fit.as_card()}

    def read_ranges(self) -> "ReturnRanges | None":
        """Expected returns of the fold's sessions with their spreads; None for a model without."""
        from backtests.breakdown.range_study import ReturnRanges
        from models.uncertainty.fitted_uncertainty import FittedUncertainty

        card = self.record.get("uncertainty")
        if card is None:
            return None
        frames = {name: self.read_scores(name) for name in RANGES}
        return ReturnRanges(**frames, fit=FittedUncertainty.from_card(card))

    def finish(self, record: Mapping[str, Any], *, scores: tuple[str, ...]) -> None:
        """Write the record, and note it with the scores of these names."""
        write_json(self.path / RECORD_FILE, dict(record))
        self._kept.note(*(f"{name}.parquet" for name in scores), RECORD_FILE)

    @property
    def _kept(self) -> KeptFiles:
        return KeptFiles(self.path)
