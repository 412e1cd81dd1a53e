"""Backtests: weights to results, scores to evaluations and verdicts; the only home of performance metrics.

``backtests.evaluation`` puts these parts together; ``backtests.verdict`` weighs the evidence.
"""

from backtests.breakdown.trading_summary import TradingSummary, trading_summary
from backtests.engine.backtest import run_backtest
from backtests.engine.backtest_result import BacktestResult
from backtests.statistics.metrics import (
    PerformanceSummary,
    annual_return,
    exposures,
    market_fit,
    max_drawdown,
    performance_summary,
    sharpe_ratio,
    sharpe_standard_error,
    sortino_ratio,
    volatility,
)

__all__ = [
    "BacktestResult",
    "PerformanceSummary",
    "TradingSummary",
    "annual_return",
    "exposures",
    "market_fit",
    "max_drawdown",
    "performance_summary",
    "run_backtest",
    "sharpe_ratio",
    "sharpe_standard_error",
    "sortino_ratio",
    "trading_summary",
    "volatility",
]
