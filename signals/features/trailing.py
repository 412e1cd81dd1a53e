"""Trailing windows: sums, means, standard deviations and extremes of the last ``window`` rows of every column.

Every window is combined afresh, row by row from its oldest to its newest, never updated from the window before. So a
number depends on its own window alone: neither more history nor a cut future changes a bit of it, and scaling by a
power of two scales it exactly. A NaN anywhere in the window gives NaN, and so do the first ``window`` − 1 rows.
"""

import numpy as np

from signals.rows import FloatArray

__all__ = ["change", "ratio", "trailing_max", "trailing_mean", "trailing_min", "trailing_std"]


def change(values: FloatArray, sessions: int) -> FloatArray:
    """Return the simple return from the value ``sessions`` rows earlier."""
    changed = np.full_like(values, np.nan)
    changed[sessions:] = values[sessions:] / values[: max(len(values) - sessions, 0)] - 1.0
    return changed


def ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Return numerator ÷ denominator where the denominator is positive, else NaN (no volume has no ratio)."""
    quotient = np.full_like(denominator, np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator > 0)
    return quotient


def trailing_max(values: FloatArray, window: int) -> FloatArray:
    """Return the largest of the last ``window`` rows."""
    return _combined(values, window, np.maximum)


def trailing_min(values: FloatArray, window: int) -> FloatArray:
    """Return the smallest of the last ``window`` rows."""
    return _combined(values, window, np.minimum)


def trailing_mean(values: FloatArray, window: int) -> FloatArray:
    """Return the mean of the last ``window`` rows."""
    return _combined(values, window, np.add) / window


def trailing_std(values: FloatArray, window: int) -> FloatArray:
    """Return the standard deviation (``ddof=1``) of the last ``window`` rows, in two passes around their mean."""
    mean = trailing_mean(values, window)[window - 1 :]
    squares = np.zeros_like(mean)
    deviation = np.empty_like(mean)
    for first in range(window):
        np.subtract(values[first : first + len(mean)], mean, out=deviation)
        np.multiply(deviation, deviation, out=deviation)
        squares += deviation
    return _placed(np.sqrt(squares / (window - 1)), values)


def _combined(values: FloatArray, window: int, combine: np.ufunc) -> FloatArray:
    n_windows = max(len(values) - window + 1, 0)
    combined = values[:n_windows].copy(order="K")
    for first in range(1, window):
        combine(combined, values[first : first + n_windows], out=combined)
    return _placed(combined, values)


def _placed(windows: FloatArray, values: FloatArray) -> FloatArray:
    """Put each window's number in the row of its newest value."""
    placed = np.full_like(values, np.nan)
    placed[len(values) - len(windows) :] = windows
    return placed
