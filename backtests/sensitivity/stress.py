"""Stress: a strategy's scores under other books, costs, fills and sizes, on the sessions that it is judged on.

The curves trade the decided weights as they are. The smoothing frontier and the stress matrix decide the book anew from
the same scores, overlays included. All of it is kept by the compiled ledger alone and logged as stress, not as trials:
whoever picks a row afterwards has made a trial that is not counted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from backtests.engine.backtest_result import BacktestResult
from backtests.engine.due_weights import comes_due
from backtests.engine.many_books import Case
from backtests.engine.overlay_loop import decide_book, traded_part
from backtests.judged_span import judged_span
from backtests.sensitivity.capacity import capacity_curve
from backtests.sensitivity.case_metrics import CASE_COLUMNS, case_metrics, mean_turnover
from backtests.sensitivity.curves import borrow_curve, break_even_bps, cost_curve, delay_curve
from backtests.sensitivity.what_ifs import WhatIfs
from core.errors import UniverseError, UnsupportedBookError
from core.progress import Count, counted
from market.inputs import Inputs
from market.panel import Panel
from market.universe import choose_universe
from portfolio.costs import Costs
from portfolio.rules import TradingRules

__all__ = [
    "LEGS",
    "STRESSES",
    "TRADE_BPS",
    "Stress",
    "distinct_stresses",
    "run_what_ifs",
    "smoothing_frontier",
    "stress_matrix",
    "stressed_rules",
]

TRADE_BPS = (0.0, 1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 50.0)
MAX_BPS = 250.0
NOTHING_DUE = "no name that may be held has a score"
SMOOTHINGS = (0.05, 0.1, 0.15, 0.25, 0.5, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stress:
    """What a stress changes.

    Parameters
    ----------
    min_bps : float
        Half-spread and commission are at least this, one way.
    slippage_bps : float
        Added to them.
    delay : int
        Further sessions between decision and fill.
    max_names : int or None
        Only so many names of the universe may be held, those with the largest average dollar volume.
    """

    min_bps: float = 0.0
    slippage_bps: float = 0.0
    delay: int = 0
    max_names: int | None = None


LEGS: Mapping[str, tuple[float, float]] = {"50/50": (0.5, 0.5), "60/40": (0.6, 0.4), "70/30": (0.7, 0.3)}
STRESSES: Mapping[str, Stress] = {
    "base": Stress(),
    "10 bps costs": Stress(min_bps=10.0),
    "5 bps slippage": Stress(slippage_bps=5.0),
    "10 bps slippage": Stress(slippage_bps=10.0),
    "one-session delay": Stress(delay=1),
    "top 100 by ADV": Stress(max_names=100),
    "all together": Stress(min_bps=10.0, slippage_bps=10.0, delay=1, max_names=100),
}


def run_what_ifs(
    rules: TradingRules,
    inputs: Inputs,
    *,
    scores: pd.DataFrame,
    book: tuple[pd.DataFrame, BacktestResult],
    count: Count | None = None,
) -> WhatIfs:
    """Run every what-if on a strategy's own book.

    Parameters
    ----------
    rules : TradingRules
        The strategy.
    inputs : Inputs
        Bars and sectors.
    scores : DataFrame of float, shape (n_tested_sessions, n_tickers)
        Expected returns, known at each close.
    book : (DataFrame of float, BacktestResult)
        Weights that the strategy decided from them, and their backtest.
    count : callable, optional
        Called with rows of the stress matrix done and in all.
    """
    weights, result = book
    part = traded_part(inputs.panel, scores, book=rules.portfolio)
    judged = _judged(rules, inputs, scores)
    base = Case(weights=weights.loc[part.sessions], execution=rules.execution, costs=rules.costs, judged=judged)
    break_even = break_even_bps(result)
    return WhatIfs(
        cost=cost_curve(part, base, trade_bps=_cost_grid(break_even)),
        delay=delay_curve(part, base),
        borrow=borrow_curve(part, base) if (weights < 0).any(axis=None) else None,
        break_even=break_even,
        capacity=capacity_curve(part, base, result),
        smoothing=smoothing_frontier(rules, inputs, scores=scores),
        stress=stress_matrix(rules, inputs, scores=scores, count=count),
        trade_bps=rules.costs.trade_bps,
        smoothed=rules.portfolio.smoothing,
        delayed=rules.execution.delay,
    )


def smoothing_frontier(rules: TradingRules, inputs: Inputs, *, scores: pd.DataFrame) -> pd.DataFrame:
    """Performance of a book by the smoothing of its targets.

    Returns
    -------
    DataFrame, index ``smoothing``
        The weight of the new target, the strategy's own among them: columns of ``case_metrics``, ``sharpe_gross`` of
        the same weights without any friction, and mean one-way ``turnover`` per session.
    """
    part, judged = traded_part(inputs.panel, scores, book=rules.portfolio), _judged(rules, inputs, scores)
    free = Costs(trade_bps=0.0, borrowing_bps=0.0 if rules.costs.may_borrow else None)
    net: dict[float, Case] = {}
    for smoothing in sorted({*SMOOTHINGS, rules.portfolio.smoothing}):
        book = rules.portfolio.model_copy(update={"smoothing": smoothing})
        decided = decide_book(rules.with_book(book), part, scores, sectors=inputs.sectors)
        net[smoothing] = Case(weights=decided.weights, execution=rules.execution, costs=rules.costs, judged=judged)
    gross = {smoothing: replace(case, costs=free) for smoothing, case in net.items()}
    table = case_metrics(part, net.items())
    table["sharpe_gross"] = case_metrics(part, gross.items())["sharpe"]
    table["turnover"] = [mean_turnover(part, case) for case in net.values()]
    return table.rename_axis("smoothing")


def stress_matrix(
    rules: TradingRules, inputs: Inputs, *, scores: pd.DataFrame, count: Count | None = None
) -> pd.DataFrame:
    """Performance of the strategy under up to seven stresses with three pairs of legs, its own rules otherwise.

    A stress that comes to an earlier one, such as 5 bps of slippage and costs of 10 bps for a strategy that pays 5, or
    the top 100 of a universe that never has more names, is left out.

    Parameters
    ----------
    rules : TradingRules
        The strategy; its legs are replaced.
    inputs : Inputs
        Bars and sectors.
    scores : DataFrame of float
        Expected returns of the tested sessions, known at each close.
    count : callable, optional
        Called with rows decided and in all.

    Returns
    -------
    DataFrame, index ``legs`` and ``stress``
        Columns of ``case_metrics``, and ``refused``: why the book could not be held, else empty.
    """
    judged = _judged(rules, inputs, scores)
    most_names = int(inputs.panel.universe.loc[scores.index].sum(axis=1).max())
    held: dict[tuple[str, str], Case] = {}
    refused: dict[tuple[str, str], str] = {}
    decided: dict[Any, pd.DataFrame] = {}
    panels: dict[int | None, Panel] = {}
    rows = [(legs, stress) for legs in LEGS for stress in distinct_stresses(rules, most_names)]
    for legs, stress in counted(rows, count):
        changed, max_names = stressed_rules(rules, legs, stress), _narrower(STRESSES[stress], most_names)
        key = (changed.portfolio, max_names, *_read_by_book(changed))
        try:
            if key not in decided:
                if max_names not in panels:
                    panels[max_names] = _narrowed(inputs.panel, scores, changed, max_names)
                decided[key] = decide_book(changed, panels[max_names], scores, sectors=inputs.sectors).weights
            if not comes_due(inputs.panel, decided[key], changed.execution):
                refused[legs, stress] = NOTHING_DUE
                continue
            held[legs, stress] = Case(
                weights=decided[key], execution=changed.execution, costs=changed.costs, judged=judged
            )
        except (UniverseError, UnsupportedBookError) as error:
            refused[legs, stress] = str(error)
    names = pd.MultiIndex.from_tuples(rows, names=["legs", "stress"])
    part = traded_part(inputs.panel, scores, book=rules.portfolio)
    table = pd.DataFrame(index=names, columns=list(CASE_COLUMNS), dtype=float)
    if held:
        table.loc[list(held), list(CASE_COLUMNS)] = case_metrics(part, enumerate(held.values())).to_numpy()
    return table.assign(refused=[refused.get(name, "") for name in names])


def _judged(rules: TradingRules, inputs: Inputs, scores: pd.DataFrame) -> pd.DatetimeIndex:
    """The sessions that every figure is taken over, those of the strategy as it is."""
    return judged_span(scores, inputs.panel, rules).sessions


def _cost_grid(break_even: float) -> list[float]:
    """One-way costs in basis points, the break-even among them where it is worth drawing."""
    return [*TRADE_BPS, *([round(break_even, 1)] if 0.0 < break_even <= MAX_BPS else [])]


def distinct_stresses(rules: TradingRules, most_names: int) -> tuple[str, ...]:
    """Names of the stresses of which no earlier one changes the same for rules and a universe of so many names."""
    first: dict[tuple[str, str, int | None], str] = {}
    for name, stress in STRESSES.items():
        changed = stressed_rules(rules, next(iter(LEGS)), name)
        settings = (changed.costs.model_dump_json(), changed.execution.model_dump_json(), _narrower(stress, most_names))
        first.setdefault(settings, name)
    return tuple(first.values())


def _narrower(stress: Stress, most_names: int) -> int | None:
    """Names that a stress leaves of a universe that never has more than ``most_names``; None if it leaves all."""
    return stress.max_names if stress.max_names is not None and stress.max_names < most_names else None


def stressed_rules(rules: TradingRules, legs: str, stress: str) -> TradingRules:
    """Rules of one row of the stress matrix, its universe aside."""
    long, short = LEGS[legs]
    added = STRESSES[stress]
    trade_bps = max(rules.costs.trade_bps, added.min_bps) + added.slippage_bps
    later = {"extra_delay": rules.execution.extra_delay + added.delay}
    return replace(
        rules,
        portfolio=rules.portfolio.model_copy(update={"long": long, "short": short}),
        costs=rules.costs.model_copy(update={"trade_bps": trade_bps}),
        execution=rules.execution.model_copy(update=later),
    )


def _read_by_book(rules: TradingRules) -> Iterator[object]:
    """What the decisions depend on besides the book's own settings."""
    overlays = rules.risk.scales or rules.risk.switches
    if overlays or rules.portfolio.short_filter == "below_market":
        yield rules.costs
    if overlays:
        yield rules.execution


def _narrowed(panel: Panel, scores: pd.DataFrame, rules: TradingRules, max_names: int | None) -> Panel:
    """Cut the panel to the part that is traded, only the largest members of the universe eligible."""
    if max_names is not None:
        members = replace(panel, dollar_volume=panel.dollar_volume.where(panel.universe))
        top = choose_universe(members, f"top{max_names}").universe & panel.universe
        panel = panel.with_universe(top, described=f"{panel.facts.universe}; the {max_names} largest")
    return traded_part(panel, scores, book=rules.portfolio)
