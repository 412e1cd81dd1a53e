"""Outcome: what scores come to, whoever made them: their IC, the books they give and what the books earn."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from backtests.benchmarks import equal_weight_market
from backtests.engine import run_backtest
from backtests.metrics import PerformanceSummary, performance_summary
from backtests.result import BacktestResult
from market.returns import forward_returns
from portfolio.book import Book, build_book
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
from strategy.inputs import Inputs
from strategy.spec import StrategySpec, load_spec, shipped_strategies

__all__ = ["MODEL", "Outcome", "SignalOutcome", "judge"]

MODEL = "model"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SignalOutcome:
    """What scores know about the returns after them, over the scored sessions.

    Parameters
    ----------
    ic : mapping of str to Series
        Rank IC of each session, the judged scores first, then the baselines.
    decay, quantiles
        Of the judged scores.
    recovery : mapping of str to ScoreCorrelation
        Correlation with the oracle, where there is one.
    """

    ic: Mapping[str, pd.Series]
    decay: ICDecay
    quantiles: QuantileReturns
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
    """

    spec: StrategySpec
    inputs: Inputs
    scores: pd.DataFrame
    signal: SignalOutcome
    books: Mapping[str, Book]
    results: Mapping[str, BacktestResult]
    market: pd.Series

    @property
    def result(self) -> BacktestResult:
        """The backtest of the strategy's own book."""
        return self.results[self.spec.name]

    def performance(self, name: str) -> PerformanceSummary:
        """Return the net performance of a book."""
        return performance_summary(self.results[name].net_returns, market=self.market)


def judge(
    spec: StrategySpec, inputs: Inputs, *, scores: pd.DataFrame, baselines: Mapping[str, pd.DataFrame]
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
        Other scores of the same sessions to compare the IC with.
    """
    panel = inputs.panel
    signal = _signal(spec, inputs, scores=scores, baselines=baselines)
    settings = {spec.name: spec.portfolio} | _companions(spec)
    books = {name: build_book(scores, panel, book, costs=spec.costs) for name, book in settings.items()}
    results = {
        name: run_backtest(panel, book.weights, execution=spec.execution, costs=spec.costs)
        for name, book in books.items()
    }
    return Outcome(
        spec=spec,
        inputs=inputs,
        scores=scores,
        signal=signal,
        books=books,
        results=results,
        market=equal_weight_market(panel),
    )


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
        recovery={}
        if oracle is None
        else {name: score_correlation(theirs, oracle.loc[scores.index]) for name, theirs in everyone.items()},
    )


def _companions(spec: StrategySpec) -> dict[str, BookSettings]:
    """Return the shipped books of another builder than the strategy's, to stand beside it on the same scores."""
    shipped = {name: load_spec(name).portfolio for name in shipped_strategies() if name != spec.name}
    return {name: book for name, book in shipped.items() if book.builder != spec.portfolio.builder}
