"""Accounts: the ledger's record, turned into the series and tables of a result."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.engine.backtest_result import BacktestResult
from backtests.engine.ledger import LedgerRun
from market import Execution, Panel, cash_outs, untraded
from market.panel import aligned_frame
from portfolio.costs import Costs

__all__ = ["COST_PARTS", "BacktestTerms", "settle_accounts"]

COST_PARTS = ("trade", "impact", "borrow", "interest")


class BacktestTerms(NamedTuple):
    """BacktestTerms that a backtest ran under, and the row of its first fill."""

    execution: Execution
    costs: Costs
    capital: float
    start: int


def settle_accounts(
    run: LedgerRun, panel: Panel, due: pd.DataFrame, *, terms: BacktestTerms, parity: float, engine: str
) -> BacktestResult:
    """Turn a ledger run into a result, from the session of its first fill to its end or its stop."""
    rows = slice(terms.start, None if run.stop < 0 else run.stop + 1)
    span = panel.sessions[rows]
    equity = pd.Series(run.equity[rows], index=span)
    before = equity.shift(1, fill_value=terms.capital)
    parts = pd.DataFrame({name: getattr(run, name)[rows] for name in COST_PARTS}, index=span).div(before, axis=0)
    net, cost = equity / before - 1.0, pd.Series(run.cost[rows], index=span) / before
    notional = np.abs(run.traded * run.fill_prices).sum(axis=1, where=run.traded != 0.0)
    traded = pd.Series((notional / run.fill_equity)[rows], index=span)
    return BacktestResult(
        execution=terms.execution,
        costs=terms.costs,
        capital=terms.capital,
        equity=equity.rename("equity"),
        net_returns=net.rename("net_return"),
        gross_returns=(net + cost).rename("gross_return"),
        held_weights=_held_weights(run, panel, rows),
        trades=_trades(run, panel, terms.costs),
        traded=traded.rename("traded"),
        turnover=(traded / 2.0).rename("turnover"),
        cost=cost.rename("cost"),
        cost_parts=parts,
        unfilled=_unfilled(run, panel, due, terms.execution),
        cash_outs=_cash_outs(run, panel),
        margin_events=_margin_events(run, panel),
        parity=parity,
        engine=engine,
        sessions_per_year=panel.facts.sessions_per_year,
    )


def _held_weights(run: LedgerRun, panel: Panel, rows: slice) -> pd.DataFrame:
    value = np.where(run.shares == 0.0, 0.0, run.shares * run.marks) / run.equity[:, None]
    return aligned_frame(value[rows], panel.sessions[rows], panel.tickers)


def _trades(run: LedgerRun, panel: Panel, costs: Costs) -> pd.DataFrame:
    rows, columns = np.nonzero(run.traded)
    shares, price = run.traded[rows, columns], run.fill_prices[rows, columns]
    impact = run.trade_impact[rows, columns] if run.trade_impact.size else 0.0
    cost = np.abs(shares * price) * costs.trade_fraction + impact
    out = np.flatnonzero(run.closed)
    rows = np.concatenate([rows, np.full(len(out), run.stop)])
    columns, shares = np.concatenate([columns, out]), np.concatenate([shares, -run.closed[out]])
    price = np.concatenate([price, run.closed_at[out]])
    return pd.DataFrame(
        {
            "session": panel.sessions[rows],
            "ticker": panel.tickers[columns],
            "shares": shares,
            "price": price,
            "notional": shares * price,
            "cost": np.concatenate([cost, np.zeros(len(out))]),
        }
    )


def _margin_events(run: LedgerRun, panel: Panel) -> pd.DataFrame:
    """Cuts stand before calls of the same session, as they happen."""
    events = [(row, run.cut[row], "cut") for row in np.flatnonzero(~np.isnan(run.cut))]
    called = np.flatnonzero(~np.isnan(run.called))
    events += [(row, run.called[row], "closed out" if row == run.stop else "called") for row in called]
    rows = sorted(events, key=lambda event: event[0])
    return pd.DataFrame(
        {
            "session": panel.sessions[np.array([row for row, _, _ in rows], dtype=int)],
            "level": pd.Series([level for _, level, _ in rows], dtype=float),
            "action": pd.Series([action for _, _, action in rows], dtype="str"),
        }
    )


def _unfilled(run: LedgerRun, panel: Panel, due: pd.DataFrame, execution: Execution) -> pd.DataFrame:
    rows, columns = np.nonzero(~np.isnan(run.missed))
    paid_out = cash_outs(panel).notna().to_numpy()[rows, columns]
    printed = panel.printed.to_numpy()[rows, columns]
    idle = untraded(panel).to_numpy()[rows, columns] & (execution.no_volume == "waits")
    reasons = ["paid out", "no volume", f"no {execution.price_field}"]
    reason = np.select([paid_out, idle, printed], reasons, default="no print")
    return pd.DataFrame(
        {
            "session": panel.sessions[rows],
            "ticker": panel.tickers[columns],
            "target_weight": run.missed[rows, columns],
            "reason": pd.Series(reason, dtype="str"),
            "carried": due.isna().to_numpy()[rows, columns],
        }
    )


def _cash_outs(run: LedgerRun, panel: Panel) -> pd.DataFrame:
    rows, columns = np.nonzero(run.paid)
    delisting_return = cash_outs(panel).to_numpy()[rows, columns]
    shares, price = run.paid[rows, columns], run.marks[rows - 1, columns] * (1.0 + delisting_return)
    return pd.DataFrame(
        {
            "session": panel.sessions[rows],
            "ticker": panel.tickers[columns],
            "shares": shares,
            "price": price,
            "proceeds": shares * price,
            "delisting_return": delisting_return,
        }
    )
