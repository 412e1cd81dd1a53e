"""Given shares: books kept of trades that are given in shares, by the ledger's order of events.

The engine sizes every trade itself, in fractions of a share, by the equity of its own books. What another tool or a
broker traded is given: shares, prices, fees. Here it is kept beside the bars, with its own fees or with costs of ours:
the night before, pay-outs of names that left, the fills, the mark at the close.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from backtests.engine.frictions import average_dollar_volume, borrow_rates, night_years
from core.conventions import BASIS_POINTS
from market.delistings import pay_outs
from market.panel import Panel
from market.returns import Execution, fill_prices
from portfolio.costs import Costs

__all__ = ["GivenFills", "KeptShares", "Moment", "keep_fills", "keep_whole_shares", "rows_of"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GivenFills:
    """Fills that somebody else made.

    Parameters
    ----------
    table : DataFrame
        ``session``, ``ticker``, ``shares`` (negative for a sale), ``price`` and ``fee``, in the currency of the bars;
        sessions do not fall.
    capital : float
        Cash before the first fill.
    told_fees : bool
        Whether fees were told; without, ``fee`` is 0.
    """

    table: pd.DataFrame
    capital: float
    told_fees: bool = True

    @property
    def is_whole(self) -> bool:
        """Whether every fill is of whole shares."""
        shares = self.table["shares"].to_numpy()
        return bool((shares == np.round(shares)).all())

    def is_same(self, other: "GivenFills") -> bool:
        """Whether every fill and the capital are the same."""
        return self.capital == other.capital and self.table.equals(other.table)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeptShares:
    """Books of given shares, from the session of the first fill on.

    Parameters
    ----------
    net_returns : Series of float
        Close to close; the first one starts from the capital.
    trades : DataFrame
        ``session``, ``ticker``, ``shares``, ``price``, ``notional`` and ``cost``, as of a backtest.
    cost : Series of float
        All that was charged, as a fraction of equity at the session's start.
    shares_after, equity_at_fill : DataFrame and Series of float
        Held after the fills of each session in which there were any, and equity at the bars' price of that moment.
    """

    net_returns: pd.Series
    trades: pd.DataFrame
    cost: pd.Series
    shares_after: pd.DataFrame
    equity_at_fill: pd.Series


@dataclass(slots=True, eq=False)
class Moment:
    """A book at the fill of one session, before its trades."""

    row: int
    cash: float
    shares: np.ndarray
    known: np.ndarray  # last price known at the fill

    @property
    def equity(self) -> float:
        """Cash and what is held at the last prices known."""
        return self.cash + _worth(self.shares, self.known)


Orders = Callable[[Moment], tuple[np.ndarray, np.ndarray, np.ndarray | None]]
"""Signed shares, what is paid for them and fees (None: by the costs) of one session's fills, by ticker."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Market:
    """What the bars say at every moment, arrays of shape (n_sessions, n_tickers) unless said otherwise."""

    panel: Panel
    at_fill: np.ndarray
    at_close: np.ndarray
    volume: np.ndarray | None
    nights: np.ndarray  # (n_sessions,) years
    borrow: np.ndarray
    payouts: dict[int, list[tuple[int, float]]] = field(default_factory=dict)

    @classmethod
    def of(cls, panel: Panel, execution: Execution, costs: Costs) -> "_Market":
        closes = panel.close.ffill()
        fills = fill_prices(panel, execution).fillna(closes.shift(1))
        found: dict[int, list[tuple[int, float]]] = {}
        paid = pay_outs(panel)
        for row, column, earned in zip(paid.rows.tolist(), paid.columns.tolist(), paid.returns.tolist(), strict=True):
            found.setdefault(row, []).append((column, earned))
        volume = None if costs.impact == "none" else average_dollar_volume(panel, execution).to_numpy()
        return cls(
            panel=panel,
            at_fill=fills.to_numpy(dtype=float),
            at_close=closes.to_numpy(dtype=float),
            volume=volume,
            nights=night_years(panel.sessions),
            borrow=borrow_rates(panel, costs, None)[0],
            payouts=found,
        )


def keep_fills(panel: Panel, given: GivenFills, *, execution: Execution, costs: Costs | None) -> KeptShares:
    """Keep the books of fills as they were made.

    Parameters
    ----------
    panel : Panel
        Bars; names that they lack are left out, for nothing values them.
    given : GivenFills
        Shares, prices and fees.
    execution : Execution
        At which moment of a session the fills are taken to come.
    costs : Costs or None
        Charged in place of the fees that were told; None charges these and nothing overnight.

    Raises
    ------
    ValueError
        If no fill is of a session and a name of the bars.
    """
    rows, columns = rows_of(given.table, panel)
    known = (rows >= 0) & (columns >= 0)
    if not known.any():
        raise ValueError("no fill is of a session and a name of the bars: give the bars that were traded")
    numbers = given.table[["shares", "price", "fee"]].to_numpy(dtype=float)
    by_row: dict[int, list[int]] = {}
    for place in np.flatnonzero(known).tolist():
        by_row.setdefault(int(rows[place]), []).append(place)
    last = {int(columns[place]): int(rows[place]) for place in np.flatnonzero(known).tolist()}
    n = len(panel.tickers)

    def orders(moment: Moment) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        traded, spent, fees = np.zeros(n), np.zeros(n), np.zeros(n)
        for place in by_row.get(moment.row, ()):
            shares, price, fee = numbers[place]
            traded[columns[place]] += shares
            spent[columns[place]] += shares * price
            fees[columns[place]] += fee
        return traded, spent, fees if costs is None else None

    market = _Market.of(panel, execution, costs or Costs(trade_bps=0.0))
    return _keep(market, orders, costs or Costs(trade_bps=0.0), _Span(given.capital, min(by_row), last))


def rows_of(table: pd.DataFrame, panel: Panel) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of fills in the bars, −1 where these lack the session or the name."""
    sessions, tickers = pd.DatetimeIndex(table["session"]), pd.Index(table["ticker"])
    return panel.sessions.get_indexer(sessions), panel.tickers.get_indexer(tickers)


def keep_whole_shares(
    panel: Panel, due: pd.DataFrame, *, execution: Execution, costs: Costs, capital: float, start: int
) -> KeptShares:
    """Keep the books of due weights as the engine does, each order cut to whole shares toward what is held less.

    Parameters
    ----------
    panel, due, execution, costs, capital
        As of ``backtests.engine.ledger.keep_ledger``.
    start : int
        Row of the first fill.
    """
    wanted, prices = due.to_numpy(dtype=float), fill_prices(panel, execution).to_numpy(dtype=float)
    waiting = np.full(wanted.shape[1], np.nan)

    def orders(moment: Moment) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        row = wanted[moment.row]
        waiting[:] = np.where(np.isnan(row), waiting, row)
        for column, _ in market.payouts.get(moment.row, ()):
            waiting[column] = np.nan
        at = prices[moment.row]
        goal = np.trunc(waiting * moment.equity / at)
        traded = np.where(np.isnan(goal), 0.0, goal - moment.shares)
        waiting[~np.isnan(at)] = np.nan
        return traded, np.where(traded != 0.0, traded * moment.known, 0.0), None

    market = _Market.of(panel, execution, costs)
    return _keep(market, orders, costs, _Span(capital, start))


@dataclass(frozen=True, slots=True, eq=False)
class _Span:
    """Where a book begins, and the row of each name's last fill, where fills are given."""

    capital: float
    start: int
    last: dict[int, int] = field(default_factory=dict)


def _keep(market: _Market, orders: Orders, costs: Costs, span: _Span) -> KeptShares:
    panel, n = market.panel, len(market.panel.tickers)
    shares, cash, before = np.zeros(n), span.capital, span.capital
    net, charged, trades, held, equities = [], [], [], {}, {}
    for row in range(span.start, len(panel.sessions)):
        night = _night(market, row, shares, cash, costs) if row > span.start else 0.0
        cash += _paid_out(market, row, shares, span.last) - night
        moment = Moment(row=row, cash=cash, shares=shares, known=market.at_fill[row])
        traded, spent, fees = orders(moment)
        places = np.flatnonzero(traded)
        fees = _charges(market, row, spent, costs) if fees is None else fees
        if len(places):
            equities[row], held[row] = moment.equity, shares + traded
            prices = spent[places] / traded[places]
            trades.append((np.full(len(places), row), places, traded[places], prices, fees[places]))
        shares = shares + traded
        cash -= float(spent.sum()) + float(fees.sum())
        equity = cash + _worth(shares, market.at_close[row])
        net.append(equity / before - 1.0)
        charged.append((night + float(fees.sum())) / before)
        before = equity
    span_sessions = panel.sessions[span.start :]
    return KeptShares(
        net_returns=pd.Series(net, index=span_sessions, name="net_return"),
        trades=_trade_table(panel, trades),
        cost=pd.Series(charged, index=span_sessions, name="cost"),
        shares_after=pd.DataFrame(held, index=panel.tickers).T.set_axis(panel.sessions[list(held)], axis=0),
        equity_at_fill=pd.Series(equities.values(), index=panel.sessions[list(equities)], dtype=float),
    )


def _worth(shares: np.ndarray, prices: np.ndarray) -> float:
    held = shares != 0.0
    return float((shares[held] * prices[held]).sum())


def _night(market: _Market, row: int, shares: np.ndarray, cash: float, costs: Costs) -> float:
    """Borrow fee and interest of the night before a session, as a cost."""
    known = market.at_close[row - 1]
    worth = np.where(shares < 0.0, -shares * known, 0.0)
    short, fee = float(worth.sum()), float((worth * market.borrow).sum())
    free = cash - short
    rate = costs.cash_bps if free > 0.0 else costs.borrowing_bps or 0.0
    earned = (costs.rebate_bps * short + rate * free) / BASIS_POINTS
    return (fee - earned) * float(market.nights[row])


def _paid_out(market: _Market, row: int, shares: np.ndarray, last: dict[int, int]) -> float:
    """Pay holders of names that left, unless a later fill says that they were not; shares are taken off in place."""
    cash = 0.0
    for column, earned in market.payouts.get(row, ()):
        if shares[column] != 0.0 and last.get(column, -1) < row:
            cash += float(shares[column] * market.at_close[row - 1, column] * (1.0 + earned))
            shares[column] = 0.0
    return cash


def _charges(market: _Market, row: int, spent: np.ndarray, costs: Costs) -> np.ndarray:
    """What the costs charge for each trade, impact included."""
    notional = np.abs(spent)
    charge: np.ndarray = notional * costs.trade_fraction
    if market.volume is not None:
        volume = market.volume[row]
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(volume > 0.0, notional / volume, 1.0)
        growth = np.sqrt(share) if costs.impact == "square_root" else share
        charge = charge + notional * costs.impact_bps / BASIS_POINTS * growth
    return charge


def _trade_table(panel: Panel, trades: Sequence[tuple[np.ndarray, ...]]) -> pd.DataFrame:
    rows, columns, shares, prices, fees = (
        (np.concatenate(each) for each in zip(*trades, strict=True)) if trades else (np.empty(0, dtype=int),) * 5
    )
    return pd.DataFrame(
        {
            "session": panel.sessions[rows],
            "ticker": panel.tickers[columns],
            "shares": shares,
            "price": prices,
            "notional": shares * prices,
            "cost": fees,
        }
    )
