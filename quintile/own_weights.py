"""Own weights: a backtest of weights that somebody else decided, with the whole report of a book."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from backtests.engine.backtest import run_backtest
from backtests.engine.backtest_result import BacktestResult
from core.files import require_new, write_text
from market.equal_weight import equal_weight_market
from market.inputs import Inputs
from market.panel import Panel, aligned_frame
from market.returns import Execution
from market.sources.benchmark import plain_dates
from market.ticker_names import likely_meant, one_spelling
from portfolio.costs import Costs
from quintile.bar_frames import Bars, inputs_for
from quintile.lookup import require
from strategy.runs.result import ReportPath

__all__ = ["Backtest", "backtest"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Backtest:
    """Weights on bars, and what they came to; print it.

    Parameters
    ----------
    inputs : Inputs
        The bars that were traded on.
    weights : DataFrame of float, shape (n_sessions, n_tickers)
        Decided at the close of each session; a row of NaN is no rebalance.
    result : BacktestResult
        Everything that the engines found.

    Examples
    --------
    >>> held = qt.backtest(run.weights, bars, costs=spec.costs)
    >>> held.report(report_path).name
    'weights.html'
    """

    inputs: Inputs
    weights: pd.DataFrame
    result: BacktestResult

    @property
    def returns(self) -> pd.DataFrame:
        """Net and gross simple returns of each session, and the equal-weighted market's."""
        market = equal_weight_market(self.inputs.panel).reindex(self.result.net_returns.index)
        return pd.DataFrame({"net": self.result.net_returns, "gross": self.result.gross_returns, "market": market})

    @property
    def equity(self) -> pd.Series:
        """Net value of the book at each close, in the currency of the bars."""
        return self.result.equity

    @property
    def trades(self) -> pd.DataFrame:
        """Fills: session, ticker, signed shares and notional, price, cost."""
        return self.result.trades

    def plot(self) -> Any:
        """Plotly figure of the growth of 1, net and gross of costs, and in the equal-weighted market."""
        from backtests.report.figures.curves_figures import curves_figure

        returns = self.returns
        return curves_figure(returns[["net", "gross"]], returns["market"])

    def report(self, path: str | Path = "weights.html", *, title: str = "Own weights") -> ReportPath:
        """Write the whole report of a book as one HTML page that works offline.

        What a report says of scores has no place in it: there are none, so there is no information coefficient, no
        verdict and no trial, and the page says so.

        Parameters
        ----------
        path : str or Path
            Where to.
        title : str
            Headline.

        Returns
        -------
        ReportPath
            Prints as a path; ``show`` opens it.

        Raises
        ------
        ValueError
            If a file is there that is no report.
        """
        from backtests.report.html_page import PAGE_MARK
        from quintile.weights_page import weights_page

        page = ReportPath(path)
        require_new(page, what="report", ours=PAGE_MARK)
        write_text(page, weights_page(self.inputs, self.weights, self.result, title=title))
        return page

    def __str__(self) -> str:
        return str(self.result)

    def __repr__(self) -> str:
        return repr(self.result).replace("BacktestResult", "Backtest", 1)

    def _repr_html_(self) -> str:
        return self.result._repr_html_()


def backtest(
    weights: pd.DataFrame,
    bars: Bars,
    *,
    costs: Costs | None = None,
    execution: Execution | None = None,
    capital: float = 1e6,
) -> Backtest:
    """Trade your own weights on two engines that must agree, and account for every share.

    Parameters
    ----------
    weights : DataFrame of float, sessions × tickers
        Fractions of equity decided at the close of each session, for any of the bars' tickers; a name that has no
        column is not held, a row of NaN is no rebalance.
    bars : Panel, Inputs or DataFrame
        Bars with their universe.
    costs : Costs, optional
        5 basis points one way by default.
    execution : Execution, optional
        When a decision fills; at the next open by default.
    capital : float
        Cash at the start, in the currency of the bars.

    Returns
    -------
    Backtest
        Prints as a table; ``report`` writes the whole page.

    Raises
    ------
    ValueError
        If the weights do not fit the bars.
    UnsupportedBookError
        If the book borrows cash without a rate for it, or becomes insolvent without margin.

    Examples
    --------
    >>> held = qt.backtest(run.weights, bars, costs=qt.Costs(trade_bps=5))
    >>> bool((held.result.net_returns - run.returns["filter_negative net"]).abs().max() < 1e-12)
    True
    """
    inputs = inputs_for(bars)
    require(costs or Costs(), Costs, name="costs", made_by="qt.Costs(trade_bps=5)")
    placed = _on_tickers(weights, inputs.panel)
    result = run_backtest(
        inputs.panel, placed, execution=execution or Execution(), costs=costs or Costs(), capital=capital
    )
    return Backtest(inputs=inputs, weights=placed, result=result)


def _on_tickers(weights: pd.DataFrame, panel: Panel) -> pd.DataFrame:
    """Weights on every ticker of the bars; a name without a column is held at 0 wherever the others are decided."""
    if not isinstance(weights, pd.DataFrame):
        raise TypeError(f"weights must be a DataFrame of sessions × tickers, were a {type(weights).__name__}")
    weights = one_spelling(plain_dates(weights), what="weights")
    if not weights.columns.is_unique:
        raise ValueError(f"weights name {weights.columns[weights.columns.duplicated()][0]} twice: keep one column")
    strange = [str(ticker) for ticker in weights.columns.difference(panel.tickers)]
    if strange:
        meant = likely_meant(strange, panel.tickers)
        raise ValueError(
            f"weights hold {len(strange)} tickers that the bars lack, such as {strange[:5]}{meant}: drop them"
        )
    placed = weights.reindex(columns=panel.tickers)
    decided = weights.notna().any(axis=1)
    absent = panel.tickers.difference(weights.columns)
    placed.loc[decided, absent] = 0.0
    return aligned_frame(placed.to_numpy(dtype=float), pd.DatetimeIndex(placed.index), placed.columns)
