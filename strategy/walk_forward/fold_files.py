"""Fold files: the files in a fold's folder. Imports no torch, so that what only watches a fold starts at once.

A fold's folder keeps the training state after every epoch, then the checkpoint, then the scores; ``fold.json`` is
written last and says that the fold is done.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from core.files import atomic_path, read_json

__all__ = ["PROGRESS_FILE", "FoldFiles"]

PROGRESS_FILE = "progress.json"  # there while the fold is being computed


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
        """Whether the fold was scored."""
        return (self.path / "fold.json").is_file()

    @property
    def record(self) -> dict[str, Any]:
        """Dates, epochs and validation IC of a finished fold."""
        record: dict[str, Any] = read_json(self.path / "fold.json")
        return record

    def write_scores(self, name: str, scores: pd.DataFrame) -> None:
        """Write ``<name>.parquet``, whole or not at all."""
        with atomic_path(self.path / f"{name}.parquet") as temporary:
            scores.to_parquet(temporary, compression="zstd")

    def read_scores(self, name: str) -> pd.DataFrame:
        """The scores of the fold's sessions."""
        return pd.read_parquet(self.path / f"{name}.parquet")
