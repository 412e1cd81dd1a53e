"""Sharpe claims: how well a short span knows a Sharpe ratio, and what the best of many books without skill has."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.statistics.deflation import expected_maximum_sharpe, sharpe_confidence, track_record_needed
from backtests.statistics.metrics import Shape, session_sharpe_variance
from core.conventions import SESSIONS_PER_YEAR

__all__ = ["TRIALS", "SharpeClaim", "lucky_books", "sharpe_claim"]

NORMAL = Shape(skewness=0.0, kurtosis=3.0)
TRIALS = (1, 5, 25, 100)
MAX_WINDOWS = 12
SIDE = 0.2  # of the names, long and short each


class SharpeClaim(NamedTuple):
    """An annual Sharpe ratio over some sessions: its error, its 95 % range and its odds among trials.

    ``by_trials`` has, for each number of trials, the best Sharpe ratio that as many books without skill are expected to
    show over the same span, and the probability that the true ratio is above it (the deflated Sharpe ratio).
    """

    ratio: float
    n_sessions: int
    standard_error: float
    low: float
    high: float
    sessions_needed: float
    by_trials: pd.DataFrame


def sharpe_claim(ratio: float, n_sessions: int, *, trials: Sequence[int] = TRIALS) -> SharpeClaim:
    """What an annual Sharpe ratio over a span says, returns taken as normal and independent.

    Parameters
    ----------
    ratio : float
        Annual, by 252 sessions.
    n_sessions : int
        Of the span.
    trials : sequence of int
        Numbers of settings tried, whose ratios vary as much as that of a book without skill.

    Examples
    --------
    >>> from backtests.forecasts.claims.sharpe_claims import sharpe_claim
    >>> round(sharpe_claim(2.53, 159).standard_error, 2)
    1.27
    """
    per_session = ratio / math.sqrt(SESSIONS_PER_YEAR)
    error = math.sqrt(SESSIONS_PER_YEAR * session_sharpe_variance(per_session, NORMAL) / n_sessions)
    rows = {}
    for count in trials:
        best = 0.0 if count < 2 else expected_maximum_sharpe(1.0 / n_sessions, count)  # per session, of no skill
        rows[count] = {
            "best without skill": best * math.sqrt(SESSIONS_PER_YEAR),
            "probability above it": sharpe_confidence(per_session, n_sessions, NORMAL, benchmark=best),
        }
    return SharpeClaim(
        ratio=ratio,
        n_sessions=n_sessions,
        standard_error=error,
        low=ratio - 1.96 * error,
        high=ratio + 1.96 * error,
        sessions_needed=track_record_needed(per_session, NORMAL),
        by_trials=pd.DataFrame.from_dict(rows, orient="index").rename_axis("trials"),
    )


def lucky_books(returns: pd.DataFrame, *, n_sessions: int, trials: Sequence[int] = TRIALS, seed: int = 0) -> pd.Series:
    """Mean best annual Sharpe ratio of as many random books, without costs, over spans of the bars.

    Each book holds a fifth of the names long and a fifth short, equally weighted, drawn anew every session.

    Parameters
    ----------
    returns : DataFrame of float, shape (n_sessions, n_names)
        Close to close; NaN where a name has none.
    n_sessions : int
        Of a span; the last twelve spans that do not overlap are taken.
    trials : sequence of int
        Books, of which the best is told.
    seed : int
        Of the draws.
    """
    values = returns.to_numpy(dtype="float64")
    n_windows = min(MAX_WINDOWS, len(values) // n_sessions)
    rng, most = np.random.default_rng(seed), max(trials)
    spans = np.split(values[len(values) - n_windows * n_sessions :], n_windows)
    sharpes = np.array([_random_sharpes(span, most, rng) for span in spans])  # (windows, books)
    return pd.Series({count: _mean_best(sharpes, count) for count in trials}).rename_axis("trials")


def _random_sharpes(span: np.ndarray, n_books: int, rng: np.random.Generator) -> np.ndarray:
    series = np.empty((n_books, len(span)))
    for row, day in enumerate(span):
        held = day[np.isfinite(day)]
        side = max(1, int(SIDE * len(held)))
        dealt = held[np.argsort(rng.random((n_books, len(held))), axis=1)]
        series[:, row] = dealt[:, :side].mean(axis=1) - dealt[:, -side:].mean(axis=1)
    return np.asarray(math.sqrt(SESSIONS_PER_YEAR) * series.mean(axis=1) / series.std(axis=1, ddof=1))


def _mean_best(sharpes: np.ndarray, count: int) -> float:
    """Mean over spans and over the groups of ``count`` books that the drawn ones fall into."""
    n_groups = sharpes.shape[1] // count
    groups = sharpes[:, : n_groups * count].reshape(len(sharpes), n_groups, count)
    return float(groups.max(axis=2).mean())
