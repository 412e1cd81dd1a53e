"""Price features: what one bar says, and logarithmic returns."""

from market.panel import Panel
from signals.features.bar_arrays import bars, log_return, typical_price
from signals.features.feature import feature
from signals.features.trailing_windows import ratio
from signals.features.window_statistics import difference, lag
from signals.rows import FloatArray

__all__ = [
    "PRICE",
    "balance_of_power",
    "close_location",
    "high_to_close",
    "intraday_return",
    "log_return_1d",
    "log_return_5d",
    "log_return_20d",
    "low_to_close",
    "overnight_return",
    "typical_to_close",
]


@feature(group="price", warm_up=1)
def overnight_return(panel: Panel) -> FloatArray:
    """Open ÷ previous close − 1."""
    return bars(panel, "open") / lag(bars(panel, "close"), 1) - 1.0


@feature(group="price", warm_up=0)
def intraday_return(panel: Panel) -> FloatArray:
    """Close ÷ open − 1."""
    return bars(panel, "close") / bars(panel, "open") - 1.0


@feature(group="price", warm_up=1)
def log_return_1d(panel: Panel) -> FloatArray:
    """Logarithm of close ÷ close 1 session earlier."""
    return log_return(bars(panel, "close"), 1)


@feature(group="price", warm_up=5)
def log_return_5d(panel: Panel) -> FloatArray:
    """Logarithm of close ÷ close 5 sessions earlier."""
    return log_return(bars(panel, "close"), 5)


@feature(group="price", warm_up=20)
def log_return_20d(panel: Panel) -> FloatArray:
    """Logarithm of close ÷ close 20 sessions earlier."""
    return log_return(bars(panel, "close"), 20)


@feature(group="price", warm_up=0)
def high_to_close(panel: Panel) -> FloatArray:
    """High ÷ close − 1."""
    return bars(panel, "high") / bars(panel, "close") - 1.0


@feature(group="price", warm_up=0)
def low_to_close(panel: Panel) -> FloatArray:
    """Low ÷ close − 1."""
    return bars(panel, "low") / bars(panel, "close") - 1.0


@feature(group="price", warm_up=0)
def typical_to_close(panel: Panel) -> FloatArray:
    """Typical price, (high + low + close) ÷ 3, ÷ close − 1."""
    return typical_price(panel) / bars(panel, "close") - 1.0


@feature(group="price", warm_up=0)
def close_location(panel: Panel) -> FloatArray:
    """(Close − low) ÷ (high − low), 0 at the low to 1 at the high."""
    low = bars(panel, "low")
    return ratio(bars(panel, "close") - low, difference(bars(panel, "high"), low))


@feature(group="price", warm_up=0)
def balance_of_power(panel: Panel) -> FloatArray:
    """(Close − open) ÷ (high − low) (Livshin, Balance of Power, Stocks & Commodities 2001)."""
    reach = difference(bars(panel, "high"), bars(panel, "low"))
    return ratio(bars(panel, "close") - bars(panel, "open"), reach)


PRICE = (
    overnight_return,
    intraday_return,
    log_return_1d,
    log_return_5d,
    log_return_20d,
    high_to_close,
    low_to_close,
    typical_to_close,
    close_location,
    balance_of_power,
)
