"""Case metrics: the same few performance numbers of every case, from the ledger alone."""

from collections.abc import Hashable, Iterable, Iterator
from itertools import chain, islice

import numpy as np
import pandas as pd

from backtests.engine.due_weights import comes_due, due_weights, first_due
from backtests.engine.ledger import keep_ledger
from backtests.engine.many_books import Case, net_returns_by_case
from backtests.statistics.metrics import annual_return, max_drawdown, sharpe_ratio, sharpe_standard_error, volatility
from market import Panel

__all__ = ["CASE_COLUMNS", "case_metrics", "mean_turnover"]

CASE_COLUMNS = ("sharpe", "standard_error", "annual_return", "volatility", "max_drawdown")


def case_metrics(panel: Panel, cases: Iterable[tuple[Hashable, Case]]) -> pd.DataFrame:
    """Performance of each case, from the ledger alone.

    Parameters
    ----------
    panel : Panel
        Bars, universe and delistings.
    cases : iterable of (name, Case)
        Read as it goes.

    Returns
    -------
    DataFrame, index the names
        Annual net ``sharpe`` ± ``standard_error`` (risk-free 0), ``annual_return``, ``volatility`` and
        ``max_drawdown``, over the judged sessions from the case's own first fill on; NaN for a book that became
        insolvent, and for one without a decision that fills within the bars.
    """
    judged: dict[Hashable, pd.DatetimeIndex | None] = {}

    def due() -> Iterator[tuple[Hashable, Case]]:
        for name, case in cases:
            judged[name] = case.judged
            if comes_due(panel, case.weights, case.execution):
                yield name, case

    first = list(islice(kept := due(), 1))
    returns = net_returns_by_case(panel, chain(first, kept)) if first else pd.DataFrame(index=panel.sessions)
    year = panel.facts.sessions_per_year
    rows = {
        name: _metrics(returns[name], sessions, year) if name in returns else [np.nan] * len(CASE_COLUMNS)
        for name, sessions in judged.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(CASE_COLUMNS))


def _metrics(returns: pd.Series, judged: pd.DatetimeIndex | None, sessions_per_year: float) -> list[float]:
    held = returns.loc[returns.first_valid_index() :]
    if held.isna().any():
        return [np.nan] * len(CASE_COLUMNS)
    if judged is not None:
        held = held[held.index.isin(judged)]
    annual = (sharpe_ratio, sharpe_standard_error, annual_return, volatility)
    return [*(metric(held, sessions_per_year=sessions_per_year) for metric in annual), max_drawdown(held)]


def mean_turnover(panel: Panel, case: Case) -> float:
    """Mean one-way turnover of a book a judged session from its first fill on, a fraction of equity at the fill."""
    due = due_weights(panel, case.weights, case.execution, may_borrow=case.costs.may_borrow)
    run = keep_ledger(panel, due, execution=case.execution, costs=case.costs, capital=case.capital)
    kept = np.arange(len(panel.sessions)) >= first_due(due)
    if case.judged is not None:
        kept &= panel.sessions.isin(case.judged)
    notional = np.abs(run.traded * np.nan_to_num(run.fill_prices)).sum(axis=1)[kept]
    return float((notional / run.fill_equity[kept]).mean() / 2.0)
