"""Capacity: the Sharpe ratio of a book by its size, with the impact of its own trades."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from backtests.engine.backtest_result import BacktestResult
from backtests.engine.frictions import average_dollar_volume
from backtests.engine.many_books import Case
from backtests.sensitivity.case_metrics import CASE_COLUMNS, case_metrics
from market import Panel
from portfolio.costs import Costs

__all__ = ["IMPACT_BPS", "CapacityCurve", "capacity_curve"]

IMPACT_BPS = 100.0  # of a trade of one average day: about half the volatility of a stock's session
MIN_MEASURED = 0.5  # of the traded notional must be in names whose dollar volume is known
NO_VOLUME = "no dollar volume is known for most of its trades"
NO_ROWS = pd.DataFrame(
    columns=[*CASE_COLUMNS, "participation", "participation_95"], index=pd.Index([], name="capital"), dtype=float
)
CAPITAL = (1e6, 3e6, 1e7, 3e7, 1e8, 3e8, 1e9, 3e9, 1e10)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CapacityCurve:
    """A book at several sizes.

    Parameters
    ----------
    table : DataFrame, index ``capital``
        Columns of ``case_metrics``; ``participation`` and ``participation_95``: median and 95th percentile over the
        trades of notional ÷ average daily dollar volume.
    costs : Costs
        What was charged; square-root impact is assumed where the book's own costs have none.
    assumed : bool
        Whether impact was assumed.
    half : float
        Capital at which the Sharpe ratio is half of that without impact, by interpolation in its logarithm; NaN where
        the curve does not reach it, or where the Sharpe ratio without impact is not positive.
    without : float
        Sharpe ratio without impact.
    missing : str
        Why nothing can be said, else empty; the table then has no row.
    """

    table: pd.DataFrame
    costs: Costs
    assumed: bool
    half: float
    without: float = np.nan
    missing: str = ""


def capacity_curve(
    panel: Panel, base: Case, result: BacktestResult, *, capital: Iterable[float] = CAPITAL
) -> CapacityCurve:
    """Performance of a book at several sizes of starting capital.

    Parameters
    ----------
    panel : Panel
        Bars that the book trades on; their dollar volume is the measure.
    base : Case
        The book as it was traded.
    result : BacktestResult
        Of that book; its trades, scaled in proportion to capital, give the participation.
    capital : iterable of float
        Cash at the start, in the currency of the bars.

    References
    ----------
    Almgren, R. et al., "Direct Estimation of Equity Market Impact", Risk, 2005; Tóth, B. et al., "Anomalous Price
    Impact and the Critical Nature of Liquidity in Financial Markets", Physical Review X, 2011 (the square root).
    """
    assumed = base.costs.impact == "none"
    impact = {"impact": "square_root", "impact_bps": IMPACT_BPS} if assumed else {}
    costs = base.costs.model_copy(update=impact)
    volume = _day_volumes(panel, result)
    notional = result.trades["notional"].abs().to_numpy(dtype=float)
    if notional[volume > 0].sum() < MIN_MEASURED * notional.sum() or not len(notional):
        why = NO_VOLUME if len(notional) else "the book never traded"
        return CapacityCurve(table=NO_ROWS, costs=costs, assumed=assumed, half=np.nan, missing=why)
    cases = [(float(money), replace(base, costs=costs, capital=float(money))) for money in capital]
    free = costs.model_copy(update={"impact": "none", "impact_bps": 0.0})
    table = case_metrics(panel, [*cases, (0.0, replace(base, costs=free))])
    without, table = float(table["sharpe"][0.0]), table.drop(index=0.0).rename_axis("capital")
    shares = (notional[volume > 0] / volume[volume > 0]) / result.capital
    for column, level in (("participation", 0.5), ("participation_95", 0.95)):
        table[column] = (np.quantile(shares, level) if len(shares) else np.nan) * table.index.to_numpy(dtype=float)
    half = _capital_at(table["sharpe"], without / 2.0)
    return CapacityCurve(table=table, costs=costs, assumed=assumed, half=half, without=without)


def _day_volumes(panel: Panel, result: BacktestResult) -> np.ndarray:
    """Average daily dollar volume of the name of every trade at its fill; 0 or NaN where none is known."""
    volume = average_dollar_volume(panel, result.execution)
    rows = volume.index.get_indexer(pd.DatetimeIndex(result.trades["session"]))
    columns = volume.columns.get_indexer(pd.Index(result.trades["ticker"]))
    return np.asarray(volume.to_numpy()[rows, columns])


def _capital_at(sharpe: pd.Series, level: float) -> float:
    """Capital at which the Sharpe ratio first falls to a positive level."""
    ratios, money = sharpe.to_numpy(dtype=float), np.log(sharpe.index.to_numpy(dtype=float))
    under = np.flatnonzero(ratios <= level)
    if not level > 0 or len(under) == 0 or under[0] == 0:
        return np.nan
    low, high = under[0] - 1, under[0]
    share = (ratios[low] - level) / (ratios[low] - ratios[high])
    return float(np.exp(money[low] + share * (money[high] - money[low])))
