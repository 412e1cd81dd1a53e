"""Many books: the net returns of many books on the same bars, kept by the ledger's own arithmetic.

For comparisons with hundreds of books, such as random ones. The books share bars, clock and costs; nothing is reported
of them but their equity, and no second engine checks it.
"""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtests.costs import Costs
from backtests.ledger import LINES, TABLES, ledger_bars, ledger_terms
from backtests.schedule import due_weights, first_due
from market import Execution, Panel

if TYPE_CHECKING:
    from backtests.kernel import Bars, Terms

__all__ = ["net_returns_of"]

THREADS = 2  # books kept at a time; each holds its due weights twice


def net_returns_of(
    panel: Panel,
    weights: Mapping[str, pd.DataFrame] | Iterable[pd.DataFrame],
    *,
    execution: Execution,
    costs: Costs,
    capital: float = 1e6,
) -> pd.DataFrame:
    """Return the net returns of every book.

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
    named = iter(weights.items() if isinstance(weights, Mapping) else enumerate(weights))
    bars = ledger_bars(panel, execution, costs)
    if bars.volume.size:
        bars = bars._replace(volume=bars.volume / capital)  # books start from a capital of 1

    def kept(decided: pd.DataFrame) -> tuple[int, np.ndarray]:
        due = due_weights(panel, decided, execution, may_borrow=costs.may_borrow)
        start = first_due(due)
        return start, _net_returns(bars, due, ledger_terms(costs, bars, capital=1.0, start=start))

    columns: dict[str | int, np.ndarray] = {}
    starts = []
    with ThreadPoolExecutor(THREADS) as pool:
        for batch in _batches(named):
            for name, (start, returns) in zip(dict(batch), pool.map(kept, dict(batch).values()), strict=True):
                columns[name] = returns
                starts.append(start)
    return pd.DataFrame(columns, index=panel.sessions).iloc[min(starts) :]


def _batches(
    named: Iterator[tuple[str | int, pd.DataFrame]],
) -> Iterator[list[tuple[str | int, pd.DataFrame]]]:
    while batch := list(islice(named, THREADS)):
        yield batch


def _net_returns(bars: "Bars", due: pd.DataFrame, terms: "Terms") -> np.ndarray:
    """Return the returns of one book from a capital of 1, shape (n_sessions,)."""
    from backtests.kernel import Record, keep_books

    lines = {name: np.full(len(due), np.nan) for name in LINES}
    tables = {name: np.empty((0, 0)) for name in TABLES}
    record = Record(**lines, **tables, closed=np.empty(0))
    keep_books(bars, np.ascontiguousarray(due.to_numpy()), terms, record)
    equity = np.where(np.minimum.accumulate(record.equity) > 0, record.equity, np.nan)
    returns: np.ndarray = equity / np.concatenate([[1.0], equity[:-1]]) - 1.0
    returns[: terms.start] = np.nan
    return returns
