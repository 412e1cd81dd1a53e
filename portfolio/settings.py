"""Settings of a book: who is held, how much, how fast it moves and what bounds it."""

from typing import Literal, Self

from pydantic import Field, StrictFloat, StrictInt, model_validator

from market.settings import Settings

__all__ = ["BookSettings"]


class BookSettings(Settings):
    """How scores become decided weights; every weight is a fraction of equity.

    Parameters
    ----------
    builder : {"quintile_long_short", "filter_negative"}
        Rule that picks names: the top and bottom ``k``, or the same with shorts only where the score is low enough.
    k : float or int
        Names a side: a fraction of the session's scored names in (0, 0.5], or a count of at least 1.
    long, short : float
        Gross of each leg, at least 0; 0.65 and 0.35 is the 65/35 book, 1.30 and 0.70 the 130/70 one.
    smoothing : float
        Weight of the new target in the exponential smoothing, in (0, 1]; 1 does not smooth.
    short_filter : {"below_zero", "below_market"}
        For ``filter_negative``: short scores below zero, or scores that lie under the session's mean score by more than
        the round-trip cost.
    short_sizing : {"fixed", "fill_leg"}
        For ``filter_negative``: a short name weighs ``short`` ÷ k, or ``short`` ÷ number of names that qualify.
    max_position : float, optional
        Largest weight of one name, long or short; by default the larger of 3 % and 1.5 × the leg's per-name weight.
    cash_buffer : float
        Cash kept for trading costs, in [0, 1): a net exposure between 1 − ``cash_buffer`` and 1 is scaled down to it.
    """

    builder: Literal["quintile_long_short", "filter_negative"] = "quintile_long_short"
    k: StrictInt | StrictFloat = 0.2
    long: float = Field(default=0.5, ge=0)
    short: float = Field(default=0.5, ge=0)
    smoothing: float = Field(default=0.15, gt=0, le=1)
    short_filter: Literal["below_zero", "below_market"] = "below_zero"
    short_sizing: Literal["fixed", "fill_leg"] = "fixed"
    max_position: float | None = Field(default=None, gt=0)
    cash_buffer: float = Field(default=0.01, ge=0, lt=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if isinstance(self.k, int) and self.k < 1:
            raise ValueError(f"k as a count must be at least 1 name a side, was {self.k}")
        if isinstance(self.k, float) and not 0 < self.k <= 0.5:
            raise ValueError(f"k as a fraction must lie in (0, 0.5], was {self.k}; write a count without a point")
        if self.long + self.short == 0:
            raise ValueError("long and short must not both be 0: the book would hold nothing")
        return self
