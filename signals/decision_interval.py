"""Decision interval: how many sessions usually lie between two decisions of scores that need not come every session."""

import numpy as np
import pandas as pd

from market.delistings import listed
from market.panel import Panel

__all__ = ["decision_rows", "usual_interval"]


def decision_rows(scores: pd.DataFrame, panel: Panel) -> np.ndarray:
    """Rows of the panel at whose close something was decided: one listed name of the universe has a score.

    Parameters
    ----------
    scores : DataFrame of float, shape (n_scored_sessions, n_tickers)
        Known at the close of each session; NaN where there is none.
    panel : Panel
        Bars that hold their sessions.

    Returns
    -------
    ndarray of int, shape (n_decisions,)
        Ascending.
    """
    eligible = (panel.universe & listed(panel)).reindex(index=scores.index, columns=scores.columns, fill_value=False)
    decided = (scores.notna() & eligible).any(axis=1).to_numpy()
    return np.asarray(panel.sessions.get_indexer(pd.DatetimeIndex(scores.index[decided])))


def usual_interval(rows: np.ndarray) -> int:
    """Median number of sessions from one decision to the next: 1 for daily scores, 5 for weekly, 21 for monthly ones.

    Examples
    --------
    >>> usual_interval(np.array([0, 21, 41, 63]))
    21
    """
    return max(int(np.median(np.diff(rows))), 1) if len(rows) > 1 else 1
