"""Kernels: trailing windows, compiled; arrays of shape (n_tickers, n_sessions), one ticker contiguous.

Each window is combined afresh, for many sessions at once: sums from the oldest to the newest value, extremes, which no
order can change, from two halves. So the numbers are those of a window on its own, bit by bit.
``tests/oracles/trailing_windows.py`` is the same in numpy. The first ``window`` − 1 numbers of every ticker are NaN.
"""

import numpy as np

from market.compiling import compiled
from signals.rows import FloatArray

__all__ = ["changes", "maxima", "means", "ratios", "standard_deviations"]

TILE = 1024  # sessions whose windows are combined together: they stay in the first cache


@compiled
def changes(values: FloatArray, sessions: int) -> FloatArray:
    """Return value ÷ value ``sessions`` earlier − 1."""
    result = np.empty(values.shape)
    for ticker in range(values.shape[0]):
        newer, older, rows = values[ticker, sessions:], values[ticker], result[ticker, sessions:]
        for i in range(min(sessions, values.shape[1])):
            result[ticker, i] = np.nan
        for i in range(rows.size):
            rows[i] = newer[i] / older[i] - 1.0
    return result


@compiled
def ratios(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Return numerator ÷ denominator, NaN where the denominator is not positive."""
    result = np.empty(numerator.shape)
    for ticker in range(numerator.shape[0]):
        above, below, rows = numerator[ticker], denominator[ticker], result[ticker]
        for i in range(rows.size):
            rows[i] = above[i] / below[i] if below[i] > 0.0 else np.nan
    return result


@compiled
def means(values: FloatArray, window: int) -> FloatArray:
    """Return the mean of every window."""
    result = np.full(values.shape, np.nan)
    for ticker in range(values.shape[0]):
        for first in range(window - 1, values.shape[1], TILE):
            rows = result[ticker, first : first + TILE]
            _mean(values[ticker, first - window + 1 :], window, rows)
    return result


@compiled
def standard_deviations(values: FloatArray, window: int) -> FloatArray:
    """Return the standard deviation (``ddof=1``) of every window, in two passes around its mean."""
    result = np.full(values.shape, np.nan)
    mean = np.empty(TILE)
    for ticker in range(values.shape[0]):
        for first in range(window - 1, values.shape[1], TILE):
            rows = result[ticker, first : first + TILE]
            _deviation(values[ticker, first - window + 1 :], window, mean[: rows.size], rows)
    return result


@compiled
def maxima(values: FloatArray, window: int) -> FloatArray:
    """Return the largest value of every window; NaN if one is."""
    result = np.full(values.shape, np.nan)
    spare = np.empty((2, TILE + window))
    for ticker in range(values.shape[0]):
        for first in range(window - 1, values.shape[1], TILE):
            rows = result[ticker, first : first + TILE]
            _largest(values[ticker, first - window + 1 : first + rows.size], window, spare, rows)
    return result


@compiled
def _mean(values: FloatArray, window: int, mean: FloatArray) -> None:
    """Put the mean of the window that begins at each value."""
    for i in range(mean.size):
        mean[i] = values[i]
    for k in range(1, window - 3, 4):
        a, b, c, d = values[k:], values[k + 1 :], values[k + 2 :], values[k + 3 :]
        for i in range(mean.size):
            mean[i] = (((mean[i] + a[i]) + b[i]) + c[i]) + d[i]
    for k in range(window - (window - 1) % 4, window):
        a = values[k:]
        for i in range(mean.size):
            mean[i] += a[i]
    for i in range(mean.size):
        mean[i] /= window


@compiled
def _deviation(values: FloatArray, window: int, mean: FloatArray, deviation: FloatArray) -> None:
    """Put the standard deviation of the window that begins at each value."""
    n = mean.size
    _mean(values, window, mean)
    for i in range(n):
        deviation[i] = 0.0
    for k in range(0, window - 3, 4):  # four values at a time: the sums are read and written a quarter as often
        a, b, c, d = values[k : k + n], values[k + 1 : k + 1 + n], values[k + 2 : k + 2 + n], values[k + 3 : k + 3 + n]
        for i in range(n):
            p, q, r, s = a[i] - mean[i], b[i] - mean[i], c[i] - mean[i], d[i] - mean[i]
            deviation[i] = (((deviation[i] + p * p) + q * q) + r * r) + s * s
    for k in range(window - window % 4, window):
        a = values[k : k + n]
        for i in range(n):
            deviation[i] += (a[i] - mean[i]) * (a[i] - mean[i])
    for i in range(n):
        deviation[i] = np.sqrt(deviation[i] / (window - 1))


@compiled
def _largest(values: FloatArray, window: int, spare: FloatArray, largest: FloatArray) -> None:
    """Put the largest value of the window that begins at each value, from windows of 1, 2, 4, … sessions."""
    width, known, wider = 1, spare[0], spare[1]
    for i in range(values.size):
        known[i] = values[i]
    while 2 * width <= window:
        _larger(known, known[width:], wider[: values.size + 1 - 2 * width])
        width, known, wider = 2 * width, wider, known
    _larger(known, known[window - width :], largest)


@compiled
def _larger(one: FloatArray, other: FloatArray, larger: FloatArray) -> None:
    for i in range(larger.size):
        larger[i] = one[i] if (one[i] >= other[i]) | (one[i] != one[i]) else other[i]
