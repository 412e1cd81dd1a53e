"""Trailing windows: sums, means, standard deviations and extremes of the last ``window`` rows of every column.

Every window is combined afresh, sums row by row from the oldest to the newest, never updated from the window before. So
a number depends on its own window alone: neither more history nor a cut future changes a bit of it, and scaling by a
power of two scales it exactly. A NaN anywhere in the window gives NaN, and so do the first ``window`` − 1 rows.

The arithmetic is compiled (``signals.features.trailing_kernels``) and called without the compiler
(``core.machine_code``).
"""

from pathlib import Path
from types import ModuleType

import numpy as np

from core.machine_code import panel_kernel
from signals.rows import FloatArray

__all__ = ["by_ticker", "change", "ratio", "trailing_max", "trailing_mean", "trailing_min", "trailing_std"]

KERNELS = Path(__file__).with_name("trailing_kernels.py")


def change(values: FloatArray, sessions: int) -> FloatArray:
    """Simple return from the value ``sessions`` rows earlier."""
    values = np.asarray(values, dtype=np.float64)
    changes = np.empty_like(values)
    changes[:sessions] = np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        np.divide(values[sessions:], values[: max(len(values) - sessions, 0)], out=changes[sessions:])
    changes[sessions:] -= 1.0
    return changes


def ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Numerator ÷ denominator where the denominator is positive, else NaN (no volume has no ratio)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios: FloatArray = numerator / denominator
    empty = ~(denominator > 0.0)
    if empty.any():
        ratios[np.broadcast_to(empty, ratios.shape)] = np.nan
    return ratios


def trailing_max(values: FloatArray, window: int) -> FloatArray:
    """Largest of the last ``window`` rows."""
    return _windows("maxima", values, window)


def trailing_min(values: FloatArray, window: int) -> FloatArray:
    """Smallest of the last ``window`` rows."""
    return -trailing_max(-values, window)


def trailing_mean(values: FloatArray, window: int) -> FloatArray:
    """Mean of the last ``window`` rows."""
    return _windows("means", values, window)


def trailing_std(values: FloatArray, window: int) -> FloatArray:
    """Standard deviation (``ddof=1``) of the last ``window`` rows, in two passes around their mean."""
    return _windows("standard_deviations", values, window)


def _windows(kernel: str, values: FloatArray, window: int) -> FloatArray:
    return panel_kernel(KERNELS, kernel, _kernels)(by_ticker(values), window).T


def _kernels() -> ModuleType:
    from signals.features import trailing_kernels

    return trailing_kernels


def by_ticker(values: FloatArray) -> FloatArray:
    """Turn to one ticker after the other, read-only: a kernel is compiled once for each kind of array."""
    turned: FloatArray = np.ascontiguousarray(values.T, dtype="float64").view()
    turned.flags.writeable = False
    return turned
