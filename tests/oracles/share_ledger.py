"""The share ledger in plain numpy: the slow, readable twin of the compiled kernel, one session a call."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.engine.due_weights import first_due
from market import Execution, Panel, cash_outs, fill_prices
from portfolio.costs import Costs


class State(NamedTuple):
    """What the book holds between two moments; arrays of shape (n_tickers,)."""

    shares: np.ndarray
    cash: float
    price: np.ndarray  # last one seen
    pending: np.ndarray  # target weights that wait, NaN for none
    called: bool = False


class Session(NamedTuple):
    """What one session brings; arrays of shape (n_tickers,)."""

    fill: np.ndarray
    close: np.ndarray
    due: np.ndarray
    payout: np.ndarray
    fee: np.ndarray  # borrow fee a year
    volume: np.ndarray  # average daily dollar volume
    years: float  # since the session before


def twin_ledger(
    panel: Panel,
    due: pd.DataFrame,
    *,
    execution: Execution,
    costs: Costs,
    capital: float,
    fees: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Equity, cash, cost parts and margin levels by session; a stopped book has rows up to its stop."""
    nothing = np.full(len(panel.tickers), np.nan)
    state = State(np.zeros(len(nothing)), capital, nothing, nothing)
    given = pd.DataFrame(np.nan, panel.sessions, panel.tickers) if fees is None else fees.shift(1)
    volume = panel.dollar_volume.rolling(20, min_periods=1).mean().shift(max(execution.delay, 1))
    frames = (fill_prices(panel, execution), panel.close, due, cash_outs(panel))
    frames = (*frames, given.fillna(costs.borrow_bps) / 1e4, volume)
    rows = []
    for number, day in enumerate(panel.sessions):
        days = (day - panel.sessions[number - 1]).days if number > first_due(due) else 0
        session = Session(*(frame.loc[day].to_numpy(dtype=float) for frame in frames), years=days / 360)
        state, row = one_session(state, session, costs)
        rows.append(row)
        if costs.maintenance_margin and row["equity"] <= 0:
            break
    return pd.DataFrame(rows, index=panel.sessions[: len(rows)])


def one_session(state: State, session: Session, costs: Costs) -> tuple[State, dict[str, float]]:
    borrow, interest = night(state, session, costs)
    state = pay_out(state._replace(cash=state.cash - borrow - interest), session)
    price = np.where(np.isnan(session.fill), state.price, session.fill)
    at_fill = state.cash + value(state.shares, price).sum()
    row = {"fill_equity": at_fill, "borrow": borrow, "interest": interest, "trade": 0.0, "impact": 0.0, "cut": np.nan}
    if costs.maintenance_margin and at_fill <= 0:
        return state, row | {"equity": at_fill, "cash": at_fill}
    pending = np.where(np.isnan(session.due), state.pending, session.due)
    if state.called:
        weight = value(state.shares, price) / at_fill
        row["cut"] = 1 / np.abs(weight).sum() if weight.any() else np.nan
        wanted = np.where(np.isnan(pending), weight, pending)
        if np.abs(wanted).sum() * costs.initial_margin > 1:
            cut = wanted / (np.abs(wanted).sum() * costs.initial_margin)
            pending = np.where(np.isnan(pending) & (state.shares == 0), np.nan, cut)
    state, paid = trade(state._replace(pending=pending, price=price), session, at_fill, costs)
    row |= paid
    mark = np.where(np.isnan(session.close), price, session.close)
    equity = state.cash + value(state.shares, mark).sum()
    gross = np.abs(value(state.shares, mark)).sum()
    called = bool(costs.maintenance_margin and gross and equity / gross < costs.maintenance_margin)
    cash = equity if costs.maintenance_margin and equity <= 0 else state.cash
    row |= {"equity": equity, "cash": cash, "called": equity / gross if called else np.nan}
    return state._replace(price=mark, called=called), row


def night(state: State, session: Session, costs: Costs) -> tuple[float, float]:
    short = -value(np.minimum(state.shares, 0), state.price)
    free = state.cash - short.sum()
    earned = costs.cash_bps * max(free, 0) + (costs.borrowing_bps or 0) * min(free, 0)
    earned += costs.rebate_bps * short.sum()
    return (short * session.fee).sum() * session.years, -earned / 1e4 * session.years


def pay_out(state: State, session: Session) -> State:
    leaving = ~np.isnan(session.payout)
    proceeds = value(np.where(leaving, state.shares, 0), state.price * (1 + session.payout)).sum()
    return state._replace(shares=np.where(leaving, 0, state.shares), cash=state.cash + proceeds)


def trade(state: State, session: Session, equity: float, costs: Costs) -> tuple[State, dict[str, float]]:
    leaving, prints, ordered = ~np.isnan(session.payout), ~np.isnan(session.fill), ~np.isnan(state.pending)
    fills = ordered & prints & ~leaving
    traded = np.where(fills, state.pending * equity / state.price - state.shares, 0)
    notional = value(np.abs(traded), state.price)
    share = np.where(session.volume > 0, notional / session.volume, 1.0)
    bps = {"none": 0 * share, "linear": share, "square_root": np.sqrt(share)}[costs.impact] * costs.impact_bps
    paid = {"trade": notional.sum() * costs.trade_bps / 1e4, "impact": (notional * bps).sum() / 1e4}
    waits = ordered & ~fills & ~leaving & ((state.pending != 0) | (state.shares != 0))
    return state._replace(
        shares=state.shares + traded,
        cash=state.cash - value(traded, state.price).sum() - sum(paid.values()),
        pending=np.where(waits, state.pending, np.nan),
    ), paid


def value(shares: np.ndarray, price: np.ndarray) -> np.ndarray:
    return np.where(shares == 0, 0, shares * price)
