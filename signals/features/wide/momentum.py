"""Momentum features: how far and how steadily the price has moved.

References
----------
Jegadeesh and Titman, Returns to Buying Winners and Selling Losers (1993). Lane, Lane's Stochastics (1984). Williams,
How I Made One Million Dollars (1973) and The Ultimate Oscillator (1985). Chande and Kroll, The New Technical Trader
(1994). Blau, True Strength Index (1991). Williams, Trading Chaos (1995): awesome oscillator. Coppock, Practical
Relative Strength Charting (1962). Botes and Siepman, The Vortex Indicator (2010).
"""

import numpy as np

from market.panel import Panel
from signals.features.bar_arrays import bars, true_range
from signals.features.feature import feature
from signals.features.recursive_averages import ema, ema_window, linear_mean
from signals.features.shared_series import shared
from signals.features.trailing_windows import change, ratio, trailing_max, trailing_mean, trailing_min
from signals.features.window_statistics import difference, lag
from signals.rows import FloatArray

__all__ = [
    "MOMENTUM",
    "awesome_oscillator",
    "chande_momentum_14",
    "coppock_curve",
    "momentum_12_1",
    "roc_10",
    "roc_60",
    "roc_120",
    "roc_252",
    "stochastic_d_14",
    "stochastic_k_14",
    "true_strength_index",
    "ultimate_oscillator",
    "up_share_20",
    "vortex_14",
    "williams_r_14",
]


@feature(group="momentum", warm_up=10)
def roc_10(panel: Panel) -> FloatArray:
    """Rate of change: close ÷ close 10 sessions earlier − 1."""
    return change(bars(panel, "close"), 10)


@feature(group="momentum", warm_up=60)
def roc_60(panel: Panel) -> FloatArray:
    """Rate of change: close ÷ close 60 sessions earlier − 1."""
    return change(bars(panel, "close"), 60)


@feature(group="momentum", warm_up=120)
def roc_120(panel: Panel) -> FloatArray:
    """Rate of change: close ÷ close 120 sessions earlier − 1."""
    return change(bars(panel, "close"), 120)


@feature(group="momentum", warm_up=252)
def roc_252(panel: Panel) -> FloatArray:
    """Rate of change: close ÷ close 252 sessions earlier − 1."""
    return change(bars(panel, "close"), 252)


@feature(group="momentum", warm_up=252)
def momentum_12_1(panel: Panel) -> FloatArray:
    """Close 21 sessions earlier ÷ close 252 sessions earlier − 1 (Jegadeesh and Titman 1993)."""
    return lag(change(bars(panel, "close"), 231), 21)


@feature(group="momentum", warm_up=15)
def stochastic_k_14(panel: Panel) -> FloatArray:
    """Slow stochastic %K: mean of 3 of the close's place in the range of 14 sessions, 0 to 100 (Lane 1984)."""
    return _slow_stochastic(panel)


@feature(group="momentum", warm_up=17)
def stochastic_d_14(panel: Panel) -> FloatArray:
    """Slow stochastic %D: mean of the last 3 slow %K of 14 sessions, 0 to 100 (Lane 1984)."""
    return trailing_mean(_slow_stochastic(panel), 3)


@feature(group="momentum", warm_up=13)
def williams_r_14(panel: Panel) -> FloatArray:
    """Williams %R over 14 sessions, −100 at the lowest low to 0 at the highest high (Williams 1973)."""
    return 100.0 * _range_place(panel, 14) - 100.0


@feature(group="momentum", warm_up=28)
def ultimate_oscillator(panel: Panel) -> FloatArray:
    """Buying pressure ÷ true range over 7, 14 and 28 sessions, weights 4, 2 and 1, 0 to 100 (Williams 1985)."""
    low, close, reach = bars(panel, "low"), bars(panel, "close"), true_range(panel)
    pressure = difference(close, np.minimum(low, lag(close, 1)))
    fast, middle, slow = (ratio(trailing_mean(pressure, n), trailing_mean(reach, n)) for n in (7, 14, 28))
    return 100.0 * (4.0 * fast + 2.0 * middle + slow) / 7.0


@feature(group="momentum", warm_up=14)
def chande_momentum_14(panel: Panel) -> FloatArray:
    """(Sum of rises − sum of falls) ÷ sum of both over 14 sessions, −100 to 100 (Chande and Kroll 1994)."""
    close = bars(panel, "close")
    moved = difference(close, lag(close, 1))
    rises, falls = (trailing_mean(np.maximum(side, 0.0), 14) for side in (moved, -moved))
    return 100.0 * ratio(rises - falls, rises + falls)


@feature(group="momentum", warm_up=ema_window(25) + ema_window(13) - 1)
def true_strength_index(panel: Panel) -> FloatArray:
    """Daily changes smoothed by EMAs of spans 25 and 13 ÷ the same of absolute changes, −100 to 100 (Blau 1991)."""
    close = bars(panel, "close")
    moved = difference(close, lag(close, 1))
    return 100.0 * ratio(ema(ema(moved, 25), 13), ema(ema(abs(moved), 25), 13))


@feature(group="momentum", warm_up=33)
def awesome_oscillator(panel: Panel) -> FloatArray:
    """(Mean of the last 5 bars' middles − mean of the last 34) ÷ close (Williams 1995)."""
    middle = (bars(panel, "high") + bars(panel, "low")) / 2.0
    return (trailing_mean(middle, 5) - trailing_mean(middle, 34)) / bars(panel, "close")


@feature(group="momentum", warm_up=23)
def coppock_curve(panel: Panel) -> FloatArray:
    """10-session WMA of the sum of the returns, in %, over 11 and 14 sessions (Coppock 1962, there in months)."""
    close = bars(panel, "close")
    return linear_mean(100.0 * (change(close, 11) + change(close, 14)), 10)


@feature(group="momentum", warm_up=14)
def vortex_14(panel: Panel) -> FloatArray:
    """VI+ − VI−: moves from low to high less moves from high to low ÷ true range, 14 sessions (Botes, Siepman 2010)."""
    high, low = bars(panel, "high"), bars(panel, "low")
    rising, falling = abs(difference(high, lag(low, 1))), abs(difference(low, lag(high, 1)))
    return ratio(trailing_mean(rising, 14) - trailing_mean(falling, 14), trailing_mean(true_range(panel), 14))


@feature(group="momentum", warm_up=20)
def up_share_20(panel: Panel) -> FloatArray:
    """Share of the last 20 sessions that closed above the close before."""
    close = bars(panel, "close")
    return trailing_mean(np.heaviside(difference(close, lag(close, 1)), 0.0), 20)


MOMENTUM = (
    roc_10,
    roc_60,
    roc_120,
    roc_252,
    momentum_12_1,
    stochastic_k_14,
    stochastic_d_14,
    williams_r_14,
    ultimate_oscillator,
    chande_momentum_14,
    true_strength_index,
    awesome_oscillator,
    coppock_curve,
    vortex_14,
    up_share_20,
)


@shared
def _range_place(panel: Panel, window: int) -> FloatArray:
    """Where the close lies between the lowest low and the highest high of the window, 0 to 1."""
    lowest = trailing_min(bars(panel, "low"), window)
    return ratio(bars(panel, "close") - lowest, difference(trailing_max(bars(panel, "high"), window), lowest))


@shared
def _slow_stochastic(panel: Panel) -> FloatArray:
    return trailing_mean(100.0 * _range_place(panel, 14), 3)
