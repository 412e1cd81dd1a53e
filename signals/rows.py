"""Rows: arithmetic within each session on arrays of shape (n_sessions, n_tickers), NaN left out.

``row_sum`` runs over the sorted values one after the other, so the order of the tickers changes no bit of it, and
neither does a ticker that is NaN. Kernels return shape (n_sessions, 1), ready to broadcast over tickers.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.rounding_error import ROUNDING

__all__ = [
    "MIN_NAMES",
    "FloatArray",
    "finite_numbers",
    "row_correlation",
    "row_count",
    "row_mean",
    "row_ranks",
    "row_spreads",
    "row_sum",
    "row_varies",
]

FloatArray = NDArray[np.float64]
MIN_NAMES = 5  # a correlation over fewer names is NaN


def finite_numbers(frame: pd.DataFrame, name: str) -> FloatArray:
    """Numbers of a frame with a session's names contiguous; ``name`` is the caller's word in errors.

    Raises
    ------
    ValueError
        If there is no session or ticker, or a value is infinite.
    """
    if frame.empty:
        raise ValueError(f"{name} must hold at least one session and one ticker, was of shape {frame.shape}")
    numbers: FloatArray = np.ascontiguousarray(frame.to_numpy(dtype="float64"))
    infinite = int(np.isinf(numbers).sum())
    if infinite:
        raise ValueError(f"{name} must be finite or NaN, {infinite} values were infinite: find the division by zero")
    return numbers


def row_count(numbers: FloatArray) -> NDArray[np.int64]:
    """Count the values in each row."""
    count: NDArray[np.int64] = np.sum(~np.isnan(numbers), axis=1, keepdims=True)
    return count


def row_sum(numbers: FloatArray) -> FloatArray:
    """Sum each row's values, smallest first; 0 in an empty row."""
    ordered = np.sort(np.where(np.isnan(numbers), 0.0, numbers), axis=1)  # a zero changes no bit of a sum
    return np.cumsum(ordered, axis=1, out=ordered)[:, -1:]


def row_mean(numbers: FloatArray) -> FloatArray:
    """Mean of each row; NaN in an empty one."""
    count = row_count(numbers)
    return row_sum(numbers) / np.where(count > 0, count, np.nan)


def row_varies(numbers: FloatArray) -> NDArray[np.bool_]:
    """Whether each row holds two different values: exact, where a rounded mean gives equal ones a spread."""
    missing = np.isnan(numbers)
    highest = np.max(np.where(missing, -np.inf, numbers), axis=1, keepdims=True)
    lowest = np.min(np.where(missing, np.inf, numbers), axis=1, keepdims=True)
    varies: NDArray[np.bool_] = highest > lowest
    return varies


def row_spreads(numbers: FloatArray) -> NDArray[np.bool_]:
    """Whether each row holds two values that differ by more than the rounding of its largest."""
    missing = np.isnan(numbers)
    highest = np.max(np.where(missing, -np.inf, numbers), axis=1, keepdims=True)
    lowest = np.min(np.where(missing, np.inf, numbers), axis=1, keepdims=True)
    empty = missing.all(axis=1, keepdims=True)
    highest, lowest = np.where(empty, 0.0, highest), np.where(empty, 0.0, lowest)
    spreads: NDArray[np.bool_] = highest - lowest > ROUNDING * np.maximum(np.abs(highest), np.abs(lowest))
    return spreads


def row_ranks(numbers: FloatArray) -> FloatArray:
    """Rank within each row, 1 for the smallest, ties averaged; same shape, NaN stays NaN."""
    ranks: FloatArray = pd.DataFrame(numbers).rank(axis=1, method="average").to_numpy()
    return np.ascontiguousarray(ranks)


def row_correlation(x: FloatArray, y: FloatArray) -> FloatArray:
    """Pearson correlation of each row of x with that of y, over the names that have both.

    NaN with fewer than ``MIN_NAMES`` names, or if either is constant over them. Sums over average ranks are
    free of rounding, so rank correlations do not depend on the order of the names.
    """
    missing = np.isnan(x) | np.isnan(y)
    x, y = np.where(missing, np.nan, x), np.where(missing, np.nan, y)
    usable = (row_count(x) >= MIN_NAMES) & row_varies(x) & row_varies(y)
    a, b = _centered(x), _centered(y)
    scale = np.sqrt(_dot(a, a)) * np.sqrt(_dot(b, b))
    usable = usable & row_spreads(x) & row_spreads(y)
    correlation = np.full(usable.shape, np.nan)
    np.divide(_dot(a, b), scale, out=correlation, where=usable & (scale > 0))  # squares of tiny values vanish
    clipped: FloatArray = np.clip(correlation, -1.0, 1.0)
    return clipped


def _centered(numbers: FloatArray) -> FloatArray:
    """Deviations from the row's mean, 0 where a value is missing."""
    missing = np.isnan(numbers)
    mean = np.where(missing, 0.0, numbers).sum(axis=1, keepdims=True) / np.maximum(row_count(numbers), 1)
    deviations: FloatArray = np.where(missing, 0.0, numbers - mean)
    return deviations


def _dot(a: FloatArray, b: FloatArray) -> FloatArray:
    products: FloatArray = np.einsum("ij,ij->i", a, b)
    return products[:, None]
