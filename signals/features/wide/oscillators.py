"""Technical features, second part: strength, bands, channels and direction of the trend.

References
----------
Wilder, New Concepts in Technical Trading Systems (1978): RSI, average true range, directional movement.
Appel, Technical Analysis: Power Tools for Active Investors (2005): MACD.
Bollinger, Bollinger on Bollinger Bands (2001). Lambert, Commodities Channel Index (1980). Chande and Kroll, The New
Technical Trader (1994): stochastic RSI, Aroon. Hutson, Good TRIX (1983). Keltner, How to Make Money in Commodities
(1960), in the form of Raschke with an exponential mean. Donchian, Commodities: High Finance (1960).
"""

import math

import numpy as np

from market.panel import Panel
from signals.features.bar_arrays import bars, true_range, typical_price
from signals.features.feature import feature
from signals.features.recursive_averages import ema, ema_window, wilder, wilder_window
from signals.features.shared_series import shared
from signals.features.trailing_windows import change, ratio, trailing_max, trailing_mean, trailing_min, trailing_std
from signals.features.window_statistics import (
    ROUNDING,
    difference,
    lag,
    mean_deviation,
    sessions_since_max,
    sessions_since_min,
    where_moving,
)
from signals.rows import FloatArray

__all__ = [
    "OSCILLATORS",
    "adx_14",
    "aroon_down_25",
    "aroon_up_25",
    "atr_14",
    "band_deviation",
    "bollinger_position",
    "bollinger_width",
    "cci_20",
    "donchian_position",
    "keltner_position",
    "macd",
    "macd_histogram",
    "macd_signal",
    "minus_di_14",
    "plus_di_14",
    "rsi_7",
    "rsi_14",
    "rsi_21",
    "stochastic_rsi_14",
    "trix_15",
]

MACD_WARM_UP = ema_window(26) - 1
SIGNAL_WARM_UP = MACD_WARM_UP + ema_window(9) - 1


@feature(group="technical", warm_up=wilder_window(7))
def rsi_7(panel: Panel) -> FloatArray:
    """Relative strength index over 7 sessions, 0 to 100 (Wilder 1978)."""
    return _relative_strength(panel, 7)


@feature(group="technical", warm_up=wilder_window(14))
def rsi_14(panel: Panel) -> FloatArray:
    """Relative strength index over 14 sessions, 0 to 100 (Wilder 1978)."""
    return _relative_strength(panel, 14)


@feature(group="technical", warm_up=wilder_window(21))
def rsi_21(panel: Panel) -> FloatArray:
    """Relative strength index over 21 sessions, 0 to 100 (Wilder 1978)."""
    return _relative_strength(panel, 21)


@feature(group="technical", warm_up=wilder_window(14) + 13)
def stochastic_rsi_14(panel: Panel) -> FloatArray:
    """Place of the 14-session RSI between its lowest and highest of 14 sessions, 0 to 100 (Chande and Kroll 1994)."""
    strength = _relative_strength(panel, 14)
    return _place(strength, trailing_min(strength, 14), trailing_max(strength, 14))


@feature(group="technical", warm_up=MACD_WARM_UP)
def macd(panel: Panel) -> FloatArray:
    """(EMA of closes, span 12, − EMA, span 26) ÷ close (Appel 2005)."""
    return _macd_line(panel) / bars(panel, "close")


@feature(group="technical", warm_up=SIGNAL_WARM_UP)
def macd_signal(panel: Panel) -> FloatArray:
    """EMA, span 9, of the MACD line ÷ close (Appel 2005)."""
    return ema(_macd_line(panel), 9) / bars(panel, "close")


@feature(group="technical", warm_up=SIGNAL_WARM_UP)
def macd_histogram(panel: Panel) -> FloatArray:
    """(MACD line − its EMA, span 9) ÷ close (Appel 2005)."""
    line = _macd_line(panel)
    return (line - ema(line, 9)) / bars(panel, "close")


@feature(group="technical", warm_up=3 * (ema_window(15) - 1) + 1)
def trix_15(panel: Panel) -> FloatArray:
    """One-session change, in %, of closes smoothed three times by an EMA of span 15 (Hutson 1983)."""
    smoothed = ema(ema(ema(bars(panel, "close"), 15), 15), 15)
    return 100.0 * change(smoothed, 1)


@feature(group="technical", warm_up=19)
def bollinger_position(panel: Panel) -> FloatArray:
    """Place of the close between the Bollinger bands, 0 at the lower to 1 at the upper (Bollinger 2001)."""
    close = bars(panel, "close")
    reach = 2.0 * band_deviation(close)
    return where_moving(ratio(close - trailing_mean(close, 20) + reach, 2.0 * reach), close, 20)


@feature(group="technical", warm_up=19)
def bollinger_width(panel: Panel) -> FloatArray:
    """(Upper − lower Bollinger band) ÷ mean of the last 20 closes (Bollinger 2001)."""
    close = bars(panel, "close")
    return 4.0 * band_deviation(close) / trailing_mean(close, 20)


@feature(group="technical", warm_up=wilder_window(14))
def atr_14(panel: Panel) -> FloatArray:
    """Average true range over 14 sessions ÷ close (Wilder 1978)."""
    return _average_true_range(panel, 14) / bars(panel, "close")


@feature(group="technical", warm_up=max(ema_window(20) - 1, wilder_window(10)))
def keltner_position(panel: Panel) -> FloatArray:
    """(Close − EMA of closes, span 20) ÷ (2 × average true range over 10 sessions) (Keltner 1960)."""
    close = bars(panel, "close")
    return ratio(close - ema(close, 20), 2.0 * _average_true_range(panel, 10))


@feature(group="technical", warm_up=19)
def donchian_position(panel: Panel) -> FloatArray:
    """Place of the close between lowest low and highest high of 20 sessions, 0 to 1 (Donchian 1960)."""
    lowest = trailing_min(bars(panel, "low"), 20)
    return ratio(bars(panel, "close") - lowest, difference(trailing_max(bars(panel, "high"), 20), lowest))


@feature(group="technical", warm_up=2 * wilder_window(14) - 1)
def adx_14(panel: Panel) -> FloatArray:
    """Average directional index over 14 sessions, 0 to 100 (Wilder 1978)."""
    up, down = _rising_indicator(panel, 14), _falling_indicator(panel, 14)
    return wilder(100.0 * ratio(abs(up - down), up + down), 14)


@feature(group="technical", warm_up=wilder_window(14))
def plus_di_14(panel: Panel) -> FloatArray:
    """Directional indicator of rises over 14 sessions, 0 to 100 (Wilder 1978)."""
    return _rising_indicator(panel, 14)


@feature(group="technical", warm_up=wilder_window(14))
def minus_di_14(panel: Panel) -> FloatArray:
    """Directional indicator of falls over 14 sessions, 0 to 100 (Wilder 1978)."""
    return _falling_indicator(panel, 14)


@feature(group="technical", warm_up=25)
def aroon_up_25(panel: Panel) -> FloatArray:
    """100 × (25 − sessions since the highest high of the last 26) ÷ 25 (Chande and Kroll 1994)."""
    return 100.0 * (25.0 - sessions_since_max(bars(panel, "high"), 26)) / 25.0


@feature(group="technical", warm_up=25)
def aroon_down_25(panel: Panel) -> FloatArray:
    """100 × (25 − sessions since the lowest low of the last 26) ÷ 25 (Chande and Kroll 1994)."""
    return 100.0 * (25.0 - sessions_since_min(bars(panel, "low"), 26)) / 25.0


@feature(group="technical", warm_up=19)
def cci_20(panel: Panel) -> FloatArray:
    """(Typical price − its mean of 20 sessions) ÷ (0.015 × its mean absolute deviation) (Lambert 1980)."""
    typical = typical_price(panel)
    distance = typical - trailing_mean(typical, 20)
    return where_moving(ratio(distance, 0.015 * mean_deviation(typical, 20)), typical, 20)


OSCILLATORS = (
    rsi_7,
    rsi_14,
    rsi_21,
    stochastic_rsi_14,
    macd,
    macd_signal,
    macd_histogram,
    trix_15,
    bollinger_position,
    bollinger_width,
    atr_14,
    keltner_position,
    donchian_position,
    adx_14,
    plus_di_14,
    minus_di_14,
    aroon_up_25,
    aroon_down_25,
    cci_20,
)


def band_deviation(close: FloatArray) -> FloatArray:
    """Standard deviation of the last 20 closes with ``ddof=0``, as Bollinger's bands have it."""
    return trailing_std(close, 20) * math.sqrt(19.0 / 20.0)


@shared
def _relative_strength(panel: Panel, sessions: int) -> FloatArray:
    close = bars(panel, "close")
    moved = difference(close, lag(close, 1))
    gain, loss = wilder(np.maximum(moved, 0.0), sessions), wilder(np.maximum(-moved, 0.0), sessions)
    return 100.0 * ratio(gain, gain + loss)


def _place(values: FloatArray, lowest: FloatArray, highest: FloatArray) -> FloatArray:
    return 100.0 * ratio(values - lowest, difference(highest, lowest))


@shared
def _macd_line(panel: Panel) -> FloatArray:
    close = bars(panel, "close")
    return ema(close, 12) - ema(close, 26)


@shared
def _average_true_range(panel: Panel, sessions: int) -> FloatArray:
    return wilder(true_range(panel), sessions)


@shared
def _rising_indicator(panel: Panel, sessions: int) -> FloatArray:
    """+DI: smoothed moves beyond the previous bar's high, as % of the smoothed true range."""
    up, down = _moves(panel)
    rises = np.where(_lead(panel, up, down) <= 0.0, 0.0, np.maximum(up, 0.0))
    return 100.0 * ratio(wilder(rises, sessions), _average_true_range(panel, sessions))


@shared
def _falling_indicator(panel: Panel, sessions: int) -> FloatArray:
    """−DI: smoothed moves beyond the previous bar's low, as % of the smoothed true range."""
    up, down = _moves(panel)
    falls = np.where(_lead(panel, up, down) >= 0.0, 0.0, np.maximum(down, 0.0))
    return 100.0 * ratio(wilder(falls, sessions), _average_true_range(panel, sessions))


def _moves(panel: Panel) -> tuple[FloatArray, FloatArray]:
    """Moves of the bar above the previous high, and below the previous low."""
    high, low = bars(panel, "high"), bars(panel, "low")
    return difference(high, lag(high, 1)), difference(lag(low, 1), low)


def _lead(panel: Panel, up: FloatArray, down: FloatArray) -> FloatArray:
    """By how much the upward move is the larger one; 0 for moves equal but for rounding, of which neither counts."""
    lead: FloatArray = up - down
    lead[np.abs(lead) <= ROUNDING * bars(panel, "high")] = 0.0
    return lead
