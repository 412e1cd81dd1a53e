"""Window statistics: what a trailing window says besides its mean and extremes; arrays of sessions × tickers.

As in ``signals.features.trailing_windows`` a NaN in the window gives NaN, and so do the first ``window`` − 1 rows. A
ratio that would divide by nothing, as in a window without any movement, is NaN, never the rounding of a sum.

Prices that are equal on the exchange differ in their last bit once they are adjusted or averaged. So what asks whether
a price moved, is higher or has a range asks whether by more than ``ROUNDING``, a billionth of it: a tick is more.
"""

import numpy as np

from signals.features.trailing_windows import by_ticker, trailing_max, trailing_min
from signals.rows import FloatArray

__all__ = [
    "ROUNDING",
    "difference",
    "lag",
    "mean_deviation",
    "sessions_since_max",
    "sessions_since_min",
    "trailing_correlation",
    "where_moving",
]


ROUNDING = 1e-9  # of a price: the smallest tick of a listed one is some ten times as much


def difference(price: FloatArray, other: FloatArray) -> FloatArray:
    """Price − other price, 0 where that is rounding."""
    moved: FloatArray = price - other
    moved[np.abs(moved) <= ROUNDING * np.abs(price)] = 0.0
    return moved


def lag(values: FloatArray, sessions: int) -> FloatArray:
    """Value ``sessions`` rows earlier."""
    lagged = np.full_like(values, np.nan)
    lagged[sessions:] = values[: max(len(values) - sessions, 0)]
    return lagged


def mean_deviation(values: FloatArray, window: int) -> FloatArray:
    """Mean absolute deviation of the last ``window`` rows from their mean."""
    from signals.features.window_kernels import mean_deviations

    return mean_deviations(by_ticker(values), window).T


def sessions_since_max(values: FloatArray, window: int) -> FloatArray:
    """Rows since the largest of the last ``window``, 0 to window − 1; the latest of those equal but for rounding."""
    from signals.features.window_kernels import sessions_since_maxima

    return sessions_since_maxima(by_ticker(values), window, ROUNDING).T


def sessions_since_min(values: FloatArray, window: int) -> FloatArray:
    """Rows since the smallest of the last ``window``, 0 to window − 1; the latest of those equal but for rounding."""
    return sessions_since_max(-values, window)


def trailing_correlation(x: FloatArray, y: FloatArray, window: int) -> FloatArray:
    """Pearson correlation over the last ``window`` rows; NaN where either does not vary."""
    from signals.features.window_kernels import correlations

    correlation = correlations(by_ticker(x), by_ticker(y), window).T
    return where_moving(np.clip(where_moving(correlation, x, window), -1.0, 1.0), y, window)


def where_moving(numbers: FloatArray, values: FloatArray, window: int) -> FloatArray:
    """Keep numbers where the last ``window`` values are not all the same, else NaN.

    The extremes tell: a mean of equal values is rounded, and gives them a spread that they do not have.
    """
    moving = difference(trailing_max(values, window), trailing_min(values, window)) > 0.0
    return np.where(moving, numbers, np.nan)
