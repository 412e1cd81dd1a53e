"""Pattern features: support and resistance, trend lines, and candles."""

import numpy as np

from market.panel import Panel
from signals.features.bar_arrays import bars, typical_price
from signals.features.feature import feature
from signals.features.recursive_averages import linear_slope
from signals.features.trailing_windows import ratio, trailing_max, trailing_mean, trailing_min, trailing_std
from signals.features.window_statistics import ROUNDING, difference, lag, where_moving
from signals.rows import FloatArray

__all__ = [
    "PATTERN",
    "breakout_20",
    "distance_from_high_252",
    "doji",
    "engulfing",
    "pivot_distance",
    "resistance_distance_60",
    "support_distance_60",
    "trend_distance_20",
    "trend_fit_20",
    "trend_slope_20",
]

TIME_VARIANCE = 20.0 * 21.0 / 12.0  # of 20 consecutive session numbers, ddof=1


@feature(group="pattern", warm_up=60)
def resistance_distance_60(panel: Panel) -> FloatArray:
    """Highest high of the 60 sessions before this one ÷ close − 1; negative once broken."""
    return lag(trailing_max(bars(panel, "high"), 60), 1) / bars(panel, "close") - 1.0


@feature(group="pattern", warm_up=60)
def support_distance_60(panel: Panel) -> FloatArray:
    """Lowest low of the 60 sessions before this one ÷ close − 1; positive once broken."""
    return lag(trailing_min(bars(panel, "low"), 60), 1) / bars(panel, "close") - 1.0


@feature(group="pattern", warm_up=251)
def distance_from_high_252(panel: Panel) -> FloatArray:
    """Close ÷ highest high of the last 252 sessions − 1 (George and Hwang, The 52-Week High and Momentum, 2004)."""
    return bars(panel, "close") / trailing_max(bars(panel, "high"), 252) - 1.0


@feature(group="pattern", warm_up=1)
def pivot_distance(panel: Panel) -> FloatArray:
    """Floor traders' pivot, the typical price of the session before, ÷ close − 1."""
    return lag(typical_price(panel), 1) / bars(panel, "close") - 1.0


@feature(group="pattern", warm_up=19)
def trend_slope_20(panel: Panel) -> FloatArray:
    """Slope per session of the least-squares line through the last 20 closes ÷ close."""
    close = bars(panel, "close")
    return linear_slope(close, 20) / close


@feature(group="pattern", warm_up=19)
def trend_fit_20(panel: Panel) -> FloatArray:
    """Share of the variance of the last 20 closes that their least-squares line explains, 0 to 1."""
    close = bars(panel, "close")
    explained = linear_slope(close, 20) ** 2 * TIME_VARIANCE
    return where_moving(np.minimum(ratio(explained, trailing_std(close, 20) ** 2), 1.0), close, 20)


@feature(group="pattern", warm_up=19)
def trend_distance_20(panel: Panel) -> FloatArray:
    """Close ÷ end of the least-squares line through the last 20 closes − 1."""
    close = bars(panel, "close")
    return close / (trailing_mean(close, 20) + 9.5 * linear_slope(close, 20)) - 1.0


@feature(group="pattern", warm_up=1)
def engulfing(panel: Panel) -> FloatArray:
    """1 where a rising candle's body covers the falling one before, −1 the other way round, else 0 (Nison 1991)."""
    opened, close = bars(panel, "open"), bars(panel, "close")
    opened_before, before = lag(opened, 1), lag(close, 1)
    over, under = difference(close, opened_before), difference(opened, before)
    body, body_before = difference(close, opened), difference(before, opened_before)
    covers_fall = (over >= 0.0) & (under <= 0.0) & ((over > 0.0) | (under < 0.0))
    covers_rise = (under >= 0.0) & (over <= 0.0) & ((under > 0.0) | (over < 0.0))
    up = (body >= 0.0) & (body_before < 0.0) & covers_fall
    down = (body < 0.0) & (body_before >= 0.0) & covers_rise
    known = ~np.isnan(opened + close + opened_before + before)
    return np.where(known, up.astype("float64") - down, np.nan)


@feature(group="pattern", warm_up=10)
def doji(panel: Panel) -> FloatArray:
    """1 where the body is at most a tenth of the mean range of the 10 sessions before, else 0 (Nison 1991)."""
    close = bars(panel, "close")
    body = abs(close - bars(panel, "open"))
    reach = lag(trailing_mean(bars(panel, "high") - bars(panel, "low"), 10), 1)
    return np.heaviside(0.1 * reach - body + ROUNDING * close, 1.0)


@feature(group="pattern", warm_up=20)
def breakout_20(panel: Panel) -> FloatArray:
    """1 where the close is above the highest high of the 20 sessions before, −1 below their lowest low, else 0."""
    close = bars(panel, "close")
    above = np.heaviside(difference(close, lag(trailing_max(bars(panel, "high"), 20), 1)), 0.0)
    return above - np.heaviside(difference(lag(trailing_min(bars(panel, "low"), 20), 1), close), 0.0)


PATTERN = (
    resistance_distance_60,
    support_distance_60,
    distance_from_high_252,
    pivot_distance,
    trend_slope_20,
    trend_fit_20,
    trend_distance_20,
    engulfing,
    doji,
    breakout_20,
)
