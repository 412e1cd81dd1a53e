"""Feature coverage: a feature set computed on named bars, and the share of names and sessions it covers."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from market.panel import Panel
from market.sources import load_bars
from market.universe import choose_universe
from signals.features import Computing, compute_features, feature_table

__all__ = ["Featured", "coverage", "featured"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Featured:
    """A feature set on bars.

    Parameters
    ----------
    panel : Panel
        The bars.
    features : dict of DataFrame
        Each of shape (n_sessions, n_tickers), row *t* known at the close of *t*.
    table : DataFrame
        Index feature; columns ``group`` and ``coverage``, the share of eligible names and sessions that have a value.
    loading, computing : float
        Seconds to load the bars, and to compute the features or read them from the cache.
    """

    panel: Panel
    features: dict[str, pd.DataFrame]
    table: pd.DataFrame
    loading: float
    computing: float

    def as_json(self) -> dict[str, Any]:
        """Facts and table as JSON values."""
        return {
            "source": self.panel.facts.source,
            "sessions": len(self.panel.sessions),
            "tickers": len(self.panel.tickers),
            "loading_seconds": round(self.loading, 3),
            "computing_seconds": round(self.computing, 3),
            "features": self.table.reset_index().to_dict("records"),
        }

    @property
    def rows(self) -> list[list[str]]:
        """Feature, group and coverage of each, as text."""
        return [[str(name), row["group"], f"{row['coverage']:.1%}"] for name, row in self.table.iterrows()]

    @property
    def sentence(self) -> str:
        """Size of the panel and the time taken."""
        shape = f"{len(self.panel.tickers):,} tickers × {len(self.panel.sessions):,} sessions"
        return f"{shape}: bars loaded in {self.loading:.1f} s, features ready in {self.computing:.1f} s"


def featured(
    bars: str,
    feature_set: str,
    *,
    universe: str,
    span: tuple[str | None, str | None],
    exchange: str | None = None,
    computing: Computing,
) -> Featured:
    """Load bars, compute a feature set on them, and measure what it covers.

    Parameters
    ----------
    bars : str
        As :func:`market.load_bars` takes them.
    feature_set : str
        A key of ``signals.FEATURE_SETS``.
    universe : str
        As :func:`market.choose_universe` takes it; features of the market read it.
    span : tuple of str or None
        First and last session; None is an open side.
    exchange : str, optional
        Whose sessions the bars hold; inferred by default.
    computing : Computing
        Budget, cache and workers.

    Raises
    ------
    DataError
        If the bars or the universe cannot be used.
    ValueError
        If the set is unknown, or the memory budget too small.
    """
    groups = feature_table(feature_set)["group"]
    began = time.perf_counter()
    panel = choose_universe(load_bars(bars, start=span[0], end=span[1], exchange=exchange), universe)
    loaded = time.perf_counter()
    features = compute_features(panel, feature_set, computing=computing)
    ready = time.perf_counter()
    covered = pd.DataFrame({"group": groups, "coverage": coverage(features, panel)})
    return Featured(panel=panel, features=features, table=covered, loading=loaded - began, computing=ready - loaded)


def coverage(features: dict[str, pd.DataFrame], panel: Panel) -> pd.Series:
    """Share of eligible names and sessions at which each feature has a value, index ``feature``."""
    eligible = panel.universe.to_numpy()
    cells = max(int(np.count_nonzero(eligible)), 1)
    known = [np.count_nonzero(~np.isnan(frame.to_numpy()) & eligible) / cells for frame in features.values()]
    return pd.Series(known, index=pd.Index(list(features), name="feature"), dtype="float64")
