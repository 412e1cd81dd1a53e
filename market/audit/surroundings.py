"""Surroundings: what is usual for a name around a place, computed only where something is looked for."""

import numpy as np
import pandas as pd

__all__ = ["BEFORE", "against_usual", "median_around"]

MIN_KNOWN = 10
BEFORE = np.arange(-22, -2)  # a month that ends three sessions before: the last two may be odd already


def against_usual(values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Each value over the median of the twenty sessions that end three sessions before it; NaN without one above 0."""
    against: np.ndarray = values[rows, columns] / median_around(values, rows, columns, BEFORE)
    return against


def median_around(values: np.ndarray, rows: np.ndarray, columns: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Median of the values at some offsets from each place; NaN where fewer than ten are known, or it is not above 0.

    Parameters
    ----------
    values : array of float, shape (n_sessions, n_tickers)
    rows, columns : array of int, shape (n_places,)
    offsets : array of int
        Sessions from a place; those outside the panel are unknown.
    """
    around = rows[:, None] + offsets
    inside = (around >= 0) & (around < len(values))
    window = np.where(inside, values[np.clip(around, 0, len(values) - 1), columns[:, None]], np.nan)
    middle = pd.DataFrame(window).median(axis=1).to_numpy()
    known = np.count_nonzero(~np.isnan(window), axis=1) >= MIN_KNOWN
    median: np.ndarray = np.where(known & (middle > 0), middle, np.nan)
    return median
