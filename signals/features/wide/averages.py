"""Technical features, first part: moving averages, as distances from the close, and their crossings."""

from market.panel import Panel
from signals.features.bar_arrays import bars
from signals.features.feature import feature
from signals.features.recursive_averages import ema, ema_window, linear_mean, triangular_mean
from signals.features.trailing_windows import ratio, trailing_max, trailing_mean, trailing_min
from signals.features.window_statistics import difference, lag
from signals.rows import FloatArray

__all__ = [
    "AVERAGES",
    "dema_20",
    "efficiency_ratio_10",
    "ema_5",
    "ema_10",
    "ema_20",
    "ema_50",
    "hma_20",
    "midpoint_14",
    "midprice_14",
    "sma_5",
    "sma_5_20",
    "sma_10",
    "sma_20",
    "sma_20_50",
    "sma_50",
    "sma_50_200",
    "sma_100",
    "sma_200",
    "tema_10",
    "trima_20",
    "wma_20",
]


@feature(group="technical", warm_up=4)
def sma_5(panel: Panel) -> FloatArray:
    """Mean of the last 5 closes ÷ close − 1."""
    return _sma_distance(panel, 5)


@feature(group="technical", warm_up=9)
def sma_10(panel: Panel) -> FloatArray:
    """Mean of the last 10 closes ÷ close − 1."""
    return _sma_distance(panel, 10)


@feature(group="technical", warm_up=19)
def sma_20(panel: Panel) -> FloatArray:
    """Mean of the last 20 closes ÷ close − 1."""
    return _sma_distance(panel, 20)


@feature(group="technical", warm_up=49)
def sma_50(panel: Panel) -> FloatArray:
    """Mean of the last 50 closes ÷ close − 1."""
    return _sma_distance(panel, 50)


@feature(group="technical", warm_up=99)
def sma_100(panel: Panel) -> FloatArray:
    """Mean of the last 100 closes ÷ close − 1."""
    return _sma_distance(panel, 100)


@feature(group="technical", warm_up=199)
def sma_200(panel: Panel) -> FloatArray:
    """Mean of the last 200 closes ÷ close − 1."""
    return _sma_distance(panel, 200)


@feature(group="technical", warm_up=ema_window(5) - 1)
def ema_5(panel: Panel) -> FloatArray:
    """Exponential mean of closes, span 5, ÷ close − 1."""
    return _ema_distance(panel, 5)


@feature(group="technical", warm_up=ema_window(10) - 1)
def ema_10(panel: Panel) -> FloatArray:
    """Exponential mean of closes, span 10, ÷ close − 1."""
    return _ema_distance(panel, 10)


@feature(group="technical", warm_up=ema_window(20) - 1)
def ema_20(panel: Panel) -> FloatArray:
    """Exponential mean of closes, span 20, ÷ close − 1."""
    return _ema_distance(panel, 20)


@feature(group="technical", warm_up=ema_window(50) - 1)
def ema_50(panel: Panel) -> FloatArray:
    """Exponential mean of closes, span 50, ÷ close − 1."""
    return _ema_distance(panel, 50)


@feature(group="technical", warm_up=19)
def sma_5_20(panel: Panel) -> FloatArray:
    """Mean of the last 5 closes ÷ mean of the last 20 − 1."""
    return _sma_crossing(panel, 5, 20)


@feature(group="technical", warm_up=49)
def sma_20_50(panel: Panel) -> FloatArray:
    """Mean of the last 20 closes ÷ mean of the last 50 − 1."""
    return _sma_crossing(panel, 20, 50)


@feature(group="technical", warm_up=199)
def sma_50_200(panel: Panel) -> FloatArray:
    """Mean of the last 50 closes ÷ mean of the last 200 − 1, the golden cross where it turns positive."""
    return _sma_crossing(panel, 50, 200)


@feature(group="technical", warm_up=19)
def wma_20(panel: Panel) -> FloatArray:
    """Linearly weighted mean of the last 20 closes ÷ close − 1."""
    close = bars(panel, "close")
    return linear_mean(close, 20) / close - 1.0


@feature(group="technical", warm_up=2 * (ema_window(20) - 1))
def dema_20(panel: Panel) -> FloatArray:
    """2 EMA − EMA of the EMA, spans 20, ÷ close − 1 (Mulloy, Smoothing Data with Faster Moving Averages, 1994)."""
    close = bars(panel, "close")
    once = ema(close, 20)
    return (2.0 * once - ema(once, 20)) / close - 1.0


@feature(group="technical", warm_up=3 * (ema_window(10) - 1))
def tema_10(panel: Panel) -> FloatArray:
    """3 EMA − 3 EMA of EMA + EMA of EMA of EMA, spans 10, ÷ close − 1 (Mulloy 1994)."""
    close = bars(panel, "close")
    once = ema(close, 10)
    twice = ema(once, 10)
    return (3.0 * once - 3.0 * twice + ema(twice, 10)) / close - 1.0


@feature(group="technical", warm_up=19)
def trima_20(panel: Panel) -> FloatArray:
    """Triangularly weighted mean of the last 20 closes ÷ close − 1."""
    close = bars(panel, "close")
    return triangular_mean(close, 20) / close - 1.0


@feature(group="technical", warm_up=22)
def hma_20(panel: Panel) -> FloatArray:
    """Hull average: 4-session WMA of (2 WMA of 10 − WMA of 20 closes), ÷ close − 1 (Hull 2005)."""
    close = bars(panel, "close")
    return linear_mean(2.0 * linear_mean(close, 10) - linear_mean(close, 20), 4) / close - 1.0


@feature(group="technical", warm_up=10)
def efficiency_ratio_10(panel: Panel) -> FloatArray:
    """Absolute change over 10 sessions ÷ sum of the absolute daily changes (Kaufman, Smarter Trading, 1995)."""
    close = bars(panel, "close")
    path = trailing_mean(abs(difference(close, lag(close, 1))), 10) * 10.0
    return ratio(abs(close - lag(close, 10)), path)


@feature(group="technical", warm_up=13)
def midpoint_14(panel: Panel) -> FloatArray:
    """Middle of the highest and lowest of the last 14 closes ÷ close − 1."""
    close = bars(panel, "close")
    return (trailing_max(close, 14) + trailing_min(close, 14)) / 2.0 / close - 1.0


@feature(group="technical", warm_up=13)
def midprice_14(panel: Panel) -> FloatArray:
    """Middle of the highest high and the lowest low of the last 14 sessions ÷ close − 1."""
    middle = (trailing_max(bars(panel, "high"), 14) + trailing_min(bars(panel, "low"), 14)) / 2.0
    return middle / bars(panel, "close") - 1.0


AVERAGES = (
    sma_5,
    sma_10,
    sma_20,
    sma_50,
    sma_100,
    sma_200,
    ema_5,
    ema_10,
    ema_20,
    ema_50,
    sma_5_20,
    sma_20_50,
    sma_50_200,
    wma_20,
    dema_20,
    tema_10,
    trima_20,
    hma_20,
    efficiency_ratio_10,
    midpoint_14,
    midprice_14,
)


def _sma_distance(panel: Panel, window: int) -> FloatArray:
    close = bars(panel, "close")
    return trailing_mean(close, window) / close - 1.0


def _ema_distance(panel: Panel, span: int) -> FloatArray:
    close = bars(panel, "close")
    return ema(close, span) / close - 1.0


def _sma_crossing(panel: Panel, fast: int, slow: int) -> FloatArray:
    close = bars(panel, "close")
    return trailing_mean(close, fast) / trailing_mean(close, slow) - 1.0
