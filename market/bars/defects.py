"""Defects: what is wrong with rows of bars, each kind once with its count and first place, so that one run names all.

A reader goes on after a defect and hands its rows out with what it found; whoever builds on them refuses, or lists.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from core.errors import BarsError

__all__ = ["Defect", "merged_defects", "refuse"]

MAX_TOLD = 12  # kinds of defects in one message


def _no_rows() -> np.ndarray:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Defect:
    """One kind of defect of a source.

    Parameters
    ----------
    kind : str
        What defects have in common, such as ``"close not positive"``.
    first : str
        The first one: its value, its place.
    remedy : str
        What to do, with the punctuation before it.
    count : int
        How many there are.
    unit : str
        Of what: ``"rows"``, ``"cells"``, ``"keys"``.
    rows : array of int
        Their positions among the rows that were read; empty where no row could be kept.

    Examples
    --------
    >>> from market.bars.defects import Defect
    >>> str(Defect(kind="close not positive", first="close must be positive, was 0 for A", remedy=": drop it", count=2))
    'close must be positive, was 0 for A (2 such rows): drop it'
    """

    kind: str
    first: str
    remedy: str
    count: int = 1
    unit: str = "rows"
    rows: np.ndarray = field(default_factory=_no_rows)

    def joined(self, other: Self) -> Self:
        """Count those of the same kind in another part of the source; rows, which are of one part, are forgotten."""
        return replace(self, count=self.count + other.count, rows=_no_rows())

    def __str__(self) -> str:
        return f"{self.first} ({self.count:,} such {self.unit}){self.remedy}"


def merged_defects(parts: Iterable[Sequence[Defect]]) -> tuple[Defect, ...]:
    """Defects of several parts of one source, one for each kind, the first place of each kept."""
    found: dict[str, Defect] = {}
    for defects in parts:
        for defect in defects:
            found[defect.kind] = found[defect.kind].joined(defect) if defect.kind in found else defect
    return tuple(found.values())


def refuse(defects: Sequence[Defect | str], *, origin: str) -> None:
    """Raise one error that names every defect; nothing happens where there is none.

    Raises
    ------
    BarsError
        One defect as it is; several numbered, in one line.
    """
    if not defects:
        return
    if len(defects) == 1:
        raise BarsError(str(defects[0]))
    told = "; ".join(f"{place}) {defect}" for place, defect in enumerate(defects[:MAX_TOLD], start=1))
    more = f"; and {len(defects) - MAX_TOLD} more kinds" if len(defects) > MAX_TOLD else ""
    raise BarsError(f"{origin} has {len(defects)} kinds of defects: {told}{more}")
