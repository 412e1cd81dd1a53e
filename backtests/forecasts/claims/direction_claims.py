"""Direction claims: how often the sign of a return comes right by saying up, and by luck."""

import math

import numpy as np
import pandas as pd
from scipy.stats import binom

from core.conventions import SESSIONS_PER_YEAR

__all__ = ["accuracy_of_sharpe", "best_of_coins", "correlation_of_accuracy", "sharpe_of_accuracy", "ups"]

HORIZONS = (1, 5, 20, 60, 250)


def ups(closes: pd.DataFrame) -> pd.DataFrame:
    """How often the return was above zero: what always saying up gets right, by sessions ahead.

    Parameters
    ----------
    closes : DataFrame of float, shape (n_sessions, n_series)
        Without NaN.

    Returns
    -------
    DataFrame
        A row a horizon; ``series`` over all series, ``average`` of the equally weighted average of them, returns of
        exactly zero left out.
    """
    average = (1.0 + closes.pct_change(fill_method=None).mean(axis=1).fillna(0.0)).cumprod()
    rows = {}
    for horizon in HORIZONS:
        of_series = closes.pct_change(horizon, fill_method=None).to_numpy()[horizon:]
        of_average = average.pct_change(horizon, fill_method=None).to_numpy()[horizon:]
        rows[horizon] = {"series": _share_up(of_series), "average": _share_up(of_average)}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("horizon")


def _share_up(returns: np.ndarray) -> float:
    moved = returns[returns != 0.0]
    return float(np.mean(moved > 0.0)) if len(moved) else math.nan


def best_of_coins(n_forecasts: int, n_coins: int) -> float:
    """Expected share of right signs of the luckiest of some coins, each thrown for as many forecasts.

    The mean of a maximum of independent binomial counts: Σ P(some coin has more than m).

    Examples
    --------
    >>> from backtests.forecasts.claims.direction_claims import best_of_coins
    >>> best_of_coins(1, 2), best_of_coins(100, 1)
    (0.75, 0.5)
    """
    counts = np.arange(n_forecasts)
    return float(round(np.sum(1.0 - binom.cdf(counts, n_forecasts, 0.5) ** n_coins) / n_forecasts, 12))


def correlation_of_accuracy(accuracy: float) -> float:
    """Correlation of forecast and return at which the sign comes right so often, both normal about zero.

    Sheppard's formula for the quadrants of a normal pair: accuracy = ½ + arcsin(ρ) / π.

    Examples
    --------
    >>> from backtests.forecasts.claims.direction_claims import correlation_of_accuracy
    >>> round(correlation_of_accuracy(2 / 3), 6)
    0.5
    """
    return math.sin(math.pi * (accuracy - 0.5))


def sharpe_of_accuracy(accuracy: float, *, n_bets: float = 1.0) -> float:
    """Annual Sharpe ratio, without costs, of following signs that come right so often, a bet a session.

    Forecast and return are normal about zero, as in ``correlation_of_accuracy``: mean ρ √(2/π) in standard deviations.
    It grows with the root of ``n_bets``, the independent bets of a session.
    """
    mean = correlation_of_accuracy(accuracy) * math.sqrt(2.0 / math.pi)
    return math.sqrt(SESSIONS_PER_YEAR * n_bets) * mean / math.sqrt(1.0 - mean**2)


def accuracy_of_sharpe(ratio: float, *, n_bets: float = 1.0) -> float:
    """How often signs come right at an annual Sharpe ratio: the inverse of ``sharpe_of_accuracy``.

    Examples
    --------
    >>> from backtests.forecasts.claims.direction_claims import accuracy_of_sharpe, sharpe_of_accuracy
    >>> round(accuracy_of_sharpe(sharpe_of_accuracy(0.6)), 9)
    0.6
    """
    one = ratio / math.sqrt(SESSIONS_PER_YEAR * n_bets)
    mean = one / math.sqrt(1.0 + one**2)
    return 0.5 + math.asin(mean / math.sqrt(2.0 / math.pi)) / math.pi
