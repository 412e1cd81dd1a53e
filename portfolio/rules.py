"""Rules: all that a backtest needs to know of a strategy, and nothing of how its scores are made."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from market.returns import Execution
from portfolio.book_settings import BookSettings, RiskSettings
from portfolio.costs import Costs
from portfolio.sleeves import refuse_held_sleeves

__all__ = ["TradingRules"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingRules:
    """How scores are traded: the book, its risk overlays, the execution clock and the costs.

    Parameters
    ----------
    name : str
        Names the book in tables and files.
    portfolio : BookSettings
        From scores to target weights.
    risk : RiskSettings
        Volatility target and kill switches, all off by default.
    execution : Execution
        When a decision fills.
    costs : Costs
        What trading, holding and borrowing cost.
    companions : mapping of str to BookSettings
        Further books by name, backtested on the same scores for comparison.
    horizon : int
        Sessions over which scores are expected returns, at least 1. Above 1 every book holds as many overlapping
        sleeves, one opened at each close.

    Raises
    ------
    ValueError
        If the horizon is below 1.
    UnsupportedBookError
        If it is above 1 and a book is optimised.

    Examples
    --------
    >>> rules = TradingRules(costs=Costs(trade_bps=10.0))
    >>> rules.with_book(BookSettings(builder="long_only", long=1.0, short=0.0)).costs.trade_bps
    10.0
    """

    name: str = "book"
    portfolio: BookSettings = field(default_factory=BookSettings)
    risk: RiskSettings = field(default_factory=RiskSettings)
    execution: Execution = field(default_factory=Execution)
    costs: Costs = field(default_factory=Costs)
    companions: Mapping[str, BookSettings] = field(default_factory=dict)
    horizon: int = 1

    def __post_init__(self) -> None:
        if self.horizon < 1:
            raise ValueError(f"horizon must be at least 1 session, was {self.horizon}")
        for book in self.books.values():
            refuse_held_sleeves(book, self.horizon)

    @property
    def books(self) -> dict[str, BookSettings]:
        """Every book by name, the strategy's own first."""
        return {self.name: self.portfolio, **self.companions}

    def with_book(self, book: BookSettings) -> Self:
        """The same clock, costs and overlays with another book."""
        return replace(self, portfolio=book)
