"""bars60: the bars themselves, as logarithms, which a model reads divided by the last close and volume of its window.

The division is made where a window is read, see ``models.bar_levels``; a level alone says nothing across names. With
``model.lookback = 60`` a window is 60 sessions × open, high, low, close, volume and a proxy of the volume-weighted
price.
"""

import numpy as np

from market.panel import Panel
from signals.features.bar_arrays import bars, typical_price
from signals.features.feature import feature
from signals.rows import FloatArray

__all__ = ["BARS60", "bar_close", "bar_high", "bar_low", "bar_open", "bar_volume", "bar_vwap"]


@feature(group="price", warm_up=0)
def bar_open(panel: Panel) -> FloatArray:
    """Logarithm of the open, ÷ the last close of its window."""
    return _logarithm(bars(panel, "open"))


@feature(group="price", warm_up=0)
def bar_high(panel: Panel) -> FloatArray:
    """Logarithm of the high, ÷ the last close of its window."""
    return _logarithm(bars(panel, "high"))


@feature(group="price", warm_up=0)
def bar_low(panel: Panel) -> FloatArray:
    """Logarithm of the low, ÷ the last close of its window."""
    return _logarithm(bars(panel, "low"))


@feature(group="price", warm_up=0)
def bar_close(panel: Panel) -> FloatArray:
    """Logarithm of the close, ÷ the last close of its window."""
    return _logarithm(bars(panel, "close"))


@feature(group="volume", warm_up=0)
def bar_volume(panel: Panel) -> FloatArray:
    """Logarithm of the volume, ÷ the last volume of its window; NaN where nothing traded."""
    return _logarithm(bars(panel, "volume"))


@feature(group="price", warm_up=0)
def bar_vwap(panel: Panel) -> FloatArray:
    """Logarithm of (high + low + close) ÷ 3, ÷ the last close of its window."""
    return _logarithm(typical_price(panel))


BARS60 = (bar_open, bar_high, bar_low, bar_close, bar_volume, bar_vwap)


def _logarithm(levels: FloatArray) -> FloatArray:
    known = levels > 0.0
    logarithms: FloatArray = np.where(known, np.log(np.where(known, levels, 1.0)), np.nan)
    return logarithms
