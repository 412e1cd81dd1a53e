"""Volatility features: annualised volatility from closes, from ranges, and from both; 252 sessions per year.

Variances from ranges assume bars whose open and close lie between low and high; where that fails and a variance comes
out negative it is NaN.

References
----------
Parkinson, The Extreme Value Method for Estimating the Variance of the Rate of Return (1980). Garman and Klass, On the
Estimation of Security Price Volatilities from Historical Data (1980), the practical form. Rogers and Satchell,
Estimating Variance from High, Low and Closing Prices (1991). Yang and Zhang, Drift-Independent Volatility Estimation
Based on High, Low, Open, and Close Prices (2000). J. P. Morgan, RiskMetrics Technical Document (1996). Sortino and
van der Meer, Downside Risk (1991). Martin and McCann, The Investor's Guide to Fidelity Funds (1989): ulcer index.
"""

import math

import numpy as np

from core.conventions import SESSIONS_PER_YEAR
from market.panel import Panel
from signals.features.bar_arrays import bars, log_return
from signals.features.feature import feature
from signals.features.recursive_averages import decay_window, decayed_mean
from signals.features.shared_series import shared
from signals.features.trailing_windows import change, ratio, trailing_max, trailing_mean, trailing_std
from signals.features.window_statistics import lag, where_moving
from signals.rows import FloatArray

__all__ = [
    "VOLATILITY",
    "downside_deviation_20",
    "ewma_volatility",
    "garman_klass_20",
    "historical_volatility_20",
    "historical_volatility_60",
    "parkinson_20",
    "rogers_satchell_20",
    "ulcer_index_14",
    "volatility_ratio_5_60",
    "yang_zhang_20",
]

LAMBDA = 0.94  # RiskMetrics' decay for daily returns


@feature(group="volatility", warm_up=20)
def historical_volatility_20(panel: Panel) -> FloatArray:
    """Standard deviation of the last 20 logarithmic returns × √252."""
    return trailing_std(log_return(bars(panel, "close"), 1), 20) * math.sqrt(SESSIONS_PER_YEAR)


@feature(group="volatility", warm_up=60)
def historical_volatility_60(panel: Panel) -> FloatArray:
    """Standard deviation of the last 60 logarithmic returns × √252."""
    return trailing_std(log_return(bars(panel, "close"), 1), 60) * math.sqrt(SESSIONS_PER_YEAR)


@feature(group="volatility", warm_up=19)
def parkinson_20(panel: Panel) -> FloatArray:
    """Volatility from 20 sessions' ln(high ÷ low), × √252 (Parkinson 1980)."""
    return _annual_root(trailing_mean(_log(panel, "high", "low") ** 2, 20) / (4.0 * math.log(2.0)))


@feature(group="volatility", warm_up=19)
def garman_klass_20(panel: Panel) -> FloatArray:
    """Volatility from 20 sessions' ½ ln²(high ÷ low) − (2 ln 2 − 1) ln²(close ÷ open), × √252 (Garman, Klass 1980)."""
    reach, body = _log(panel, "high", "low") ** 2, _log(panel, "close", "open") ** 2
    return _annual_root(trailing_mean(0.5 * reach - (2.0 * math.log(2.0) - 1.0) * body, 20))


@feature(group="volatility", warm_up=19)
def rogers_satchell_20(panel: Panel) -> FloatArray:
    """Volatility, free of drift, from 20 sessions' open, high, low and close, × √252 (Rogers and Satchell 1991)."""
    return _annual_root(trailing_mean(_rogers_satchell(panel), 20))


@feature(group="volatility", warm_up=20)
def yang_zhang_20(panel: Panel) -> FloatArray:
    """Volatility, free of drift, with overnight gaps, from 20 sessions' bars, × √252 (Yang and Zhang 2000)."""
    overnight = np.log(bars(panel, "open") / lag(bars(panel, "close"), 1))
    weight = 0.34 / (1.34 + 21.0 / 19.0)
    within = weight * trailing_std(_log(panel, "close", "open"), 20) ** 2
    within += (1.0 - weight) * trailing_mean(_rogers_satchell(panel), 20)
    return _annual_root(trailing_std(overnight, 20) ** 2 + within)


@feature(group="volatility", warm_up=decay_window(LAMBDA))
def ewma_volatility(panel: Panel) -> FloatArray:
    """Root of the exponential mean of squared returns, decay 0.94, × √252 (RiskMetrics 1996)."""
    return _annual_root(decayed_mean(change(bars(panel, "close"), 1) ** 2, LAMBDA))


@feature(group="volatility", warm_up=20)
def downside_deviation_20(panel: Panel) -> FloatArray:
    """Root of the mean square of the last 20 returns, rises counted as 0, × √252 (Sortino and van der Meer 1991)."""
    return _annual_root(trailing_mean(np.minimum(change(bars(panel, "close"), 1), 0.0) ** 2, 20))


@feature(group="volatility", warm_up=60)
def volatility_ratio_5_60(panel: Panel) -> FloatArray:
    """Standard deviation of the last 5 returns ÷ that of the last 60."""
    close = bars(panel, "close")
    returns = change(close, 1)
    return where_moving(ratio(trailing_std(returns, 5), trailing_std(returns, 60)), close, 61)


@feature(group="volatility", warm_up=26)
def ulcer_index_14(panel: Panel) -> FloatArray:
    """Root of the mean square of 14 sessions' distance under the highest close of 14 (Martin and McCann 1989)."""
    close = bars(panel, "close")
    return np.sqrt(trailing_mean((close / trailing_max(close, 14) - 1.0) ** 2, 14))


VOLATILITY = (
    historical_volatility_20,
    historical_volatility_60,
    parkinson_20,
    garman_klass_20,
    rogers_satchell_20,
    yang_zhang_20,
    ewma_volatility,
    downside_deviation_20,
    volatility_ratio_5_60,
    ulcer_index_14,
)


@shared
def _log(panel: Panel, upper: str, lower: str) -> FloatArray:
    """Natural logarithm of one price of the bar ÷ another."""
    return np.log(bars(panel, upper) / bars(panel, lower))


@shared
def _rogers_satchell(panel: Panel) -> FloatArray:
    """Each session's variance: ln(h ÷ c) ln(h ÷ o) + ln(l ÷ c) ln(l ÷ o)."""
    above = _log(panel, "high", "close") * _log(panel, "high", "open")
    return above + _log(panel, "low", "close") * _log(panel, "low", "open")


def _annual_root(variance: FloatArray) -> FloatArray:
    root: FloatArray = np.sqrt(np.where(variance >= 0.0, variance, np.nan) * SESSIONS_PER_YEAR)
    return root
