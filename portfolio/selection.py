"""Selection: the names at either end of each session's scores.

Ties are broken by ticker name, so a book does not depend on the order of its columns.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

__all__ = ["Selection", "ascending_place", "select_sides"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Selection:
    """Names picked at each close, before any filter.

    Parameters
    ----------
    top, bottom : ndarray of bool, shape (n_sessions, n_tickers)
        The ``k`` highest and the ``k`` lowest scores; never the same name.
    count : ndarray of int, shape (n_sessions,)
        Names a side; 0 where fewer than two names have a score.
    n_scored : ndarray of int, shape (n_sessions,)
        Names with a score.
    """

    top: np.ndarray
    bottom: np.ndarray
    count: np.ndarray
    n_scored: np.ndarray


def select_sides(scores: pd.DataFrame, k: int | float) -> Selection:
    """Pick the ``k`` highest and lowest scores of each session.

    Parameters
    ----------
    scores : DataFrame of float, shape (n_sessions, n_tickers)
        Known at the close of each session, higher is better; NaN is not eligible.
    k : int or float
        Names a side. A fraction is taken of the session's scored names and rounded to the nearest count (halves up), at
        least 1; either way at most half of the scored names.
    """
    place = ascending_place(scores)
    n_scored = scores.notna().sum(axis=1).to_numpy()
    requested = np.floor(k * n_scored + 0.5).astype(int) if isinstance(k, float) else np.full(len(scores), k)
    count = np.minimum(np.maximum(requested, 1), n_scored // 2)
    scored = scores.notna().to_numpy()
    bottom = scored & (place < count[:, None])
    top = scored & (place >= (n_scored - count)[:, None])
    return Selection(top=top, bottom=bottom, count=count, n_scored=n_scored)


def ascending_place(scores: pd.DataFrame) -> np.ndarray:
    """Place of each name in its session from the lowest score (0) up; names without a score come last.

    Parameters
    ----------
    scores : DataFrame of float, shape (n_sessions, n_tickers)
        NaN for no score.

    Returns
    -------
    ndarray of int, shape (n_sessions, n_tickers)
    """
    by_name = np.argsort(scores.columns.to_numpy(dtype=object), kind="stable")
    order = by_name[np.argsort(scores.to_numpy()[:, by_name], axis=1, kind="stable")]
    place: np.ndarray = np.empty_like(order)
    np.put_along_axis(place, order, np.arange(scores.shape[1])[None, :], axis=1)
    return place
