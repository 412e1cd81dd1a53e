"""Trailing kernels: trailing windows, compiled; arrays of shape (n_tickers, n_sessions), one ticker contiguous.

Each window is combined afresh, for many sessions at once: sums from the oldest to the newest value, extremes, which no
order can change, from two halves. So the numbers are those of a window on its own, bit by bit.
``tests/oracles/trailing_windows.py`` is the same in numpy. The first ``window`` − 1 numbers of every ticker are NaN.

They are panel kernels (``core.machine_code``): they fill ``result``, use ``spare`` as scratch and allocate nothing.
"""

import numpy as np

from core.compilation import compiled
from core.machine_code import TILE
from signals.rows import FloatArray

__all__ = ["maxima", "means", "standard_deviations"]


@compiled
def means(values: FloatArray, window: int, spare: FloatArray, result: FloatArray) -> None:  # noqa: ARG001 - the form
    """Put the mean of every window."""
    for ticker in range(values.shape[0]):
        result[ticker, : window - 1] = np.nan
        for first in range(window - 1, values.shape[1], TILE):
            rows = result[ticker, first : first + TILE]
            _mean(values[ticker, first - window + 1 :], window, rows)


@compiled
def standard_deviations(values: FloatArray, window: int, spare: FloatArray, result: FloatArray) -> None:
    """Put the standard deviation (``ddof=1``) of every window, in two passes around its mean."""
    for ticker in range(values.shape[0]):
        result[ticker, : window - 1] = np.nan
        for first in range(window - 1, values.shape[1], TILE):
            rows = result[ticker, first : first + TILE]
            _deviation(values[ticker, first - window + 1 :], window, spare[0, : rows.size], rows)


@compiled
def maxima(values: FloatArray, window: int, spare: FloatArray, result: FloatArray) -> None:
    """Put the largest value of every window; NaN if one is."""
    for ticker in range(values.shape[0]):
        result[ticker, : window - 1] = np.nan
        for first in range(window - 1, values.shape[1], TILE):
            rows = result[ticker, first : first + TILE]
            _largest(values[ticker, first - window + 1 : first + rows.size], window, spare, rows)


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
