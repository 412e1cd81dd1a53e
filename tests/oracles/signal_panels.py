"""Small random panels with all that breaks features: halts, late listings, a name that ends, missing volume."""

import numpy as np
import pandas as pd

from market.panel import Panel, PanelFacts, aligned_frame, no_delistings

FACTS = PanelFacts(source="test", adjustment="none", volume_basis="shares as traded")


def random_panel(seed: int = 0, *, n_sessions: int = 70, n_tickers: int = 8, gaps: bool = True) -> Panel:
    """Return a panel of tickers A, B, …; with ``gaps`` C lists late, D stops and prints go missing at random."""
    rng = np.random.default_rng(seed)
    shape = (n_sessions, n_tickers)
    close = 50.0 * np.exp(np.cumsum(rng.normal(0.0, 0.02, shape), axis=0))
    opened = close * np.exp(rng.normal(0.0, 0.01, shape))
    high = np.maximum(opened, close) * np.exp(np.abs(rng.normal(0.0, 0.01, shape)))
    low = np.minimum(opened, close) * np.exp(-np.abs(rng.normal(0.0, 0.01, shape)))
    volume = np.floor(np.exp(rng.normal(12.0, 0.7, shape)))
    printed = np.ones(shape, dtype=bool)
    if gaps:
        volume[n_sessions // 3 : n_sessions // 3 + 25, 0] = 0.0
        printed &= rng.random(shape) > 0.01
        printed[: n_sessions // 4, 2] = False
        printed[n_sessions // 2 :, 3] = False
    bars = {"open": opened, "high": high, "low": low, "close": close, "volume": volume, "dollar_volume": close * volume}
    panel = panel_of({name: np.where(printed, numbers, np.nan) for name, numbers in bars.items()})
    return panel.with_universe(panel.printed & (rng.random(shape) > 0.2), described="random")


def panel_of(bars: dict[str, np.ndarray], delistings: pd.DataFrame | None = None) -> Panel:
    """Return the panel of ``close`` and whatever other bars are given; the universe is what printed."""
    sessions = pd.bdate_range("2020-01-01", periods=len(bars["close"]), name="session")
    tickers = pd.Index([chr(ord("A") + column) for column in range(bars["close"].shape[1])])
    flat = dict.fromkeys(("open", "high", "low", "close", "volume", "dollar_volume"), bars["close"])
    frames = {name: aligned_frame(numbers, sessions, tickers) for name, numbers in (flat | bars).items()}
    known = no_delistings() if delistings is None else delistings
    return Panel(**frames, universe=frames["close"].notna(), facts=FACTS, delistings=known)


def delisting(ticker: str, session: str, delisting_return: float = -0.3) -> pd.DataFrame:
    """Return the table with one delisting."""
    event = {"session": [pd.Timestamp(session)], "delisting_return": [delisting_return]}
    return pd.DataFrame(event, index=pd.Index([ticker], name="ticker"))


def bits(frame: pd.DataFrame | pd.Series) -> bytes:
    """Return every bit of a frame's numbers, one pattern for all NaN."""
    numbers = frame.to_numpy(dtype="float64")
    return np.where(np.isnan(numbers), np.nan, numbers).tobytes(order="C")
