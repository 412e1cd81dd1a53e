"""Metrics: the only home of performance numbers.

Conventions, printed beside the numbers: simple returns, standard deviations with ``ddof=1``, the sessions a year of
their market (252 unless told otherwise), drawdown counts the starting wealth. Sessions whose return is NaN are left
out; with fewer than 20 left, and for a ratio whose denominator is 0 up to rounding, the number is NaN. Every function
takes one return per session, in order.
"""

from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from core.conventions import SESSIONS_PER_YEAR
from core.rounding_error import ROUNDING, is_rounding, never_moves

__all__ = [
    "MIN_SESSIONS",
    "MarketFit",
    "PerformanceSummary",
    "Shape",
    "annual_return",
    "calmar_ratio",
    "drawdown_table",
    "drawdowns",
    "expected_shortfall",
    "exposures",
    "market_fit",
    "max_drawdown",
    "performance_summary",
    "profit_factor",
    "session_sharpe",
    "session_sharpe_variance",
    "shape",
    "sharpe_ratio",
    "sharpe_standard_error",
    "sortino_ratio",
    "value_at_risk",
    "volatility",
    "win_rate",
]

MIN_SESSIONS = 20
WHOLE = 1e-9  # a place in the sorted returns that is as near to a whole number is one

Returns = pd.Series | np.ndarray
RiskFree = pd.Series | float


def annual_return(returns: Returns, *, sessions_per_year: float = SESSIONS_PER_YEAR) -> float:
    """Compound annual return, ``prod(1 + r) ** (sessions per year / n) − 1``."""
    observed = _observed(returns)
    if len(observed) < MIN_SESSIONS:
        return np.nan
    return float(np.prod(1.0 + observed) ** (sessions_per_year / len(observed)) - 1.0)


def volatility(returns: Returns, *, sessions_per_year: float = SESSIONS_PER_YEAR) -> float:
    """Annualised standard deviation."""
    observed = _observed(returns)
    return float(observed.std(ddof=1) * np.sqrt(sessions_per_year)) if len(observed) >= MIN_SESSIONS else np.nan


def sharpe_ratio(returns: Returns, *, risk_free: RiskFree = 0.0, sessions_per_year: float = SESSIONS_PER_YEAR) -> float:
    """Annualised Sharpe ratio of returns in excess of the risk-free return of the same sessions.

    Parameters
    ----------
    returns : Series or ndarray of float
        Simple return of each session.
    risk_free : Series or float
        Simple risk-free return of each session, the same sessions as ``returns``; 0 by default.
    sessions_per_year : float
        Of the market that the returns come from.

    References
    ----------
    Sharpe, W. F., "The Sharpe Ratio", Journal of Portfolio Management, 1994.

    Examples
    --------
    >>> round(qt.sharpe_ratio(pd.Series([0.02, -0.01, 0.01] * 21)), 2)
    8.42
    """
    return float(np.sqrt(sessions_per_year) * session_sharpe(_excess(returns, risk_free)))


def session_sharpe(returns: Returns) -> float:
    """Sharpe ratio per session, not annualised; NaN for a constant, whose rounding is not a deviation."""
    observed = _observed(returns)
    if len(observed) < MIN_SESSIONS or never_moves(observed):
        return np.nan
    return float(observed.mean() / observed.std(ddof=1))


def sharpe_standard_error(
    returns: Returns, *, risk_free: RiskFree = 0.0, sessions_per_year: float = SESSIONS_PER_YEAR
) -> float:
    """Standard error of the annualised Sharpe ratio, from skewness and kurtosis of the returns.

    References
    ----------
    Lo, A. W., "The Statistics of Sharpe Ratios", Financial Analysts Journal, 2002; Mertens, E., "Comments on Variance
    of the IID Estimator in Lo (2002)", 2002.
    """
    excess = _excess(returns, risk_free)
    variance = session_sharpe_variance(session_sharpe(excess), shape(excess))
    return float(np.sqrt(sessions_per_year * variance / max(len(excess), 1)))


class Shape(NamedTuple):
    """Standardised third and fourth moments of the sample; a normal law has 0 and 3."""

    skewness: float
    kurtosis: float


def shape(returns: Returns) -> Shape:
    """Skewness and kurtosis, population moments without a small-sample correction."""
    observed = _observed(returns)
    if len(observed) < MIN_SESSIONS or never_moves(observed):
        return Shape(np.nan, np.nan)
    centred = (observed - observed.mean()) / observed.std()
    return Shape(skewness=float((centred**3).mean()), kurtosis=float((centred**4).mean()))


def session_sharpe_variance(ratio: float, law: Shape) -> float:
    """N × the variance of a Sharpe ratio per session: 1 − γ₃ S + (γ₄ − 1) S² / 4 (Mertens 2002)."""
    return 1.0 - law.skewness * ratio + (law.kurtosis - 1.0) / 4.0 * ratio**2


def sortino_ratio(
    returns: Returns, *, risk_free: RiskFree = 0.0, sessions_per_year: float = SESSIONS_PER_YEAR
) -> float:
    """Annualised mean excess return ÷ downside deviation, the root mean square of its negative part over all sessions.

    References
    ----------
    Sortino, F. and van der Meer, R., "Downside Risk", Journal of Portfolio Management, 1991.
    """
    excess = _excess(returns, risk_free)
    downside = np.sqrt((np.minimum(excess, 0.0) ** 2).mean()) if len(excess) >= MIN_SESSIONS else 0.0
    if is_rounding(downside, 0.0):
        return np.nan
    return float(np.sqrt(sessions_per_year) * excess.mean() / downside)


def calmar_ratio(returns: Returns, *, sessions_per_year: float = SESSIONS_PER_YEAR) -> float:
    """Compound annual return ÷ size of the maximum drawdown."""
    depth = max_drawdown(returns)
    return annual_return(returns, sessions_per_year=sessions_per_year) / -depth if depth < 0 else np.nan


def drawdowns(returns: pd.Series) -> pd.Series:
    """Wealth ÷ its highest value so far − 1 at each close, 0 or negative; the starting wealth counts.

    Wealth that is back at its peak up to rounding is at its peak.
    """
    wealth = (1.0 + returns.dropna()).cumprod()
    depth = wealth / wealth.cummax().clip(lower=1.0) - 1.0
    return depth.mask(depth > -ROUNDING, 0.0).rename("drawdown")


def max_drawdown(returns: Returns) -> float:
    """Deepest drawdown, a negative fraction of the peak, or 0.

    Parameters
    ----------
    returns : Series or ndarray of float
        Simple return of each session.

    Examples
    --------
    >>> round(qt.max_drawdown(pd.Series([0.10, -0.20, 0.05] * 7)), 3)
    -0.502
    """
    observed = _observed(returns)
    return float(drawdowns(pd.Series(observed)).min()) if len(observed) >= MIN_SESSIONS else np.nan


def drawdown_table(returns: pd.Series, *, n_deepest: int = 10) -> pd.DataFrame:
    """Depth, dates and lengths of the deepest drawdowns, deepest first.

    Returns
    -------
    DataFrame
        ``depth`` (negative fraction); ``start`` (first session under water), ``trough``, ``recovery`` (first session
        back at the peak, NaT while it lasts); ``length`` and ``length_to_trough``, sessions under water in all and up
        to the trough.
    """
    depth = drawdowns(returns)
    under = depth < 0
    spell = (under & ~under.shift(1, fill_value=False)).cumsum()[under]
    rows = [_drawdown(depth.loc[sessions], depth.index) for sessions in spell.groupby(spell).groups.values()]
    table = pd.DataFrame(rows, columns=["depth", "start", "trough", "recovery", "length", "length_to_trough"])
    return table.sort_values("depth", kind="stable").head(n_deepest).reset_index(drop=True)


def win_rate(returns: Returns) -> float:
    """Share of positive returns among those that are not 0."""
    observed = _observed(returns)
    moved = observed[observed != 0.0]
    return float((moved > 0).mean()) if len(observed) >= MIN_SESSIONS and len(moved) else np.nan


def profit_factor(returns: Returns) -> float:
    """Sum of positive returns ÷ size of the sum of negative ones."""
    observed = _observed(returns)
    lost = -observed[observed < 0].sum()
    return float(observed[observed > 0].sum() / lost) if len(observed) >= MIN_SESSIONS and lost > 0 else np.nan


def value_at_risk(returns: Returns, *, level: float = 0.95) -> float:
    """Historical value at risk: the ``1 − level`` quantile of returns, linearly interpolated; a loss is negative."""
    observed = _observed(returns)
    if len(observed) < MIN_SESSIONS:
        return np.nan
    place = (len(observed) - 1) * (1.0 - level)
    if abs(place - round(place)) < WHOLE:  # 1 − 0.9 is less than a tenth, and the return itself would be left out
        return float(np.sort(observed)[round(place)])
    return float(np.quantile(observed, 1.0 - level))


def expected_shortfall(returns: Returns, *, level: float = 0.95) -> float:
    """Mean of the returns at or below the value at risk."""
    observed = _observed(returns)
    if len(observed) < MIN_SESSIONS:
        return np.nan
    return float(observed[observed <= value_at_risk(observed, level=level)].mean())


class MarketFit(NamedTuple):
    """Ordinary least squares of excess returns on excess market returns."""

    alpha: float  # annualised, sessions per year × intercept
    beta: float
    r_squared: float


def market_fit(
    returns: pd.Series,
    market: pd.Series,
    *,
    risk_free: RiskFree = 0.0,
    sessions_per_year: float = SESSIONS_PER_YEAR,
) -> MarketFit:
    """Alpha, beta and R² against a market, over the sessions that both have.

    Parameters
    ----------
    returns, market : Series of float
        Simple return of each session.
    risk_free : Series or float
        Simple risk-free return of each session, taken off both.
    sessions_per_year : float
        Of the market that the returns come from.
    """
    both = pd.concat([returns - risk_free, market - risk_free], axis=1, join="inner").dropna().to_numpy()
    if len(both) < MIN_SESSIONS or never_moves(both[:, 1]):
        return MarketFit(np.nan, np.nan, np.nan)
    covariance = np.cov(both, rowvar=False, ddof=1)
    beta = covariance[0, 1] / covariance[1, 1]
    intercept = both[:, 0].mean() - beta * both[:, 1].mean()
    return MarketFit(
        alpha=float(sessions_per_year * intercept),
        beta=float(beta),
        r_squared=np.nan if never_moves(both[:, 0]) else float(beta * covariance[0, 1] / covariance[0, 0]),
    )


def exposures(held_weights: pd.DataFrame) -> pd.DataFrame:
    """``long``, ``short`` (negative), ``gross`` and ``net`` exposure at each close, fractions of equity."""
    long, short = held_weights.clip(lower=0.0).sum(axis=1), held_weights.clip(upper=0.0).sum(axis=1)
    return pd.DataFrame({"long": long, "short": short, "gross": long - short, "net": long + short})


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceSummary:
    """The numbers of one return series; fractions, annualised where the name says so, NaN where undefined.

    ``risk_free`` is its annualised mean return; ``kurtosis`` is 3 for a normal law. ``alpha``, ``beta`` and
    ``r_squared`` are NaN without a market. ``sessions_per_year`` is what every annual number is annualised by.
    """

    start: str
    end: str
    sessions: int
    total_return: float
    annual_return: float
    volatility: float
    risk_free: float
    sharpe: float
    sharpe_standard_error: float
    sortino: float
    calmar: float
    max_drawdown: float
    longest_drawdown_sessions: int
    win_rate: float
    profit_factor: float
    value_at_risk: float
    expected_shortfall: float
    worst_session: float
    best_session: float
    skewness: float
    kurtosis: float
    alpha: float
    beta: float
    r_squared: float
    sessions_per_year: float = SESSIONS_PER_YEAR

    def as_dict(self) -> dict[str, str | int | float]:
        """Fields by name, for ``metrics.json``."""
        return asdict(self)


def performance_summary(
    returns: pd.Series,
    *,
    market: pd.Series | None = None,
    risk_free: RiskFree = 0.0,
    sessions_per_year: float = SESSIONS_PER_YEAR,
) -> PerformanceSummary:
    """Summarise one series of session returns.

    Parameters
    ----------
    returns : Series of float
        Simple return of each session, indexed by session.
    market : Series of float, optional
        Simple market return of each session, for alpha, beta and R².
    risk_free : Series or float
        Simple risk-free return of each session.
    sessions_per_year : float
        Of the market that the returns come from: 252 in New York, 365 around the clock, 52 for weekly bars.

    Examples
    --------
    >>> found = qt.performance_summary(run.returns["filter_negative net"], market=run.returns["market"])
    >>> found.sessions == len(run.returns)
    True
    """
    if not isinstance(returns, pd.Series) or not isinstance(returns.index, pd.DatetimeIndex) or returns.isna().all():
        raise ValueError("returns must be a Series indexed by session that holds a number: take one column of a frame")
    observed = returns.dropna()
    year, fit = sessions_per_year, MarketFit(np.nan, np.nan, np.nan)
    if market is not None:
        fit = market_fit(observed, market, risk_free=risk_free, sessions_per_year=year)
    table = drawdown_table(observed, n_deepest=len(observed))
    values, moments = observed.to_numpy(), shape(observed)
    return PerformanceSummary(
        start=f"{observed.index[0]:%Y-%m-%d}",
        end=f"{observed.index[-1]:%Y-%m-%d}",
        sessions=len(observed),
        total_return=float(np.prod(1.0 + values) - 1.0),
        annual_return=annual_return(observed, sessions_per_year=year),
        volatility=volatility(observed, sessions_per_year=year),
        risk_free=float(np.mean(_excess(observed, 0.0) - _excess(observed, risk_free)) * year),
        sharpe=sharpe_ratio(observed, risk_free=risk_free, sessions_per_year=year),
        sharpe_standard_error=sharpe_standard_error(observed, risk_free=risk_free, sessions_per_year=year),
        sortino=sortino_ratio(observed, risk_free=risk_free, sessions_per_year=year),
        calmar=calmar_ratio(observed, sessions_per_year=year),
        max_drawdown=max_drawdown(observed),
        longest_drawdown_sessions=int(table["length"].max()) if len(table) else 0,
        win_rate=win_rate(observed),
        profit_factor=profit_factor(observed),
        value_at_risk=value_at_risk(observed),
        expected_shortfall=expected_shortfall(observed),
        worst_session=float(values.min()),
        best_session=float(values.max()),
        skewness=moments.skewness,
        kurtosis=moments.kurtosis,
        alpha=fit.alpha,
        beta=fit.beta,
        r_squared=fit.r_squared,
        sessions_per_year=year,
    )


def _observed(returns: Returns) -> np.ndarray:
    values = np.asarray(returns, dtype=float)
    if values.ndim != 1:
        raise ValueError(f"returns must be one series, had shape {values.shape}: take one of its columns")
    observed: np.ndarray = values[~np.isnan(values)]
    return observed


def _excess(returns: Returns, risk_free: RiskFree) -> np.ndarray:
    """Returns over the risk-free return of the same sessions; both must have it."""
    if isinstance(risk_free, pd.Series) and isinstance(returns, pd.Series):
        risk_free = risk_free.reindex(returns.index)
    return _observed(np.asarray(returns, dtype=float) - np.asarray(risk_free, dtype=float))


def _drawdown(depth: pd.Series, sessions: pd.Index) -> tuple[object, ...]:
    after = sessions[sessions > depth.index[-1]]
    recovery = after[0] if len(after) else pd.NaT
    return (float(depth.min()), depth.index[0], depth.idxmin(), recovery, len(depth), int(depth.argmin()) + 1)
