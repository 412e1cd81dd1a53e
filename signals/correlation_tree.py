"""Correlation tree: which series move together, as a hierarchical clustering of their correlations."""

import numpy as np

__all__ = ["Tree", "groups_of", "linkage_of", "tree_of"]

Tree = tuple[list[int], list[tuple[list[float], list[float]]]]


def linkage_of(correlation: np.ndarray) -> np.ndarray:
    """Average linkage of a correlation matrix, shape (n − 1, 4) as scipy gives it, at the distance √(½ (1 − ρ))."""
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    distance = np.sqrt(np.clip(0.5 * (1.0 - correlation), 0.0, 1.0))
    np.fill_diagonal(distance, 0.0)
    links: np.ndarray = linkage(squareform(distance, checks=False), method="average")
    return links


def tree_of(links: np.ndarray) -> Tree:
    """Order that puts like beside like, and each joint as four points to draw."""
    from scipy.cluster.hierarchy import dendrogram

    drawn = dendrogram(links, no_plot=True)
    places = [[(place - 5.0) / 10.0 for place in joint] for joint in drawn["icoord"]]  # its leaves lie at 5, 15, …
    return drawn["leaves"], list(zip(places, drawn["dcoord"], strict=True))


def groups_of(links: np.ndarray, correlation: float) -> np.ndarray:
    """Cut the tree into clusters numbered 1, 2, …, each correlating at least ``correlation`` on average."""
    from scipy.cluster.hierarchy import fcluster

    groups: np.ndarray = fcluster(links, t=np.sqrt(0.5 * (1.0 - correlation)), criterion="distance")
    return groups
