"""Trading summary: turnover, cost, exposure and unfilled orders of one backtest."""

from dataclasses import asdict, dataclass

from backtests.engine.backtest_result import BacktestResult
from backtests.statistics.metrics import exposures

__all__ = ["TradingSummary", "trading_summary"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingSummary:
    """Trading and exposure of one backtest; fractions of equity, means per session unless the name says annual.

    ``annual_turnover`` is one way, ``cost_drag`` is the annualised cost and the sum of the four drags after it,
    ``mean_short`` is negative; ``parity`` is NaN where only the ledger can keep the book.
    """

    mean_turnover: float
    annual_turnover: float
    cost_drag: float
    trade_drag: float
    impact_drag: float
    borrow_drag: float
    interest_drag: float
    mean_gross: float
    mean_net: float
    mean_long: float
    mean_short: float
    largest_weight: float
    n_trades: int
    n_unfilled: int
    n_cash_outs: int
    n_margin_events: int
    parity: float

    def as_dict(self) -> dict[str, int | float]:
        """Fields by name, for ``metrics.json``."""
        return asdict(self)


def trading_summary(result: BacktestResult) -> TradingSummary:
    """Summarise turnover, cost, exposures, unfilled orders and parity of a backtest."""
    year = result.sessions_per_year
    drag = result.cost_parts.mean() * year
    held = exposures(result.held_weights).mean()
    return TradingSummary(
        mean_turnover=float(result.turnover.mean()),
        annual_turnover=float(result.turnover.mean() * year),
        cost_drag=float(result.cost.mean() * year),
        trade_drag=float(drag["trade"]),
        impact_drag=float(drag["impact"]),
        borrow_drag=float(drag["borrow"]),
        interest_drag=float(drag["interest"]),
        mean_gross=float(held["gross"]),
        mean_net=float(held["net"]),
        mean_long=float(held["long"]),
        mean_short=float(held["short"]),
        largest_weight=float(result.held_weights.abs().to_numpy().max()),
        n_trades=len(result.trades),
        n_unfilled=len(result.unfilled),
        n_cash_outs=len(result.cash_outs),
        n_margin_events=len(result.margin_events),
        parity=result.parity,
    )
