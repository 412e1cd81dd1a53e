"""Clusters: which held names moved together over the past, and the tree that puts like beside like."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from market.panel import Panel
from portfolio.trailing import moves

__all__ = ["MOST_NAMES", "Clusters", "Tree", "groups_of", "held_clusters", "linkage_of", "tree_of"]

Tree = tuple[list[int], list[tuple[list[float], list[float]]]]

MOST_NAMES = 60  # the largest positions; more would not be read


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
        Of simple returns, like beside like.
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
    window = moves(panel)[row - sessions + 1 : row + 1] if row >= sessions else np.empty((0, len(panel.tickers)))
    moving = window.std(axis=0) > 0 if len(window) else np.zeros(len(panel.tickers), dtype=bool)
    weights = held_weights.iloc[-1].reindex(panel.tickers).where(moving, 0.0).fillna(0.0)
    largest = weights.abs().nlargest(MOST_NAMES)
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


def linkage_of(correlation: np.ndarray) -> np.ndarray:
    """Return scipy's average linkage of what correlates, shape (n − 1, 4), at the distance √(½ (1 − ρ))."""
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    distance = np.sqrt(np.clip(0.5 * (1.0 - correlation), 0.0, 1.0))
    np.fill_diagonal(distance, 0.0)
    links: np.ndarray = linkage(squareform(distance, checks=False), method="average")
    return links


def tree_of(links: np.ndarray) -> Tree:
    """Return the order that puts like beside like, and each joint as four points to draw."""
    from scipy.cluster.hierarchy import dendrogram

    drawn = dendrogram(links, no_plot=True)
    places = [[(place - 5.0) / 10.0 for place in joint] for joint in drawn["icoord"]]  # its leaves lie at 5, 15, …
    return drawn["leaves"], list(zip(places, drawn["dcoord"], strict=True))


def groups_of(links: np.ndarray, correlation: float) -> np.ndarray:
    """Return the number of each one's cluster, 1, 2, …; joined are those that correlate at least so on average."""
    from scipy.cluster.hierarchy import fcluster

    groups: np.ndarray = fcluster(links, t=np.sqrt(0.5 * (1.0 - correlation)), criterion="distance")
    return groups
