"""Trailing windows: sums, means, standard deviations and extremes of the last ``window`` rows of every column.

Every window is combined afresh, sums row by row from the oldest to the newest, never updated from the window before. So
a number depends on its own window alone: neither more history nor a cut future changes a bit of it, and scaling by a
power of two scales it exactly. A NaN anywhere in the window gives NaN, and so do the first ``window`` − 1 rows.

The arithmetic is compiled (``signals.features.kernels``), which numba takes a second to be loaded for: the first call
loads it.
"""

import numpy as np

from signals.rows import FloatArray

__all__ = ["by_ticker", "change", "ratio", "trailing_max", "trailing_mean", "trailing_min", "trailing_std"]


def change(values: FloatArray, sessions: int) -> FloatArray:
    """Return the simple return from the value ``sessions`` rows earlier."""
    from signals.features.kernels import changes

    return changes(by_ticker(values), sessions).T


def ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Return numerator ÷ denominator where the denominator is positive, else NaN (no volume has no ratio)."""
    from signals.features.kernels import ratios

    above, below = np.broadcast_arrays(numerator, denominator)
    return ratios(by_ticker(above), by_ticker(below)).T


def trailing_max(values: FloatArray, window: int) -> FloatArray:
    """Return the largest of the last ``window`` rows."""
    from signals.features.kernels import maxima

    return maxima(by_ticker(values), window).T


def trailing_min(values: FloatArray, window: int) -> FloatArray:
    """Return the smallest of the last ``window`` rows."""
    return -trailing_max(-values, window)


def trailing_mean(values: FloatArray, window: int) -> FloatArray:
    """Return the mean of the last ``window`` rows."""
    from signals.features.kernels import means

    return means(by_ticker(values), window).T


def trailing_std(values: FloatArray, window: int) -> FloatArray:
    """Return the standard deviation (``ddof=1``) of the last ``window`` rows, in two passes around their mean."""
    from signals.features.kernels import standard_deviations

    return standard_deviations(by_ticker(values), window).T


def by_ticker(values: FloatArray) -> FloatArray:
    """Turn to one ticker after the other, read-only: a kernel is compiled once for each kind of array."""
    turned: FloatArray = np.ascontiguousarray(values.T, dtype="float64").view()
    turned.flags.writeable = False
    return turned
