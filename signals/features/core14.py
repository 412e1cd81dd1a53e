"""The 14 core features of the reference strategy, in the order in which a network reads them.

Row *t* uses bars of sessions ≤ *t* only. The one rule for gaps: **a feature is NaN unless every bar that its definition
reads was printed**. What its sessions are is decided where it is computed: a short hole is skipped, so that a window
holds the name's last prints (``signals.features.print_windows``), and carried by ``fill_gaps``; a 20-session window
with a longer one inside has no standard deviation, mean or extreme. Nothing here bridges a gap.

Standard deviations are of simple returns with ``ddof=1``, annualised with 252 sessions per year. ``momentum`` and
``momentum_5d`` are ``ret_20d`` and ``ret_5d`` number for number, as in the reference; each is computed once.
"""

import math

import numpy as np

from core.conventions import SESSIONS_PER_YEAR
from market.panel import Panel
from signals.features.bar_arrays import bars
from signals.features.feature import feature
from signals.features.print_windows import since_print
from signals.features.shared_series import shared
from signals.features.trailing_windows import change, ratio, trailing_max, trailing_mean, trailing_min, trailing_std
from signals.rows import FloatArray, row_mean

__all__ = [
    "CORE14",
    "dist_from_high",
    "dist_from_low",
    "market_return",
    "momentum",
    "momentum_5d",
    "price_range",
    "ret_1d",
    "ret_5d",
    "ret_20d",
    "vol_5d",
    "vol_volume",
    "volatility",
    "volume_ratio",
    "volume_trend",
]


@feature(group="return", warm_up=1)
def ret_1d(panel: Panel) -> FloatArray:
    """Close ÷ close 1 session earlier − 1."""
    return _daily_return(panel)


@feature(group="return", warm_up=5)
def ret_5d(panel: Panel) -> FloatArray:
    """Close ÷ close 5 sessions earlier − 1."""
    return change(bars(panel, "close"), 5)


@feature(group="return", warm_up=20)
def ret_20d(panel: Panel) -> FloatArray:
    """Close ÷ close 20 sessions earlier − 1."""
    return change(bars(panel, "close"), 20)


@feature(group="volatility", warm_up=20)
def volatility(panel: Panel) -> FloatArray:
    """Standard deviation of the last 20 daily returns × √252."""
    return _annual_volatility(panel, 20)


@feature(group="volatility", warm_up=5)
def vol_5d(panel: Panel) -> FloatArray:
    """Standard deviation of the last 5 daily returns × √252."""
    return _annual_volatility(panel, 5)


@feature(group="volume", warm_up=19)
def vol_volume(panel: Panel) -> FloatArray:
    """Standard deviation ÷ mean of the last 20 volumes; NaN if none traded."""
    return ratio(trailing_std(bars(panel, "volume"), 20), _mean_volume(panel, 20))


@feature(group="range", warm_up=19)
def dist_from_high(panel: Panel) -> FloatArray:
    """(Highest high of the last 20 sessions − close) ÷ close."""
    close = bars(panel, "close")
    return (trailing_max(bars(panel, "high"), 20) - close) / close


@feature(group="range", warm_up=19)
def dist_from_low(panel: Panel) -> FloatArray:
    """(Close − lowest low of the last 20 sessions) ÷ close."""
    close = bars(panel, "close")
    return (close - trailing_min(bars(panel, "low"), 20)) / close


@feature(group="range", warm_up=0)
def price_range(panel: Panel) -> FloatArray:
    """(High − low) ÷ close."""
    return (bars(panel, "high") - bars(panel, "low")) / bars(panel, "close")


@feature(group="return", warm_up=20, same_as=ret_20d)
def momentum(panel: Panel) -> FloatArray:
    """Return over 20 sessions, the same number as ret_20d."""
    return ret_20d.formula(panel)


@feature(group="return", warm_up=5, same_as=ret_5d)
def momentum_5d(panel: Panel) -> FloatArray:
    """Return over 5 sessions, the same number as ret_5d."""
    return ret_5d.formula(panel)


@feature(group="volume", warm_up=19)
def volume_ratio(panel: Panel) -> FloatArray:
    """Volume ÷ mean of the last 20 volumes; NaN if none traded."""
    return ratio(bars(panel, "volume"), _mean_volume(panel, 20))


@feature(group="volume", warm_up=19)
def volume_trend(panel: Panel) -> FloatArray:
    """Mean of the last 5 volumes ÷ mean of the last 20; NaN if none traded."""
    return ratio(_mean_volume(panel, 5), _mean_volume(panel, 20))


@feature(group="market", warm_up=1, cross_sectional=True)
def market_return(panel: Panel) -> FloatArray:
    """Equal-weighted ret_1d of the session's universe, the same number for every name that printed."""
    returns = np.where(panel.universe.to_numpy(), since_print(bars(panel, "close")), np.nan)
    return np.where(panel.printed.to_numpy(), row_mean(np.ascontiguousarray(returns)), np.nan)


CORE14 = (
    ret_1d,
    ret_5d,
    ret_20d,
    volatility,
    vol_5d,
    vol_volume,
    dist_from_high,
    dist_from_low,
    price_range,
    momentum,
    momentum_5d,
    volume_ratio,
    volume_trend,
    market_return,
)

CORE11 = tuple(member for member in CORE14 if member not in (vol_volume, volume_ratio, volume_trend))
"""Those of core14 that read no volume, for bars without any."""


def _annual_volatility(panel: Panel, window: int) -> FloatArray:
    return trailing_std(_daily_return(panel), window) * math.sqrt(SESSIONS_PER_YEAR)


@shared
def _daily_return(panel: Panel) -> FloatArray:
    return change(bars(panel, "close"), 1)


@shared
def _mean_volume(panel: Panel, window: int) -> FloatArray:
    return trailing_mean(bars(panel, "volume"), window)
