"""Latency table: what each form of a version took, beside the bounds that it is held to.

A row is within its bound where the 99th percentile of all calls of all rounds is below it. Percentiles are of calls
that were timed one by one, interpolated linearly.

References
----------
The bounds are those of the systems that Quintile is measured against: a prediction within 100 ms, a session of 1,695
names within a second.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

__all__ = ["BOUNDS", "PERCENTILES", "SESSION_NAMES", "LatencyRow", "LatencyTable", "latency_rows", "words_of"]

PERCENTILES = (50, 95, 99)
SESSION_NAMES = (1, 200, 1695)
BOUNDS: Mapping[int, float] = {1: 0.1, 200: 1.0, 1695: 1.0}  # names of a session to seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyRow:
    """One form doing one thing.

    Parameters
    ----------
    form : str
        ``torch`` (our own scoring), ``onnx``, ``torchscript`` or ``int8``.
    what : str
        ``start`` of a process until it can score, ``load`` of the file, or a session of so many names.
    seconds : tuple of float
        Percentiles 50, 95 and 99.
    calls : int
        Behind them.
    processor : float or None
        Median seconds of the processor, of all threads; None where only the wall's clock was read. On a busy machine it
        says more than the wall's.
    bound : float or None
        Seconds on the wall; None where there is none.
    """

    form: str
    what: str
    seconds: tuple[float, ...]
    calls: int
    processor: float | None = None
    bound: float | None = None

    @property
    def is_within(self) -> bool | None:
        """Whether the last percentile is below the bound; None without one."""
        return None if self.bound is None else self.seconds[-1] < self.bound


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyTable:
    """What every form of a version took on this machine.

    Parameters
    ----------
    version, lock : str
        Of what was measured.
    rows : tuple of LatencyRow
        Form after form.
    peaks : mapping of str to float or None
        Peak memory of each form's process in bytes, the highest of all rounds; None where the system does not say.
    differences : mapping of str to float
        Largest difference of each form's expected returns from our own, in standard deviations of ours within the
        session.
    left_out : mapping of str to str
        Why a form is not there.
    conditions : mapping of str to object
        Machine, threads, rounds, and the load of the machine beside the measurement.
    """

    version: str
    lock: str
    rows: tuple[LatencyRow, ...]
    peaks: Mapping[str, float | None]
    differences: Mapping[str, float]
    left_out: Mapping[str, str]
    conditions: Mapping[str, Any]

    @property
    def is_within(self) -> bool:
        """Whether every bounded row is within its bound."""
        return all(row.is_within is not False for row in self.rows)

    def as_json(self) -> dict[str, Any]:
        """Plain values; seconds and bytes."""
        rows = [
            {"form": row.form, "what": row.what, "calls": row.calls, "bound": row.bound, "within": row.is_within}
            | {f"p{percent}": seconds for percent, seconds in zip(PERCENTILES, row.seconds, strict=True)}
            | {"processor_p50": row.processor}
            for row in self.rows
        ]
        return {
            "version": self.version,
            "lock": self.lock,
            "rows": rows,
            "peak_bytes": dict(self.peaks),
            "largest_difference": dict(self.differences),
            "left_out": dict(self.left_out),
            "conditions": dict(self.conditions),
            "within": self.is_within,
        }


def latency_rows(form: str, answers: Sequence[Mapping[str, Any]]) -> list[LatencyRow]:
    """The rows of a form, from what its process answered in each round.

    Parameters
    ----------
    form : str
        Its name.
    answers : sequence of mapping
        From ``live.latency.measured_process.measured``.
    """
    rows = [_row(form, what, [answer[what] for answer in answers]) for what in ("start", "load")]
    for names in SESSION_NAMES:
        seconds = [each for answer in answers for each in answer["calls"][str(names)]]
        processor = [each for answer in answers for each in answer["processor"][str(names)]]
        row = _row(form, words_of(names), seconds)
        rows.append(replace(row, processor=float(np.median(processor)), bound=BOUNDS[names]))
    return rows


def words_of(names: int) -> str:
    """A session of so many names, in words."""
    return "1 name" if names == 1 else f"{names:,} names"


def _row(form: str, what: str, seconds: Sequence[float]) -> LatencyRow:
    percentiles = tuple(float(each) for each in np.percentile(seconds, PERCENTILES))
    return LatencyRow(form=form, what=what, seconds=percentiles, calls=len(seconds))
