"""The whole strategy: spec, pipeline, run store and command line.

from market import load_bars
from strategy import load_spec, run

result = run(load_spec("filter_negative"), load_bars("builtin"))
print(result)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strategy.finished import Run
    from strategy.inputs import Inputs, load_inputs
    from strategy.pipeline import RunOptions, decide, decided_book, run
    from strategy.runs import RunFolder, RunRequest, RunStore
    from strategy.spec import StrategySpec, load_spec, override, shipped_strategies

__all__ = [
    "Inputs",
    "Run",
    "RunFolder",
    "RunOptions",
    "RunRequest",
    "RunStore",
    "StrategySpec",
    "decide",
    "decided_book",
    "load_inputs",
    "load_spec",
    "override",
    "run",
    "shipped_strategies",
]

# Loaded on first use: torch and vectorbt take seconds, and the command line must answer at once.
HOMES = {
    "inputs": ("Inputs", "load_inputs"),
    "pipeline": ("RunOptions", "decide", "decided_book", "run"),
    "finished": ("Run",),
    "runs": ("RunFolder", "RunRequest", "RunStore"),
    "spec": ("StrategySpec", "load_spec", "override", "shipped_strategies"),
}


def __getattr__(name: str) -> Any:
    for module, names in HOMES.items():
        if name in names:
            return getattr(import_module(f"strategy.{module}"), name)
    raise AttributeError(f"module 'strategy' has no attribute {name!r}")
