"""Market facts: what bars a market of the table is, and what a reader must not miss about them."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from market.inputs import Inputs
from market.returns import Execution
from market.universe import survivorship

if TYPE_CHECKING:
    from backtests.report.content import Stamp

__all__ = ["MarketFacts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketFacts:
    """The bars of one market, of several built-in ones the first.

    Parameters
    ----------
    source, universe : str
        Where they come from, and who is eligible.
    span : str
        First and last session.
    tickers, sessions : int
        Their size.
    survivor_biased : bool
        The names that died are missing.
    synthetic : bool
        Of a built-in market.
    stamps : tuple of Stamp
        As a run's own report has them.
    """

    source: str
    universe: str
    span: str
    tickers: int
    sessions: int
    survivor_biased: bool
    synthetic: bool
    stamps: "tuple[Stamp, ...]"

    @classmethod
    def of(cls, inputs: Inputs, execution: Execution) -> "MarketFacts":
        """The facts of bars, and of when orders fill."""
        from backtests.report.stamps import OPTIMISTIC, SYNTHETIC, frequency_stamps, survivorship_stamp

        panel = inputs.panel
        found, synthetic = survivorship(panel), panel.facts.synthetic
        stamps = [
            *([SYNTHETIC] if synthetic else []),
            *frequency_stamps(panel),
            *([OPTIMISTIC] if execution.is_optimistic else []),
            *([] if synthetic else [survivorship_stamp(found)]),
        ]
        return cls(
            source=panel.facts.source,
            universe=panel.facts.universe,
            span=f"{panel.sessions[0]:%Y-%m-%d} to {panel.sessions[-1]:%Y-%m-%d}",
            tickers=len(panel.tickers),
            sessions=len(panel.sessions),
            survivor_biased=found.is_biased,
            synthetic=synthetic,
            stamps=tuple(stamps),
        )

    @property
    def words(self) -> str:
        """The bars in one line."""
        size = f"{self.tickers:,} names, {self.sessions:,} sessions from {self.span}"
        return f"{self.source}, {self.universe}: {size}"

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)
