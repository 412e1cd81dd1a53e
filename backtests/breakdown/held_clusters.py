"""Held clusters: correlations of the names held last, ordered by hierarchical clustering."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.rounding_error import is_rounding
from market.panel import Panel
from portfolio.trailing_risk import close_returns
from signals.correlation_tree import linkage_of, tree_of

__all__ = ["MAX_NAMES", "Clusters", "held_clusters"]

MAX_NAMES = 60  # the largest positions; more would not be read


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clusters:
    """Correlations of held names in the order of their tree.

    Parameters
    ----------
    session : Timestamp
        The close at which the names were held and to which the returns go.
    sessions : int
        Returns of the window.
    correlation : DataFrame, shape (n_names, n_names)
        Of simple returns.
    weights : Series
        Held weights of the same names.
    tree : list of (list of float, list of float)
        Each joint as four points: places along the names (the first is 0) and heights (distances).
    """

    session: pd.Timestamp
    sessions: int
    correlation: pd.DataFrame
    weights: pd.Series
    tree: list[tuple[list[float], list[float]]]


def held_clusters(held_weights: pd.DataFrame, panel: Panel, sessions: int) -> Clusters | None:
    """Cluster the names held last by the correlation of their past returns.

    Parameters
    ----------
    held_weights : DataFrame of float
        ``BacktestResult.held_weights``.
    panel : Panel
        Bars; returns after the last held session are not read.
    sessions : int
        Returns of the window. A name with fewer, or one that did not move, is left out.

    Returns
    -------
    Clusters or None
        Of the 60 largest positions; None where fewer than three names remain.

    References
    ----------
    Mantegna, Hierarchical structure in financial markets (1999): distance √(½ (1 − ρ)), here with average linkage.
    """
    session = held_weights.index[-1]
    row = int(panel.sessions.searchsorted(session))
    window = (
        close_returns(panel)[row - sessions + 1 : row + 1] if row >= sessions else np.empty((0, len(panel.tickers)))
    )
    moving = (
        ~is_rounding(window.std(axis=0), window.mean(axis=0))
        if len(window)
        else np.zeros(len(panel.tickers), dtype=bool)
    )
    weights = held_weights.iloc[-1].reindex(panel.tickers).where(moving, 0.0).fillna(0.0)
    largest = weights.abs().nlargest(MAX_NAMES)
    names = panel.tickers[panel.tickers.isin(largest[largest > 0].index)]
    if len(names) < 3:
        return None
    correlation = pd.DataFrame(window, columns=panel.tickers)[names].corr()
    order, tree = tree_of(linkage_of(correlation.to_numpy()))
    return Clusters(
        session=session,
        sessions=sessions,
        correlation=correlation.iloc[order, order],
        weights=weights[names[order]],
        tree=tree,
    )
