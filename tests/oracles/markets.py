"""Small random markets for tests: halts, missing opens, listings, delistings and names that fall silent."""

import numpy as np
import pandas as pd

from market import Panel, PanelFacts
from market.panel import aligned_frame, no_delistings

FACTS = PanelFacts(source="random walk", adjustment="none", volume_basis="none", synthetic=True)


def tickers(n: int) -> pd.Index:
    return pd.Index([f"T{number:03d}" for number in range(n)], name="ticker", dtype="str")


def panel_of(opens: np.ndarray, closes: np.ndarray, *, delistings: pd.DataFrame | None = None) -> Panel:
    """A panel from opens and closes alone; a NaN close is a session without a print."""
    sessions = pd.bdate_range("2015-01-02", periods=len(closes), name="session")
    names = tickers(closes.shape[1])

    def frame(values: np.ndarray) -> pd.DataFrame:
        return aligned_frame(values, sessions, names)

    return Panel(
        open=frame(opens),
        high=frame(np.fmax(opens, closes)),
        low=frame(np.fmin(opens, closes)),
        close=frame(closes),
        volume=frame(np.where(np.isnan(closes), np.nan, 1e5)),
        dollar_volume=frame(closes * 1e5),
        universe=frame(~np.isnan(closes)),
        facts=FACTS,
        delistings=no_delistings() if delistings is None else delistings,
    )


def delisting_table(names: list[str], sessions: list[pd.Timestamp], returns: list[float]) -> pd.DataFrame:
    index = pd.Index(names, name="ticker", dtype="str")
    return pd.DataFrame({"session": pd.DatetimeIndex(sessions), "delisting_return": returns}, index=index)


def random_panel(rng: np.random.Generator, *, n_sessions: int, n_tickers: int, troubled: bool = True) -> Panel:
    """Random walks; troubled ones halt, miss an open, list late, delist (once at a total loss) or fall silent."""
    shape = (n_sessions, n_tickers)
    overnight, intraday = rng.normal(0, 0.01, shape), rng.normal(2e-4, 0.015, shape)
    closes = rng.uniform(5, 300, n_tickers) * np.exp(np.cumsum(overnight + intraday, axis=0))
    opens = closes * np.exp(-intraday)
    if not troubled:
        return panel_of(opens, closes)
    silent = rng.random(shape) < 0.03
    for column in rng.choice(n_tickers, size=max(n_tickers // 5, 1), replace=False):
        start, length = rng.integers(n_sessions), rng.integers(2, 30)
        silent[start : start + length, column] = True
    silent[: rng.integers(n_sessions), rng.integers(n_tickers)] = True
    gone = rng.choice(n_tickers, size=max(n_tickers // 6, 1), replace=False)
    last = rng.integers(n_sessions // 4, n_sessions, size=len(gone))
    for column, row in zip(gone, last, strict=True):
        silent[row + 1 :, column] = True
    opens, closes = np.where(silent, np.nan, opens), np.where(silent, np.nan, closes)
    opens[rng.random(shape) < 0.01] = np.nan
    sessions = pd.bdate_range("2015-01-02", periods=n_sessions)
    returns = rng.uniform(-0.6, 0.2, len(gone))
    returns[0] = -1.0
    table = delisting_table(list(tickers(n_tickers)[gone]), list(sessions[last]), list(returns))
    return panel_of(opens, closes, delistings=table)


def random_weights(
    rng: np.random.Generator, panel: Panel, *, long: float = 0.6, short: float = 0.4, hold: float = 0.2
) -> pd.DataFrame:
    """Random long/short decisions, half of the names at 0, some rows held; the first ones NaN."""
    shape = panel.close.shape
    raw = rng.normal(size=shape) * (rng.random(shape) < 0.5)
    longs, shorts = np.maximum(raw, 0), np.maximum(-raw, 0)

    def leg(part: np.ndarray, gross: float) -> np.ndarray:
        total = part.sum(axis=1, keepdims=True)
        return gross * np.divide(part, total, out=np.zeros(shape), where=total > 0)

    both = (longs.sum(axis=1, keepdims=True) > 0) & (shorts.sum(axis=1, keepdims=True) > 0)
    weights = np.where(both, leg(longs, long) - leg(shorts, short), 0.0)
    weights[rng.random(shape[0]) < hold] = np.nan
    weights[: min(3, shape[0] // 4)] = np.nan
    return aligned_frame(weights, panel.sessions, panel.tickers)
