"""Panels small enough to check by hand, and random ones for laws."""

import numpy as np
import pandas as pd

from market import Panel, PanelFacts
from market.panel import aligned_frame, no_delistings

FACTS = PanelFacts(source="by hand", adjustment="none", volume_basis="none")


def panel_of(
    close: dict[str, list[float]],
    *,
    first: str = "2020-01-01",
    opens: dict[str, list[float]] | None = None,
    volume: dict[str, list[float]] | None = None,
    delistings: pd.DataFrame | None = None,
    facts: PanelFacts = FACTS,
) -> Panel:
    """Panel with the given closes on business days; NaN is no print, opens default to closes, volume to 1000."""
    prices = np.array(list(close.values()), dtype=float).T
    sessions = pd.bdate_range(first, periods=len(prices))
    tickers = pd.Index(list(close))
    first_prices = prices if opens is None else np.array([opens[t] for t in close], dtype=float).T
    shares = np.where(np.isnan(prices), np.nan, 1000.0)
    if volume is not None:
        shares = np.array([volume[t] for t in close], dtype=float).T
    fields = {
        "open": first_prices,
        "high": np.fmax(prices, first_prices),
        "low": np.fmin(prices, first_prices),
        "close": prices,
        "volume": shares,
        "dollar_volume": prices * shares,
    }
    frames = {name: aligned_frame(values, sessions, tickers) for name, values in fields.items()}
    gone = no_delistings() if delistings is None else delistings
    return Panel(**frames, universe=frames["close"].notna(), facts=facts, delistings=gone)


def delisted(events: dict[str, tuple[str, float]]) -> pd.DataFrame:
    """Table of delistings from ticker to last session and delisting return."""
    columns = {
        "session": pd.to_datetime([session for session, _ in events.values()]).as_unit("ns"),
        "delisting_return": [value for _, value in events.values()],
    }
    return pd.DataFrame(columns, index=pd.Index(list(events), name="ticker", dtype="str"))


def random_panel(seed: int, *, n_sessions: int = 12, n_tickers: int = 4, missing: float = 0.2) -> Panel:
    """Random walk closes with gaps; every ticker prints at least once."""
    rng = np.random.default_rng(seed)
    prices = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, (n_sessions, n_tickers)), axis=0))
    gaps = rng.random(prices.shape) < missing
    gaps[rng.integers(n_sessions), :] = False
    prices[gaps] = np.nan
    opens = prices * np.exp(rng.normal(0, 0.01, prices.shape))
    shares = np.where(gaps, np.nan, np.round(1000 * np.exp(rng.normal(0, 1, prices.shape))))
    names = [f"T{number:02d}" for number in range(n_tickers)]
    return panel_of(
        dict(zip(names, prices.T.tolist(), strict=True)),
        opens=dict(zip(names, opens.T.tolist(), strict=True)),
        volume=dict(zip(names, shares.T.tolist(), strict=True)),
    )
