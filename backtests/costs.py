"""Costs: what a trade takes out of the book."""

from pydantic import Field

from market import Settings

__all__ = ["Costs"]


class Costs(Settings):
    """Cost of trading, paid from cash at the fill.

    Parameters
    ----------
    trade_bps : float
        Half-spread and commission in all, one way, in basis points of traded notional; at least 0.
    """

    trade_bps: float = Field(default=5.0, ge=0, lt=1e4)

    @property
    def trade_fraction(self) -> float:
        """One-way cost as a fraction of traded notional."""
        return self.trade_bps / 1e4
