"""Sampled sessions: where the future is changed, chosen where leaks hide.

A peek of one bar shows only at the last row that is kept, so that what is peeked at must happen right after it: month
ends, listings, halts and delistings are sampled with the session before them.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from backtests.statistics.regimes import trend_labels, volatility_labels
from market.panel import Panel
from signals.cross_section import session_mean

__all__ = ["sample_rows"]


def sample_rows(panel: Panel, *, first: int, count: int, seed: int = 0) -> dict[int, str]:
    """Sampled rows with the reason for each, in time order.

    Parameters
    ----------
    panel : Panel
        Bars.
    first : int
        First row that may be chosen; the last is the one before the panel's last.
    count : int
        Rows wanted; fewer where the panel has fewer.
    seed : int
        Seed of the choice among equals.
    """
    rng = np.random.default_rng(seed)
    stop = len(panel.sessions) - 1
    queues = {reason: _shuffled_within(rows, first, stop, rng) for reason, rows in _moments(panel).items()}
    chosen: dict[int, str] = {}
    while len(chosen) < count and any(queues.values()):
        for reason, queue in queues.items():
            if queue and len(chosen) < count:
                chosen.setdefault(queue.pop(), reason)
    return dict(sorted(chosen.items()))


def _moments(panel: Panel) -> Mapping[str, np.ndarray]:
    """Rows by what makes them worth a look, the rarest kinds first."""
    printed = panel.printed.to_numpy()
    seen = np.maximum.accumulate(printed, axis=0)
    stops, starts = printed[:-1] & ~printed[1:], ~printed[:-1] & printed[1:]
    deaths = panel.sessions.get_indexer(pd.DatetimeIndex(panel.delistings["session"]))
    month = panel.sessions.to_period("M").asi8
    return {
        "before a delisting": deaths - 1,
        "a delisting": deaths,
        "before a listing": np.flatnonzero((starts & ~seen[:-1]).any(axis=1)),
        "before a halt": np.flatnonzero(stops.any(axis=1)),
        "before a halt ends": np.flatnonzero((starts & seen[:-1]).any(axis=1)),
        "before a regime change": _regime_changes(panel) - 1,
        "a month end": np.flatnonzero(month[1:] != month[:-1]),
        "before a change of members": np.flatnonzero(_changes(panel.universe.to_numpy())),
        "an ordinary session": np.arange(len(panel.sessions)),
    }


def _regime_changes(panel: Panel) -> np.ndarray:
    market = session_mean(panel.close.pct_change(fill_method=None).where(panel.universe))
    changed = [
        labels.ne(labels.shift(1)).to_numpy().nonzero()[0]
        for labels in (volatility_labels(market), trend_labels(market))
    ]
    return np.unique(np.concatenate(changed))


def _changes(eligible: np.ndarray) -> np.ndarray:
    changed: np.ndarray = (eligible[1:] != eligible[:-1]).any(axis=1)
    return changed


def _shuffled_within(rows: np.ndarray, first: int, stop: int, rng: np.random.Generator) -> list[int]:
    allowed = np.unique(rows[(rows >= first) & (rows < stop)])
    return [int(row) for row in rng.permutation(allowed)]
