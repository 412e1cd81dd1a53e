"""Scores to decided target weights: builders, smoothing and constraints; pure functions over frames."""

from portfolio.book import Book, TradeCosts, build_book
from portfolio.builders import Selection, select_sides, target_weights
from portfolio.constraints import keep_cash, limit_positions, position_limits
from portfolio.settings import BookSettings
from portfolio.smoothing import smooth_weights

__all__ = [
    "Book",
    "BookSettings",
    "Selection",
    "TradeCosts",
    "build_book",
    "keep_cash",
    "limit_positions",
    "position_limits",
    "select_sides",
    "smooth_weights",
    "target_weights",
]
