"""The wide95 features that TA-Lib lacks, the obvious way: one ticker at a time, one pandas line a feature."""

import math

import numpy as np
import pandas as pd

from market.panel import Panel

YEAR = 252.0


def slow_wide(panel: Panel) -> dict[str, pd.DataFrame]:
    """Return fifteen features by name, each sessions × tickers."""
    fields = ("open", "high", "low", "close")
    tables = {ticker: _one_ticker(*(getattr(panel, field)[ticker] for field in fields)) for ticker in panel.tickers}
    names = next(iter(tables.values()))
    return {name: pd.DataFrame({ticker: table[name] for ticker, table in tables.items()}) for name in names}


def _one_ticker(o: pd.Series, h: pd.Series, low: pd.Series, c: pd.Series) -> dict[str, pd.Series]:
    returns = c / c.shift(1) - 1.0
    range_variance = np.log(h / c) * np.log(h / o) + np.log(low / c) * np.log(low / o)
    return {
        "overnight_return": o / c.shift(1) - 1.0,
        "intraday_return": c / o - 1.0,
        "high_to_close": h / c - 1.0,
        "low_to_close": low / c - 1.0,
        "close_location": (c - low) / (h - low),
        "up_share_20": (c > c.shift(1)).where(returns.notna()).astype(float).rolling(20).mean(),
        "parkinson_20": (YEAR * (np.log(h / low) ** 2).rolling(20).mean() / (4.0 * math.log(2.0))) ** 0.5,
        "garman_klass_20": (YEAR * _garman_klass(o, h, low, c).rolling(20).mean()) ** 0.5,
        "rogers_satchell_20": (YEAR * range_variance.rolling(20).mean()) ** 0.5,
        "yang_zhang_20": _yang_zhang(o, c, range_variance, 20),
        "ewma_volatility": (YEAR * (returns**2).ewm(alpha=0.06, adjust=True).mean()) ** 0.5,
        "downside_deviation_20": (YEAR * (returns.where(returns < 0, 0.0 * returns) ** 2).rolling(20).mean()) ** 0.5,
        "ulcer_index_14": ((c / c.rolling(14).max() - 1.0) ** 2).rolling(14).mean() ** 0.5,
        "pivot_distance": ((h + low + c) / 3.0).shift(1) / c - 1.0,
        "breakout_20": _breakout(h, low, c),
    }


def _garman_klass(o: pd.Series, h: pd.Series, low: pd.Series, c: pd.Series) -> pd.Series:
    return 0.5 * np.log(h / low) ** 2 - (2.0 * math.log(2.0) - 1.0) * np.log(c / o) ** 2


def _yang_zhang(o: pd.Series, c: pd.Series, range_variance: pd.Series, n: int) -> pd.Series:
    k = 0.34 / (1.34 + (n + 1.0) / (n - 1.0))
    overnight, body = np.log(o / c.shift(1)).rolling(n).var(), np.log(c / o).rolling(n).var()
    return (YEAR * (overnight + k * body + (1.0 - k) * range_variance.rolling(n).mean())) ** 0.5


def _breakout(h: pd.Series, low: pd.Series, c: pd.Series) -> pd.Series:
    highest, lowest = h.rolling(20).max().shift(1), low.rolling(20).min().shift(1)
    side = (c > highest).astype(float) - (c < lowest).astype(float)
    return side.where(highest.notna())
