"""Benchmarks: what holding the universe without a view would have returned."""

from market.equal_weight import equal_weight_market

__all__ = ["equal_weight_market"]
