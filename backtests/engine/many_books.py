"""Many books: the net returns of many books on the same bars, kept by the ledger's own arithmetic.

For comparisons with hundreds of books, such as random ones. The books share the bars; nothing is recorded of them but
their equity, and no second engine checks it.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice, repeat
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtests.engine.due_weights import due_rows, first_due
from backtests.engine.ledger import blank_record, ledger_bars, ledger_terms
from market import Execution, Panel
from portfolio.costs import Costs

if TYPE_CHECKING:
    from backtests.engine.kernel import Bars, Terms

__all__ = ["Case", "net_returns_by_case", "net_returns_of"]

THREADS = 2  # books kept at a time; each holds its due weights twice


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """One book and what it is kept under.

    Parameters
    ----------
    weights : DataFrame of float
        Decided weights, as ``run_backtest`` takes them.
    execution, costs : Execution, Costs
        Clock and costs of its fills.
    capital : float
        Cash at the start; it decides nothing but impact.
    judged : DatetimeIndex or None
        Sessions that figures of the book are taken over; None is all from its first fill on.
    """

    weights: pd.DataFrame
    execution: Execution
    costs: Costs
    capital: float = 1e6
    judged: pd.DatetimeIndex | None = None


def net_returns_of(
    panel: Panel,
    weights: Mapping[str, pd.DataFrame] | Iterable[pd.DataFrame],
    *,
    execution: Execution,
    costs: Costs,
    capital: float = 1e6,
) -> pd.DataFrame:
    """Net returns of every book under the same clock and costs.

    Parameters
    ----------
    panel : Panel
        Bars, universe and delistings.
    weights : mapping of str to DataFrame, or iterable of DataFrame
        Decided weights of each book, as ``run_backtest`` takes them; an iterable is read as it goes, a few at a time.
    execution, costs : Execution, Costs
        The same for all.
    capital : float
        Cash at the start of each book; it decides nothing but impact.

    Returns
    -------
    DataFrame of float, shape (n_sessions, n_books)
        Close-to-close simple returns after costs, from the session of the earliest first fill on; NaN before a book's
        own first fill, and from the session on in which it is insolvent.
    """
    named = weights.items() if isinstance(weights, Mapping) else enumerate(weights)
    same = partial(Case, execution=execution, costs=costs, capital=capital)
    return net_returns_by_case(panel, ((name, same(weights=decided)) for name, decided in named))


def net_returns_by_case(panel: Panel, cases: Iterable[tuple[Hashable, Case]]) -> pd.DataFrame:
    """Net returns of books that each have a clock, costs and a capital of their own.

    Parameters
    ----------
    panel : Panel
        Bars, universe and delistings.
    cases : iterable of (name, Case)
        Read as it goes, a few at a time.

    Returns
    -------
    DataFrame of float, shape (n_sessions, n_cases)
        As of ``net_returns_of``.
    """
    cache = _BarsCache(panel)
    columns: dict[Hashable, np.ndarray] = {}
    starts = []
    with ThreadPoolExecutor(THREADS) as pool:
        for batch in _batches(iter(cases)):
            bars = [cache.of(case) for _, case in batch]
            books = pool.map(_start_and_returns, repeat(panel), bars, [case for _, case in batch])
            for (name, _), (start, returns) in zip(batch, books, strict=True):
                columns[name] = returns
                starts.append(start)
    return pd.DataFrame(columns, index=panel.sessions).iloc[min(starts) :]


class _BarsCache:
    """The arrays that cases share, each built once."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        self._built: dict[tuple[object, ...], Bars] = {}

    def of(self, case: Case) -> "Bars":
        """Bars of a case; volumes are in units of its capital, because books start from 1."""
        costs = case.costs
        key = (case.execution, costs.impact == "none", costs.borrow_bps)
        if key not in self._built:
            self._built[key] = ledger_bars(self._panel, case.execution, costs)
        bars = self._built[key]
        return bars._replace(volume=bars.volume / case.capital) if bars.volume.size else bars


def _batches(named: Iterator[tuple[Hashable, Case]]) -> Iterator[list[tuple[Hashable, Case]]]:
    while batch := list(islice(named, THREADS)):
        yield batch


def _start_and_returns(panel: Panel, bars: "Bars", case: Case) -> tuple[int, np.ndarray]:
    """Row of a book's first fill, and its returns."""
    due = due_rows(panel, case.weights, case.execution, may_borrow=case.costs.may_borrow)
    start = first_due(due)
    return start, _net_returns(bars, due, ledger_terms(case.costs, bars, capital=1.0, start=start))


def _net_returns(bars: "Bars", due: np.ndarray, terms: "Terms") -> np.ndarray:
    """Returns of one book from a capital of 1, shape (n_sessions,)."""
    from backtests.engine.kernel import keep_books

    record = blank_record(bars, tables=False)
    keep_books(bars, due, terms, record)
    equity = np.where(np.minimum.accumulate(record.equity) > 0, record.equity, np.nan)
    returns: np.ndarray = equity / np.concatenate([[1.0], equity[:-1]]) - 1.0
    returns[: terms.start] = np.nan
    return returns
