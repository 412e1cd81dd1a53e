"""Regimes: the market regime of each session, and the performance of a book in each.

Volatility and trend labels of session *t* use market returns up to *t* − 1 only, so they were fixed before the session
began and no return takes part in choosing its own label. Named periods are chosen in hindsight and say so.
"""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import pandas as pd

from backtests.statistics.metrics import (
    annual_return,
    max_drawdown,
    sharpe_ratio,
    sharpe_standard_error,
    volatility,
)
from core.conventions import SESSIONS_PER_YEAR

__all__ = [
    "MIN_REGIME_SESSIONS",
    "NAMED_PERIODS",
    "UNLABELLED",
    "named_periods",
    "regime_table",
    "regimes_in_order",
    "trend_labels",
    "vix_labels",
    "volatility_labels",
]

UNLABELLED = "unlabelled"
VOLATILITY_NAMES = ("low volatility", "medium volatility", "high volatility")
VIX_NAMES = ("low VIX", "medium VIX", "high VIX")
MIN_REGIME_SESSIONS = 60
NAMED_PERIODS: Mapping[str, tuple[str, str]] = {
    "dot-com crash 2000-2002": ("2000-01-01", "2002-12-31"),
    "pre-crisis bull 2003-2007": ("2003-01-01", "2007-12-31"),
    "financial crisis 2008-2009": ("2008-01-01", "2009-03-09"),
    "recovery 2009-2013": ("2009-03-10", "2013-12-31"),
    "sideways 2015-2016": ("2015-01-01", "2016-12-31"),
    "pre-COVID bull 2017-2020": ("2017-01-01", "2020-01-31"),
    "COVID crash Feb-Mar 2020": ("2020-02-01", "2020-03-31"),
    "post-COVID bull 2020-2021": ("2020-04-01", "2021-12-31"),
    "bear 2022": ("2022-01-01", "2022-12-31"),
    "2023-2025": ("2023-01-01", "2025-12-31"),
}


def volatility_labels(market: pd.Series, *, lookback: int = 20, warm_up: int = SESSIONS_PER_YEAR) -> pd.Series:
    """Label each session by the tercile of trailing market volatility within its own past.

    Parameters
    ----------
    market : Series of float
        Market return of each session; a NaN leaves the next ``lookback`` sessions without a label.
    lookback : int
        Sessions of the trailing standard deviation (``ddof=1``).
    warm_up : int
        Trailing volatilities needed before the first label.

    Returns
    -------
    Series of str
        ``"low volatility"``, ``"medium volatility"``, ``"high volatility"`` or ``"unlabelled"``. Session *t* compares
        the volatility known at the close of *t* − 1 with all those known by then.
    """
    trailing = market.rolling(lookback).std(ddof=1)
    return _before_the_session(_past_tercile(trailing, VOLATILITY_NAMES, warm_up), "volatility")


def vix_labels(vix: pd.Series, *, warm_up: int = SESSIONS_PER_YEAR) -> pd.Series:
    """Label each session by the tercile, within its own past, of the VIX at the close before.

    Parameters
    ----------
    vix : Series of float
        Level at the close of each session; NaN leaves the next session without a label.
    warm_up : int
        Levels needed before the first label.

    Returns
    -------
    Series of str
        ``"low VIX"``, ``"medium VIX"``, ``"high VIX"`` or ``"unlabelled"``.
    """
    return _before_the_session(_past_tercile(vix, VIX_NAMES, warm_up), "vix")


def trend_labels(market: pd.Series, *, lookback: int = 200) -> pd.Series:
    """Label each session by whether the market index stood above its trailing mean at the close before.

    Parameters
    ----------
    market : Series of float
        Market return of each session; a NaN session leaves the index where it is.
    lookback : int
        Sessions of the trailing mean, the latest included.

    Returns
    -------
    Series of str
        ``"up trend"``, ``"down trend"`` or ``"unlabelled"`` until there is enough history.
    """
    index = (1.0 + market).cumprod().ffill()
    mean = index.rolling(lookback).mean()
    labels = pd.Series(np.where(index > mean, "up trend", "down trend"), index=market.index)
    return _before_the_session(labels.where(mean.notna(), UNLABELLED), "trend")


def named_periods(sessions: pd.DatetimeIndex) -> pd.Series:
    """Label each session by the period of market history it fell into; hindsight by construction.

    The periods do not overlap: the financial crisis ends at the low of 2009-03-09, the bull before COVID in January
    2020, the crash in March 2020. Sessions of 2014 and outside 2000 to 2025 are ``"unlabelled"``.
    """
    labels = pd.Series(UNLABELLED, index=sessions, name="period", dtype="str")
    for name, (first, last) in NAMED_PERIODS.items():
        labels[first:last] = name
    return labels


def regime_table(
    returns: pd.Series, labels: pd.Series, *, sessions_per_year: float = SESSIONS_PER_YEAR
) -> pd.DataFrame:
    """Performance of a return series in each regime.

    Parameters
    ----------
    returns : Series of float
        Simple return of each session.
    labels : Series of str
        Regime of each session; one without a label counts as ``"unlabelled"``.
    sessions_per_year : float
        By which the figures are annual.

    Returns
    -------
    DataFrame, one row per regime in order of its name or, for named periods, of time
        ``sessions``; ``sharpe``, ``sharpe_standard_error``, ``annual_return``, ``volatility``, ``max_drawdown`` of the
        regime's sessions put end to end; ``too_few_sessions``: under 60, and the numbers are NaN.
    """
    observed = returns.dropna()
    regime = labels.reindex(observed.index).fillna(UNLABELLED)
    rows = {name: _regime_row(observed[regime == name], sessions_per_year) for name in regimes_in_order(regime)}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("regime")


def regimes_in_order(labels: pd.Series) -> list[str]:
    """The labels that occur, each once: by name or, of named periods, by time; other ones after them, none last."""
    order = [*VOLATILITY_NAMES, *VIX_NAMES, *NAMED_PERIODS, "up trend", "down trend"]
    known = [name for name in order if (labels == name).any()]
    others = sorted(set(labels) - {*known, UNLABELLED})
    return [*known, *others, *([UNLABELLED] if (labels == UNLABELLED).any() else [])]


def _past_tercile(levels: pd.Series, names: tuple[str, str, str], warm_up: int) -> pd.Series:
    bounds = [levels.expanding(warm_up).quantile(share) for share in (1 / 3, 2 / 3)]
    known = bounds[1].notna() & levels.notna()
    tercile = (levels > bounds[0]).astype(int) + (levels > bounds[1]).astype(int)
    return tercile.map(dict(enumerate(names))).where(known, UNLABELLED)


def _before_the_session(labels: pd.Series, name: str) -> pd.Series:
    return labels.astype("str").shift(1, fill_value=UNLABELLED).rename(name)


def _regime_row(returns: pd.Series, sessions_per_year: float) -> dict[str, float | int | bool]:
    too_few = len(returns) < MIN_REGIME_SESSIONS
    measures: dict[str, Callable[[pd.Series], float]] = {
        "sharpe": partial(sharpe_ratio, sessions_per_year=sessions_per_year),
        "sharpe_standard_error": partial(sharpe_standard_error, sessions_per_year=sessions_per_year),
        "annual_return": partial(annual_return, sessions_per_year=sessions_per_year),
        "volatility": partial(volatility, sessions_per_year=sessions_per_year),
        "max_drawdown": max_drawdown,
    }
    numbers = {name: np.nan if too_few else measure(returns) for name, measure in measures.items()}
    return {"sessions": len(returns), **numbers, "too_few_sessions": too_few}
