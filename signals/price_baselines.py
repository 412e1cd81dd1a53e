"""Price baselines: scores from prices alone, the simple ideas that a model has to beat.

Panel in, scores out: row *t* is known at the close of *t*, higher is better, NaN outside the universe and where a price
that the score needs is missing. Returns are simple and close to close.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from market.panel import Panel, aligned_frame

__all__ = ["PRICE_BASELINES", "low_volatility", "momentum_12_1", "one_day_reversal"]

MIN_QUARTER = 3  # sessions, of bars that are few a year
KNOWN_SHARE = 2 / 3  # of the quarter's returns


def one_day_reversal(panel: Panel) -> pd.DataFrame:
    """Score by minus the session's return: what fell is expected to bounce.

    References
    ----------
    Jegadeesh, N., "Evidence of Predictable Behavior of Security Returns", Journal of Finance, 1990.
    """
    return _within_universe(-_returns(panel), panel)


def momentum_12_1(panel: Panel) -> pd.DataFrame:
    """Score by the return of the past year without its last month: from 252 to 21 sessions ago in New York.

    References
    ----------
    Jegadeesh, N. and Titman, S., "Returns to Buying Winners and Selling Losers", Journal of Finance, 1993.
    """
    year, month = (round(panel.facts.sessions_per_year / parts) for parts in (1, 12))
    return _within_universe(panel.close.shift(month) / panel.close.shift(year) - 1.0, panel)


def low_volatility(panel: Panel) -> pd.DataFrame:
    """Score by minus the standard deviation (``ddof=1``) of the past quarter's returns, two thirds of them known.

    A quarter is 63 sessions of New York, of which 42 must be known.

    References
    ----------
    Ang, A., Hodrick, R., Xing, Y. and Zhang, X., "The Cross-Section of Volatility and Expected Returns", Journal of
    Finance, 2006.
    """
    quarter = max(round(panel.facts.sessions_per_year / 4), MIN_QUARTER)
    known = max(round(quarter * KNOWN_SHARE), 2)
    return _within_universe(-_returns(panel).rolling(quarter, min_periods=known).std(ddof=1), panel)


PRICE_BASELINES: Mapping[str, Callable[[Panel], pd.DataFrame]] = {
    "1-day reversal": one_day_reversal,
    "12-1 momentum": momentum_12_1,
    "low volatility": low_volatility,
}


def _returns(panel: Panel) -> pd.DataFrame:
    return panel.close / panel.close.shift(1) - 1.0


def _within_universe(scores: pd.DataFrame, panel: Panel) -> pd.DataFrame:
    inside = np.where(panel.universe.to_numpy(dtype=bool), np.asarray(scores, dtype=float), np.nan)
    return aligned_frame(inside, panel.sessions, panel.tickers)
