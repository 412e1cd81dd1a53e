"""The market of the broker study: random walks with halts, splits, dividends and names that leave, and random books."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from live.broker.fake.corporate_actions import CorporateAction
from market.panel import Panel, PanelFacts

__all__ = ["random_actions", "random_book", "random_market"]

HALTED = 0.01  # of a name's sessions, each of them for itself
LEAVING = 5  # names that leave
N_SPLITS, N_DIVIDENDS = 16, 40
RATIOS = (2.0, 3.0, 1.5, 0.5, 0.1, 0.25)


def random_market(rng: np.random.Generator, *, n_names: int, n_sessions: int) -> Panel:
    """Bars of a market of random walks; some sessions of a name have no print, and a few names leave for good."""
    names = pd.Index([f"N{number:02d}" for number in range(n_names)], name="ticker")
    index = pd.bdate_range("2024-01-02", periods=n_sessions, name="session").as_unit("ns")
    shape = (n_sessions, n_names)
    close = rng.uniform(5.0, 200.0, n_names) * np.exp(np.cumsum(rng.normal(0.0, 0.02, shape), axis=0))
    opened = close * np.exp(rng.normal(0.0, 0.01, shape))
    volume = np.exp(rng.normal(11.0, 1.0, shape)).round()
    left = rng.choice(n_names, LEAVING, replace=False)
    last = np.sort(rng.integers(n_sessions // 3, n_sessions - 10, LEAVING))
    silent = rng.random(shape) < HALTED
    silent[0] = False
    for column, row in zip(left, last, strict=True):
        silent[row, column], silent[row + 1 :, column] = False, True
    fields = {
        "open": opened,
        "high": np.maximum(opened, close),
        "low": np.minimum(opened, close),
        "close": close,
        "volume": volume,
        "dollar_volume": close * volume,
    }
    frames = {name: pd.DataFrame(np.where(silent, np.nan, values), index, names) for name, values in fields.items()}
    paid = {"session": index[last], "delisting_return": rng.choice([-1.0, -0.3, 0.0, 0.05], LEAVING)}
    gone = pd.DataFrame(paid, index=pd.Index(names[left], name="ticker"))
    facts = PanelFacts(source="random walks", adjustment="splits", volume_basis="splits", lot=1.0, synthetic=True)
    return Panel(**frames, universe=frames["close"].notna(), delistings=gone, facts=facts)


def random_actions(rng: np.random.Generator, panel: Panel) -> tuple[CorporateAction, ...]:
    """Splits, at most one a name, and dividends."""
    days = [f"{session:%Y-%m-%d}" for session in panel.sessions[20:]]
    split = rng.choice(panel.tickers, N_SPLITS, replace=False)
    paying = rng.choice(panel.tickers, N_DIVIDENDS)
    splits = [
        CorporateAction(session=str(rng.choice(days)), ticker=str(name), kind="split", ratio=float(rng.choice(RATIOS)))
        for name in split
    ]
    dividends = [
        CorporateAction(
            session=str(rng.choice(days)), ticker=str(name), kind="dividend", cash=round(rng.uniform(0.05, 2), 2)
        )
        for name in paying
    ]
    return (*splits, *dividends)


def random_book(rng: np.random.Generator, names: Sequence[str], before: dict[str, float]) -> dict[str, float]:
    """A long-short book; one in ten is that of the day before, one in twenty is flat."""
    kind = rng.random()
    if kind < 0.05:
        return {}
    if kind < 0.15 and before:
        return before
    chosen = rng.choice(list(names), size=int(rng.integers(3, 9)), replace=False)
    weights = rng.normal(0.0, 1.0, len(chosen))
    weights *= rng.uniform(0.4, 1.4) / np.abs(weights).sum()
    return {str(name): float(weight) for name, weight in zip(chosen, weights, strict=True)}
