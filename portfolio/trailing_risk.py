"""Trailing: volatility and beta that a book reads of each name's past; row *t* is known at the close of *t*."""

import numpy as np
import pandas as pd

from market.equal_weight import equal_weight_market
from market.panel import Panel, aligned_frame
from signals.features.trailing_windows import change, trailing_mean, trailing_std

__all__ = ["moves", "trailing_beta", "trailing_volatility"]


def trailing_volatility(panel: Panel, sessions: int) -> pd.DataFrame:
    """Return the standard deviation of each name's last close-to-close returns, not annualised.

    Parameters
    ----------
    panel : Panel
        Bars.
    sessions : int
        Returns of one window, at least 2.

    Returns
    -------
    DataFrame of float, shape (n_sessions, n_tickers)
        ``ddof=1``; NaN where the window reaches before the first print. A session without a print counts as no move.
    """
    return aligned_frame(trailing_std(moves(panel), sessions), panel.sessions, panel.tickers)


def trailing_beta(panel: Panel, sessions: int) -> pd.DataFrame:
    """Return the slope of each name's last returns on those of the equal-weighted universe.

    Parameters
    ----------
    panel : Panel
        Bars and universe.
    sessions : int
        Returns of one window, at least 2.

    Returns
    -------
    DataFrame of float, shape (n_sessions, n_tickers)
        Covariance ÷ variance of the window; NaN where the window reaches before the first print of the name or the
        market, or the market did not move.
    """
    own, market = moves(panel), equal_weight_market(panel).to_numpy()[:, None]
    market_mean = trailing_mean(market, sessions)
    shared = trailing_mean(own * market, sessions) - trailing_mean(own, sessions) * market_mean
    spread = trailing_mean(market * market, sessions) - market_mean * market_mean
    beta = np.divide(shared, spread, out=np.full(own.shape, np.nan), where=spread > 0)
    return aligned_frame(beta, panel.sessions, panel.tickers)


def moves(panel: Panel) -> np.ndarray:
    """Return close-to-close returns, shape (n_sessions, n_tickers); a session without a print is no move."""
    return change(panel.close.ffill().to_numpy(), 1)
