"""Returns: the execution clock and forward returns, the only frame of Quintile that looks ahead.

Rows carry the session at whose close they were known. A decision of the close of *t* fills at session *t* + delay;
labels and fills take the same ``Execution``, so what a model learns is what a backtest can earn.
"""

from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from core.settings import Formerly, Settings
from market.panel import Panel

__all__ = ["Execution", "fill_prices", "forward_returns", "untraded"]


class Execution(Settings):
    """When and at which price a decision of the close of *t* is filled.

    Parameters
    ----------
    fill : {"next_open", "next_close", "close"}
        ``"next_open"`` fills at the open of *t* + 1, ``"next_close"`` at its close, ``"close"`` at the very close of
        the decision, which nobody can trade: reports mark it OPTIMISTIC.
    extra_delay : int
        Further sessions between decision and fill, at least 0.
    no_volume : {"waits", "fills"}
        What an order does at a bar in which not one share was traded: ``"waits"`` carries it to the next bar as if
        there were no print, ``"fills"`` trades at the stale price. A name that never showed a volume up to that session
        comes from a source without any, such as a currency, and fills.

    Examples
    --------
    >>> qt.Execution(fill="next_close", extra_delay=1).delay
    2
    """

    fill: Literal["next_open", "next_close", "close"] = Field(
        default="next_open", description="where a decision of the close of t fills"
    )
    extra_delay: int = Field(default=0, ge=0, le=21, description="further sessions between decision and fill")
    no_volume: Annotated[Literal["waits", "fills"], Formerly("fills")] = Field(
        default="waits", description="what an order does at a bar without a share traded"
    )

    @property
    def delay(self) -> int:
        """Sessions between the decision and its fill."""
        return self.extra_delay + (0 if self.fill == "close" else 1)

    @property
    def price_field(self) -> Literal["open", "close"]:
        """The bar field at which orders fill."""
        return "open" if self.fill == "next_open" else "close"

    def has_clock_of(self, other: "Execution") -> bool:
        """Whether decisions fill in the same session at the same price as under another."""
        return (self.fill, self.extra_delay) == (other.fill, other.extra_delay)

    @property
    def is_optimistic(self) -> bool:
        """Whether orders fill at a price that was part of the decision."""
        return self.delay == 0


def fill_prices(panel: Panel, execution: Execution) -> pd.DataFrame:
    """Price at which orders fill in each session; NaN without a print, or without volume where such orders wait."""
    prices = panel.open if execution.price_field == "open" else panel.close
    if execution.no_volume == "fills":
        return prices
    idle = untraded(panel)
    return prices.mask(idle) if idle.any(axis=None) else prices


def untraded(panel: Panel) -> pd.DataFrame:
    """Mark bars in which no share was traded, of names that showed a volume before; row *t* is known at its close."""
    volume = panel.volume.to_numpy()
    idle = volume == 0.0
    if idle.any():
        idle &= np.logical_or.accumulate(volume > 0.0, axis=0)
    return pd.DataFrame(idle, panel.sessions, panel.tickers)


def forward_returns(panel: Panel, execution: Execution, *, horizon: int = 1, first: int = 0) -> pd.DataFrame:
    """Simple return that a decision at the close of each session would earn.

    Parameters
    ----------
    panel : Panel
        Bars; row *t* known at the close of *t*.
    execution : Execution
        Clock and price of the fills, the same value that the backtest takes.
    horizon : int
        Sessions held, at least 1.
    first : int
        Sessions skipped after the fill before the holding begins; 0 starts at the fill.

    Returns
    -------
    DataFrame of float, shape (n_sessions, n_tickers)
        Row *t* runs from the fill at *t* + delay + first to *t* + delay + first + horizon; NaN where either price is
        missing, so the last delay + first + horizon rows are NaN.

    Raises
    ------
    ValueError
        If horizon < 1 or first < 0.

    Examples
    --------
    >>> forward = qt.forward_returns(bars, qt.Execution())
    >>> int(forward.iloc[-2:].notna().sum().sum())  # the last two have no fill and exit yet
    0
    """
    if horizon < 1:
        raise ValueError(f"horizon must be at least 1 session, was {horizon}")
    if first < 0:
        raise ValueError(f"first must be at least 0 sessions, was {first}")
    prices = fill_prices(panel, execution)
    start = execution.delay + first
    return prices.shift(-start - horizon) / prices.shift(-start) - 1.0
