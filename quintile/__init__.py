"""Quintile: backtests and portfolio research, from daily bars to an honest report.

    import quintile as qt

    bars = qt.load_bars("bars.parquet", universe="top500")
    run = qt.run(qt.load_strategy("filter_negative"), bars)

Names are imported when they are first used, so that ``import quintile`` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from quintile.siblings import keep_siblings

keep_siblings()
import_module("core.places").settle_caches()

if TYPE_CHECKING:
    from backtests.engine.backtest_result import BacktestResult
    from backtests.statistics.metrics import max_drawdown, performance_summary, sharpe_ratio
    from core import errors
    from market.inputs import Inputs
    from market.outside.company_facts import company_facts
    from market.panel import Panel
    from market.request import BarsRequest
    from market.returns import Execution, forward_returns
    from market.synthetic import SyntheticSettings, synthetic_market
    from market.universe import choose_universe
    from models.model_settings import KindSettings
    from models.own_models import model
    from portfolio.book_settings import BookSettings, RiskSettings
    from portfolio.costs import Costs
    from portfolio.own_rules import book_rule
    from portfolio.rules import TradingRules
    from quintile.bar_frames import features, load_bars, load_inputs, with_outside
    from quintile.differences_explained import explain
    from quintile.frozen_version import FrozenVersion, freeze, load_version
    from quintile.lookup import load_run, load_strategy
    from quintile.own_weights import Backtest, backtest
    from quintile.research import compare_books, evaluate, prove, run, walk_forward
    from quintile.run_desk import board, compare
    from quintile.settings_sweep import sweep
    from quintile.single_series import ForecastStudy, forecast
    from quintile.trading_desk import decide, paper
    from signals.features import Computing
    from signals.score_metrics import information_coefficient
    from strategy.definitions.spec import StrategySpec
    from strategy.runs.result import Run
    from strategy.walk_forward.walk_result import WalkForward

    __version__: str

__all__ = [
    "Backtest",
    "BacktestResult",
    "BarsRequest",
    "BookSettings",
    "Computing",
    "Costs",
    "Execution",
    "ForecastStudy",
    "FrozenVersion",
    "Inputs",
    "KindSettings",
    "Panel",
    "RiskSettings",
    "Run",
    "StrategySpec",
    "SyntheticSettings",
    "TradingRules",
    "WalkForward",
    "__version__",
    "backtest",
    "board",
    "book_rule",
    "choose_universe",
    "company_facts",
    "compare",
    "compare_books",
    "decide",
    "errors",
    "evaluate",
    "explain",
    "features",
    "forecast",
    "forward_returns",
    "freeze",
    "information_coefficient",
    "load_bars",
    "load_inputs",
    "load_run",
    "load_strategy",
    "load_version",
    "max_drawdown",
    "model",
    "paper",
    "performance_summary",
    "prove",
    "run",
    "sharpe_ratio",
    "sweep",
    "synthetic_market",
    "walk_forward",
    "with_outside",
]

_HOMES = {
    "backtests.engine.backtest_result": "BacktestResult",
    "backtests.statistics.metrics": "max_drawdown performance_summary sharpe_ratio",
    "market.inputs": "Inputs",
    "market.outside.company_facts": "company_facts",
    "market.panel": "Panel",
    "market.request": "BarsRequest",
    "market.returns": "Execution forward_returns",
    "market.synthetic": "SyntheticSettings synthetic_market",
    "market.universe": "choose_universe",
    "models.model_settings": "KindSettings",
    "models.own_models": "model",
    "portfolio.book_settings": "BookSettings RiskSettings",
    "portfolio.costs": "Costs",
    "portfolio.own_rules": "book_rule",
    "portfolio.rules": "TradingRules",
    "quintile.bar_frames": "features load_bars load_inputs with_outside",
    "quintile.differences_explained": "explain",
    "quintile.frozen_version": "FrozenVersion freeze load_version",
    "quintile.lookup": "load_run load_strategy",
    "quintile.own_weights": "Backtest backtest",
    "quintile.research": "compare_books evaluate prove run walk_forward",
    "quintile.settings_sweep": "sweep",
    "quintile.run_desk": "board compare",
    "quintile.single_series": "ForecastStudy forecast",
    "quintile.trading_desk": "decide paper",
    "signals.features": "Computing",
    "signals.score_metrics": "information_coefficient",
    "strategy.definitions.spec": "StrategySpec",
    "strategy.runs.result": "Run",
    "strategy.walk_forward.walk_result": "WalkForward",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("quintile")
    elif name == "errors":
        value = import_module("core.errors")
    else:
        home = next((module for module, names in _HOMES.items() if name in names.split()), None)
        if home is None:
            raise AttributeError(f"module 'quintile' has no attribute {name!r}: `dir(quintile)` lists what there is")
        value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
