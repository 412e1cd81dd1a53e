"""Cells: one learner on one market, and the folder that caches its numbers.

A cell's file is named by the fingerprint of everything that decides its numbers: bars, strategy, learner and code. A
file that is missing, torn or edited counts as not there, and the cell is measured again.
"""

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from market.request import BarsRequest
from market.synthetic import SyntheticSettings
from strategy.definitions.spec import StrategySpec
from strategy.runs.closure import ROOT, source_hash
from strategy.runs.provenance import code_fingerprint
from strategy.studies.sealed_numbers import read_sealed, sealed_path, write_sealed

__all__ = ["Cell", "CellCache", "Numbers"]

Numbers = dict[str, float | None]
"""What a cell measured, by name; None where there is too little to measure."""

# Beside the code that decides, the code that measures.
MEASURING = (
    "backtests/statistics/inference.py",
    "signals/score_metrics.py",
    "core/intervals.py",
    "signals/rows.py",
    "strategy/studies/planted_alpha/cell_measures.py",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One learner on one market.

    Parameters
    ----------
    name : str
        For people; unique within a study.
    market : SyntheticSettings or BarsRequest
        A built-in market, or where real bars come from.
    bars : str
        Fingerprint of real bars; empty for a built-in market, which its settings decide.
    spec : StrategySpec
        Model, split, clock, book and costs.
    learner : {"network", "ridge", "oracle"}
        Whose scores are measured.
    """

    name: str
    market: SyntheticSettings | BarsRequest
    spec: StrategySpec
    learner: str
    bars: str = ""

    @property
    def facts(self) -> dict[str, Any]:
        """Everything that decides the numbers, but the code."""
        if isinstance(self.market, SyntheticSettings):
            market = self.market.model_dump(mode="json")
        else:
            market = asdict(self.market) | {"fingerprint": self.bars}
        return {"market": market, "spec": self.spec.fingerprint(), "learner": self.learner}

    def fingerprint(self) -> str:
        """The sha256 of facts and code, in hexadecimal."""
        deciding = self.facts | {"code": code_fingerprint(self.spec), "measuring": _measuring_code()}
        return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class CellCache:
    """A folder of measured cells.

    Parameters
    ----------
    root : Path
        Made when the first cell is written.
    """

    root: Path

    def path(self, cell: Cell) -> Path:
        """The file of a cell."""
        slug = re.sub(r"[^a-z0-9.]+", "-", cell.name.lower()).strip("-")
        return sealed_path(self.root, slug, cell.fingerprint())

    def read(self, cell: Cell) -> Numbers | None:
        """Numbers of a cell; None if it was not measured, or its file was changed."""
        return read_sealed(self.path(cell), cell.fingerprint())

    def write(self, cell: Cell, numbers: Numbers) -> None:
        """Write the numbers of a cell, whole or not at all."""
        fingerprint = cell.fingerprint()
        facts = {"cell": cell.name, "fingerprint": fingerprint, **cell.facts}
        write_sealed(self.path(cell), numbers, fingerprint=fingerprint, facts=facts)


@cache
def _measuring_code() -> str:
    return "".join(source_hash((ROOT / name).read_bytes()) for name in MEASURING)
