"""Window kernels: weighted sums, mean deviations, extremes' places and correlations of trailing windows, compiled.

Arrays of shape (n_tickers, n_sessions), one ticker contiguous. Each window is combined afresh from its oldest to its
newest value, for many sessions at once, so a number depends on its own window alone, bit by bit. A NaN in the window
gives NaN, and so do the first ``window`` − 1 numbers of every ticker. ``tests/oracles/slow_windows.py`` is the same in
numpy.
"""

import numpy as np

from core.compilation import compiled
from signals.rows import FloatArray

__all__ = ["correlations", "mean_deviations", "sessions_since_maxima", "weighted_sums"]

TILE = 1024  # sessions whose windows are combined together: they stay in the first cache


@compiled
def weighted_sums(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Sum of every window times the weights, the first that of the oldest value."""
    window = weights.size
    result = np.full(values.shape, np.nan)
    for ticker in range(values.shape[0]):
        for first in range(window - 1, values.shape[1], TILE):
            rows = result[ticker, first : first + TILE]
            _weighted_sum(values[ticker, first - window + 1 :], weights, rows)
    return result


@compiled
def mean_deviations(values: FloatArray, window: int) -> FloatArray:
    """Mean absolute deviation of every window from its mean."""
    result = np.full(values.shape, np.nan)
    spare = np.empty(TILE)
    for ticker in range(values.shape[0]):
        for first in range(window - 1, values.shape[1], TILE):
            rows = result[ticker, first : first + TILE]
            _mean_deviation(values[ticker, first - window + 1 :], window, spare[: rows.size], rows)
    return result


@compiled
def sessions_since_maxima(values: FloatArray, window: int, rounding: float) -> FloatArray:
    """Sessions since the largest value of every window, the latest of those within ``rounding`` of it, a fraction."""
    result = np.full(values.shape, np.nan)
    spare = np.empty(TILE)
    for ticker in range(values.shape[0]):
        for first in range(window - 1, values.shape[1], TILE):
            rows = result[ticker, first : first + TILE]
            _since_maximum(values[ticker, first - window + 1 :], window, rounding, spare[: rows.size], rows)
    return result


@compiled
def correlations(x: FloatArray, y: FloatArray, window: int) -> FloatArray:
    """Pearson correlation of every window of x with that of y, in two passes around their means."""
    result = np.full(x.shape, np.nan)
    spare = np.empty((4, TILE))
    for ticker in range(x.shape[0]):
        for first in range(window - 1, x.shape[1], TILE):
            rows = result[ticker, first : first + TILE]
            start = first - window + 1
            _correlation(x[ticker, start:], y[ticker, start:], window, spare[:, : rows.size], rows)
    return result


@compiled
def _weighted_sum(values: FloatArray, weights: FloatArray, total: FloatArray) -> None:
    """Put the weighted sum of the window that begins at each value."""
    n, whole = total.size, weights.size - weights.size % 4
    for i in range(n):
        total[i] = 0.0
    for k in range(0, whole, 4):  # four weights at a time: the sums are read and written a quarter as often
        a, b, c, d = values[k : k + n], values[k + 1 : k + 1 + n], values[k + 2 : k + 2 + n], values[k + 3 : k + 3 + n]
        v, w, x, y = weights[k], weights[k + 1], weights[k + 2], weights[k + 3]
        for i in range(n):
            total[i] = (((total[i] + v * a[i]) + w * b[i]) + x * c[i]) + y * d[i]
    for k in range(whole, weights.size):
        a, v = values[k : k + n], weights[k]
        for i in range(n):
            total[i] += v * a[i]


@compiled
def _mean(values: FloatArray, window: int, mean: FloatArray) -> None:
    for i in range(mean.size):
        mean[i] = 0.0
    for k in range(window):
        of = values[k : k + mean.size]
        for i in range(mean.size):
            mean[i] += of[i]
    for i in range(mean.size):
        mean[i] /= window


@compiled
def _mean_deviation(values: FloatArray, window: int, mean: FloatArray, deviation: FloatArray) -> None:
    _mean(values, window, mean)
    for i in range(mean.size):
        deviation[i] = 0.0
    for k in range(window):
        of = values[k : k + mean.size]
        for i in range(mean.size):
            deviation[i] += abs(of[i] - mean[i])
    for i in range(mean.size):
        deviation[i] /= window


@compiled
def _since_maximum(values: FloatArray, window: int, rounding: float, largest: FloatArray, since: FloatArray) -> None:
    for i in range(since.size):
        largest[i], since[i] = values[i], window - 1.0
    for k in range(1, window):
        of, ago = values[k : k + since.size], window - 1.0 - k
        for i in range(since.size):
            higher = (of[i] >= largest[i] - rounding * abs(largest[i])) | (of[i] != of[i])  # a NaN stays the largest
            largest[i] = of[i] if higher else largest[i]
            since[i] = ago if higher else since[i]
    for i in range(since.size):
        since[i] = since[i] if largest[i] == largest[i] else np.nan


@compiled
def _correlation(x: FloatArray, y: FloatArray, window: int, spare: FloatArray, correlation: FloatArray) -> None:
    n = correlation.size
    x_mean, y_mean, x_squares, y_squares = spare[0], spare[1], spare[2], spare[3]
    _mean(x, window, x_mean)
    _mean(y, window, y_mean)
    for i in range(n):
        x_squares[i], y_squares[i], correlation[i] = 0.0, 0.0, 0.0
    for k in range(window):
        a, b = x[k : k + n], y[k : k + n]
        for i in range(n):
            x_squares[i] += (a[i] - x_mean[i]) * (a[i] - x_mean[i])
            y_squares[i] += (b[i] - y_mean[i]) * (b[i] - y_mean[i])
            correlation[i] += (a[i] - x_mean[i]) * (b[i] - y_mean[i])
    for i in range(n):
        correlation[i] /= np.sqrt(x_squares[i]) * np.sqrt(y_squares[i])
