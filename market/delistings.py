"""Delistings: which names still trade, and when holders of a dead one are paid out; neither reads a later row."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from market.panel import Panel, aligned_frame

__all__ = ["MAX_SILENT_SESSIONS", "PayOuts", "cash_outs", "listed", "pay_outs"]

MAX_SILENT_SESSIONS = 20  # sessions without a print after which a name counts as gone


class PayOuts(NamedTuple):
    """Where holders are paid out: rows and columns of the panel, and the return on the last close; shape (n,) each."""

    rows: np.ndarray
    columns: np.ndarray
    returns: np.ndarray


def listed(panel: Panel, *, max_silent: int = MAX_SILENT_SESSIONS) -> pd.DataFrame:
    """Mark the names that can be expected to trade after the close of each session.

    A name is listed from its first print until its delisting session, or until ``max_silent`` sessions in a row went by
    without a print; a later print lists it again.

    Returns
    -------
    DataFrame of bool, shape (n_sessions, n_tickers)
        Row *t* is known at the close of *t*.
    """
    silent = _sessions_since_print(panel)
    alive = (silent < max_silent) & ~_delisted(panel)
    return aligned_frame(alive, panel.sessions, panel.tickers)


def cash_outs(panel: Panel, *, max_silent: int = MAX_SILENT_SESSIONS) -> pd.DataFrame:
    """Sessions in which holders are paid out at last close × (1 + delisting return).

    That is the session after a delisting, or the last of ``max_silent`` sessions in a row without a print, whichever
    comes first: a holder who was paid after a long silence holds nothing when a later delisting date comes.

    Returns
    -------
    DataFrame of float, shape (n_sessions, n_tickers)
        The delisting return (0 where none is known) in the session of the pay-out, NaN elsewhere.
    """
    paid = np.full(panel.close.shape, np.nan, order="F")
    payments = pay_outs(panel, max_silent=max_silent)
    paid[payments.rows, payments.columns] = payments.returns
    return aligned_frame(paid, panel.sessions, panel.tickers)


def pay_outs(panel: Panel, *, max_silent: int = MAX_SILENT_SESSIONS) -> PayOuts:
    """Entries of ``cash_outs`` that are not NaN."""
    printed = panel.printed.to_numpy()
    rows, columns = _silence_ends(printed, max_silent)
    left = panel.tickers.get_indexer(panel.delistings.index)
    after = panel.sessions.searchsorted(panel.delistings["session"], side="right")
    first_after = np.full(len(panel.tickers), len(panel.sessions))
    first_after[left] = after
    before = rows < first_after[columns]
    unpaid = _printed_lately(printed, after, left, max_silent)
    return PayOuts(
        rows=np.concatenate([rows[before], after[unpaid]]),
        columns=np.concatenate([columns[before], left[unpaid]]),
        returns=np.concatenate([np.zeros(before.sum()), panel.delistings["delisting_return"].to_numpy()[unpaid]]),
    )


def _silence_ends(printed: np.ndarray, max_silent: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the sessions that end just so many sessions in a row without a print, after one with."""
    n = len(printed)
    falls = printed[: max(n - max_silent, 0)] & ~printed[1 : max(n - max_silent, 0) + 1]
    columns, rows = np.divmod(np.flatnonzero(falls.T), max(len(falls), 1))
    silent = ~printed[rows[:, None] + np.arange(1, max_silent + 1), columns[:, None]].any(axis=1)
    return rows[silent] + max_silent, columns[silent]


def _printed_lately(printed: np.ndarray, rows: np.ndarray, columns: np.ndarray, max_silent: int) -> np.ndarray:
    """Whether names printed in any of the ``max_silent`` sessions before a row of the bars, or in it."""
    inside = rows < len(printed)
    window = np.clip(rows[:, None] - np.arange(max_silent + 1), 0, len(printed) - 1)
    lately: np.ndarray = inside & printed[window, columns[:, None]].any(axis=1)
    return lately


def _sessions_since_print(panel: Panel) -> np.ndarray:
    """Sessions since the last print, 0 in a session with one; a huge number before the first."""
    rows = np.arange(len(panel.sessions))[:, None]
    last = np.maximum.accumulate(np.where(panel.printed.to_numpy(), rows, -1), axis=0)
    return np.where(last < 0, np.iinfo(np.int64).max, rows - last)


def _delisted(panel: Panel) -> np.ndarray:
    last = panel.delistings["session"].reindex(panel.tickers).to_numpy()
    return panel.sessions.to_numpy()[:, None] >= last[None, :]  # NaT compares False
