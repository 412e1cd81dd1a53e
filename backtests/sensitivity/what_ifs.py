"""What-ifs: the sensitivities of one book beyond its own settings, as the report shows them."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from backtests.sensitivity.capacity import CapacityCurve

__all__ = ["WhatIfs"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WhatIfs:
    """Sensitivities of one book on its own test span; choosing among them would be a trial.

    Parameters
    ----------
    cost, delay : DataFrame
        ``cost_curve`` and ``delay_curve`` of the decided weights.
    borrow : DataFrame or None
        ``borrow_curve``; None for a book without a short side.
    break_even : float
        ``break_even_bps`` of the backtest.
    capacity : CapacityCurve
        The same weights at other sizes.
    smoothing : DataFrame, index ``smoothing``
        The book built again from the same scores: columns of ``case_metrics``, ``sharpe_gross`` (no friction at all)
        and ``turnover`` (one way, mean per session).
    stress : DataFrame, index ``legs`` and ``stress``
        The book built again: columns of ``case_metrics``, and ``refused``, why there is no number, else empty.
    trade_bps, smoothed : float
        The book's own place on the cost and the smoothing curve.
    delayed : int
        And on the delay curve.
    """

    cost: pd.DataFrame
    delay: pd.DataFrame
    borrow: pd.DataFrame | None
    break_even: float
    capacity: CapacityCurve
    smoothing: pd.DataFrame
    stress: pd.DataFrame
    trade_bps: float
    smoothed: float
    delayed: int

    def as_dict(self) -> dict[str, Any]:
        """Every number by name, for ``metrics.json``."""
        curves = {"cost": self.cost, "delay": self.delay, "borrow": self.borrow, "smoothing": self.smoothing}
        tables: dict[str, Any] = {name: _rows(table) for name, table in curves.items() if table is not None}
        money = {"rows": _rows(self.capacity.table), "costs": str(self.capacity.costs), "half": self.capacity.half}
        money |= {"missing": self.capacity.missing} if self.capacity.missing else {}
        stress = [{**dict(zip(self.stress.index.names, name, strict=True)), **row} for name, row in self._stressed()]
        return tables | {"break_even_bps": self.break_even, "capacity": money, "stress": stress}

    def sharpes(self) -> dict[str, float]:
        """Sharpe ratio of every row by name, for the trial log."""
        curves = {"costs": self.cost, "delay": self.delay, "borrow": self.borrow, "smoothing": self.smoothing}
        curves |= {"capital": self.capacity.table}
        ratios = {
            f"{name} {setting:g}": float(sharpe)
            for name, table in curves.items()
            if table is not None
            for setting, sharpe in table["sharpe"].items()
        }
        rows = zip(self.stress.index.tolist(), self.stress["sharpe"].tolist(), strict=True)
        return ratios | {" ".join(name): sharpe for name, sharpe in rows}

    def _stressed(self) -> list[tuple[Any, dict[str, Any]]]:
        return list(zip(self.stress.index, _records(self.stress), strict=True))


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return _records(table.reset_index())


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict(orient="records")]
