"""Conventions: the numbers that every figure shares, each defined once.

Figures a year follow the sessions a year of the bars (``PanelFacts.sessions_per_year``); 252, about New York's, is what
holds where nobody says. Money markets count calendar days over 360 (actual/360).
"""

__all__ = [
    "BASIS_POINTS",
    "CLOCK_DAYS",
    "FEW_TRIALS",
    "MONEY_MARKET_DAYS",
    "REGULAR_RATES",
    "SESSIONS_PER_MONTH",
    "SESSIONS_PER_QUARTER",
    "SESSIONS_PER_YEAR",
    "clock_day",
    "regular_rate",
]

SESSIONS_PER_YEAR = 252
SESSIONS_PER_QUARTER = 63
SESSIONS_PER_MONTH = 21
MONEY_MARKET_DAYS = 360  # actual/360
BASIS_POINTS = 1e4  # in one
FEW_TRIALS = 5  # with fewer, the variance of the trials' Sharpe ratios is too uncertain to deflate by
REGULAR_RATES = (104, 52, 26, 24, 12, 6, 4, 2, 1)  # a year: twice a week, weekly, … yearly
CLOCK_DAYS = ("1678-01-01", "2262-01-01")  # between which a nanosecond clock counts; they stand for all beyond
NEAR_RATE = 0.06  # relative distance at which a rate is one of them


def regular_rate(rate: float) -> float | None:
    """The regular rate, in times a year, that a measured one is near; None where it is near none.

    Examples
    --------
    >>> from core.conventions import regular_rate
    >>> regular_rate(12.3), regular_rate(9.0)
    (12.0, None)
    """
    return next((float(each) for each in REGULAR_RATES if abs(rate / each - 1.0) <= NEAR_RATE), None)


def clock_day(day: str) -> str:
    """An ISO date, or the nearest that a nanosecond clock can hold.

    Examples
    --------
    >>> from core.conventions import clock_day
    >>> clock_day("2020-01-02"), clock_day("9999-12-31")
    ('2020-01-02', '2262-01-01')
    """
    first, last = CLOCK_DAYS
    return min(max(day, first), last)
