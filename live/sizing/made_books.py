"""Made books: a book of two names whose returns are independent draws of one law, with nothing in them to time.

Long one name and short the other, half of the equity each, decided anew at every close: a net exposure of 0 and a
gross exposure of 1. SYNTHETIC: results on it show what the agents can do, never that a strategy is any good.
"""

from typing import Any

import numpy as np
import pandas as pd

from live.sizing.sized_book import HISTORY, SizedBook
from market.panel import Panel, PanelFacts, aligned_frame
from market.returns import Execution
from portfolio.costs import Costs

__all__ = ["made_book"]

SHARPE, VOLATILITY = 1.0, 0.10  # annual, of the book before costs
TRADE_BPS = 5.0
FIRST_SESSION = "2001-01-01"


def made_book(seed: int, *, n_decisions: int) -> SizedBook:
    """The null book of a seed: half of each session's move comes overnight, half until the close.

    Parameters
    ----------
    seed : int
        Another seed is another market with the same law.
    n_decisions : int
        Sessions that it decides.
    """
    sessions = pd.bdate_range(FIRST_SESSION, periods=HISTORY + n_decisions)
    closes, opens = _prices(np.random.default_rng(seed), len(sessions))
    frames = {"open": opens, "close": closes, "high": np.maximum(opens, closes), "low": np.minimum(opens, closes)}
    frames |= {"volume": np.full(closes.shape, 1e6), "dollar_volume": closes * 1e6}
    tickers = pd.Index(["LONG", "SHORT"])
    held: dict[str, Any] = {name: aligned_frame(values, sessions, tickers) for name, values in frames.items()}
    source = f"made market, seed {seed}: independent normal returns, annual Sharpe ratio {SHARPE:g}"
    facts = PanelFacts(source=source, adjustment="none", volume_basis="none", synthetic=True, universe="both names")
    panel = Panel(**held, universe=held["close"].notna(), facts=facts)
    weights = np.tile([0.5, -0.5], (n_decisions, 1))
    return SizedBook(
        name=f"made book, seed {seed}",
        panel=panel,
        weights=aligned_frame(weights, panel.sessions[HISTORY:], tickers),
        execution=Execution(),
        costs=Costs(trade_bps=TRADE_BPS),
        facts={"made": [seed, n_decisions, SHARPE, VOLATILITY, TRADE_BPS]},
    )


def _prices(rng: np.random.Generator, n_sessions: int) -> tuple[np.ndarray, np.ndarray]:
    """Closes and opens, shape (n_sessions, 2)."""
    spread = VOLATILITY / np.sqrt(252.0)  # of the book in a session, which is half the difference of both names
    drift = SHARPE * spread / np.sqrt(252.0) * np.array([1.0, -1.0])
    half = drift / 2.0 + spread * rng.standard_normal((2 * n_sessions, 2))
    path = 100.0 * np.exp(np.cumsum(np.log1p(half), axis=0))
    return path[1::2], path[::2]
