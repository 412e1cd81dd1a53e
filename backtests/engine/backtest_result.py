"""Backtest result: what one backtest earned, held, traded and could not trade; a value that prints."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from backtests.statistics.metrics import max_drawdown, sharpe_ratio, sharpe_standard_error
from core.conventions import SESSIONS_PER_YEAR
from core.notebook_html import notebook_card, small_lines
from market import Execution
from portfolio.costs import Costs

__all__ = ["BacktestResult"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class BacktestResult:
    """A finished backtest, from the session of the first fill on; series have one value per session.

    Parameters
    ----------
    execution, costs : Execution, Costs
        Clock and costs of the fills.
    capital : float
        Cash before the first fill, in the currency of the bars.
    equity : Series
        Net value of the book at each close, in currency.
    net_returns : Series
        Close-to-close simple returns of ``equity``; the first one starts from ``capital``.
    gross_returns : Series
        ``net_returns + cost``: the same trades and positions without their cost.
    held_weights : DataFrame, sessions × tickers
        Value held at each close as a fraction of equity, drift included.
    trades : DataFrame
        ``session``, ``ticker``, ``shares`` (signed), ``price``, ``notional`` (signed), ``cost`` (impact included). What
        an insolvent account held is closed out at the last known price and a cost of 0.
    traded : Series
        Two-way traded notional as a fraction of equity at the fill.
    turnover : Series
        ``traded`` ÷ 2, one way.
    cost : Series
        Everything charged for the session, as a fraction of equity at its start: the sum of ``cost_parts``.
    cost_parts : DataFrame, columns ``trade``, ``impact``, ``borrow`` and ``interest``
        Where the cost comes from; interest is negative where free cash and rebates earn more than borrowing costs.
    unfilled : DataFrame
        One row for each session in which an order found no price: ``session``, ``ticker``, ``target_weight``,
        ``reason``, ``carried`` (the order was decided for an earlier session).
    cash_outs : DataFrame
        Pay-outs of names that left: ``session``, ``ticker``, ``shares``, ``price``, ``proceeds``, ``delisting_return``.
    margin_events : DataFrame
        ``session``, ``level`` (equity ÷ gross exposure) and ``action``: ``"called"`` at a close, ``"cut"`` at a fill,
        before its trades, and ``"closed out"`` in the last session of an insolvent account.
    parity : float
        Largest equity difference of the two engines ÷ ``capital``; NaN where vectorbt cannot express the book.
    engine : str
        Engine that the ledger was compared with, or ``"ledger only: …"`` and why.
    sessions_per_year : float
        Of the bars, by which every annual figure of the book is annualised.

    Examples
    --------
    >>> held = qt.backtest(run.weights, bars).result
    >>> list(held.cost_parts)
    ['trade', 'impact', 'borrow', 'interest']
    """

    execution: Execution
    costs: Costs
    capital: float
    equity: pd.Series
    net_returns: pd.Series
    gross_returns: pd.Series
    held_weights: pd.DataFrame
    trades: pd.DataFrame
    traded: pd.Series
    turnover: pd.Series
    cost: pd.Series
    cost_parts: pd.DataFrame
    unfilled: pd.DataFrame
    cash_outs: pd.DataFrame
    margin_events: pd.DataFrame
    parity: float
    engine: str
    sessions_per_year: float = SESSIONS_PER_YEAR

    def __str__(self) -> str:
        first, last = self.equity.index[0], self.equity.index[-1]
        clock = f"{self.execution.fill}, delay {self.execution.delay}"
        optimistic = " OPTIMISTIC" if self.execution.is_optimistic else ""
        year = self.sessions_per_year
        ratio, error = self._sharpe()
        return "\n".join(
            (
                f"Backtest {first:%Y-%m-%d} to {last:%Y-%m-%d}, {len(self.equity)} sessions, {clock}{optimistic}",
                f"  equity        {self.capital:,.0f} to {self.equity.iloc[-1]:,.0f}",
                f"  Sharpe        {ratio:.2f} ± {error:.2f} net of {self.costs.trade_bps:g} bps{self._other_costs()}, "
                f"{sharpe_ratio(self.gross_returns, sessions_per_year=year):.2f} gross "
                f"({year:g} sessions a year, risk-free 0)",
                f"  drawdown      {max_drawdown(self.net_returns):.1%}",
                f"  turnover      {self.turnover.mean():.1%} per session, one way",
                f"  unfilled      {len(self.unfilled)} orders, {len(self.cash_outs)} pay-outs",
                *([f"  margin        {len(self.margin_events)} events"] if len(self.margin_events) else []),
                f"  parity        {self._parity_line()}",
            )
        )

    def __repr__(self) -> str:
        ratio, error = self._sharpe()
        return f"<BacktestResult of {len(self.equity)} sessions: net Sharpe ratio {ratio:.2f} ± {error:.2f}>"

    def _repr_html_(self) -> str:
        heading, *lines = str(self).splitlines()
        rows = [(line[:16].strip().capitalize(), line[16:].strip()) for line in lines]
        growth = (1.0 + self.net_returns).cumprod().tolist()
        return notebook_card(heading, rows, small_lines({"net of costs": growth}, title="What one unit grew to"))

    def _sharpe(self) -> tuple[float, float]:
        """Annualised net Sharpe ratio and its standard error."""
        year = self.sessions_per_year
        error = sharpe_standard_error(self.net_returns, sessions_per_year=year)
        return sharpe_ratio(self.net_returns, sessions_per_year=year), error

    def _other_costs(self) -> str:
        parts = [name for name in ("impact", "borrow", "interest") if self.cost_parts[name].any()]
        return f" and {', '.join(parts)}" if parts else ""

    def _parity_line(self) -> str:
        checked = f"{self.parity:.1e} of capital against {self.engine}"
        return self.engine if np.isnan(self.parity) else checked
