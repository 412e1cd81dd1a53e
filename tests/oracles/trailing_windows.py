"""Trailing windows in numpy, row by row from the oldest to the newest: what the compiled kernels must equal in bits."""

import numpy as np


def combined(values: np.ndarray, window: int, combine: np.ufunc) -> np.ndarray:
    """Return every window combined, in the row of its newest value."""
    n_windows = max(len(values) - window + 1, 0)
    windows = values[:n_windows].copy()
    for first in range(1, window):
        windows = combine(windows, values[first : first + n_windows])
    return placed(windows, values)


def mean(values: np.ndarray, window: int) -> np.ndarray:
    """Return the mean of every window."""
    return combined(values, window, np.add) / window


def standard_deviation(values: np.ndarray, window: int) -> np.ndarray:
    """Return the standard deviation (``ddof=1``) of every window, in two passes."""
    centre = mean(values, window)[window - 1 :]
    squares = np.zeros_like(centre)
    for first in range(window):
        squares = squares + (values[first : first + len(centre)] - centre) ** 2
    return placed(np.sqrt(squares / (window - 1)), values)


def placed(windows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Put each window's number in the row of its newest value."""
    rows = np.full(values.shape, np.nan)
    rows[len(values) - len(windows) :] = windows
    return rows
