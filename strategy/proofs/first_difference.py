"""First difference: the first cell in which two computations of the same stage differ."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from strategy.runs.proof_file import Finding

__all__ = ["first_artefact", "first_difference"]


def first_difference(
    stage: str,
    expected: Mapping[str, pd.DataFrame],
    found: Mapping[str, pd.DataFrame],
    *,
    rounding: float = 0.0,
    because: str,
) -> Finding | None:
    """The earliest session's first column and ticker that differ, or None.

    Parameters
    ----------
    stage : str
        For the finding.
    expected, found : mapping of str to DataFrame
        Columns of the stage on the same sessions and tickers; NaN equals NaN.
    rounding : float
        Largest difference that passes, as a fraction of the column's largest number; 0 compares bits.
    because : str
        What was done to the bars.
    """
    if list(expected) != list(found):
        names = (", ".join(expected), ", ".join(found))
        return Finding(
            stage=stage, column="columns", session="", ticker="", expected=names[0], found=names[1], because=because
        )
    first: tuple[int, str, np.ndarray] | None = None
    for column, frame in expected.items():
        wrong = _differs(frame.to_numpy(), _on_axes(found[column], frame), rounding)
        rows = np.flatnonzero(wrong.any(axis=1))
        if len(rows) and (first is None or rows[0] < first[0]):
            first = (int(rows[0]), column, wrong[rows[0]])
    if first is None:
        return None
    row, column, cells = first
    frame, place = expected[column], int(np.argmax(cells))
    return Finding(
        stage=stage,
        column=column,
        session=f"{frame.index[row]:%Y-%m-%d}",
        ticker=str(frame.columns[place]),
        expected=_shown(frame.to_numpy()[row, place]),
        found=_shown(_on_axes(found[column], frame)[row, place]),
        because=because,
    )


def first_artefact(
    stage: str, expected: Mapping[str, Any], found: Mapping[str, Any], *, session: str, because: str
) -> Finding | None:
    """The first learned thing that is not bit for bit the same, or None."""
    for name in dict.fromkeys((*expected, *found)):
        left, right = expected.get(name), found.get(name)
        if not _same_bits(left, right):
            shown = _first_unequal(left, right)
            return Finding(
                stage=stage,
                column=name,
                session=session,
                ticker="",
                expected=shown[0],
                found=shown[1],
                because=because,
            )
    return None


def _on_axes(found: pd.DataFrame, expected: pd.DataFrame) -> np.ndarray:
    """The found numbers on the expected axes, so that a stage may order its columns as it likes."""
    same = found.index.equals(expected.index) and found.columns.equals(expected.columns)
    placed = found if same else found.reindex(index=expected.index, columns=expected.columns)
    numbers: np.ndarray = placed.to_numpy()
    return numbers


def _differs(expected: np.ndarray, found: np.ndarray, rounding: float) -> np.ndarray:
    if expected.dtype.kind != "f" or found.dtype.kind != "f":
        return _as_array(expected != found)
    missing = np.isnan(expected)
    unequal: np.ndarray = np.where(missing | np.isnan(found), missing != np.isnan(found), expected != found)
    if rounding == 0.0 or missing.all():
        return unequal
    with np.errstate(invalid="ignore"):  # infinity − infinity; infinities are compared as they are
        near: np.ndarray = np.abs(expected - found) <= rounding * np.nanmax(np.abs(expected))
    return _as_array(unequal & ~near)


def _as_array(wrong: Any) -> np.ndarray:
    array: np.ndarray = wrong
    return array


def _same_bits(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return left is right
    if isinstance(left, bytes | str):
        return bool(left == right)
    one, other = np.asarray(left), np.asarray(right)
    return one.shape == other.shape and one.dtype == other.dtype and one.tobytes() == other.tobytes()


def _first_unequal(left: Any, right: Any) -> tuple[str, str]:
    """Both values where numbers first differ, or what stands for them."""
    if left is None or right is None or isinstance(left, bytes | str):
        return _brief(left), _brief(right)
    one, other = np.asarray(left), np.asarray(right)
    if one.shape != other.shape:
        return f"shape {one.shape}", f"shape {other.shape}"
    place = int(np.argmax(one.ravel() != other.ravel()))
    return _shown(one.ravel()[place]), _shown(other.ravel()[place])


def _brief(value: Any) -> str:
    return "nothing" if value is None else str(value)[:60]


def _shown(value: Any) -> str:
    return repr(float(value)) if isinstance(value, float | np.floating) else str(value)
