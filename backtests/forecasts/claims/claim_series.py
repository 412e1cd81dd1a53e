"""Claim series: the few whole series of a panel on which headlines are tried."""

import numpy as np
import pandas as pd

from core.errors import DataError
from market.panel import Panel

__all__ = ["MIN_SERIES", "claim_series", "first_test_row"]

N_SERIES = 25  # as many as the reference with a model a symbol
MIN_SERIES = 5
MIN_SESSIONS = 570  # the shortest history that a headline was made of
MAX_HOLE = 10  # sessions without a print, carried forward
TEST_SHARE = 0.2


def claim_series(panel: Panel, *, n_series: int = N_SERIES) -> pd.DataFrame:
    """Closes of the names that print from the first session to the last, those of the most money traded first.

    Chosen with hindsight: a name that ends is no series here. What is shown is how measures behave, not what earns.

    Returns
    -------
    DataFrame of float, shape (n_sessions, n_series)
        Without NaN: holes of up to ten sessions are carried forward.

    Raises
    ------
    DataError
        If sessions are fewer than 570, or whole names fewer than five.
    """
    if len(panel.sessions) < MIN_SESSIONS:
        raise DataError(f"claims need {MIN_SESSIONS} sessions, the bars have {len(panel.sessions)}: give more history")
    carried = panel.close.ffill(limit=MAX_HOLE)
    whole = carried.columns[carried.notna().all()]
    if len(whole) < MIN_SERIES:
        raise DataError(
            f"{len(whole)} names print from the first session to the last, claims need {MIN_SERIES}: cut the bars with "
            "--start and --end to a span that more names fill"
        )
    money = panel.dollar_volume[whole].median().fillna(0.0)
    first = money.sort_values(ascending=False, kind="stable").index[:n_series]
    return carried[first]


def first_test_row(n_sessions: int) -> int:
    """The row with which the test span begins: the last fifth."""
    return int(np.floor((1.0 - TEST_SHARE) * n_sessions))
