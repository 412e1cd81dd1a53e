"""Conventions: the numbers that every figure shares, each defined once.

Figures a year follow the sessions a year of the bars (``PanelFacts.sessions_per_year``); 252, about New York's, is what
holds where nobody says. Money markets count calendar days over 360 (actual/360).
"""

__all__ = [
    "BASIS_POINTS",
    "FEW_TRIALS",
    "MONEY_MARKET_DAYS",
    "SESSIONS_PER_MONTH",
    "SESSIONS_PER_QUARTER",
    "SESSIONS_PER_YEAR",
]

SESSIONS_PER_YEAR = 252
SESSIONS_PER_QUARTER = 63
SESSIONS_PER_MONTH = 21
MONEY_MARKET_DAYS = 360  # actual/360
BASIS_POINTS = 1e4  # in one
FEW_TRIALS = 5  # with fewer, the variance of the trials' Sharpe ratios is too uncertain to deflate by
