"""compact7 and compact12: the short lists of the first reference, free of the scale of prices and volumes.

The reference fed levels (close, volume, moving averages, on-balance volume), which rewrite their history on every
dividend and say nothing across stocks. Here a level is given relative to a value known at *t*: close and volume as
distance from their mean over the reference's 60-session lookback, high, low, averages and bands as distance from the
close, on-balance volume as its change over 20 sessions ÷ their volume. RSI stays 0 to 100.

``compact12`` adds the five of the reference's upgrade path. Its text also names the VIX, which would be a thirteenth
and is no bar of a ticker: give it to a run with ``--vix`` for the regime page.
"""

from market.panel import Panel
from signals.features.bar_arrays import bars
from signals.features.feature import Feature, feature
from signals.features.trailing_windows import ratio, trailing_mean
from signals.features.wide.averages import sma_5, sma_20, sma_50
from signals.features.wide.oscillators import band_deviation, macd, rsi_14
from signals.features.wide.price import high_to_close, low_to_close
from signals.features.wide.volume import obv_20
from signals.rows import FloatArray

__all__ = ["COMPACT7", "COMPACT12", "bollinger_lower", "bollinger_upper", "close", "high", "low", "obv", "volume"]

LOOKBACK = 60  # sessions of the reference's window


@feature(group="price", warm_up=LOOKBACK - 1)
def close(panel: Panel) -> FloatArray:
    """Close ÷ mean of the last 60 closes − 1."""
    prices = bars(panel, "close")
    return prices / trailing_mean(prices, LOOKBACK) - 1.0


@feature(group="volume", warm_up=LOOKBACK - 1)
def volume(panel: Panel) -> FloatArray:
    """Volume ÷ mean of the last 60 volumes − 1."""
    shares = bars(panel, "volume")
    return ratio(shares, trailing_mean(shares, LOOKBACK)) - 1.0


@feature(group="price", warm_up=0)
def high(panel: Panel) -> FloatArray:
    """High ÷ close − 1."""
    return high_to_close.formula(panel)


@feature(group="price", warm_up=0)
def low(panel: Panel) -> FloatArray:
    """Low ÷ close − 1."""
    return low_to_close.formula(panel)


@feature(group="technical", warm_up=19)
def bollinger_upper(panel: Panel) -> FloatArray:
    """Upper Bollinger band, mean of 20 closes + 2 standard deviations, ÷ close − 1."""
    return _band(panel, 2.0)


@feature(group="technical", warm_up=19)
def bollinger_lower(panel: Panel) -> FloatArray:
    """Lower Bollinger band, mean of 20 closes − 2 standard deviations, ÷ close − 1."""
    return _band(panel, -2.0)


@feature(group="volume", warm_up=20)
def obv(panel: Panel) -> FloatArray:
    """Change of on-balance volume over 20 sessions ÷ their volume, −1 to 1."""
    return obv_20.formula(panel)


COMPACT7: tuple[Feature, ...] = (close, volume, high, low, sma_5, sma_20, rsi_14)
COMPACT12: tuple[Feature, ...] = (*COMPACT7, sma_50, macd, bollinger_upper, bollinger_lower, obv)


def _band(panel: Panel, deviations: float) -> FloatArray:
    prices = bars(panel, "close")
    return (trailing_mean(prices, 20) + deviations * band_deviation(prices)) / prices - 1.0
