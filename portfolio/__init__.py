"""Scores to decided target weights: builders, smoothing, constraints and overlays; pure functions over frames."""

from portfolio.book import STAGES, Book, Overlays, Plan, TradeCosts, build_book, finish_book, plan_book
from portfolio.builders import target_weights
from portfolio.constraints import keep_cash, limit_positions, position_limits
from portfolio.gate import gate_by_rank
from portfolio.neutral import level_beta, level_legs, level_sectors
from portfolio.risk import Switches, kill_switches, scale_weights, switch_off, volatility_scale
from portfolio.selection import Selection, select_sides
from portfolio.settings import BookSettings, RiskSettings
from portfolio.smoothing import smooth_weights
from portfolio.trailing import trailing_beta, trailing_volatility

__all__ = [
    "STAGES",
    "Book",
    "BookSettings",
    "Overlays",
    "Plan",
    "RiskSettings",
    "Selection",
    "Switches",
    "TradeCosts",
    "build_book",
    "finish_book",
    "gate_by_rank",
    "keep_cash",
    "kill_switches",
    "level_beta",
    "level_legs",
    "level_sectors",
    "limit_positions",
    "plan_book",
    "position_limits",
    "scale_weights",
    "select_sides",
    "smooth_weights",
    "switch_off",
    "target_weights",
    "trailing_beta",
    "trailing_volatility",
    "volatility_scale",
]
