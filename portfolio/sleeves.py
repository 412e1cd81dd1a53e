"""Sleeves: overlapping portfolios, one opened at each close, held for a horizon and then opened anew.

References
----------
Jegadeesh, N. and Titman, S., "Returns to Buying Winners and Selling Losers: Implications for Stock Market Efficiency",
Journal of Finance, 1993, section I: in any month the strategy holds the portfolios chosen in the last K months.
"""

import numpy as np
import pandas as pd

from core.errors import UnsupportedBookError
from market.panel import aligned_frame
from portfolio.book_settings import BookSettings

__all__ = ["hold_sleeves", "refuse_held_sleeves"]


def hold_sleeves(target: pd.DataFrame, listed: pd.DataFrame, *, horizon: int) -> pd.DataFrame:
    """Hold the last targets side by side, each with its share of the book.

    Parameters
    ----------
    target : DataFrame of float, shape (n_sessions, n_tickers)
        Target weights at each close; a row of NaN opens no sleeve.
    listed : DataFrame of bool, shape (n_sessions, n_tickers)
        Names that can still be traded after each close; any other leaves every sleeve at once.
    horizon : int
        Sessions that a sleeve is held, and sleeves of 1 ÷ horizon of the book each.

    Returns
    -------
    DataFrame of float, shape (n_sessions, n_tickers)
        Mean of the targets of the last ``horizon`` decided closes; a sleeve that is not open yet is cash. Rows of NaN
        stay NaN.
    """
    targets, alive = (np.ascontiguousarray(frame.to_numpy()) for frame in (target, listed))
    sleeves = np.zeros((horizon, targets.shape[1]))
    held = np.full(targets.shape, np.nan)
    for opened, row in enumerate(np.flatnonzero(~np.isnan(targets).all(axis=1))):
        sleeves[opened % horizon] = targets[row]
        sleeves[:, ~alive[row]] = 0.0
        held[row] = sleeves.mean(axis=0)
    return aligned_frame(held, pd.DatetimeIndex(target.index), target.columns)


def refuse_held_sleeves(book: BookSettings, horizon: int) -> None:
    """Refuse sleeves of a book that is itself held between rebalances.

    Raises
    ------
    UnsupportedBookError
        If the book is optimised and the horizon is above one session.
    """
    if horizon > 1 and book.is_optimized:
        raise UnsupportedBookError(
            f"a {book.builder} book is held between its rebalances and cannot be held in sleeves: set label.horizon = "
            f"1, was {horizon}, or choose another portfolio.builder"
        )
