"""Weights to verdicts: two engines, costs, the only home of performance metrics, regimes and reports."""

from backtests.breakdown.trading_summary import TradingSummary, trading_summary
from backtests.engine.backtest import run_backtest
from backtests.engine.backtest_result import BacktestResult
from backtests.statistics.metrics import PerformanceSummary, performance_summary
from market.equal_weight import equal_weight_market
from portfolio.costs import Costs

__all__ = [
    "BacktestResult",
    "Costs",
    "PerformanceSummary",
    "TradingSummary",
    "equal_weight_market",
    "performance_summary",
    "run_backtest",
    "trading_summary",
]
