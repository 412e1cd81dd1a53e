"""Accounts: what the ledger wrote down, read as the series and tables of a result."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.costs import Costs
from backtests.ledger import LedgerRun
from backtests.result import BacktestResult
from market import Execution, Panel, cash_outs
from market.panel import aligned_frame

__all__ = ["Terms", "settle_accounts"]


class Terms(NamedTuple):
    """Terms that a backtest ran under, and the row of its first fill."""

    execution: Execution
    costs: Costs
    capital: float
    start: int


def settle_accounts(
    run: LedgerRun, panel: Panel, due: pd.DataFrame, *, terms: Terms, parity: float, engine: str
) -> BacktestResult:
    """Return the result of a ledger run from the session of its first fill on."""
    span = panel.sessions[terms.start :]
    equity, cost = (pd.Series(line[terms.start :], index=span) for line in (run.equity, run.cost))
    before = equity.shift(1, fill_value=terms.capital)
    net, cost_fraction = equity / before - 1.0, cost / before
    notional = np.abs(run.traded * run.fill_prices).sum(axis=1, where=run.traded != 0.0)
    traded = pd.Series((notional / run.fill_equity)[terms.start :], index=span)
    return BacktestResult(
        execution=terms.execution,
        costs=terms.costs,
        capital=terms.capital,
        equity=equity.rename("equity"),
        net_returns=net.rename("net_return"),
        gross_returns=(net + cost_fraction).rename("gross_return"),
        held_weights=_held_weights(run, panel, terms.start),
        trades=_trades(run, panel, terms.costs),
        traded=traded.rename("traded"),
        turnover=(traded / 2.0).rename("turnover"),
        cost=cost_fraction.rename("cost"),
        unfilled=_unfilled(run, panel, due, terms.execution),
        cash_outs=_cash_outs(run, panel),
        parity=parity,
        engine=engine,
    )


def _held_weights(run: LedgerRun, panel: Panel, start: int) -> pd.DataFrame:
    value = np.where(run.shares == 0.0, 0.0, run.shares * run.marks) / run.equity[:, None]
    return aligned_frame(value[start:], panel.sessions[start:], panel.tickers)


def _trades(run: LedgerRun, panel: Panel, costs: Costs) -> pd.DataFrame:
    rows, columns = np.nonzero(run.traded)
    shares, price = run.traded[rows, columns], run.fill_prices[rows, columns]
    return pd.DataFrame(
        {
            "session": panel.sessions[rows],
            "ticker": panel.tickers[columns],
            "shares": shares,
            "price": price,
            "notional": shares * price,
            "cost": np.abs(shares * price) * costs.trade_fraction,
        }
    )


def _unfilled(run: LedgerRun, panel: Panel, due: pd.DataFrame, execution: Execution) -> pd.DataFrame:
    rows, columns = np.nonzero(~np.isnan(run.missed))
    paid_out = cash_outs(panel).notna().to_numpy()[rows, columns]
    printed = panel.printed.to_numpy()[rows, columns]
    reason = np.select([paid_out, printed], ["paid out", f"no {execution.price_field}"], default="no print")
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
