"""Frictions: the dollar volumes, borrow fees and day counts by which the ledger charges a book."""

import numpy as np
import pandas as pd

from core.conventions import BASIS_POINTS, MONEY_MARKET_DAYS
from market import Execution, Panel
from portfolio.costs import Costs

__all__ = ["ADV_SESSIONS", "BorrowFees", "average_dollar_volume", "borrow_rates", "night_years"]

ADV_SESSIONS = 20

BorrowFees = pd.Series | pd.DataFrame
"""Annual borrow fees in basis points: by ticker, or sessions × tickers with row *t* known at the close of *t*."""


def average_dollar_volume(panel: Panel, execution: Execution) -> pd.DataFrame:
    """Average daily dollar volume that the participation of each session's fills is taken of.

    Returns
    -------
    DataFrame of float, shape (n_sessions, n_tickers)
        Row *t* is the mean over a name's prints in the 20 sessions that end at the decision whose fill is at *t*, and
        before *t* even where both are the same session; NaN where there was none.
    """
    from backtests.engine.trailing_print_mean import trailing_print_mean

    volume = panel.dollar_volume
    trailing = trailing_print_mean(np.asfortranarray(volume.to_numpy()), ADV_SESSIONS)
    ahead, shifted = max(execution.delay, 1), np.full(volume.shape, np.nan, order="F")
    shifted[ahead:] = trailing[: max(len(trailing) - ahead, 0)]
    return pd.DataFrame(shifted, volume.index, volume.columns)


def borrow_rates(panel: Panel, costs: Costs, fees: BorrowFees | None) -> np.ndarray:
    """Annual borrow fee for the night before each session, as a fraction of short market value.

    Parameters
    ----------
    panel : Panel
        Sessions and tickers.
    costs : Costs
        ``borrow_bps`` holds where ``fees`` has no number.
    fees : Series, DataFrame or None
        Fees by name.

    Returns
    -------
    ndarray of float, shape (n_sessions, n_tickers), or (1, n_tickers) for fees that never change

    Raises
    ------
    ValueError
        If a ticker is unknown or a fee is negative or infinite.
    """
    if fees is None:
        return np.full((1, len(panel.tickers)), costs.borrow_bps / BASIS_POINTS)
    frame = fees.to_frame().T if isinstance(fees, pd.Series) else fees
    strangers = frame.columns.difference(panel.tickers)
    if len(strangers):
        raise ValueError(f"borrow fees name tickers without bars {list(strangers[:5])}: use the tickers of the panel")
    if not (frame.isna() | ((frame >= 0) & (frame < np.inf))).to_numpy().all():
        raise ValueError("borrow fees must be 0 or more basis points per year, some are not: leave unknown ones NaN")
    placed = frame.reindex(columns=panel.tickers)
    if not isinstance(fees, pd.Series):
        placed = placed.reindex(panel.sessions).shift(1)
    return np.ascontiguousarray(placed.fillna(costs.borrow_bps).to_numpy(dtype=float) / BASIS_POINTS)


def night_years(sessions: pd.DatetimeIndex) -> np.ndarray:
    """Calendar days since the session before ÷ 360, shape (n_sessions,); 0 for the first."""
    days = np.diff(sessions.to_numpy().astype("datetime64[D]")).astype(float)
    return np.concatenate([[0.0], days]) / MONEY_MARKET_DAYS
