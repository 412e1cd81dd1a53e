"""The whole strategy: spec, pipeline, run store and command line.

from market import load_bars
from strategy import load_spec, run

result = run(load_spec("filter_negative"), load_bars("builtin"))
print(result)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strategy.comparing import BookComparison, compare_books, write_comparison
    from strategy.deciding import Decision, export_decision, next_decision
    from strategy.evaluating import evaluate
    from strategy.finished import Run
    from strategy.given import read_scores
    from strategy.holdings import Holdings, read_holdings
    from strategy.inputs import Inputs, load_inputs
    from strategy.pipeline import RunOptions, decide, decided_book, run
    from strategy.runs import RunFolder, RunRequest, RunStore
    from strategy.scaffold import new_strategy
    from strategy.spec import StrategySpec, load_spec, override, shipped_strategies
    from strategy.walking.result import WalkForward
    from strategy.walking.settings import WalkOptions, WalkSettings
    from strategy.walking.walk import walk

__all__ = [
    "BookComparison",
    "Decision",
    "Holdings",
    "Inputs",
    "Run",
    "RunFolder",
    "RunOptions",
    "RunRequest",
    "RunStore",
    "StrategySpec",
    "WalkForward",
    "WalkOptions",
    "WalkSettings",
    "compare_books",
    "decide",
    "decided_book",
    "evaluate",
    "export_decision",
    "load_inputs",
    "load_spec",
    "new_strategy",
    "next_decision",
    "override",
    "read_holdings",
    "read_scores",
    "run",
    "shipped_strategies",
    "walk",
    "write_comparison",
]

# Loaded on first use: torch and vectorbt take seconds, and the command line must answer at once.
HOMES = {
    "inputs": ("Inputs", "load_inputs"),
    "pipeline": ("RunOptions", "decide", "decided_book", "run"),
    "comparing": ("BookComparison", "compare_books", "write_comparison"),
    "deciding": ("Decision", "export_decision", "next_decision"),
    "evaluating": ("evaluate",),
    "finished": ("Run",),
    "given": ("read_scores",),
    "holdings": ("Holdings", "read_holdings"),
    "runs": ("RunFolder", "RunRequest", "RunStore"),
    "scaffold": ("new_strategy",),
    "walking.result": ("WalkForward",),
    "walking.settings": ("WalkOptions", "WalkSettings"),
    "walking.walk": ("walk",),
    "spec": ("StrategySpec", "load_spec", "override", "shipped_strategies"),
}


def __getattr__(name: str) -> Any:
    for module, names in HOMES.items():
        if name in names:
            return getattr(import_module(f"strategy.{module}"), name)
    raise AttributeError(f"module 'strategy' has no attribute {name!r}")
