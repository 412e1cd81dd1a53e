"""Evaluation: scores of any origin to their IC, the books built on them, and the backtests of those books."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import pandas as pd

from backtests.book_checks import check_book, check_due
from backtests.breadth import Breadth, breadth_of
from backtests.breakdown.book_study import BookStudy, book_study, judged_study
from backtests.breakdown.ensemble_study import EnsembleStudy
from backtests.breakdown.held_clusters import held_clusters
from backtests.breakdown.range_study import RangeStudy
from backtests.breakdown.signal_study import ModelStudy, SignalStudy, signal_study
from backtests.comparison.baseline_books import (
    N_RANDOM,
    N_RANDOM_OPTIMIZED,
    compare_with_baselines,
    price_baselines,
)
from backtests.comparison.baseline_comparison import BaselineComparison
from backtests.engine.backtest import run_backtest
from backtests.engine.backtest_result import BacktestResult
from backtests.engine.overlay_loop import decide_book
from backtests.judged_span import JudgedSpan, judged_part, judged_scores, judged_span, until_judged
from backtests.sensitivity.stress import run_what_ifs
from backtests.sensitivity.what_ifs import WhatIfs
from backtests.short_filter import short_filter_table, unfiltered_returns
from backtests.statistics.metrics import PerformanceSummary, performance_summary
from core.errors import DataError, UnsupportedBookError
from core.progress import ProgressCallback, counted, silent
from market.equal_weight import equal_weight_market
from market.inputs import Inputs
from market.returns import forward_returns
from portfolio.book import Book
from portfolio.rules import TradingRules
from signals.decision_interval import DecisionPace, decision_pace
from signals.ic_decay import ICDecay, ic_decay
from signals.score_metrics import (
    ICSummary,
    QuantileReturns,
    ScoreCorrelation,
    information_coefficient,
    quantile_returns,
    score_correlation,
    summarize_ic,
)

__all__ = ["MODEL", "Evaluation", "SignalEvaluation", "evaluate_scores", "given_breadth", "pace_of"]

MODEL = "model"
DECAY_HORIZONS = (1, 2, 5, 20)  # sessions, and the label's horizon


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SignalEvaluation:
    """Predictive power of scores over the scored sessions.

    Parameters
    ----------
    ic : mapping of str to Series
        Rank IC of each session, the evaluated scores first, then the given baselines, then those from prices.
    decay, quantiles
        Of the evaluated scores.
    study : SignalStudy or None
        The evaluated scores beyond their IC.
    recovery : mapping of str to ScoreCorrelation
        Correlation with the oracle, where there is one.
    horizon : int
        Sessions that every forward return spans.
    pace : DecisionPace
        How often the scores decide; errors count as many lags as forward returns of decisions overlap.
    until_next : Series or None
        Rank IC of each decision of the evaluated scores with the return over the usual interval to the next one; None
        where decisions come every session.
    """

    ic: Mapping[str, pd.Series]
    decay: ICDecay
    quantiles: QuantileReturns
    study: SignalStudy | None = None
    recovery: Mapping[str, ScoreCorrelation] = field(default_factory=dict)
    horizon: int = 1
    pace: DecisionPace = field(default_factory=DecisionPace)
    until_next: pd.Series | None = None

    @property
    def overlap(self) -> int:
        """Decisions that one forward return spans."""
        return self.pace.overlap(self.horizon)

    def summary(self, name: str) -> ICSummary:
        """IC summary of the evaluated scores or of a baseline."""
        return self._summary(self.ic[name])

    def summary_until_next(self) -> ICSummary | None:
        """Summary of the evaluated scores' IC with the return until the next score; None for daily scores."""
        if self.until_next is None:
            return None
        return summarize_ic(self.until_next, decisions_per_year=self.pace.per_year)

    def difference(self, baseline: str) -> ICSummary:
        """Summary of the evaluated scores' IC less a baseline's, paired by session."""
        return self._summary(next(iter(self.ic.values())) - self.ic[baseline])

    def _summary(self, ic: pd.Series) -> ICSummary:
        return summarize_ic(ic, horizon=self.overlap, decisions_per_year=self.pace.per_year)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evaluation:
    """Scores, books and backtests of one test span.

    Parameters
    ----------
    rules : TradingRules
        The strategy; its book comes first in ``books``.
    inputs : Inputs
        Bars, oracle and benchmark.
    scores : DataFrame of float
        Expected returns of the tested sessions, known at each close.
    signal : SignalEvaluation
        Predictive power of the scores.
    books : mapping of str to Book
        Decided weights by name of strategy.
    results : mapping of str to BacktestResult
        Backtests of the same names, in the judged sessions.
    market : Series of float
        Equal-weighted return of the universe, every session of the bars until the span ends.
    baseline_comparison : BaselineComparison or None
        The strategy's book beside those of simple baselines and of random ranks.
    studies : mapping of str to BookStudy
        Attribution and exposures of each book.
    shorts : DataFrame or None
        ``short_filter_table`` of the filter-negative book; None where there is none.
    unfiltered : DataFrame or None
        ``unfiltered_returns`` of the same book.
    model : ModelStudy or None
        Feature importance of the model; None for scores without one.
    what_ifs : WhatIfs or None
        The strategy's own book under other costs, clocks, sizes, smoothings and stresses.
    breadth : Breadth or None
        Names scored against names eligible, and the largest position of the strategy's own book.
    span : JudgedSpan or None
        Sessions that every figure is taken over; ``results`` hold no other.
    refused : mapping of str to str
        Companion books that could not be held, and why.
    ensemble : EnsembleStudy or None
        The members of a combined model beside it; None for a single one.
    ranges : RangeStudy or None
        Whether the ranges of the expected returns held; None where there are none.
    """

    rules: TradingRules
    inputs: Inputs
    scores: pd.DataFrame
    signal: SignalEvaluation
    books: Mapping[str, Book]
    results: Mapping[str, BacktestResult]
    market: pd.Series
    baseline_comparison: BaselineComparison | None = None
    studies: Mapping[str, BookStudy] = field(default_factory=dict)
    shorts: pd.DataFrame | None = None
    unfiltered: pd.DataFrame | None = None
    model: ModelStudy | None = None
    what_ifs: WhatIfs | None = None
    breadth: Breadth | None = None
    span: JudgedSpan | None = None
    refused: Mapping[str, str] = field(default_factory=dict)
    ensemble: EnsembleStudy | None = None
    ranges: RangeStudy | None = None

    @property
    def result(self) -> BacktestResult:
        """The backtest of the strategy's own book."""
        return self.results[self.rules.name]

    def performance(self, name: str) -> PerformanceSummary:
        """Net performance of a book."""
        result = self.results[name]
        return performance_summary(result.net_returns, market=self.market, sessions_per_year=result.sessions_per_year)


def evaluate_scores(
    rules: TradingRules,
    inputs: Inputs,
    *,
    scores: pd.DataFrame,
    baselines: Mapping[str, pd.DataFrame],
    model: ModelStudy | None = None,
    progress: ProgressCallback = silent,
) -> Evaluation:
    """Measure scores, build the strategy's book and its companions on them, and backtest them all.

    Parameters
    ----------
    rules : TradingRules
        Book, companions, overlays, clock, costs, and the horizon that scores are measured over.
    inputs : Inputs
        Bars with their oracle, sectors, benchmark and factors.
    scores : DataFrame of float, shape (n_tested_sessions, n_tickers)
        Expected returns, known at each close, out of sample; NaN where there is none.
    baselines : mapping of str to DataFrame
        Other scores of the same sessions to compare with; the price baselines are added.
    model : ModelStudy, optional
        Feature importance of the model behind the scores.
    progress : callable
        Called as the books on random ranks are built and as the stress matrix fills.
    """
    check_book(rules.portfolio, inputs)
    span = judged_span(scores, inputs.panel, rules)
    seen, scores = until_judged(inputs, span), judged_scores(scores, span)
    others = {name: baseline.reindex(scores.index) for name, baseline in baselines.items()}
    others |= price_baselines(seen.panel, scores)
    books, whole, refused = _held_books(rules, seen, scores)
    results = {name: judged_part(result, span) for name, result in whole.items()}
    market, own = equal_weight_market(seen.panel), results[rules.name]
    n_random = N_RANDOM_OPTIMIZED if rules.portfolio.is_optimized else N_RANDOM
    seeds = counted(range(n_random), partial(progress, "random books"))
    shorts, unfiltered = _short_filter(rules, seen, scores=scores, model=model)
    return Evaluation(
        rules=rules,
        inputs=inputs,
        scores=scores,
        signal=_signal(rules, seen, scores=scores, baselines=others, span=span),
        books=books,
        results=results,
        market=market,
        baseline_comparison=compare_with_baselines(
            rules, seen, scores=scores, baselines=others, net_returns=own.net_returns, seeds=seeds
        ),
        studies=_studies(rules, seen, books, whole, span=span),
        shorts=shorts,
        unfiltered=unfiltered,
        model=model,
        what_ifs=run_what_ifs(
            rules,
            seen,
            scores=scores,
            book=(books[rules.name].weights, own),
            count=partial(progress, "stress rows"),
        ),
        breadth=breadth_of(scores, seen.panel, span, held_weights=own.held_weights),
        span=span.with_returns(whole[rules.name].net_returns),
        refused=refused,
    )


def given_breadth(evaluation: Evaluation) -> Breadth | None:
    """Breadth of scores that came without a model: of the names that have a score in some session."""
    if evaluation.span is None:
        return None
    held = evaluation.result.held_weights
    return breadth_of(evaluation.scores, evaluation.inputs.panel, evaluation.span, held_weights=held, given=True)


def _held_books(
    rules: TradingRules, inputs: Inputs, scores: pd.DataFrame
) -> tuple[dict[str, Book], dict[str, BacktestResult], dict[str, str]]:
    """Books and backtests over all sessions by name, the strategy's own first, and why a companion has none."""
    books: dict[str, Book] = {}
    results: dict[str, BacktestResult] = {}
    refused: dict[str, str] = {}
    for name, settings in rules.books.items():
        try:
            check_book(settings, inputs)
            book = decide_book(rules.with_book(settings), inputs.panel, scores, sectors=inputs.sectors)
            check_due(inputs.panel, book.weights, rules.execution)
            results[name] = run_backtest(inputs.panel, book.weights, execution=rules.execution, costs=rules.costs)
            books[name] = book
        except (DataError, UnsupportedBookError) as error:
            if name == rules.name:
                raise
            refused[name] = str(error)
    return books, results, refused


def _studies(
    rules: TradingRules,
    inputs: Inputs,
    books: Mapping[str, Book],
    whole: Mapping[str, BacktestResult],
    *,
    span: JudgedSpan,
) -> dict[str, BookStudy]:
    """Study each book; an optimised one gets the clusters of its last holdings too."""
    market = equal_weight_market(inputs.panel)
    studies = {}
    for name, book in books.items():
        target = book.stages.get("sleeves", book.stages["target"])
        study = book_study(
            whole[name], inputs.panel, target=target, market=market, sectors=inputs.sectors, factors=inputs.factors
        )
        settings, judged = rules.books[name], judged_part(whole[name], span)
        if judged is not whole[name]:
            study = judged_study(study, whole[name], judged, inputs, market=market)
        if settings.is_optimized:
            clusters = held_clusters(judged.held_weights, inputs.panel, settings.optimizer.window)
            study = replace(study, clusters=clusters)
        studies[name] = study
    return studies


def _short_filter(
    rules: TradingRules, inputs: Inputs, *, scores: pd.DataFrame, model: ModelStudy | None
) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    """Table and returns with and without the filter, of the first filter-negative book; None without such a book."""
    book = next((book for book in rules.books.values() if book.builder == "filter_negative"), None)
    if book is None:
        return None, None
    level_error = None if model is None else model.level_error
    table = short_filter_table(rules, inputs, book, scores=scores, level_error=level_error)
    return table, unfiltered_returns(rules, inputs, book, scores=scores)


def _signal(
    rules: TradingRules,
    inputs: Inputs,
    *,
    scores: pd.DataFrame,
    baselines: Mapping[str, pd.DataFrame],
    span: JudgedSpan,
) -> SignalEvaluation:
    horizon, (pace, until_next) = rules.horizon, pace_of(rules, inputs, scores, span)
    overlap = pace.overlap(horizon)
    forward = forward_returns(inputs.panel, rules.execution, horizon=horizon).loc[scores.index]
    compared, recovery = {MODEL: scores, **baselines}, {}
    if inputs.oracle is not None:
        oracle = inputs.oracle.loc[scores.index]
        recovery = {name: score_correlation(theirs, oracle) for name, theirs in compared.items()}
    return SignalEvaluation(
        ic={name: information_coefficient(theirs, forward) for name, theirs in compared.items()},
        decay=ic_decay(
            scores, inputs.panel, rules.execution, horizons=sorted({*DECAY_HORIZONS, horizon, pace.interval}), pace=pace
        ),
        quantiles=quantile_returns(scores, forward, predicted=scores, horizon=overlap),
        study=signal_study(scores, forward, inputs.panel, sectors=inputs.sectors, horizon=overlap),
        recovery=recovery,
        horizon=horizon,
        pace=pace,
        until_next=until_next,
    )


def pace_of(
    rules: TradingRules, inputs: Inputs, scores: pd.DataFrame, span: JudgedSpan
) -> tuple[DecisionPace, pd.Series | None]:
    """How often scores decide, and the rank IC over the usual interval to the next where that is not every session."""
    rows = inputs.panel.sessions.get_indexer(span.decisions)
    pace = decision_pace(rows, inputs.panel.facts.sessions_per_year)
    if pace.is_daily:
        return pace, None
    forward = forward_returns(inputs.panel, rules.execution, horizon=pace.interval).loc[scores.index]
    return pace, information_coefficient(scores, forward)
