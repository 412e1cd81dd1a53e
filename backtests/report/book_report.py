"""Book report: the numbers of one book that several sections print, with their 95 % bounds, measured once a page."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from backtests.breakdown.book_study import BookStudy
from backtests.breakdown.trading_summary import TradingSummary, trading_summary
from backtests.engine.backtest_result import BacktestResult
from backtests.evaluation import Evaluation
from backtests.statistics.bootstrap_intervals import beta_interval, sharpe_interval
from backtests.statistics.inference import resampled_drawdowns
from backtests.statistics.metrics import PerformanceSummary, performance_summary
from backtests.statistics.regimes import named_periods, regime_table, trend_labels, vix_labels, volatility_labels
from core.intervals import Interval
from portfolio.book import Book

__all__ = ["BookReport", "book_report"]


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


def book_report(evaluation: Evaluation, name: str, *, rule: str = "") -> BookReport:
    """Summarise one book of an evaluation: net and gross, against the market, and by market regime.

    Parameters
    ----------
    evaluation : Evaluation
        Its market and VIX reach back before the test span, as the regime labels need.
    name : str
        A key of ``evaluation.books``.
    rule : str
        How the book is built, in one sentence.
    """
    result, market = evaluation.results[name], evaluation.market
    return BookReport(
        book=evaluation.books[name],
        result=result,
        net=performance_summary(result.net_returns, market=market),
        gross=performance_summary(result.gross_returns, market=market),
        sharpe_range=sharpe_interval(result.net_returns),
        beta_range=beta_interval(result.net_returns, market),
        resampled_drawdowns=resampled_drawdowns(result.net_returns, rng=np.random.default_rng(0)),
        trading=trading_summary(result),
        regimes=_regimes(result.net_returns, market, evaluation.inputs.vix),
        rule=rule,
        study=evaluation.studies.get(name),
    )


def _regimes(returns: pd.Series, market: pd.Series, vix: pd.Series | None) -> dict[str, pd.DataFrame]:
    labels = {
        "Named periods": named_periods(pd.DatetimeIndex(returns.index)),
        "Trailing volatility": volatility_labels(market),
        "Trend": trend_labels(market),
    } | ({} if vix is None else {"VIX": vix_labels(vix)})
    return {family: regime_table(returns, regimes) for family, regimes in labels.items()}
