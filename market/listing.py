"""Listing: which names still trade, and when a holder of a dead one is paid out. Both read no later row."""

import numpy as np
import pandas as pd

from market.panel import Panel, aligned_frame

__all__ = ["PATIENCE", "cash_outs", "listed"]

PATIENCE = 20  # sessions without a print after which a name counts as gone


def listed(panel: Panel, *, patience: int = PATIENCE) -> pd.DataFrame:
    """Return which names can be expected to trade after the close of each session.

    A name is listed from its first print until its delisting session, or until ``patience`` sessions in a row went by
    without a print; a later print lists it again.

    Returns
    -------
    DataFrame of bool, shape (n_sessions, n_tickers)
        Row *t* is known at the close of *t*.
    """
    silent = _sessions_since_print(panel)
    alive = (silent < patience) & ~_delisted(panel)
    return aligned_frame(alive, panel.sessions, panel.tickers)


def cash_outs(panel: Panel, *, patience: int = PATIENCE) -> pd.DataFrame:
    """Return the sessions in which holders are paid out at last close × (1 + delisting return).

    That is the session after a delisting, or the one that ends ``patience`` sessions in a row without a print, whatever
    comes first: a holder who was paid because patience ran out holds nothing when a later delisting date comes.

    Returns
    -------
    DataFrame of float, shape (n_sessions, n_tickers)
        The delisting return (0 where none is known) in the session of the pay-out, NaN elsewhere.
    """
    silent = _sessions_since_print(panel)
    paid = np.full(panel.close.shape, np.nan)
    paid[silent == patience] = 0.0
    for ticker, event in panel.delistings.iterrows():
        column = panel.tickers.get_loc(ticker)
        paid[:, column][panel.sessions > event["session"]] = np.nan
        after = int(panel.sessions.searchsorted(event["session"], side="right"))
        if after < len(panel.sessions) and silent[after, column] <= patience:
            paid[after, column] = event["delisting_return"]
    return aligned_frame(paid, panel.sessions, panel.tickers)


def _sessions_since_print(panel: Panel) -> np.ndarray:
    """Sessions since the last print, 0 in a session with one; a huge number before the first."""
    rows = np.arange(len(panel.sessions))[:, None]
    last = np.maximum.accumulate(np.where(panel.printed.to_numpy(), rows, -1), axis=0)
    return np.where(last < 0, np.iinfo(np.int64).max, rows - last)


def _delisted(panel: Panel) -> np.ndarray:
    last = panel.delistings["session"].reindex(panel.tickers).to_numpy()
    return panel.sessions.to_numpy()[:, None] >= last[None, :]  # NaT compares False
