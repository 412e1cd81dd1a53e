"""Trailing risk: volatility and beta of each name over its past; row *t* is known at the close of *t*."""

import numpy as np
import pandas as pd

from market.equal_weight import equal_weight_market
from market.panel import Panel, aligned_frame
from signals.features.trailing_windows import change, trailing_mean, trailing_std

__all__ = ["close_returns", "trailing_beta", "trailing_volatility"]

CANCELLED = 1e-14  # of the squared mean: a smaller variance is what rounding leaves of the difference of two squares


def trailing_volatility(panel: Panel, sessions: int) -> pd.DataFrame:
    """Standard deviation of each name's last close-to-close returns, per session, not annualised.

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
    return aligned_frame(trailing_std(close_returns(panel), sessions), panel.sessions, panel.tickers)


def trailing_beta(panel: Panel, sessions: int) -> pd.DataFrame:
    """Beta of each name's last returns to those of the equal-weighted universe.

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
    own, market = close_returns(panel), equal_weight_market(panel).to_numpy()[:, None]
    market_mean = trailing_mean(market, sessions)
    shared = trailing_mean(own * market, sessions) - trailing_mean(own, sessions) * market_mean
    spread = trailing_mean(market * market, sessions) - market_mean * market_mean
    moved = spread > CANCELLED * market_mean**2
    beta = np.divide(shared, spread, out=np.full(own.shape, np.nan), where=moved)
    return aligned_frame(beta, panel.sessions, panel.tickers)


def close_returns(panel: Panel) -> np.ndarray:
    """Close-to-close simple returns, shape (n_sessions, n_tickers); 0 in a session without a print."""
    return change(panel.close.ffill().to_numpy(), 1)
