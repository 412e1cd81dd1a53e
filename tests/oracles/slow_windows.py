"""Trailing windows in numpy, one window of one ticker at a time, summed from the oldest to the newest value."""

from collections.abc import Callable

import numpy as np


def slow_windows(combine: Callable[..., float], window: int, *values: np.ndarray) -> np.ndarray:
    """Return ``combine`` of every window of arrays of shape (n_sessions, n_tickers); NaN where one holds a NaN."""
    found = np.full(values[0].shape, np.nan)
    for row in range(window - 1, len(found)):
        for column in range(found.shape[1]):
            windows = [of[row - window + 1 : row + 1, column] for of in values]
            if not any(np.isnan(of).any() for of in windows):
                found[row, column] = combine(*windows)
    return found


def mean_deviation(window: np.ndarray) -> float:
    mean = ordered_sum(window) / len(window)
    return ordered_sum(abs(window - mean)) / len(window)


def since_maximum(window: np.ndarray) -> float:
    return float(np.argmax(window[::-1]))


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.corrcoef(x, y)[0, 1])


def ordered_sum(values: np.ndarray) -> float:
    return float(np.add.accumulate(values)[-1])
