"""Conventions: the numbers that every annualised figure shares, each defined once.

The markets of Quintile trade about 252 sessions a year; money markets count calendar days over 360 (actual/360).
"""

__all__ = ["BASIS_POINTS", "MONEY_MARKET_DAYS", "SESSIONS_PER_YEAR"]

SESSIONS_PER_YEAR = 252
MONEY_MARKET_DAYS = 360  # actual/360
BASIS_POINTS = 1e4  # in one
