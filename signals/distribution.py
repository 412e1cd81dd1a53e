"""Distribution: how scores, information coefficients and the returns of both legs spread, and how fast ranks move."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from core.intervals import hac_standard_error
from signals.rows import finite_numbers
from signals.score_metrics import quantile_returns, rank_autocorrelation

__all__ = ["histogram", "leg_hits", "rank_stability", "session_percentiles"]

PERCENTILES = {"p05": 0.05, "p25": 0.25, "median": 0.5, "p75": 0.75, "p95": 0.95}


def histogram(values: pd.Series, *, n_bins: int = 30) -> pd.DataFrame:
    """Count values in bins of equal width from the smallest to the largest, NaN left out.

    Returns
    -------
    DataFrame, shape (n_bins, 3)
        ``low``, ``high`` and ``count``; a value on an inner edge counts in the upper bin. Without values, no rows.

    Raises
    ------
    ValueError
        If n_bins < 1.
    """
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1, was {n_bins}")
    known = values.dropna().to_numpy(dtype=float)
    if known.size == 0:
        return pd.DataFrame({"low": [], "high": [], "count": []})
    low, high = known.min(), known.max()
    if high - low <= n_bins * np.spacing(max(abs(low), abs(high))):  # one value up to rounding: bins around it
        low, high = low - 0.5, high + 0.5
    counts, edges = np.histogram(known, bins=n_bins, range=(low, high))
    return pd.DataFrame({"low": edges[:-1], "high": edges[1:], "count": counts})


def session_percentiles(scores: pd.DataFrame) -> pd.DataFrame:
    """5th, 25th, 50th, 75th and 95th percentile of each session's scores, interpolated linearly.

    Columns ``p05``, ``p25``, ``median``, ``p75`` and ``p95``, shape (n_sessions, 5); NaN in a session without a score.
    """
    numbers = pd.DataFrame(finite_numbers(scores, "scores"), index=scores.index)
    return pd.DataFrame({name: numbers.quantile(level, axis=1) for name, level in PERCENTILES.items()})


def leg_hits(scores: pd.DataFrame, forward: pd.DataFrame, *, n_quantiles: int = 5, horizon: int = 1) -> pd.DataFrame:
    """Hit rates of the highest and the lowest quantile: how often returns have the sign of the call.

    Parameters
    ----------
    scores : DataFrame of float, shape (n_sessions, n_tickers)
        Known at the close of each session; NaN where there is none.
    forward : DataFrame of float
        Forward returns by session of decision.
    n_quantiles : int
        At least 2.
    horizon : int
        Sessions that each forward return spans; the error counts at least horizon − 1 lags.

    Returns
    -------
    DataFrame, index ``long`` and ``short``
        ``mean_return`` of the leg's names and ``over_all``, the same less the mean over all quantiles, both means over
        sessions of simple returns as held long; ``standard_error`` (HAC) of ``over_all``; ``beats_median``, share of
        name-sessions on the leg's side of the session's median; ``right_sign``, mean over sessions of the share of
        names that rose (long) or fell (short).

    Raises
    ------
    ValueError
        As ``quantile_returns``.
    """
    quantiles = quantile_returns(scores, forward, n_quantiles=n_quantiles)
    rose = quantile_returns(scores, forward.gt(0).where(forward.notna()).astype(float), n_quantiles=n_quantiles)
    fell = quantile_returns(scores, forward.lt(0).where(forward.notna()).astype(float), n_quantiles=n_quantiles)
    rows = {}
    for leg, label, right in (("long", n_quantiles, rose), ("short", 1, fell)):
        over_all = quantiles.by_session[label] - quantiles.by_session.mean(axis=1, skipna=False)
        rows[leg] = {
            "mean_return": float(quantiles.by_session[label].mean()),
            "over_all": float(over_all.mean()),
            "standard_error": hac_standard_error(over_all, horizon=horizon),
            "beats_median": float(quantiles.summary["hit_rate"].loc[label]),
            "right_sign": float(right.by_session[label].mean()),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("leg")


def rank_stability(scores: pd.DataFrame, *, lags: Sequence[int] = (1, 5, 20)) -> pd.DataFrame:
    """Mean rank autocorrelation of scores by lag, and the sessions that have one.

    Index ``lag``; columns ``mean`` and ``n_sessions``. NaN where every session is constant or too short for the lag.
    """
    by_lag = {lag: rank_autocorrelation(scores, lag=lag) for lag in lags if lag < len(scores)}
    rows = {
        lag: (float(by_lag[lag].mean()), int(by_lag[lag].count())) if lag in by_lag else (np.nan, 0) for lag in lags
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["mean", "n_sessions"]).rename_axis("lag")
