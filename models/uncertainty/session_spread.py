"""Session spread: how far apart the returns of the names lay of late, the same for every name of a session."""

import numpy as np
import pandas as pd

from market.panel import Panel
from market.returns import Execution, forward_returns

__all__ = ["session_spread"]

SESSIONS = 20  # decisions whose outcome is looked back at
MIN_SESSIONS = 5  # of those with two names or more


def session_spread(panel: Panel, execution: Execution, *, horizon: int) -> pd.Series:
    """Trailing cross-sectional sd of the forward returns that were earned by the close of each session.

    A decision of the close of *s* is sold at *s* + delay + horizon, so that row *t* reads decisions up to
    *t* − (delay + horizon) and no later.

    Parameters
    ----------
    panel : Panel
        Bars with their universe.
    execution : Execution
        Clock and price of the fills.
    horizon : int
        Sessions held.

    Returns
    -------
    Series of float, shape (n_sessions,)
        Root of the mean within-session variance (ddof=1) of the universe over the last 20 such decisions; NaN with
        fewer than five that have one, or where all returns were equal.
    """
    forward = forward_returns(panel, execution, horizon=horizon).where(panel.universe)
    variance = forward.var(axis=1, ddof=1).shift(execution.delay + horizon).to_numpy(dtype=np.float64)
    padded = np.concatenate([np.full(SESSIONS - 1, np.nan), variance])
    trailing = np.lib.stride_tricks.sliding_window_view(padded, SESSIONS)  # (n_sessions, SESSIONS)
    known = np.isfinite(trailing)
    count, total = known.sum(axis=1), np.where(known, trailing, 0.0).sum(axis=1)
    usable = (count >= MIN_SESSIONS) & (total > 0.0)
    spread = np.sqrt(np.divide(total, count, out=np.full(len(total), np.nan), where=usable))
    return pd.Series(spread, index=panel.sessions, name="spread")
