"""Costs: trading costs, impact, borrow fees, interest and margin of a book."""

from typing import Literal, Self

from pydantic import Field, model_validator

from core.conventions import BASIS_POINTS
from core.settings import Later, Settings

__all__ = ["Costs"]


class Costs(Settings):
    """Frictions of one book; all but ``trade_bps`` are off by default.

    Costs of a trade leave cash at its fill. Costs of holding are taken once a night, on what was held at the close
    before and before anything else happens in the session, for the calendar days between both sessions ÷ 360.

    Parameters
    ----------
    trade_bps : float
        Half-spread and commission in all, one way, in basis points of traded notional; at least 0.
    impact : {"none", "linear", "square_root"}
        How the impact of a trade, in basis points of its notional, grows with its participation: notional ÷ average
        daily dollar volume of the name, the mean over its prints in the 20 sessions up to the decision's close (up to
        the close before the fill where both are the same session). A name without a volume pays as at participation 1.
    impact_bps : float
        Impact at participation 1, in basis points of traded notional.
    borrow_bps : float
        Annual fee on the market value of shorts, in basis points; a fee by name, where one is given, takes its place.
    cash_bps : float
        Annual interest on free cash: cash less the market value of shorts, which is their collateral, if positive.
    borrowing_bps : float or None
        Annual interest on free cash below 0. None: nothing is charged, and a book whose cash itself falls below 0 (net
        exposure above 1) is refused.
    rebate_bps : float
        Annual interest earned on the collateral of shorts.
    maintenance_margin, initial_margin : float or None
        Equity ÷ gross exposure. A close below the first calls for margin: at the next fill the book is cut to the
        second. An insolvent book is closed out and its result ends there. None: no margin, and insolvency is refused.

    Examples
    --------
    >>> str(qt.Costs(trade_bps=5, borrow_bps=30))
    '5 bps one way on traded notional; borrow fee 30 bps per year (days/360)'
    """

    trade_bps: float = Field(
        default=5.0, ge=0, lt=1e4, description="half-spread and commission, one way, basis points of traded notional"
    )
    impact: Later[Literal["none", "linear", "square_root"]] = Field(
        default="none", description="growth of impact with a trade's share of the average daily dollar volume"
    )
    impact_bps: Later[float] = Field(
        default=0.0, ge=0, lt=1e4, description="impact of a trade of one average day, basis points of traded notional"
    )
    borrow_bps: Later[float] = Field(
        default=0.0, ge=0, description="borrow fee on the market value of shorts, basis points a year, days/360"
    )
    cash_bps: Later[float] = Field(
        default=0.0,
        ge=0,
        description="interest on cash less the market value of shorts, where positive, basis points a year",
    )
    borrowing_bps: Later[float | None] = Field(
        default=None, ge=0, description="interest on it where negative; unset refuses net exposure above 1"
    )
    rebate_bps: Later[float] = Field(
        default=0.0, ge=0, description="interest on the market value of shorts, basis points a year"
    )
    maintenance_margin: Later[float | None] = Field(
        default=None, gt=0, le=1, description="equity ÷ gross exposure below which margin is called; unset is off"
    )
    initial_margin: Later[float | None] = Field(
        default=None, gt=0, le=1, description="equity ÷ gross exposure that a called book is cut to at the next fill"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.maintenance_margin is None) != (self.initial_margin is None):
            raise ValueError("maintenance_margin and initial_margin go together: give both or neither")
        if self.maintenance_margin and self.initial_margin and self.initial_margin < self.maintenance_margin:
            raise ValueError(
                f"initial_margin must be at least maintenance_margin {self.maintenance_margin:g}, "
                f"was {self.initial_margin:g}: a cut to it would call again"
            )
        if (self.impact == "none") != (self.impact_bps == 0):
            raise ValueError("impact and impact_bps go together: give a shape and its basis points, or neither")
        return self

    @property
    def trade_fraction(self) -> float:
        """One-way cost as a fraction of traded notional."""
        return self.trade_bps / BASIS_POINTS

    @property
    def may_borrow(self) -> bool:
        """Whether cash may fall below 0."""
        return self.borrowing_bps is not None

    def __str__(self) -> str:
        return "; ".join((f"{self.trade_bps:g} bps one way on traded notional", *self._beyond_trading()))

    def _beyond_trading(self) -> list[str]:
        annual = {
            "borrow fee": self.borrow_bps,
            "interest on free cash": self.cash_bps,
            "interest on borrowed cash": self.borrowing_bps,
            "rebate on shorts": self.rebate_bps,
        }
        impact = f"{self.impact.replace('_', '-')} impact {self.impact_bps:g} bps at one day's dollar volume"
        margin = f"margin {self.maintenance_margin or 0:g}, cut to {self.initial_margin or 0:g}"
        parts = [] if self.impact == "none" else [impact]
        parts += [f"{name} {rate:g} bps per year (days/360)" for name, rate in annual.items() if rate]
        return parts + ([] if self.maintenance_margin is None else [margin])
