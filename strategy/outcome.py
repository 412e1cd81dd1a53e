"""Outcome: what scores come to, whoever made them: their IC, the books they give and what the books earn."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import pandas as pd

from backtests.benchmarks import equal_weight_market
from backtests.contest import Wall
from backtests.engine import run_backtest
from backtests.metrics import PerformanceSummary, performance_summary
from backtests.result import BacktestResult
from backtests.sensitivity import WhatIfs
from backtests.studies import BookStudy, ModelStudy, SignalStudy, book_study, signal_study
from market.counting import counted
from market.returns import forward_returns
from portfolio.book import Book
from portfolio.settings import BookSettings
from signals.evaluation import (
    ICDecay,
    ICSummary,
    QuantileReturns,
    ScoreCorrelation,
    ic_decay,
    information_coefficient,
    quantile_returns,
    score_correlation,
    summarize_ic,
)
from strategy.books import decide_book, with_book
from strategy.console import ProgressCallback, silent
from strategy.inputs import Inputs
from strategy.optimized import with_clusters
from strategy.shorts import short_filter_table, unfiltered_returns
from strategy.spec import StrategySpec, load_spec, shipped_strategies
from strategy.wall import N_RANDOM, N_RANDOM_OPTIMIZED, baseline_wall, price_baselines
from strategy.what_ifs import ask_what_if

__all__ = ["MODEL", "Outcome", "SignalOutcome", "judge"]

MODEL = "model"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SignalOutcome:
    """What scores know about the returns after them, over the scored sessions.

    Parameters
    ----------
    ic : mapping of str to Series
        Rank IC of each session, the judged scores first, then the given baselines, then those from prices.
    decay, quantiles
        Of the judged scores.
    study : SignalStudy
        The judged scores from several sides.
    recovery : mapping of str to ScoreCorrelation
        Correlation with the oracle, where there is one.
    """

    ic: Mapping[str, pd.Series]
    decay: ICDecay
    quantiles: QuantileReturns
    study: SignalStudy
    recovery: Mapping[str, ScoreCorrelation] = field(default_factory=dict)

    def summary(self, name: str) -> ICSummary:
        """Return the IC summary of the judged scores or a baseline."""
        return summarize_ic(self.ic[name])

    def difference(self, baseline: str) -> ICSummary:
        """Return the summary of the judged scores' IC minus a baseline's, paired by session."""
        return summarize_ic(next(iter(self.ic.values())) - self.ic[baseline])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """Scores, books and backtests of one test span.

    Parameters
    ----------
    spec : StrategySpec
        The strategy; its book comes first in ``books``.
    inputs : Inputs
        Bars, oracle and benchmark.
    scores : DataFrame of float
        Expected returns of the tested sessions, known at each close.
    signal : SignalOutcome
        What the scores know.
    books : mapping of str to Book
        Decided weights by name of strategy.
    results : mapping of str to BacktestResult
        Backtests of the same names.
    market : Series of float
        Equal-weighted return of the universe, every session of the bars.
    wall : Wall
        The strategy's book beside those of simple ideas and of random ranks.
    studies : mapping of str to BookStudy
        Where each book's return came from.
    shorts : DataFrame or None
        ``short_filter_table`` of the filter-negative book; None where there is none.
    unfiltered : DataFrame or None
        ``unfiltered_returns`` of the same book.
    model : ModelStudy or None
        What the network reads; None for scores without a model.
    what_ifs : WhatIfs or None
        The strategy's own book under other costs, clocks, sizes, smoothings and stresses.
    """

    spec: StrategySpec
    inputs: Inputs
    scores: pd.DataFrame
    signal: SignalOutcome
    books: Mapping[str, Book]
    results: Mapping[str, BacktestResult]
    market: pd.Series
    wall: Wall
    studies: Mapping[str, BookStudy]
    shorts: pd.DataFrame | None = None
    unfiltered: pd.DataFrame | None = None
    model: ModelStudy | None = None
    what_ifs: WhatIfs | None = None

    @property
    def result(self) -> BacktestResult:
        """The backtest of the strategy's own book."""
        return self.results[self.spec.name]

    def performance(self, name: str) -> PerformanceSummary:
        """Return the net performance of a book."""
        return performance_summary(self.results[name].net_returns, market=self.market)


def judge(
    spec: StrategySpec,
    inputs: Inputs,
    *,
    scores: pd.DataFrame,
    baselines: Mapping[str, pd.DataFrame],
    model: ModelStudy | None = None,
    progress: ProgressCallback = silent,
) -> Outcome:
    """Measure scores, build the strategy's book and its companion on them, and backtest both.

    Parameters
    ----------
    spec : StrategySpec
        Portfolio, execution and costs decide.
    inputs : Inputs
        Bars and what stands beside them.
    scores : DataFrame of float, shape (n_tested_sessions, n_tickers)
        Expected returns, known at each close, out of sample.
    baselines : mapping of str to DataFrame
        Other scores of the same sessions to compare with; those from prices alone are added.
    model : ModelStudy, optional
        What the network behind the scores reads.
    progress : callable
        Called as the books on random ranks are built.
    """
    panel = inputs.panel
    others = {**baselines, **price_baselines(panel, scores)}
    settings = {spec.name: spec.portfolio} | _companions(spec)
    filtered = next((book for book in settings.values() if book.builder == "filter_negative"), None)
    books = {
        name: decide_book(with_book(spec, book), panel, scores, sectors=inputs.sectors)
        for name, book in settings.items()
    }
    results = {
        name: run_backtest(panel, book.weights, execution=spec.execution, costs=spec.costs)
        for name, book in books.items()
    }
    market = equal_weight_market(panel)
    n_random = N_RANDOM_OPTIMIZED if spec.portfolio.is_optimized else N_RANDOM
    net, seeds = results[spec.name].net_returns, counted(range(n_random), partial(progress, "random books"))
    return Outcome(
        spec=spec,
        inputs=inputs,
        scores=scores,
        signal=_signal(spec, inputs, scores=scores, baselines=others),
        books=books,
        results=results,
        market=market,
        wall=baseline_wall(spec, inputs, scores=scores, baselines=others, net_returns=net, seeds=seeds),
        studies={
            name: with_clusters(
                book_study(
                    results[name],
                    panel,
                    target=book.stages["target"],
                    market=market,
                    sectors=inputs.sectors,
                    factors=inputs.factors,
                ),
                settings[name],
                result=results[name],
                panel=panel,
            )
            for name, book in books.items()
        },
        shorts=None if filtered is None else _shorts(spec, inputs, filtered, scores=scores, model=model),
        unfiltered=None if filtered is None else unfiltered_returns(spec, inputs, filtered, scores=scores),
        model=model,
        what_ifs=ask_what_if(
            spec,
            inputs,
            scores=scores,
            book=(books[spec.name].weights, results[spec.name]),
            count=partial(progress, "stress rows"),
        ),
    )


def _shorts(
    spec: StrategySpec, inputs: Inputs, book: BookSettings, *, scores: pd.DataFrame, model: ModelStudy | None
) -> pd.DataFrame:
    error = None if model is None else model.level_error
    return short_filter_table(spec, inputs, book, scores=scores, level_error=error)


def _signal(
    spec: StrategySpec, inputs: Inputs, *, scores: pd.DataFrame, baselines: Mapping[str, pd.DataFrame]
) -> SignalOutcome:
    forward = forward_returns(inputs.panel, spec.execution).loc[scores.index]
    everyone = {MODEL: scores, **baselines}
    oracle = inputs.oracle
    return SignalOutcome(
        ic={name: information_coefficient(theirs, forward) for name, theirs in everyone.items()},
        decay=ic_decay(scores, inputs.panel, spec.execution),
        quantiles=quantile_returns(scores, forward, predicted=scores),
        study=signal_study(scores, forward, inputs.panel, sectors=inputs.sectors),
        recovery={}
        if oracle is None
        else {name: score_correlation(theirs, oracle.loc[scores.index]) for name, theirs in everyone.items()},
    )


def _companions(spec: StrategySpec) -> dict[str, BookSettings]:
    """Return the shipped books of another builder than the strategy's, to stand beside it on the same scores."""
    shipped = {name: load_spec(name).portfolio for name in shipped_strategies() if name != spec.name}
    return {name: book for name, book in shipped.items() if book.builder != spec.portfolio.builder}
