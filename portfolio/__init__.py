"""Portfolio: scores to decided target weights by builders, smoothing, constraints and overlays; pure functions."""

from portfolio.book import STAGES, Book, Overlays, Plan, build_book, finish_book, plan_book
from portfolio.book_settings import OPTIMIZED, BookSettings, OptimizerSettings, RiskSettings
from portfolio.builders import target_weights
from portfolio.constraints import keep_cash, limit_positions, position_limits
from portfolio.costs import Costs
from portfolio.ewma import smooth_weights
from portfolio.gate import gate_by_rank
from portfolio.neutral import level_beta, level_legs, level_sectors
from portfolio.optimizer import OptimizedTargets, full_window, optimized_targets, rebalances, require_optimizer
from portfolio.risk import Switches, kill_switches, scale_weights, switch_off, volatility_scale
from portfolio.rules import TradingRules
from portfolio.selection import Selection, select_sides
from portfolio.trailing_risk import trailing_beta, trailing_volatility

__all__ = [
    "OPTIMIZED",
    "STAGES",
    "Book",
    "BookSettings",
    "Costs",
    "OptimizedTargets",
    "OptimizerSettings",
    "Overlays",
    "Plan",
    "RiskSettings",
    "Selection",
    "Switches",
    "TradingRules",
    "build_book",
    "finish_book",
    "full_window",
    "gate_by_rank",
    "keep_cash",
    "kill_switches",
    "level_beta",
    "level_legs",
    "level_sectors",
    "limit_positions",
    "optimized_targets",
    "plan_book",
    "position_limits",
    "rebalances",
    "require_optimizer",
    "scale_weights",
    "select_sides",
    "smooth_weights",
    "switch_off",
    "target_weights",
    "trailing_beta",
    "trailing_volatility",
    "volatility_scale",
]
