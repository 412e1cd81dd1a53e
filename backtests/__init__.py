"""Weights to verdicts: two engines, costs, the only home of performance metrics, regimes and reports."""

from backtests.benchmarks import equal_weight_market
from backtests.costs import Costs
from backtests.engine import run_backtest
from backtests.metrics import PerformanceSummary, performance_summary
from backtests.result import BacktestResult
from backtests.trading import TradingSummary, trading_summary

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
