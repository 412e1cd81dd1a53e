"""Case metrics: the same few performance numbers of every case, from the ledger alone."""

from collections.abc import Hashable, Iterable

import numpy as np
import pandas as pd

from backtests.engine.due_weights import due_weights, first_due
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
        ``max_drawdown``, from the case's own first fill on; NaN for a book that became insolvent.
    """
    returns = net_returns_by_case(panel, cases)
    rows = {name: _metrics(returns[name]) for name in returns.columns}
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(CASE_COLUMNS))


def _metrics(returns: pd.Series) -> list[float]:
    held = returns.loc[returns.first_valid_index() :]
    if held.isna().any():
        return [np.nan] * len(CASE_COLUMNS)
    metrics = (sharpe_ratio, sharpe_standard_error, annual_return, volatility, max_drawdown)
    return [metric(held) for metric in metrics]


def mean_turnover(panel: Panel, case: Case) -> float:
    """Mean one-way turnover of a book per session, a fraction of equity at the fill, from its first fill on."""
    due = due_weights(panel, case.weights, case.execution, may_borrow=case.costs.may_borrow)
    run = keep_ledger(panel, due, execution=case.execution, costs=case.costs, capital=case.capital)
    start = first_due(due)
    notional = np.abs(run.traded * np.nan_to_num(run.fill_prices)).sum(axis=1)[start:]
    return float((notional / run.fill_equity[start:]).mean() / 2.0)
