"""What a report is drawn from: frozen values that bundle frames and numbers somebody else has measured.

The report renders and computes no metric: ``book_report`` asks ``backtests.statistics.metrics``. Row *t* of every frame
is known at the close of *t*; NaN is not available and prints "n/a".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from backtests.breakdown.book_study import BookStudy
from backtests.breakdown.signal_study import ModelStudy, SignalStudy
from backtests.breakdown.trading_summary import TradingSummary, trading_summary
from backtests.comparison.baseline_comparison import Wall
from backtests.engine.backtest_result import BacktestResult
from backtests.reference_gates import Gate
from backtests.report.signal_input import SignalReport
from backtests.sensitivity import WhatIfs
from backtests.statistics.bootstrap_intervals import beta_interval, sharpe_interval
from backtests.statistics.inference import resampled_drawdowns
from backtests.statistics.metrics import PerformanceSummary, performance_summary
from backtests.statistics.regimes import named_periods, regime_table, trend_labels, vix_labels, volatility_labels
from backtests.walk_study import WalkStudy
from core.intervals import Interval
from market import Execution, PanelFacts

__all__ = [
    "BookReport",
    "Fingerprints",
    "ProofReport",
    "ReportInput",
    "Span",
    "Spans",
    "Stamp",
    "TrainingReport",
    "book_report",
]

Severity = Literal["alarm", "caution", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofReport:
    """A proof of the pipeline behind a report.

    Parameters
    ----------
    verdict : {"PASS", "FAIL"}
        Of all checks together.
    checks : tuple of (str, str, str)
        Name, status (PASS, FAIL, WARN or NOT RUN) and, of a failure, the first offence, else what was compared.
    offence : str
        The first offence of all, empty for none.
    is_deep : bool
        Whether the slow checks ran too.
    seconds : float
        Wall clock of the proof.
    """

    verdict: Literal["PASS", "FAIL"]
    checks: tuple[tuple[str, str, str], ...]
    offence: str = ""
    is_deep: bool = False
    seconds: float = 0.0

    def tally(self, status: str) -> int:
        """Return how many checks have a status."""
        return sum(found == status for _, found, _ in self.checks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """A word on the front page that a reader must not miss, and what it means.

    Parameters
    ----------
    label : str
        One or two words in capitals, e.g. ``"SURVIVOR-BIASED"``.
    severity : {"alarm", "caution", "note"}
        ``"alarm"`` where the numbers are no evidence at all, ``"caution"`` where they flatter, ``"note"`` else.
    sentence : str
        What it means for the reader, in one sentence.
    """

    label: str
    severity: Severity
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprints:
    """Identities that make the numbers repeatable; the empty string where there is none.

    Parameters
    ----------
    spec, panel, code : str
        sha256 of the strategy, of the bars and of the source, in hexadecimal.
    commit : str
        Revision of the source.
    """

    spec: str
    panel: str
    code: str = ""
    commit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """First and last session of a span, both included, and how many sessions it holds."""

    first: pd.Timestamp
    last: pd.Timestamp
    sessions: int

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"span must not end before it starts, was {self.first:%Y-%m-%d} to {self.last:%Y-%m-%d}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    """What was fitted, what was chosen and what was judged; every result of the report lies in ``test``."""

    test: Span
    train: Span | None = None
    validation: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BookReport:
    """One book over the test span; ``book_report`` fills it from ``backtests.statistics.metrics``.

    Parameters
    ----------
    result : BacktestResult
        What the book earned, held and traded.
    net, gross : PerformanceSummary
        Of its returns after and before costs.
    sharpe_range, beta_range : Interval
        Net Sharpe ratio and beta with their 95 % bounds.
    resampled_drawdowns : ndarray of float
        Maximum drawdowns of resampled paths of the net returns: a distribution, not an interval.
    trading : TradingSummary
        Turnover, cost, exposures and parity.
    diagnostics : DataFrame, one row a decision
        ``portfolio.Book.diagnostics``: ``n_scored``, ``n_long``, ``n_short``, ``thin_leg``, ``empty_leg``.
    regimes : mapping of str to DataFrame
        ``backtests.statistics.regimes.regime_table`` of the net returns, per family of labels.
    rule : str
        How the book is built, in one sentence.
    study : BookStudy or None
        Where its return came from and what it held.
    events : DataFrame or None
        ``portfolio.Book.events``, the log of the kill switches; None without one.
    """

    result: BacktestResult
    net: PerformanceSummary
    gross: PerformanceSummary
    sharpe_range: Interval
    beta_range: Interval
    resampled_drawdowns: np.ndarray
    trading: TradingSummary
    diagnostics: pd.DataFrame
    regimes: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    rule: str = ""
    study: BookStudy | None = None
    events: pd.DataFrame | None = None


def book_report(
    result: BacktestResult,
    diagnostics: pd.DataFrame,
    *,
    market: pd.Series,
    risk_free: pd.Series | float = 0.0,
    rule: str = "",
    vix: pd.Series | None = None,
) -> BookReport:
    """Summarise a backtest for the report: net and gross, against the market, and by regime of the market.

    Parameters
    ----------
    result : BacktestResult
        Of the test span.
    diagnostics : DataFrame
        ``portfolio.Book.diagnostics``, on these sessions or more.
    market : Series of float
        Simple market return of each session, for alpha, beta, R² and regime labels, which need what came before the
        backtest: give the whole history.
    risk_free : Series or float
        Simple risk-free return of each session.
    rule : str
        How the book is built, in one sentence.
    vix : Series of float, optional
        Level at each close, for its regimes; the whole history.
    """
    excess = result.net_returns - risk_free
    return BookReport(
        result=result,
        net=performance_summary(result.net_returns, market=market, risk_free=risk_free),
        gross=performance_summary(result.gross_returns, market=market, risk_free=risk_free),
        sharpe_range=sharpe_interval(excess),
        beta_range=beta_interval(excess, market - risk_free),
        resampled_drawdowns=resampled_drawdowns(result.net_returns, rng=np.random.default_rng(0)),
        trading=trading_summary(result),
        diagnostics=diagnostics[diagnostics["n_scored"] > 0],
        regimes=_regimes(result.net_returns, market, vix),
        rule=rule,
    )


def _regimes(returns: pd.Series, market: pd.Series, vix: pd.Series | None) -> dict[str, pd.DataFrame]:
    labels = {
        "Named periods": named_periods(pd.DatetimeIndex(returns.index)),
        "Trailing volatility": volatility_labels(market),
        "Trend": trend_labels(market),
    } | ({} if vix is None else {"VIX": vix_labels(vix)})
    return {family: regime_table(returns, regimes) for family, regimes in labels.items()}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingReport:
    """How the model was fitted.

    Parameters
    ----------
    history : DataFrame, shape (n_epochs, any)
        Index the epoch, from 1; ``train_loss``, ``validation_loss``, ``validation_rank_ic``, ``learning_rate``.
    best_epoch : int
        The epoch kept.
    facts : tuple of (str, str)
        Further lines of the table: seed, parameters, device, seconds.
    """

    history: pd.DataFrame
    best_epoch: int
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReportInput:
    """Everything on the page.

    Parameters
    ----------
    title, strategy : str
        Headline (SYNTHETIC is put before it where the bars are) and the name of the strategy.
    verdict : str
        One plain sentence that a sceptical reader can act on.
    books : mapping of str to BookReport
        By name, the main book first.
    signal : SignalReport
        The scores under the books.
    market_returns : Series of float
        Equal-weighted return of the universe per session, simple, the market of every comparison.
    benchmark_returns : Series of float or None
        A given benchmark.
    facts : PanelFacts
        Source and basis of the bars.
    survivorship : Stamp
        What is known about the dead names, with the evidence as its sentence.
    execution : Execution
        Clock and price of the fills; one that nobody can trade puts OPTIMISTIC on the page.
    costs : str
        The costs in words, e.g. ``"5 bps one way on traded notional"``.
    spans : Spans
        Train, validation and test.
    fingerprints : Fingerprints
        Identities of spec, bars and source.
    spec : tuple of (str, str, str)
        Section, key and value of every setting.
    command : str
        The command that makes this report again.
    n_trials : int or None
        Trials counted before this one was shown; None is told as unknown.
    n_tickers : int
        Names in the bars.
    training : TrainingReport or None
        None for scores that came without a model.
    stamps : tuple of Stamp
        Further stamps; SYNTHETIC, OPTIMISTIC and ``survivorship`` are put up by the report itself.
    notes : tuple of str
        Warnings of the run.
    wall : Wall or None
        The main book beside its rivals.
    signal_study, model_study : SignalStudy, ModelStudy or None
        The scores from several sides, and what their model reads.
    shorts : DataFrame or None
        The filter-negative book under other levels and its other filter.
    unfiltered : DataFrame or None
        Net returns of that book and of the same without its filter, a column each.
    gates : tuple of Gate
        The reference's thresholds.
    proof : ProofReport or None
        What the look-ahead checks found; None is told as UNPROVEN.
    what_ifs : WhatIfs or None
        The main book under other costs, clocks, sizes, smoothings and stresses.
    walk : WalkStudy or None
        Folds and seeds of a walk-forward; None for a result that was trained once.

    Raises
    ------
    ValueError
        If there is no book.
    """

    title: str
    strategy: str
    verdict: str
    books: Mapping[str, BookReport]
    signal: SignalReport
    market_returns: pd.Series
    benchmark_returns: pd.Series | None = None
    facts: PanelFacts
    survivorship: Stamp
    execution: Execution
    costs: str
    spans: Spans
    fingerprints: Fingerprints
    spec: tuple[tuple[str, str, str], ...]
    command: str
    n_trials: int | None = None
    n_tickers: int
    training: TrainingReport | None = None
    stamps: tuple[Stamp, ...] = ()
    notes: tuple[str, ...] = ()
    wall: Wall | None = None
    signal_study: SignalStudy | None = None
    model_study: ModelStudy | None = None
    shorts: pd.DataFrame | None = None
    unfiltered: pd.DataFrame | None = None
    gates: tuple[Gate, ...] = ()
    proof: ProofReport | None = None
    walk: WalkStudy | None = None
    what_ifs: WhatIfs | None = None

    def __post_init__(self) -> None:
        if not self.books:
            raise ValueError("books must hold at least one book: run a backtest before drawing a report")
