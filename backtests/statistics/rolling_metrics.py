"""Rolling metrics: the Sharpe ratio and the volatility of the last sessions, at each close.

Each row is ``sharpe_ratio`` or ``volatility`` of its window, computed for all windows at once; a test holds them equal.
"""

import numpy as np
import pandas as pd

from backtests.statistics.metrics import MIN_SESSIONS
from core.conventions import SESSIONS_PER_YEAR
from core.rounding_error import is_rounding

__all__ = ["rolling_sharpe", "rolling_volatility"]


def rolling_sharpe(
    returns: pd.Series, *, lookback: int = SESSIONS_PER_YEAR, sessions_per_year: float = SESSIONS_PER_YEAR
) -> pd.Series:
    """Annualised Sharpe ratio of the last ``lookback`` sessions, risk-free 0; NaN before there are as many.

    Parameters
    ----------
    returns : Series of float
        Simple return of each session; a NaN is left out, so that a window always holds ``lookback`` returns.
    lookback : int
        Sessions of a window, the latest included; at least 20.
    sessions_per_year : float
        By which the figures are annual.

    Returns
    -------
    Series of float
        On the observed sessions; NaN also where the returns of a window are one constant.
    """
    observed, windows = _windows(returns, lookback)
    mean, deviation = windows.mean(axis=1), windows.std(axis=1, ddof=1)
    blank = np.full(len(windows), np.nan)
    ratio = np.divide(mean, deviation, out=blank, where=~is_rounding(deviation, mean))
    return _at_closes(observed, np.sqrt(sessions_per_year) * ratio)


def rolling_volatility(
    returns: pd.Series, *, lookback: int = SESSIONS_PER_YEAR, sessions_per_year: float = SESSIONS_PER_YEAR
) -> pd.Series:
    """Annualised standard deviation of the last ``lookback`` sessions; parameters as of ``rolling_sharpe``."""
    observed, windows = _windows(returns, lookback)
    return _at_closes(observed, np.sqrt(sessions_per_year) * windows.std(axis=1, ddof=1))


def _windows(returns: pd.Series, lookback: int) -> tuple[pd.Series, np.ndarray]:
    """Observed returns, and a row for each window of them, shape (n_windows, lookback)."""
    if lookback < MIN_SESSIONS:
        raise ValueError(f"lookback must be at least {MIN_SESSIONS} sessions, was {lookback}")
    observed = returns.dropna()
    if len(observed) < lookback:
        return observed, np.empty((0, lookback))
    return observed, np.lib.stride_tricks.sliding_window_view(observed.to_numpy(dtype=float), lookback)


def _at_closes(observed: pd.Series, values: np.ndarray) -> pd.Series:
    early = np.full(len(observed) - len(values), np.nan)
    return pd.Series(np.concatenate([early, values]), index=observed.index)
