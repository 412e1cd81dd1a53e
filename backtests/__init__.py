"""Backtests: weights to results, scores to evaluations and verdicts; the only home of performance metrics."""

from backtests.breakdown.trading_summary import TradingSummary, trading_summary
from backtests.engine.backtest import run_backtest
from backtests.engine.backtest_result import BacktestResult
from backtests.evaluation import Evaluation, evaluate_scores
from backtests.statistics.deflation import deflated_sharpe_ratio
from backtests.statistics.inference import probabilistic_sharpe_ratio
from backtests.statistics.metrics import PerformanceSummary, max_drawdown, performance_summary, sharpe_ratio
from backtests.verdict import Verdict, judge

__all__ = [
    "BacktestResult",
    "Evaluation",
    "PerformanceSummary",
    "TradingSummary",
    "Verdict",
    "deflated_sharpe_ratio",
    "evaluate_scores",
    "judge",
    "max_drawdown",
    "performance_summary",
    "probabilistic_sharpe_ratio",
    "run_backtest",
    "sharpe_ratio",
    "trading_summary",
]
