"""Recursive averages: exponential, Wilder's and linear weights over trailing windows, (n_sessions, n_tickers).

**The one rule for infinite memory: an exponential mean is cut off.** Textbooks define it by a recursion that never
forgets, so that a number today depends on the first bar of the file. Here it reads a window of its own: the fewest
sessions beyond which less than one millionth of the weight lies (``ema_window``, ``wilder_window``), the weights
divided by their sum. So row *t* is the same whatever history comes before its window, the warm-up is that window, and
after a halt the value is back once the window is clean. From the recursion it differs by less than one millionth of
what prices moved before the window.

A NaN in the window gives NaN, and so do the first ``window`` − 1 rows.
"""

import math

import numpy as np

from signals.features.trailing_windows import by_ticker
from signals.rows import FloatArray

__all__ = [
    "decay_window",
    "decayed_mean",
    "ema",
    "ema_decay",
    "ema_window",
    "linear_mean",
    "linear_slope",
    "triangular_mean",
    "weighted_sum",
    "wilder",
    "wilder_window",
]

NEGLECTED = 1e-6  # share of an exponential mean's weight that lies before its window


def weighted_sum(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Weighted sum of the last ``len(weights)`` rows; the last weight is that of the newest row."""
    from signals.features.window_kernels import weighted_sums

    return weighted_sums(by_ticker(values), np.ascontiguousarray(weights, dtype="float64")).T


def decayed_mean(values: FloatArray, decay: float) -> FloatArray:
    """Mean with weights ``decay`` to the power of a row's age, cut off where a millionth of them is left."""
    weights = decay ** np.arange(decay_window(decay))[::-1]
    return weighted_sum(values, weights / weights.sum())


def decay_window(decay: float) -> int:
    """Number of rows that ``decayed_mean`` reads."""
    return math.ceil(math.log(NEGLECTED) / math.log(decay))


def ema(values: FloatArray, span: int) -> FloatArray:
    """Exponential mean of a span: the newest row weighs 2 ÷ (span + 1)."""
    return decayed_mean(values, ema_decay(span))


def ema_decay(span: int) -> float:
    """Factor on a row's weight in ``ema`` as it grows one session older."""
    return 1.0 - 2.0 / (span + 1.0)


def ema_window(span: int) -> int:
    """Number of rows that ``ema`` reads."""
    return decay_window(ema_decay(span))


def wilder(values: FloatArray, sessions: int) -> FloatArray:
    """Wilder's exponential mean: the newest row weighs 1 ÷ sessions (Wilder 1978)."""
    return decayed_mean(values, _wilder_decay(sessions))


def wilder_window(sessions: int) -> int:
    """Number of rows that ``wilder`` reads."""
    return decay_window(_wilder_decay(sessions))


def linear_mean(values: FloatArray, window: int) -> FloatArray:
    """Mean with weights 1, 2, … ``window``, the newest row's the largest."""
    weights = np.arange(1.0, window + 1.0)
    return weighted_sum(values, weights / weights.sum())


def triangular_mean(values: FloatArray, window: int) -> FloatArray:
    """Mean with weights that rise to the middle of the window and fall again."""
    places = np.arange(1.0, window + 1.0)
    weights = np.minimum(places, places[::-1])
    return weighted_sum(values, weights / weights.sum())


def linear_slope(values: FloatArray, window: int) -> FloatArray:
    """Least-squares slope per session of the last ``window`` rows."""
    places = np.arange(window) - (window - 1) / 2.0
    return weighted_sum(values, places / (places**2).sum())


def _wilder_decay(sessions: int) -> float:
    return 1.0 - 1.0 / sessions
