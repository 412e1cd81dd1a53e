"""Equal weight: what holding the universe without a view would have returned."""

import numpy as np
import pandas as pd

from market.delistings import cash_outs
from market.panel import Panel

__all__ = ["equal_weight_market"]


def equal_weight_market(panel: Panel) -> pd.Series:
    """Equal-weighted return of the universe, rebalanced at every close, without costs.

    Parameters
    ----------
    panel : Panel
        Bars, universe and delistings.

    Returns
    -------
    Series of float, shape (n_sessions,)
        Row *t* is the mean close-to-close return into *t* of the names that were in the universe at the close of
        *t* − 1. A name without a print earns 0 until the print that carries the whole move; one that is paid out earns
        its delisting return. NaN in the first session and where the universe was empty.
    """
    known = panel.close.ffill()
    moves = (known / known.shift(1) - 1.0).to_numpy()
    payout = cash_outs(panel).to_numpy()
    earned = np.where(np.isnan(payout), moves, payout)
    member = panel.universe.shift(1, fill_value=False).to_numpy() & ~np.isnan(earned)
    total, count = earned.sum(axis=1, where=member), member.sum(axis=1)
    mean = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    return pd.Series(mean, index=panel.sessions, name="equal_weight_market")
