"""Bar arrays: the arrays of a panel that features read, shape (n_sessions, n_tickers), and what a single bar says."""

import numpy as np

from market.panel import Panel
from signals.features.window_statistics import difference, lag
from signals.rows import FloatArray

__all__ = ["bars", "log_return", "money_flow_multiplier", "true_range", "typical_price"]


def bars(panel: Panel, field: str) -> FloatArray:
    """One of the panel's frames as float64, one ticker contiguous; NaN where nothing printed."""
    numbers: FloatArray = np.asfortranarray(getattr(panel, field).to_numpy(dtype="float64"))
    return numbers


def log_return(values: FloatArray, sessions: int) -> FloatArray:
    """Natural logarithm of the value ÷ the value ``sessions`` rows earlier."""
    return np.log(values / lag(values, sessions))


def typical_price(panel: Panel) -> FloatArray:
    """(high + low + close) ÷ 3."""
    return (bars(panel, "high") + bars(panel, "low") + bars(panel, "close")) / 3.0


def true_range(panel: Panel) -> FloatArray:
    """Range with the gap from the previous close (Wilder, New Concepts in Technical Trading, 1978)."""
    before = lag(bars(panel, "close"), 1)
    return difference(np.maximum(bars(panel, "high"), before), np.minimum(bars(panel, "low"), before))


def money_flow_multiplier(panel: Panel) -> FloatArray:
    """Where the close lies in the bar, −1 at the low to 1 at the high; a bar without a range has no flow: 0."""
    high, low, close = (bars(panel, field) for field in ("high", "low", "close"))
    reach = difference(high, low)
    flow = np.zeros_like(reach)
    np.divide((close - low) - (high - close), reach, out=flow, where=reach != 0.0)
    return flow
