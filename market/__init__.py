"""Bars in: aligned panels, sources, universes, the execution clock and the built-in market."""

from market.delistings import cash_outs, listed
from market.panel import Panel, PanelFacts
from market.returns import Execution, fill_prices, forward_returns, untraded
from market.sources import load_bars
from market.universe import choose_universe

__all__ = [
    "Execution",
    "Panel",
    "PanelFacts",
    "cash_outs",
    "choose_universe",
    "fill_prices",
    "forward_returns",
    "listed",
    "load_bars",
    "untraded",
]
