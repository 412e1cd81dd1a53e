"""Decision interval: how many sessions usually lie between two decisions of scores that need not come every session."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.conventions import SESSIONS_PER_YEAR, regular_rate
from market.delistings import listed
from market.panel import Panel

__all__ = ["LONGEST_GAP", "DecisionPace", "decision_pace", "decision_rows", "usual_interval"]

LONGEST_GAP = 2.0  # times the usual interval: a longer one is a hole


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


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionPace:
    """How often decisions come.

    Parameters
    ----------
    interval : int
        Median number of sessions from one decision to the next.
    per_year : float
        Decisions a year: as many as sessions where they come every session.
    """

    interval: int = 1
    per_year: float = SESSIONS_PER_YEAR

    @property
    def is_daily(self) -> bool:
        """Whether decisions come every session, holes aside."""
        return self.interval == 1

    def overlap(self, horizon: int) -> int:
        """Decisions, from one on, that fall into a return of so many sessions: neighbours share it if more than one."""
        return -(-horizon // self.interval)


def decision_pace(rows: np.ndarray, sessions_per_year: float) -> DecisionPace:
    """Measure how often decisions come, holes aside.

    Parameters
    ----------
    rows : ndarray of int, shape (n_decisions,)
        Rows of the panel at whose close something was decided, ascending.
    sessions_per_year : float
        Of the bars.

    Examples
    --------
    >>> decision_pace(np.array([0, 21, 41, 63, 84]), 252.0)
    DecisionPace(interval=21, per_year=12.0)
    """
    interval = usual_interval(rows)
    if interval == 1:
        return DecisionPace(per_year=float(sessions_per_year))
    gaps = np.diff(rows)
    rate = sessions_per_year / gaps[gaps <= LONGEST_GAP * interval].mean()
    return DecisionPace(interval=interval, per_year=regular_rate(rate) or float(rate))
