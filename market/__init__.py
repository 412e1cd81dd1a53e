"""Bars in: aligned panels, sources, universes, the execution clock and the built-in market."""

from core.errors import (
    BarsError,
    CheckpointError,
    DataError,
    ParityError,
    QuintileError,
    RunError,
    SourceError,
    UniverseError,
    UnsupportedBookError,
)
from core.settings import Later, Settings
from market.delistings import cash_outs, listed
from market.panel import Panel, PanelFacts
from market.returns import Execution, fill_prices, forward_returns
from market.sources import load_bars
from market.universe import choose_universe, survivorship

__all__ = [
    "BarsError",
    "CheckpointError",
    "DataError",
    "Execution",
    "Later",
    "Panel",
    "PanelFacts",
    "ParityError",
    "QuintileError",
    "RunError",
    "Settings",
    "SourceError",
    "UniverseError",
    "UnsupportedBookError",
    "cash_outs",
    "choose_universe",
    "fill_prices",
    "forward_returns",
    "listed",
    "load_bars",
    "survivorship",
]
