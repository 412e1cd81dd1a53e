"""Many books: the net returns of many books on the same bars, kept side by side with the ledger's own arithmetic.

For comparisons with hundreds of books, such as random ones. The books share bars, clock and costs; nothing is reported
of them but their equity, and no second engine checks it: a test holds it equal to the ledger's.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.costs import Costs
from backtests.schedule import due_weights, first_due
from market import Execution, Panel, cash_outs, fill_prices

__all__ = ["net_returns_of"]

MEMORY = 64_000_000  # bytes of due weights held at once


class _Bars(NamedTuple):
    """What every book sees, of all sessions or of one; arrays of shape (n_sessions, n_tickers) or (n_tickers,)."""

    fill_price: np.ndarray
    close: np.ndarray
    payout: np.ndarray


class _Books(NamedTuple):
    """Every book between two moments; arrays of shape (n_books, n_tickers), cash (n_books,)."""

    shares: np.ndarray
    cash: np.ndarray
    pending: np.ndarray


def net_returns_of(
    panel: Panel, weights: Mapping[str, pd.DataFrame] | Iterable[pd.DataFrame], *, execution: Execution, costs: Costs
) -> pd.DataFrame:
    """Return the net returns of every book.

    Parameters
    ----------
    panel : Panel
        Bars, universe and delistings.
    weights : mapping of str to DataFrame, or iterable of DataFrame
        Decided weights of each book, as ``run_backtest`` takes them; an iterable is read as it goes.
    execution, costs : Execution, Costs
        The same for all.

    Returns
    -------
    DataFrame of float, shape (n_sessions, n_books)
        Close-to-close simple returns after costs, from the session of the earliest first fill on; NaN before a book's
        own first fill, and from the session on in which it is insolvent.
    """
    named = weights.items() if isinstance(weights, Mapping) else enumerate(weights)
    bars = _Bars(*map(_rows, (fill_prices(panel, execution), panel.close, cash_outs(panel))))
    size = max(1, MEMORY // (8 * panel.close.size))
    columns: dict[str | int, np.ndarray] = {}
    batch: dict[str | int, np.ndarray] = {}
    starts: dict[str | int, int] = {}
    for name, decided in named:
        due = due_weights(panel, decided, execution)
        batch[name], starts[name] = due.to_numpy(), first_due(due)
        if len(batch) == size:
            columns |= _settled(bars, batch, starts, costs.trade_fraction)
            batch = {}
    columns |= _settled(bars, batch, starts, costs.trade_fraction) if batch else {}
    return pd.DataFrame(columns, index=panel.sessions).iloc[min(starts.values()) :]


def _rows(frame: pd.DataFrame) -> np.ndarray:
    return np.ascontiguousarray(frame.to_numpy())  # one session contiguous


def _settled(
    bars: _Bars, batch: Mapping[str | int, np.ndarray], starts: Mapping[str | int, int], fee: float
) -> dict[str | int, np.ndarray]:
    equity = _equity(bars, np.stack(list(batch.values()), axis=1), fee)
    equity = np.where(np.minimum.accumulate(equity, axis=0) > 0, equity, np.nan)
    returns = equity / np.vstack([np.ones((1, equity.shape[1])), equity[:-1]]) - 1.0
    for column, name in enumerate(batch):
        returns[: starts[name], column] = np.nan
    return {name: returns[:, column] for column, name in enumerate(batch)}


def _equity(bars: _Bars, due: np.ndarray, fee: float) -> np.ndarray:
    """Return equity at each close, (n_sessions, n_books), of due weights (n_sessions, n_books, n_tickers)."""
    n_sessions, n_books, n_tickers = due.shape
    nothing = np.zeros((n_books, n_tickers))
    books = _Books(shares=nothing, cash=np.ones(n_books), pending=np.full_like(nothing, np.nan))
    known = np.full(n_tickers, np.nan)
    equity = np.empty((n_sessions, n_books))
    for row in range(n_sessions):
        books = _pay_out(books, bars.payout[row], known)
        known = np.where(np.isnan(bars.fill_price[row]), known, bars.fill_price[row])
        books = _trade(books, due[row], _Bars(*(field[row] for field in bars)), known, fee)
        known = np.where(np.isnan(bars.close[row]), known, bars.close[row])
        equity[row] = books.cash + books.shares @ _priced(known)
    return equity


def _pay_out(books: _Books, payout: np.ndarray, known: np.ndarray) -> _Books:
    """Pay holders of names that left."""
    leaving = ~np.isnan(payout)
    if not leaving.any():
        return books
    proceeds = books.shares[:, leaving] @ (_priced(known) * (1.0 + payout))[leaving]
    return _Books(shares=np.where(leaving, 0.0, books.shares), cash=books.cash + proceeds, pending=books.pending)


def _trade(books: _Books, due: np.ndarray, bar: _Bars, known: np.ndarray, fee: float) -> _Books:
    """Trade every order that has a price to its weight of equity; the others stay pending, those of the gone do not."""
    price, leaving = _priced(known), ~np.isnan(bar.payout)
    equity = (books.cash + books.shares @ price)[:, None]
    pending = np.where(np.isnan(due), books.pending, due)
    ordered = ~np.isnan(pending) & ~np.isnan(bar.fill_price) & ~leaving
    wanted = np.divide(np.where(ordered, pending, 0.0) * equity, price, out=np.zeros_like(due), where=ordered)
    traded = np.where(ordered, wanted - books.shares, 0.0)
    cost = fee * (np.abs(traded) @ price)
    return _Books(
        shares=books.shares + traded,
        cash=books.cash - traded @ price - cost,
        pending=np.where(ordered | leaving, np.nan, pending),
    )


def _priced(known: np.ndarray) -> np.ndarray:
    """Price of every name; 0 for one never seen, of which nobody holds a share."""
    return np.where(np.isnan(known), 0.0, known)
