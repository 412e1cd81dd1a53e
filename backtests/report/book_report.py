"""Book report: the numbers of one book that several sections print, with their 95 % bounds, measured once a page."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pandas as pd

from backtests.breakdown.book_study import BookStudy
from backtests.breakdown.trading_summary import TradingSummary, trading_summary
from backtests.engine.backtest_result import BacktestResult
from backtests.statistics.bootstrap_intervals import beta_interval, sharpe_interval
from backtests.statistics.inference import resampled_drawdowns
from backtests.statistics.metrics import PerformanceSummary, performance_summary
from backtests.statistics.regimes import named_periods, regime_table, trend_labels, vix_labels, volatility_labels
from core.intervals import Interval
from portfolio.book import Book

__all__ = ["BookReport", "book_report", "regime_labels"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BookReport:
    """One book over the test span.

    Parameters
    ----------
    book : Book
        The weights decided.
    result : BacktestResult
        Their backtest.
    net, gross : PerformanceSummary
        Of the returns after and before costs.
    sharpe_range, beta_range : Interval
        Net Sharpe ratio and beta with their 95 % bounds.
    resampled_drawdowns : ndarray of float
        Maximum drawdowns of resampled paths of the net returns: a distribution, not an interval.
    trading : TradingSummary
        Turnover, cost, exposures and parity.
    regimes : mapping of str to DataFrame
        ``backtests.statistics.regimes.regime_table`` of the net returns, per family of labels.
    rule : str
        How the book is built, in one sentence.
    study : BookStudy or None
        Attribution, exposures and holding periods.
    """

    book: Book
    result: BacktestResult
    net: PerformanceSummary
    gross: PerformanceSummary
    sharpe_range: Interval
    beta_range: Interval
    resampled_drawdowns: np.ndarray
    trading: TradingSummary
    regimes: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    rule: str = ""
    study: BookStudy | None = None

    @property
    def diagnostics(self) -> pd.DataFrame:
        """``Book.diagnostics`` of the sessions with a decision."""
        return self.book.diagnostics[self.book.diagnostics["n_scored"] > 0]


def book_report(
    book: Book,
    result: BacktestResult,
    *,
    market: pd.Series,
    vix: pd.Series | None = None,
    rule: str = "",
    study: BookStudy | None = None,
) -> BookReport:
    """Summarise one book: net and gross, against the market, and by market regime.

    Parameters
    ----------
    book : Book
        The weights decided.
    result : BacktestResult
        Their backtest over the test span.
    market : Series of float
        Simple market return of each session, for alpha, beta, R² and regime labels, which need what came before the
        backtest: give the whole history.
    vix : Series of float, optional
        Level at each close, for its regimes; the whole history.
    rule : str
        How the book is built, in one sentence.
    study : BookStudy, optional
        Attribution, exposures and holding periods.
    """
    net, gross, year = result.net_returns, result.gross_returns, result.sessions_per_year
    return BookReport(
        book=book,
        result=result,
        net=performance_summary(net, market=market, sessions_per_year=year),
        gross=performance_summary(gross, market=market, sessions_per_year=year),
        sharpe_range=sharpe_interval(net, sessions_per_year=year),
        beta_range=beta_interval(net, market),
        resampled_drawdowns=resampled_drawdowns(net, rng=np.random.default_rng(0)),
        trading=trading_summary(result),
        regimes=_regimes(result, market, vix),
        rule=rule,
        study=study,
    )


def _regimes(result: BacktestResult, market: pd.Series, vix: pd.Series | None) -> dict[str, pd.DataFrame]:
    returns = result.net_returns
    labels = regime_labels(pd.DatetimeIndex(returns.index), market, vix, warm_up=round(result.sessions_per_year))
    annual = partial(regime_table, returns, sessions_per_year=result.sessions_per_year)
    return {family: annual(regimes) for family, regimes in labels.items()}


def regime_labels(
    sessions: pd.DatetimeIndex, market: pd.Series, vix: pd.Series | None = None, *, warm_up: int
) -> dict[str, pd.Series]:
    """Labels of sessions by family of regimes.

    Parameters
    ----------
    sessions : DatetimeIndex
        Those that named periods are told of.
    market : Series of float
        Simple market return of each session, the whole history.
    vix : Series of float, optional
        Level at each close, the whole history.
    warm_up : int
        Sessions of past that a tercile needs.
    """
    labels = {
        "Named periods": named_periods(sessions),
        "Trailing volatility": volatility_labels(market, warm_up=warm_up),
        "Trend": trend_labels(market),
    }
    return labels | ({} if vix is None else {"VIX": vix_labels(vix, warm_up=warm_up)})
