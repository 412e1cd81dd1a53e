"""Trailing print mean: the rolling mean of every name over its own prints, compiled."""

import numpy as np

from core.compilation import compiled

__all__ = ["trailing_print_mean"]


@compiled
def trailing_print_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Mean of the values that are not NaN in the last ``window`` rows; NaN where there are none.

    The running sum is compensated on its way in and on its way out, and a window of one value only gives that value, so
    that the bits are those of ``DataFrame.rolling(window, min_periods=1).mean()``.

    Parameters
    ----------
    values : ndarray of float, shape (n_sessions, n_tickers)
        At least 0, or NaN.
    window : int
        Rows.

    References
    ----------
    Kahan, W., "Further remarks on reducing truncation errors", Communications of the ACM, 1965.
    """
    means = np.full(values.shape[::-1], np.nan).T  # one ticker contiguous
    for i in range(values.shape[1]):
        total, lost_in, lost_out, last = 0.0, 0.0, 0.0, np.nan
        count, alike = 0, 0
        for t in range(values.shape[0]):
            leaving = values[t - window, i] if t >= window else np.nan
            if leaving == leaving:
                total, lost_out = _compensated(total, -leaving, lost_out)
                count -= 1
            entering = values[t, i]
            if entering == entering:
                total, lost_in = _compensated(total, entering, lost_in)
                count += 1
                alike = alike + 1 if entering == last else 1
                last = entering
            if count > 0:
                means[t, i] = last if alike >= count else max(total / count, 0.0)
    return means


@compiled
def _compensated(total: float, change: float, lost: float) -> tuple[float, float]:
    """Compensated sum, and what rounding took from it."""
    corrected = change - lost
    moved = total + corrected
    return moved, moved - total - corrected
