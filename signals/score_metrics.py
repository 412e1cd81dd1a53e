"""Score metrics: how well scores rank forward returns. The only home of signal metrics.

Scores are known at the close of each session; a forward return carries the session of its decision, so the two compare
row by row. Every metric is taken within a session and then averaged over sessions (Fama and MacBeth, "Risk, return, and
equilibrium: empirical tests", 1973). NaN is "not available", infinite values are refused. Standard deviations have
``ddof=1`` and are annualised by the decisions a year; standard errors are those of Newey and West (1987) and leave NaN
sessions out.
"""

import math
from dataclasses import asdict, dataclass
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd

from core.conventions import SESSIONS_PER_YEAR
from core.intervals import Interval, hac_interval, hac_lags_by_rule, hac_standard_error
from core.rounding_error import is_rounding
from signals.rows import finite_numbers, row_correlation, row_count, row_ranks, row_spreads

__all__ = [
    "ICSummary",
    "QuantileReturns",
    "ScoreCorrelation",
    "ic_by_quarter",
    "information_coefficient",
    "quantile_returns",
    "rank_autocorrelation",
    "score_correlation",
    "summarize_ic",
    "summary_frame",
]

Correlation = Literal["spearman", "pearson"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ICSummary:
    """Distribution of an information coefficient, one number a decision; a field without enough history is NaN.

    Parameters
    ----------
    mean, std : float
        Mean and standard deviation over sessions.
    icir, icir_annual : float
        Mean ÷ std, NaN if all are the same up to rounding; and the same × √(decisions per year ÷ horizon), the
        independent bets of a year (Grinold and Kahn, "Active Portfolio Management", 1999, chapter 6).
    standard_error, t_hac : float
        HAC standard error of the mean, and mean ÷ standard error.
    hac_lags, n_sessions : int
        Lags in that error, and sessions with an IC.
    hit_rate : float
        Share of those sessions with one above 0.
    minimum, p05, p25, median, p75, p95, maximum : float
        Percentiles, interpolated linearly.
    """

    mean: float
    std: float
    icir: float
    icir_annual: float
    standard_error: float
    t_hac: float
    hac_lags: int
    hit_rate: float
    n_sessions: int
    minimum: float
    p05: float
    p25: float
    median: float
    p75: float
    p95: float
    maximum: float

    @property
    def interval(self) -> Interval:
        """Mean with its 95 % bounds, from the HAC error."""
        return hac_interval(self.mean, self.standard_error, lags=self.hac_lags, n_sessions=self.n_sessions)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuantileReturns:
    """Realised returns by quantile of the scores, 1 the lowest.

    Parameters
    ----------
    by_session : DataFrame of float, shape (n_sessions, n_quantiles)
        Mean forward return of each quantile's names.
    summary : DataFrame
        Index quantile; ``mean_predicted``, ``mean_realised`` (means over sessions), ``standard_error`` (HAC, of the
        mean realised), ``hit_rate``, ``count`` (name-sessions with a forward return) and ``n_sessions``.
    """

    by_session: pd.DataFrame
    summary: pd.DataFrame

    @property
    def spread(self) -> pd.Series:
        """Quantile spread: return of the highest minus the lowest quantile in each session."""
        return (self.by_session.iloc[:, -1] - self.by_session.iloc[:, 0]).rename("spread")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreCorrelation:
    """Mean within-session correlations of two sets of scores, and the sessions that have one."""

    pearson: float
    spearman: float
    n_sessions: int


def information_coefficient(
    scores: pd.DataFrame, forward: pd.DataFrame, *, method: Correlation = "spearman"
) -> pd.Series:
    """Correlate scores with forward returns within each session.

    Parameters
    ----------
    scores : DataFrame of float, shape (n_sessions, n_tickers)
        Known at the close of each session, any scale; NaN where there is none.
    forward : DataFrame of float
        Forward returns by session of decision; sessions and tickers that scores lack are left out.
    method : {"spearman", "pearson"}
        Correlation of average ranks (Spearman, "The proof and measurement of association between two things", 1904), or
        of the values (the IC of Grinold and Kahn, "Active Portfolio Management", 1999, chapter 6).

    Returns
    -------
    Series of float, shape (n_sessions,)
        On the sessions of scores; NaN with fewer than five names that have both, or if either is constant over them.

    Raises
    ------
    ValueError
        If a frame is empty or infinite, none of the axes meet, or the method is unknown.

    Examples
    --------
    >>> len(qt.information_coefficient(run.scores, qt.forward_returns(bars, qt.Execution())))
    115
    """
    if method not in ("spearman", "pearson"):
        raise ValueError(f"method must be 'spearman' or 'pearson', was {method!r}")
    x, y = finite_numbers(scores, "scores"), _aligned(forward, scores, "forward")
    if method == "spearman":  # ranks are among the names that have both
        x, y = np.where(np.isnan(y), np.nan, x), np.where(np.isnan(x), np.nan, y)
        told = row_spreads(x) & row_spreads(y)  # the order of rounding is none
        x, y = (row_ranks(np.where(told, each, np.nan)) for each in (x, y))
    return pd.Series(row_correlation(x, y)[:, 0], index=scores.index, name="ic")


def summarize_ic(
    ic: pd.Series, *, horizon: int = 1, hac_lags: int | None = None, decisions_per_year: float = SESSIONS_PER_YEAR
) -> ICSummary:
    """Summarise an information coefficient.

    Parameters
    ----------
    ic : Series of float
        One IC per decision; NaN ones are left out.
    horizon : int
        Decisions, from its own on, that each forward return spans, at least 1: its sessions for daily scores.
    hac_lags : int, optional
        Lags of the HAC error, at least horizon − 1; by default the larger of that and ``hac_lags_by_rule``.
    decisions_per_year : float
        ICs a year: the sessions a year for scores of every session, 12 for monthly ones.

    Raises
    ------
    ValueError
        If ic is empty, horizon < 1, or hac_lags < horizon − 1.
    """
    if ic.empty:
        raise ValueError("ic holds no session: score at least one")
    numbers = ic.dropna()
    lags = _lags(len(numbers), horizon, hac_lags)
    mean, std = float(numbers.mean()), float(numbers.std(ddof=1))
    error = hac_standard_error(numbers, lags=lags)
    icir = _ratio(mean, std)
    return ICSummary(
        mean=mean,
        std=std,
        icir=icir,
        icir_annual=icir * math.sqrt(decisions_per_year / horizon),
        standard_error=error,
        t_hac=_ratio(mean, error),
        hac_lags=lags,
        hit_rate=float((numbers > 0).mean()),
        n_sessions=len(numbers),
        **_distribution(numbers),
    )


def ic_by_quarter(ic: pd.Series, *, horizon: int = 1, decisions_per_year: float = SESSIONS_PER_YEAR) -> pd.DataFrame:
    """Summarise each calendar quarter: index ``quarter`` (periods), the fields of ``ICSummary`` as columns.

    ``ic`` has a DatetimeIndex; NaN sessions are left out. An empty ``ic`` is a ValueError.
    """
    if ic.empty:
        raise ValueError("ic holds no session: score at least one")
    quarters = pd.DatetimeIndex(ic.index).to_period("Q")
    parts = ic.groupby(quarters)
    annual = partial(summarize_ic, horizon=horizon, decisions_per_year=decisions_per_year)
    summaries = {quarter: annual(part) for quarter, part in parts}
    return summary_frame(summaries, "quarter")


def quantile_returns(
    scores: pd.DataFrame,
    forward: pd.DataFrame,
    *,
    n_quantiles: int = 5,
    predicted: pd.DataFrame | None = None,
    horizon: int = 1,
) -> QuantileReturns:
    """Predicted and realised returns of each quantile of the scores.

    Names are cut by score alone, ties by ticker, into quantiles whose sizes differ by at most one; a name without a
    forward return stays in its quantile and out of its mean. The hit rate is the share of name-sessions on the expected
    side of the session's median forward return of scored names: above it for quantiles over the middle, below it for
    those under; a return equal to the median counts for neither side. Chance is one half whatever the market did, and
    the middle one of an odd number of quantiles has no expected side: NaN.

    Parameters
    ----------
    scores : DataFrame of float, shape (n_sessions, n_tickers)
        Known at the close of each session; NaN where there is none.
    forward : DataFrame of float
        Forward returns by session of decision.
    n_quantiles : int
        At least 2; a session with fewer scores is NaN.
    predicted : DataFrame of float, optional
        Predicted returns, e.g. calibrated scores; the scores themselves by default.
    horizon : int
        Sessions that each forward return spans; errors count at least horizon − 1 lags.

    Raises
    ------
    ValueError
        If n_quantiles < 2, horizon < 1, a frame is empty or infinite, or none of the axes meet.
    """
    if n_quantiles < 2:
        raise ValueError(f"n_quantiles must be at least 2, was {n_quantiles}")
    values, realised = finite_numbers(scores, "scores"), _aligned(forward, scores, "forward")
    expected = values if predicted is None else _aligned(predicted, scores, "predicted")
    quantile = _quantile_of(values, scores.columns, n_quantiles)
    labels = pd.RangeIndex(1, n_quantiles + 1, name="quantile")
    realised_means = pd.DataFrame(_means(realised, quantile, n_quantiles), index=scores.index, columns=labels)
    expected_means = pd.DataFrame(_means(expected, quantile, n_quantiles), index=scores.index, columns=labels)
    summary = pd.DataFrame(
        {
            "mean_predicted": expected_means.mean(),
            "mean_realised": realised_means.mean(),
            "standard_error": [_mean_error(realised_means[label], horizon) for label in labels],
            "hit_rate": _hit_rates(realised, quantile, n_quantiles),
            "count": [int((~np.isnan(realised[quantile == label])).sum()) for label in labels],
            "n_sessions": realised_means.count(),
        },
        index=labels,
    )
    return QuantileReturns(by_session=realised_means, summary=summary)


def rank_autocorrelation(scores: pd.DataFrame, *, lag: int = 1) -> pd.Series:
    """Rank correlation of each session's scores with those ``lag`` sessions earlier, shape (n_sessions,).

    NaN in the first ``lag`` sessions and with fewer than five names that have both. A lag below 1 is a ValueError.
    """
    if lag < 1:
        raise ValueError(f"lag must be at least 1 session, was {lag}")
    return information_coefficient(scores, scores.shift(lag)).rename("rank_autocorrelation")


def score_correlation(a: pd.DataFrame, b: pd.DataFrame) -> ScoreCorrelation:
    """Mean within-session correlations of two score frames over the sessions in which both vary.

    Sessions and tickers that ``a`` lacks are left out; NaN if no session has five names with both. An empty or infinite
    frame, or axes that do not meet, is a ValueError.
    """
    pearson = information_coefficient(a, b, method="pearson")
    spearman = information_coefficient(a, b, method="spearman")
    return ScoreCorrelation(
        pearson=float(pearson.mean()), spearman=float(spearman.mean()), n_sessions=int(spearman.count())
    )


def _aligned(frame: pd.DataFrame, scores: pd.DataFrame, name: str) -> np.ndarray:
    if frame.index.equals(scores.index) and frame.columns.equals(scores.columns):
        return finite_numbers(frame, name)
    if not (frame.index.isin(scores.index).any() and frame.columns.isin(scores.columns).any()):
        raise ValueError(f"scores and {name} have no session or no ticker in common: align them first")
    return finite_numbers(frame.reindex(index=scores.index, columns=scores.columns), name)


def _lags(n_sessions: int, horizon: int, hac_lags: int | None) -> int:
    if horizon < 1:
        raise ValueError(f"horizon must be at least 1 session, was {horizon}")
    if hac_lags is None:
        return hac_lags_by_rule(max(n_sessions, 1), horizon=horizon)
    if hac_lags < horizon - 1:
        raise ValueError(f"hac_lags must be at least horizon - 1 = {horizon - 1}, was {hac_lags}")
    return hac_lags


def _ratio(mean: float, deviation: float) -> float:
    """Mean ÷ its deviation or error; NaN for numbers that differ by rounding alone."""
    return math.nan if math.isnan(deviation) or is_rounding(deviation, mean) else mean / deviation


def _distribution(numbers: pd.Series) -> dict[str, float]:
    names = ("minimum", "p05", "p25", "median", "p75", "p95", "maximum")
    levels = numbers.quantile([0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0])
    return dict(zip(names, map(float, levels), strict=True))


def summary_frame(summaries: dict[int, ICSummary] | dict[pd.Period, ICSummary], name: str) -> pd.DataFrame:
    """Summaries as a frame, a row each, indexed by ``name``."""
    rows = [asdict(summary) for summary in summaries.values()]
    return pd.DataFrame(rows, index=pd.Index(list(summaries), name=name))


def _quantile_of(values: np.ndarray, tickers: pd.Index, n_quantiles: int) -> np.ndarray:
    """Quantile of each score, 1 the lowest; 0 without a score and in sessions with fewer scores than quantiles."""
    by_ticker = np.argsort(tickers.to_numpy(dtype=object), kind="stable")
    order = np.argsort(values[:, by_ticker], axis=1, kind="stable")  # equal scores stay in ticker order, NaN last
    position = np.empty_like(order)
    np.put_along_axis(position, by_ticker[order], np.arange(values.shape[1])[None, :], axis=1)
    count = row_count(values)
    quantile = position * n_quantiles // np.maximum(count, 1) + 1
    return np.where(np.isnan(values) | (count < n_quantiles), 0, quantile)


def _means(numbers: np.ndarray, quantile: np.ndarray, n_quantiles: int) -> np.ndarray:
    """Mean of each session's quantiles, shape (n_sessions, n_quantiles)."""
    means = np.full((len(numbers), n_quantiles), np.nan)
    for label in range(1, n_quantiles + 1):
        inside = (quantile == label) & ~np.isnan(numbers)
        count = inside.sum(axis=1)
        total = np.where(inside, numbers, 0.0).sum(axis=1)
        np.divide(total, count, out=means[:, label - 1], where=count > 0)
    return means


def _mean_error(returns: pd.Series, horizon: int) -> float:
    return hac_standard_error(returns, lags=_lags(returns.count(), horizon, None))


def _hit_rates(realised: np.ndarray, quantile: np.ndarray, n_quantiles: int) -> list[float]:
    scored = np.where(quantile > 0, realised, np.nan)
    side = np.sign(scored - pd.DataFrame(scored).median(axis=1).to_numpy()[:, None])
    return [_hit_rate(side[quantile == label], 2 * label - n_quantiles - 1) for label in range(1, n_quantiles + 1)]


def _hit_rate(side: np.ndarray, expected: int) -> float:
    decided = side[np.abs(side) == 1]
    if expected == 0 or len(decided) == 0:
        return math.nan
    return float(np.mean(decided == np.sign(expected)))
