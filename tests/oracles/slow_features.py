"""core14 the obvious way: one ticker at a time, one pandas line a feature, every window afresh."""

import numpy as np
import pandas as pd

from market.panel import Panel


def slow_core14(panel: Panel) -> dict[str, pd.DataFrame]:
    """Return core14 by name, each sessions × tickers."""
    market = _market_return(panel)
    tables = {ticker: _one_ticker(_bars(panel, ticker), market) for ticker in panel.tickers}
    names = next(iter(tables.values())).columns
    return {name: pd.DataFrame({ticker: table[name] for ticker, table in tables.items()}) for name in names}


def _bars(panel: Panel, ticker: str) -> pd.DataFrame:
    return pd.DataFrame({name: getattr(panel, name)[ticker] for name in ("high", "low", "close", "volume")})


def _one_ticker(bars: pd.DataFrame, market: pd.Series) -> pd.DataFrame:
    close, volume = bars["close"], bars["volume"]
    returns = close.pct_change(fill_method=None)
    average_volume = _window(volume, 20, np.mean).where(lambda mean: mean > 0)
    return pd.DataFrame(
        {
            "ret_1d": returns,
            "ret_5d": close.pct_change(5, fill_method=None),
            "ret_20d": close.pct_change(20, fill_method=None),
            "volatility": _window(returns, 20, _std) * np.sqrt(252),
            "vol_5d": _window(returns, 5, _std) * np.sqrt(252),
            "vol_volume": _window(volume, 20, _std) / average_volume,
            "dist_from_high": (_window(bars["high"], 20, np.max) - close) / close,
            "dist_from_low": (close - _window(bars["low"], 20, np.min)) / close,
            "price_range": (bars["high"] - bars["low"]) / close,
            "momentum": close.pct_change(20, fill_method=None),
            "momentum_5d": close.pct_change(5, fill_method=None),
            "volume_ratio": volume / average_volume,
            "volume_trend": _window(volume, 5, np.mean) / average_volume,
            "market_return": market.where(close.notna()),
        }
    )


def _window(values: pd.Series, window: int, reduce) -> pd.Series:
    return values.rolling(window, min_periods=window).apply(reduce, raw=True)


def _std(values: np.ndarray) -> float:
    return float(np.std(values, ddof=1))


def _market_return(panel: Panel) -> pd.Series:
    """Mean return of each session's eligible names that printed today and yesterday."""
    means = {}
    for row, session in enumerate(panel.sessions):
        returns = [
            panel.close[ticker].iloc[row] / panel.close[ticker].iloc[row - 1] - 1.0
            for ticker in panel.tickers
            if row > 0 and panel.universe[ticker].iloc[row]
        ]
        known = [number for number in returns if not np.isnan(number)]
        means[session] = np.mean(known) if known else np.nan
    return pd.Series(means)
