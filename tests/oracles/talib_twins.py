"""TA-Lib's telling of the wide95 features that it has, one ticker at a time, scaled as ours are."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Bars = Mapping[str, np.ndarray]  # open, high, low, close, volume of one ticker
Twin = Callable[[Any, Bars], np.ndarray]


def _to_close(function: str, *arguments: object, fields: tuple[str, ...] = ("close",)) -> Twin:
    """Return an average of TA-Lib as distance from the close."""
    return lambda ta, b: getattr(ta, function)(*(b[f] for f in fields), *arguments) / b["close"] - 1.0


def _plain(function: str, *arguments: object, fields: tuple[str, ...] = ("close",), scale: float = 1.0) -> Twin:
    return lambda ta, b: scale * getattr(ta, function)(*(b[f] for f in fields), *arguments)


HLC, HLCV = ("high", "low", "close"), ("high", "low", "close", "volume")


def _lagged(values: np.ndarray, rows: int) -> np.ndarray:
    return np.r_[np.full(rows, np.nan), values[:-rows]]


def _crossing(fast: int, slow: int) -> Twin:
    return lambda ta, b: ta.SMA(b["close"], fast) / ta.SMA(b["close"], slow) - 1.0


def _macd(place: int) -> Twin:
    return lambda ta, b: ta.MACD(b["close"], 12, 26, 9)[place] / b["close"]


def _bands(ta: Any, b: Bars) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    upper, middle, lower = ta.BBANDS(b["close"], 20, 2.0, 2.0)
    return upper, middle, lower


def _keltner(ta: Any, b: Bars) -> np.ndarray:
    return (b["close"] - ta.EMA(b["close"], 20)) / (2.0 * ta.ATR(b["high"], b["low"], b["close"], 10))


def _donchian(ta: Any, b: Bars) -> np.ndarray:
    upper, _, lower = ta.DONCHIAN(b["high"], b["low"], 20)
    return (b["close"] - lower) / (upper - lower)


def _bollinger_position(ta: Any, b: Bars) -> np.ndarray:
    upper, _, lower = _bands(ta, b)
    return (b["close"] - lower) / (upper - lower)


def _bollinger_width(ta: Any, b: Bars) -> np.ndarray:
    upper, middle, lower = _bands(ta, b)
    return (upper - lower) / middle


def _vwap(ta: Any, b: Bars) -> np.ndarray:
    return ta.VWMA(ta.TYPPRICE(b["high"], b["low"], b["close"]), b["volume"], 20) / b["close"] - 1.0


def _obv(ta: Any, b: Bars) -> np.ndarray:
    return ta.MOM(ta.OBV(b["close"], b["volume"]), 20) / ta.SUM(b["volume"], 20)


def _chaikin(ta: Any, b: Bars) -> np.ndarray:
    return ta.ADOSC(*(b[f] for f in HLCV), 3, 10) / ta.SMA(b["volume"], 20)


def _force(ta: Any, b: Bars) -> np.ndarray:
    return ta.EFI(b["close"], b["volume"], 13) / (b["close"] * ta.EMA(b["volume"], 13))


def _vortex(ta: Any, b: Bars) -> np.ndarray:
    plus, minus = ta.VORTEX(b["high"], b["low"], b["close"], 14)
    return plus - minus


def _trend_fit(ta: Any, b: Bars) -> np.ndarray:
    return ta.CORREL(b["close"], np.arange(float(len(b["close"]))), 20) ** 2


def _resistance(ta: Any, b: Bars) -> np.ndarray:
    return _lagged(ta.MAX(b["high"], 60), 1) / b["close"] - 1.0


def _support(ta: Any, b: Bars) -> np.ndarray:
    return _lagged(ta.MIN(b["low"], 60), 1) / b["close"] - 1.0


def _volatility(rows: int) -> Twin:
    """TA-Lib's standard deviation divides by n."""
    factor = np.sqrt(252.0 * rows / (rows - 1))
    return lambda ta, b: factor * ta.STDDEV(ta.LN(b["close"] / _lagged(b["close"], 1)), rows)


def _volatility_ratio(ta: Any, b: Bars) -> np.ndarray:
    returns = ta.ROCP(b["close"], 1)
    return ta.STDDEV(returns, 5) * np.sqrt(5.0 / 4.0) / (ta.STDDEV(returns, 60) * np.sqrt(60.0 / 59.0))


TALIB_TWINS: Mapping[str, Twin] = {
    "log_return_1d": lambda ta, b: ta.LN(ta.ROCR(b["close"], 1)),
    "log_return_5d": lambda ta, b: ta.LN(ta.ROCR(b["close"], 5)),
    "log_return_20d": lambda ta, b: ta.LN(ta.ROCR(b["close"], 20)),
    "typical_to_close": _to_close("TYPPRICE", fields=HLC),
    "balance_of_power": _plain("BOP", fields=("open", "high", "low", "close")),
    **{f"sma_{n}": _to_close("SMA", n) for n in (5, 10, 20, 50, 100, 200)},
    **{f"ema_{n}": _to_close("EMA", n) for n in (5, 10, 20, 50)},
    "sma_5_20": _crossing(5, 20),
    "sma_20_50": _crossing(20, 50),
    "sma_50_200": _crossing(50, 200),
    "wma_20": _to_close("WMA", 20),
    "dema_20": _to_close("DEMA", 20),
    "tema_10": _to_close("TEMA", 10),
    "trima_20": _to_close("TRIMA", 20),
    "hma_20": _to_close("HMA", 20),
    "efficiency_ratio_10": _plain("ER", 10),
    "midpoint_14": _to_close("MIDPOINT", 14),
    "midprice_14": _to_close("MIDPRICE", 14, fields=("high", "low")),
    **{f"rsi_{n}": _plain("RSI", n) for n in (7, 14, 21)},
    "stochastic_rsi_14": lambda ta, b: ta.STOCHRSI(b["close"], 14, 14, 1)[0],
    "macd": _macd(0),
    "macd_signal": _macd(1),
    "macd_histogram": _macd(2),
    "trix_15": _plain("TRIX", 15),
    "bollinger_position": _bollinger_position,
    "bollinger_width": _bollinger_width,
    "atr_14": _plain("NATR", 14, fields=HLC, scale=0.01),
    "keltner_position": _keltner,
    "donchian_position": _donchian,
    "adx_14": _plain("ADX", 14, fields=HLC),
    "plus_di_14": _plain("PLUS_DI", 14, fields=HLC),
    "minus_di_14": _plain("MINUS_DI", 14, fields=HLC),
    "aroon_up_25": lambda ta, b: ta.AROON(b["high"], b["low"], 25)[1],
    "aroon_down_25": lambda ta, b: ta.AROON(b["high"], b["low"], 25)[0],
    "cci_20": _plain("CCI", 20, fields=HLC),
    "relative_volume_20": lambda ta, b: b["volume"] / ta.SMA(b["volume"], 20),
    "volume_trend_5_20": lambda ta, b: ta.SMA(b["volume"], 5) / ta.SMA(b["volume"], 20) - 1.0,
    "volume_oscillator": _plain("PVO", 12, 26, 1, fields=("volume",)),
    "vwap_20": _vwap,
    "obv_20": _obv,
    "chaikin_money_flow_20": _plain("CMF", 20, fields=HLCV),
    "money_flow_index_14": _plain("MFI", 14, fields=HLCV),
    "chaikin_oscillator": _chaikin,
    "force_index_13": _force,
    "return_volume_correlation_20": lambda ta, b: ta.CORREL(ta.ROCP(b["close"], 1), b["volume"], 20),
    **{f"roc_{n}": _plain("ROCP", n) for n in (10, 60, 120, 252)},
    "momentum_12_1": lambda ta, b: _lagged(ta.ROCP(b["close"], 231), 21),
    "stochastic_k_14": lambda ta, b: ta.STOCH(b["high"], b["low"], b["close"], 14, 3, 0, 3, 0)[0],
    "stochastic_d_14": lambda ta, b: ta.STOCH(b["high"], b["low"], b["close"], 14, 3, 0, 3, 0)[1],
    "williams_r_14": _plain("WILLR", 14, fields=HLC),
    "ultimate_oscillator": _plain("ULTOSC", 7, 14, 28, fields=HLC),
    "chande_momentum_14": _plain("CMOU", 14),
    "true_strength_index": _plain("TSI", 25, 13),
    "awesome_oscillator": lambda ta, b: ta.AO(b["high"], b["low"], 5, 34) / b["close"],
    "coppock_curve": _plain("COPPOCK", 10, 11, 14),
    "vortex_14": _vortex,
    "historical_volatility_20": _volatility(20),
    "historical_volatility_60": _volatility(60),
    "volatility_ratio_5_60": _volatility_ratio,
    "resistance_distance_60": _resistance,
    "support_distance_60": _support,
    "distance_from_high_252": lambda ta, b: b["close"] / ta.MAX(b["high"], 252) - 1.0,
    "trend_slope_20": lambda ta, b: ta.LINEARREG_SLOPE(b["close"], 20) / b["close"],
    "trend_fit_20": _trend_fit,
    "trend_distance_20": lambda ta, b: b["close"] / ta.LINEARREG(b["close"], 20) - 1.0,
    "engulfing": lambda ta, b: np.sign(ta.CDLENGULFING(b["open"], b["high"], b["low"], b["close"])),
    "doji": lambda ta, b: ta.CDLDOJI(b["open"], b["high"], b["low"], b["close"]) / 100.0,
}
