"""Kernel: the arithmetic of the share ledger, compiled; one session after the other, one name after the other.

The functions say what happens at each moment of a session, in the order in which it happens; ``keep_books`` puts them
together. Sums run in numpy's pairwise order. ``tests/oracles/share_ledger.py`` is the same in numpy. Everything that is
compiled together stays in this file: the machine code kept on disk is only renewed when this file changes.
"""

from typing import NamedTuple

import numpy as np

from core.compilation import compiled

__all__ = ["Bars", "Record", "Terms", "keep_books", "know_last", "row_of_first"]

BLOCK = 128  # numbers that numpy adds without splitting


class Bars(NamedTuple):
    """What every book sees; arrays of shape (n_sessions, n_tickers) unless said otherwise.

    ``borrow`` holds annual fees for the night before each session, in one row if they never change; ``volume`` holds
    the dollar volume that impact is measured by, and no row without impact.
    """

    fill_price: np.ndarray  # NaN without a print
    at_fill: np.ndarray  # last price known at the fill, NaN before the first
    at_close: np.ndarray  # last price known at the close
    payout: np.ndarray  # (n_leaving, n_tickers) return at which holders are paid out, NaN for none
    leaving: np.ndarray  # (n_sessions,) row of ``payout``, −1 where nobody is paid out
    nights: np.ndarray  # (n_sessions,) years since the session before
    borrow: np.ndarray
    volume: np.ndarray


class Terms(NamedTuple):
    """What one book runs under: fractions of notional, annual fractions of a balance, or equity ÷ gross exposure."""

    capital: float
    start: int  # row of the first fill: nothing is earned or charged overnight before it
    trade: float
    impact: float  # at participation 1
    square_root: bool  # impact grows with the root of participation, else with participation
    cash: float
    borrowing: float
    rebate: float
    overnight: bool  # whether anything is earned or charged overnight
    maintenance: float  # 0: no margin
    initial: float


class Record(NamedTuple):
    """What is written down: lines (n_sessions,), and tables (n_sessions, n_tickers) or without a row to keep none.

    ``called`` and ``cut`` hold equity ÷ gross exposure where margin was called and where the book was cut, else NaN.
    """

    equity: np.ndarray
    cash: np.ndarray
    fill_equity: np.ndarray
    trade: np.ndarray
    impact: np.ndarray
    borrow: np.ndarray
    interest: np.ndarray
    called: np.ndarray
    cut: np.ndarray
    shares: np.ndarray
    traded: np.ndarray
    paid: np.ndarray
    missed: np.ndarray
    trade_impact: np.ndarray
    closed: np.ndarray  # (n_tickers,) shares closed out at the stop
    closed_at: np.ndarray  # (n_tickers,) last prices known there


class Book(NamedTuple):
    """What one book holds between two moments, and room to compute; arrays of shape (n_tickers,)."""

    shares: np.ndarray
    pending: np.ndarray  # target weight of an order not filled yet, NaN for none
    traded: np.ndarray  # signed shares traded at this fill
    value: np.ndarray  # scratch


@compiled
def keep_books(bars: Bars, due: np.ndarray, terms: Terms, record: Record) -> int:
    """Keep one book over all sessions and write it down; return the row at which it was stopped, or −1."""
    n_sessions, n_tickers = due.shape
    book = _new_book(n_tickers)
    cash, called = terms.capital, False
    for t in range(n_sessions):
        if terms.overnight and t > terms.start:
            record.borrow[t], record.interest[t] = _overnight(book, bars, t, cash, terms)
            cash -= record.borrow[t] + record.interest[t]
        cash, equity = _open(book, bars, t, cash, record)
        known = bars.at_fill[t]
        if not _is_insolvent(equity, terms):
            _take_orders(book, due[t])
            if called:
                record.cut[t] = _cut(book, equity, terms.initial)
            cash = _fill(book, bars, t, cash, terms, record)
            known = bars.at_close[t]
            equity = cash + _held_value(book, known)
        level = _margin(book, equity) if terms.maintenance > 0.0 else np.inf
        called = level < terms.maintenance
        if called:
            record.called[t] = level
        if _is_insolvent(equity, terms):
            _close_out(book, known, record)
            cash = equity
        _write(record.shares, t, book.shares)
        record.equity[t], record.cash[t] = equity, cash
        if _is_insolvent(equity, terms):
            record.equity[t:], record.cash[t:], record.fill_equity[t + 1 :] = equity, equity, equity
            return t
    return -1


@compiled
def know_last(at_fill: np.ndarray, at_close: np.ndarray) -> None:
    """Put the last price known at that moment where no price is; a fill comes before the close of its session."""
    for t in range(at_fill.shape[0]):
        for i in range(at_fill.shape[1]):
            if at_fill[t, i] != at_fill[t, i] and t > 0:
                at_fill[t, i] = at_close[t - 1, i]
            if at_close[t, i] != at_close[t, i]:
                at_close[t, i] = at_fill[t, i]


@compiled
def row_of_first(due: np.ndarray) -> int:
    """Row of the first due weights that hold anything, else of the first due at all; −1 for none."""
    first = -1
    for t in range(due.shape[0]):
        for i in range(due.shape[1]):
            if due[t, i] == due[t, i]:
                first = t if first < 0 else first
                if due[t, i] != 0.0:
                    return t
    return first


@compiled
def _new_book(n_tickers: int) -> Book:
    nothing = np.zeros(n_tickers)
    return Book(nothing, np.full(n_tickers, np.nan), nothing.copy(), nothing.copy())


@compiled
def _is_insolvent(equity: float, terms: Terms) -> bool:
    """Whether a margin account is closed out here; without margin the caller judges."""
    return terms.maintenance > 0.0 and equity <= 0.0


@compiled
def _overnight(book: Book, bars: Bars, t: int, cash: float, terms: Terms) -> tuple[float, float]:
    """Borrow fee and interest of the night, both as costs."""
    fees, known = bars.borrow[t if bars.borrow.shape[0] > 1 else 0], bars.at_close[t - 1]
    short, fee = 0.0, 0.0
    for i in range(book.shares.size):
        worth = -book.shares[i] * known[i]
        value = worth if book.shares[i] < 0.0 else 0.0
        short += value
        fee += value * fees[i]
    free = cash - short
    earned = terms.rebate * short + (terms.cash if free > 0.0 else terms.borrowing) * free
    return fee * bars.nights[t], -earned * bars.nights[t]


@compiled
def _open(book: Book, bars: Bars, t: int, cash: float, record: Record) -> tuple[float, float]:
    """Pay out names that left and value the book at the fill; return cash and equity."""
    if bars.leaving[t] >= 0 and t > 0:
        cash += _pay_out(book, bars, t, record.paid)
    record.fill_equity[t] = cash + _held_value(book, bars.at_fill[t])
    return cash, record.fill_equity[t]


@compiled
def _fill(book: Book, bars: Bars, t: int, cash: float, terms: Terms, record: Record) -> float:
    """Trade what can be traded, pay for it, and return the cash that is left."""
    if bars.leaving[t] >= 0:
        _drop_orders(book, bars.payout[bars.leaving[t]], record.missed, t)
    spent = _trade(book, bars.fill_price[t], record.fill_equity[t], record.missed, t)
    _write(record.traded, t, book.traded)
    record.trade[t] = terms.trade * _traded_notional(book)
    cash = cash - spent - record.trade[t]
    if terms.impact > 0.0:
        record.impact[t] = _impact(book, bars.volume[t], terms, record.trade_impact, t)
        cash -= record.impact[t]
    return cash


@compiled
def _pay_out(book: Book, bars: Bars, t: int, paid: np.ndarray) -> float:
    """Pay holders of names that left at the last known price, and return what they get."""
    payout, known = bars.payout[bars.leaving[t]], bars.at_close[t - 1]
    for i in range(payout.size):
        held = book.shares[i] if payout[i] == payout[i] else 0.0
        book.value[i] = 0.0 if held == 0.0 else held * (known[i] * (1.0 + payout[i]))
        if held != 0.0:
            book.shares[i] = 0.0
            if paid.shape[0] > 0:
                paid[t, i] = held
    return _pairwise_sum(book.value)


@compiled
def _held_value(book: Book, known: np.ndarray) -> float:
    for i in range(book.shares.size):
        value = book.shares[i] * known[i]
        book.value[i] = 0.0 if book.shares[i] == 0.0 else value
    return _pairwise_sum(book.value)


@compiled
def _take_orders(book: Book, due: np.ndarray) -> None:
    """Replace waiting orders by newer ones."""
    for i in range(due.size):
        book.pending[i] = due[i] if due[i] == due[i] else book.pending[i]


@compiled
def _cut(book: Book, equity: float, initial: float) -> float:
    """Order every name down so that gross exposure is equity ÷ initial at most; return equity ÷ gross before."""
    gross, wanted = 0.0, 0.0
    for i in range(book.shares.size):  # values are those of the equity at this fill
        gross += abs(book.value[i])
        wanted += abs(_target(book, i, equity))
    if wanted * initial > 1.0:
        for i in range(book.shares.size):
            if book.shares[i] != 0.0 or book.pending[i] == book.pending[i]:
                book.pending[i] = _target(book, i, equity) / (wanted * initial)
    level: float = equity / gross if gross > 0.0 else np.nan
    return level


@compiled
def _target(book: Book, i: int, equity: float) -> float:
    """Weight that the name is ordered to, or has where no order waits."""
    weight: float = book.pending[i] if book.pending[i] == book.pending[i] else book.value[i] / equity
    return weight


@compiled
def _drop_orders(book: Book, payout: np.ndarray, missed: np.ndarray, t: int) -> None:
    """Forget orders of names that left."""
    for i in range(payout.size):
        if payout[i] == payout[i]:
            if missed.shape[0] > 0 and book.pending[i] != 0.0:
                missed[t, i] = book.pending[i]
            book.pending[i] = np.nan


@compiled
def _trade(book: Book, prices: np.ndarray, equity: float, missed: np.ndarray, t: int) -> float:
    """Trade every order that has a price to its weight of equity, keep the others waiting, return what is spent."""
    for i in range(prices.size):
        pending, held, price = book.pending[i], book.shares[i], prices[i]
        change = pending * equity / price - held  # NaN without an order or a price
        traded = change if change == change else 0.0
        book.traded[i] = traded
        book.shares[i] = held + traded
        waits = (price != price) & ((pending != 0.0) | (held != 0.0))
        book.pending[i] = pending if waits else np.nan
        book.value[i] = 0.0 if traded == 0.0 else traded * price
    if missed.shape[0] > 0:
        for i in range(prices.size):
            if book.pending[i] == book.pending[i]:
                missed[t, i] = book.pending[i]
    return _pairwise_sum(book.value)


@compiled
def _traded_notional(book: Book) -> float:
    for i in range(book.value.size):
        book.value[i] = abs(book.value[i])
    return _pairwise_sum(book.value)


@compiled
def _impact(book: Book, volume: np.ndarray, terms: Terms, table: np.ndarray, t: int) -> float:
    """Impact cost of this fill's trades; ``value`` holds their notional before and what each costs afterwards."""
    for i in range(volume.size):
        participation = book.value[i] / volume[i]
        participation = participation if volume[i] > 0.0 else 1.0
        growth = np.sqrt(participation) if terms.square_root else participation
        book.value[i] = book.value[i] * terms.impact * growth
    _write(table, t, book.value)
    total = 0.0
    for i in range(volume.size):
        total += book.value[i]
    return total


@compiled
def _margin(book: Book, equity: float) -> float:
    """Equity ÷ gross exposure; ``value`` holds what each name is worth. Infinite for a flat book."""
    gross = 0.0
    for i in range(book.value.size):
        gross += abs(book.value[i])
    return equity / gross if gross > 0.0 else np.inf


@compiled
def _close_out(book: Book, known: np.ndarray, record: Record) -> None:
    """Close every position at the last known price."""
    for i in range(book.shares.size):
        if record.closed.size > 0:
            record.closed[i], record.closed_at[i] = book.shares[i], known[i]
        book.shares[i] = 0.0


@compiled
def _write(table: np.ndarray, t: int, row: np.ndarray) -> None:
    if table.shape[0] > 0:
        for i in range(row.size):
            table[t, i] = row[i]


@compiled
def _pairwise_sum(values: np.ndarray) -> float:
    """Sum as ``numpy.sum`` does, so that a book keeps its last bit.

    References
    ----------
    Higham, N. J., "The Accuracy of Floating Point Summation", SIAM Journal on Scientific Computing, 1993.
    """
    n = values.size
    if n <= BLOCK:
        return _block_sum(values)
    half = n // 2 - (n // 2) % 8
    total: float = _pairwise_sum(values[:half]) + _pairwise_sum(values[half:])
    return total


@compiled
def _block_sum(values: np.ndarray) -> float:
    """Sum in eight lanes."""
    n = values.size
    a, b, c, d, e, f, g, h = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    whole = n - n % 8
    for i in range(0, whole, 8):
        a += values[i]
        b += values[i + 1]
        c += values[i + 2]
        d += values[i + 3]
        e += values[i + 4]
        f += values[i + 5]
        g += values[i + 6]
        h += values[i + 7]
    total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for i in range(whole, n):
        total += values[i]
    return total
