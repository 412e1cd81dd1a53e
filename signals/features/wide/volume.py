"""Volume features: how much was traded, and on which side of the price."""

import numpy as np

from market.panel import Panel
from signals.features.bar_arrays import bars, money_flow_multiplier, typical_price
from signals.features.feature import feature
from signals.features.recursive_averages import ema, ema_decay, ema_window, weighted_sum
from signals.features.trailing_windows import change, ratio, trailing_mean
from signals.features.window_statistics import difference, lag, trailing_correlation, where_moving
from signals.rows import FloatArray

__all__ = [
    "VOLUME",
    "chaikin_money_flow_20",
    "chaikin_oscillator",
    "force_index_13",
    "money_flow_index_14",
    "obv_20",
    "relative_volume_20",
    "return_volume_correlation_20",
    "volume_oscillator",
    "volume_trend_5_20",
    "vwap_20",
]


@feature(group="volume", warm_up=19)
def relative_volume_20(panel: Panel) -> FloatArray:
    """Volume ÷ mean of the last 20 volumes."""
    volume = bars(panel, "volume")
    return ratio(volume, trailing_mean(volume, 20))


@feature(group="volume", warm_up=19)
def volume_trend_5_20(panel: Panel) -> FloatArray:
    """Mean of the last 5 volumes ÷ mean of the last 20 − 1."""
    volume = bars(panel, "volume")
    return ratio(trailing_mean(volume, 5), trailing_mean(volume, 20)) - 1.0


@feature(group="volume", warm_up=ema_window(26) - 1)
def volume_oscillator(panel: Panel) -> FloatArray:
    """EMA of volumes, span 12, ÷ EMA, span 26, − 1, in %."""
    volume = bars(panel, "volume")
    return 100.0 * (ratio(ema(volume, 12), ema(volume, 26)) - 1.0)


@feature(group="volume", warm_up=19)
def vwap_20(panel: Panel) -> FloatArray:
    """Mean typical price of the last 20 sessions weighted by volume, ÷ close − 1."""
    volume = bars(panel, "volume")
    mean = ratio(trailing_mean(typical_price(panel) * volume, 20), trailing_mean(volume, 20))
    return mean / bars(panel, "close") - 1.0


@feature(group="volume", warm_up=20)
def obv_20(panel: Panel) -> FloatArray:
    """Change of on-balance volume over 20 sessions ÷ their volume, −1 to 1 (Granville 1963)."""
    close, volume = bars(panel, "close"), bars(panel, "volume")
    signed = np.sign(difference(close, lag(close, 1))) * volume
    return ratio(trailing_mean(signed, 20), trailing_mean(volume, 20))


@feature(group="volume", warm_up=19)
def chaikin_money_flow_20(panel: Panel) -> FloatArray:
    """Volume of 20 sessions weighted by where the bar closed, ÷ their volume, −1 to 1 (Chaikin)."""
    volume = bars(panel, "volume")
    return ratio(trailing_mean(money_flow_multiplier(panel) * volume, 20), trailing_mean(volume, 20))


@feature(group="volume", warm_up=14)
def money_flow_index_14(panel: Panel) -> FloatArray:
    """Share of 14 sessions' typical price × volume in which that price rose, 0 to 100 (Quong and Soudack 1989)."""
    typical = typical_price(panel)
    flow, moved = typical * bars(panel, "volume"), difference(typical, lag(typical, 1))
    rising, falling = (trailing_mean(np.heaviside(side, 0.0) * flow, 14) for side in (moved, -moved))
    return 100.0 * ratio(rising, rising + falling)


@feature(group="volume", warm_up=ema_window(10) - 1)
def chaikin_oscillator(panel: Panel) -> FloatArray:
    """EMA of the accumulation line, span 3, − EMA, span 10, ÷ mean of the last 20 volumes (Chaikin).

    The line sums all flows since the first bar; in the difference of its two means a flow of age *a* weighs
    decay₁₀^(a+1) − decay₃^(a+1), which fades: no sum is needed.
    """
    volume = bars(panel, "volume")
    ages = np.arange(ema_window(10), 0.0, -1.0)
    flow = weighted_sum(money_flow_multiplier(panel) * volume, ema_decay(10) ** ages - ema_decay(3) ** ages)
    return ratio(flow, trailing_mean(volume, 20))


@feature(group="volume", warm_up=ema_window(13))
def force_index_13(panel: Panel) -> FloatArray:
    """EMA of close's change × volume, span 13, ÷ (close × EMA of volumes) (Elder, Trading for a Living, 1993)."""
    close, volume = bars(panel, "close"), bars(panel, "volume")
    return ratio(ema(difference(close, lag(close, 1)) * volume, 13), close * ema(volume, 13))


@feature(group="volume", warm_up=20)
def return_volume_correlation_20(panel: Panel) -> FloatArray:
    """Correlation of daily returns with volumes over 20 sessions."""
    close = bars(panel, "close")
    return where_moving(trailing_correlation(change(close, 1), bars(panel, "volume"), 20), close, 21)


VOLUME = (
    relative_volume_20,
    volume_trend_5_20,
    volume_oscillator,
    vwap_20,
    obv_20,
    chaikin_money_flow_20,
    money_flow_index_14,
    chaikin_oscillator,
    force_index_13,
    return_volume_correlation_20,
)
