"""Baseline books: simple scores and luck through the strategy's own rules, clock and costs, and the comparison.

A baseline ranks names and predicts no level, so a rule such as "short below zero" would mean something else for each.
Every baseline is therefore given the evaluated scores of the session, reordered by the baseline: the books
differ in the names they hold and in nothing else.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from backtests.comparison.baseline_comparison import BaselineComparison, compare_returns
from backtests.comparison.luck import draw_luck
from backtests.engine.due_weights import comes_due
from backtests.engine.many_books import net_returns_of
from backtests.engine.overlay_loop import decide_weights, traded_part
from core.errors import DataError, UnsupportedBookError
from market.delistings import listed
from market.inputs import Inputs
from market.panel import Panel, aligned_frame
from portfolio.rules import TradingRules
from signals.price_baselines import PRICE_BASELINES

__all__ = [
    "EQUAL_WEIGHT",
    "N_RANDOM",
    "N_RANDOM_OPTIMIZED",
    "compare_with_baselines",
    "dealt_in_order",
    "price_baselines",
]

EQUAL_WEIGHT = "equal-weight universe"
BENCHMARK = "benchmark"
N_RANDOM = 200
N_RANDOM_OPTIMIZED = 20  # books that a solver has to find one by one


def compare_with_baselines(
    rules: TradingRules,
    inputs: Inputs,
    *,
    scores: pd.DataFrame,
    baselines: Mapping[str, pd.DataFrame],
    net_returns: pd.Series,
    seeds: Iterable[int] = range(N_RANDOM),
) -> BaselineComparison:
    """Compare the strategy's book with those of other scores, of luck, of the universe and of the benchmark.

    Parameters
    ----------
    rules : TradingRules
        Book, clock and costs of every book.
    inputs : Inputs
        Bars, and the benchmark where there is one; a benchmark bears no costs.
    scores : DataFrame of float, shape (n_tested_sessions, n_tickers)
        The evaluated scores.
    baselines : mapping of str to DataFrame
        Other scores of the same sessions, of any scale.
    net_returns : Series of float
        Of the strategy's own book.
    seeds : iterable of int
        One lucky book for each, on the evaluated scores with their names exchanged; consumed lazily.
    """
    part = replace(inputs, panel=traded_part(inputs.panel, scores, book=rules.portfolio))
    weights, missing = _baseline_weights(rules, part, scores, baselines)
    returns_of = partial(net_returns_of, part.panel, execution=rules.execution, costs=rules.costs)
    returns, luck = returns_of(weights), draw_luck(rules, part, scores=scores, seeds=seeds)
    others = {name: returns[name] for name in weights}
    if inputs.benchmark is not None:
        known = bool(inputs.benchmark.reindex(net_returns.index).notna().any())
        others |= {BENCHMARK: inputs.benchmark} if known else {}
        missing |= {} if known else {BENCHMARK: "it has no return in the judged sessions"}
    year = inputs.panel.facts.sessions_per_year
    compared = compare_returns(rules.name, net_returns, baselines=others, random=luck, sessions_per_year=year)
    return replace(compared, missing=missing)


def price_baselines(panel: Panel, scores: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Scores of the price baselines, for the sessions and names that are scored."""
    known = scores.notna()
    return {name: rule(panel).loc[scores.index].where(known) for name, rule in PRICE_BASELINES.items()}


def dealt_in_order(scores: pd.DataFrame, order: pd.DataFrame) -> pd.DataFrame:
    """Deal each session's scores out in another order: the highest score to the name highest in ``order``.

    Parameters
    ----------
    scores : DataFrame of float, shape (n_sessions, n_tickers)
        The scores to deal.
    order : DataFrame of float
        Covers the axes of scores; ties go by ticker. A name without an order gets no score, and its own is not dealt.
    """
    return _dealer(scores)(order)


def _dealer(scores: pd.DataFrame) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """``dealt_in_order`` of these scores, sorted once for all orders that rank every name."""
    by_ticker = np.argsort(scores.columns.to_numpy(dtype=object), kind="stable")
    numbers = scores.to_numpy()[:, by_ticker]
    scored, ascending = ~np.isnan(numbers), np.sort(numbers, axis=1)  # NaN last

    def deal(order: pd.DataFrame) -> pd.DataFrame:
        wanted = order.reindex(index=scores.index, columns=scores.columns).to_numpy()[:, by_ticker]
        known = scored & ~np.isnan(wanted)
        hands = ascending if (known == scored).all() else np.sort(np.where(known, numbers, np.nan), axis=1)
        receivers = by_ticker[np.argsort(np.where(known, wanted, np.inf), axis=1, kind="stable")]
        dealt = np.full(numbers.shape, np.nan)
        np.put_along_axis(dealt, receivers, hands, axis=1)
        return aligned_frame(dealt, pd.DatetimeIndex(scores.index), scores.columns)

    return deal


def _baseline_weights(
    rules: TradingRules, inputs: Inputs, scores: pd.DataFrame, baselines: Mapping[str, pd.DataFrame]
) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
    """Decided weights of every baseline that has any, and why another has none."""
    weights: dict[str, pd.DataFrame] = {}
    missing: dict[str, str] = {}
    for name, order in baselines.items():
        dealt = dealt_in_order(scores, order)
        if not dealt.notna().any(axis=None):
            missing[name] = "too little history: it has no score in the judged sessions"
            continue
        try:
            decided = _decided(rules, inputs, dealt)
        except (DataError, UnsupportedBookError) as error:
            missing[name] = str(error)
            continue
        if comes_due(inputs.panel, decided, rules.execution):
            weights[name] = decided
        else:
            missing[name] = "no decision of it fills within the bars"
    return {**weights, EQUAL_WEIGHT: _equal_weights(rules, inputs.panel, pd.DatetimeIndex(scores.index))}, missing


def _decided(rules: TradingRules, inputs: Inputs, scores: pd.DataFrame) -> pd.DataFrame:
    return decide_weights(rules, inputs.panel, scores, sectors=inputs.sectors)


def _equal_weights(rules: TradingRules, panel: Panel, sessions: pd.DatetimeIndex) -> pd.DataFrame:
    """Equal weights of every eligible name, less the cash buffer, rebalanced at each close."""
    eligible = (panel.universe & listed(panel)).loc[sessions].astype(float)
    count = eligible.sum(axis=1)
    return eligible.mul(1.0 - rules.portfolio.cash_buffer).div(count.where(count > 0), axis=0)
