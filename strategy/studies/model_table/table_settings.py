"""Table settings: which markets, how large, how many seeds; and the requests that load the bars of each."""

from dataclasses import dataclass, field
from typing import Literal

from market.request import BarsRequest
from market.sources.builtin_bars import builtin_source
from market.synthetic import SyntheticSettings

__all__ = ["MARKETS", "TableMarket", "TableSettings"]

MarketName = Literal["null", "planted", "bars"]
MARKETS: tuple[MarketName, ...] = ("null", "planted", "bars")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableMarket:
    """One market of the table, a request of bars for every seed.

    Parameters
    ----------
    name : {"null", "planted", "bars"}
        What it is.
    requests : mapping of int to BarsRequest
        By seed: another built-in market each, or always the given bars.
    """

    name: str
    requests: dict[int, BarsRequest]

    @property
    def is_one(self) -> bool:
        """Whether all seeds are trained on the same bars."""
        return len(set(self.requests.values())) == 1 and self.name == "bars"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSettings:
    """What is compared on what.

    Parameters
    ----------
    markets : tuple of {"null", "planted", "bars"}
        Built-in markets without and with an alpha, and the given bars.
    seeds : tuple of int
        Each is a training and, on built-in markets, a market.
    n_tickers, n_sessions : int
        Size of every built-in market.
    planted_ic : float
        Strength of the planted alpha.
    bars : BarsRequest, optional
        The given bars.
    """

    markets: tuple[str, ...] = ("null", "planted")
    seeds: tuple[int, ...] = (1, 2, 3, 4, 5)
    n_tickers: int = 200
    n_sessions: int = 1500
    planted_ic: float = 0.05
    bars: BarsRequest | None = field(default=None)

    def __post_init__(self) -> None:
        unknown = [name for name in self.markets if name not in MARKETS]
        if unknown or not self.markets or len(set(self.markets)) < len(self.markets):
            raise ValueError(f"markets are {', '.join(MARKETS)}, once each, were {', '.join(self.markets) or 'none'}")
        if ("bars" in self.markets) != (self.bars is not None):
            raise ValueError("the market bars and --bars go together: give both or neither")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise ValueError(f"seeds are different whole numbers from 0 on, were {self.seeds}")

    def resolved(self) -> tuple[TableMarket, ...]:
        """The markets in the order of the table."""
        return tuple(self._market(name) for name in MARKETS if name in self.markets)

    def words(self, market: str) -> str:
        """What a market is, for people."""
        size = f"{self.n_tickers} names, {self.n_sessions:,} sessions"
        if market == "null":
            return f"Null: built-in markets without an alpha, {size}, one a seed (SYNTHETIC)"
        if market == "planted":
            return f"Planted: built-in markets with a planted IC of {self.planted_ic:g}, {size}, one a seed (SYNTHETIC)"
        return "Given bars, the same for every seed"

    def _market(self, name: str) -> TableMarket:
        if name == "bars" and self.bars is not None:
            return TableMarket(name=name, requests=dict.fromkeys(self.seeds, self.bars))
        level = 0.0 if name == "null" else self.planted_ic
        return TableMarket(
            name=name, requests={seed: BarsRequest(bars=self._source(seed, level)) for seed in self.seeds}
        )

    def _source(self, seed: int, level: float) -> str:
        return builtin_source(
            SyntheticSettings(seed=seed, planted_ic=level, n_tickers=self.n_tickers, n_sessions=self.n_sessions)
        )
