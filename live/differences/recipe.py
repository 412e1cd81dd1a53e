"""Recipe: how a result came about, in seven stages, each with what that side used; and what it recorded.

    bars → universe → features → scores → book → fills → costs

A side that gives scores has no features, one that gives weights no scores either, one that gives fills has its own
prices and shares. What a side does not have is counted with the first stage that it has.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from live.differences.given_shares import GivenFills
from market.builtin_words import is_builtin
from market.delistings import listed
from market.eligibility import Eligibility
from market.panel import Panel, aligned_frame
from market.universe import choose_universe
from models.checkpoint import Checkpoint
from portfolio.rules import TradingRules
from strategy.definitions.spec import StrategySpec
from strategy.frozen.own_request import RULE

__all__ = ["STAGES", "UPSTREAM", "Learning", "Recipe", "UniverseRule", "placed_scores", "placed_weights"]

STAGES: Final = ("bars", "universe", "features", "scores", "book", "fills", "costs")
UPSTREAM: Final = STAGES[:4]  # what scores are made of

Learning = Literal["trained", "frozen", "given"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UniverseRule:
    """Who may be held: a rule that can be applied to other bars, or else the table itself.

    Parameters
    ----------
    words : str
        The rule, or what the table is called.
    table : DataFrame of bool
        On the side's own bars.
    is_rule : bool
        Whether the rule gives that table on these bars, so that it can be applied to others.
    with_bars : bool
        Whether the bars bring it, as those of the built-in market do.
    """

    words: str
    table: pd.DataFrame
    is_rule: bool = False
    with_bars: bool = False

    @classmethod
    def of(cls, panel: Panel, words: str, *, bars: str = "") -> "UniverseRule":
        """The universe of a panel; a rule counts as one where it gives the panel's own table again."""
        if RULE.fullmatch(Eligibility.parse(words).source) is None:
            return cls(words=words, table=panel.universe)
        if is_builtin(bars) and words == "all":
            return cls(words=words, table=panel.universe, with_bars=True)
        same = choose_universe(panel, words).universe.equals(panel.universe)
        return cls(words=words, table=panel.universe, is_rule=same)

    def on(self, panel: Panel) -> Panel:
        """Other bars with this universe; of a table, names and sessions that it does not know are not eligible."""
        if self.is_rule:
            return choose_universe(panel, self.words)
        table = self.table.reindex(index=panel.sessions, columns=panel.tickers, fill_value=False).to_numpy(dtype=bool)
        placed = aligned_frame(table & listed(panel).to_numpy(), panel.sessions, panel.tickers)
        return panel.with_universe(placed, described=self.words)

    def is_same(self, other: "UniverseRule") -> bool:
        """Whether it is the same rule, or the same table where both have a word to say."""
        if (self.is_rule and other.is_rule) or (self.with_bars and other.with_bars):
            return self.words == other.words
        sessions = self.table.index.intersection(other.table.index)
        tickers = self.table.columns.intersection(other.table.columns)
        left, right = (each.table.loc[sessions, tickers].to_numpy() for each in (self, other))
        return bool(np.array_equal(left, right))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recipe:
    """One of two results that are held against each other.

    Parameters
    ----------
    name, kind : str
        What it is called, and what it is: run, version, paper log, live fills, trades.
    panel : Panel
        Its bars with its universe.
    universe : UniverseRule
        Who may be held.
    rules : TradingRules
        Book, overlays, horizon, clock of the fills and costs.
    net : Series of float
        Net return of each session, as it was recorded.
    learning : {"trained", "frozen", "given"}
        How its scores come about: a model that is trained again on other bars, one whose weights are frozen, or scores
        that were given.
    spec : StrategySpec or None
        Its strategy; None where none is known.
    checkpoint : Checkpoint or None
        Its trained model.
    scores : DataFrame of float or None
        As they were recorded; None where there are none.
    weights : DataFrame of float or None
        Decided weights, where these are the first that is known of it.
    fills : GivenFills or None
        Fills that somebody else made.
    sectors : Series of str or None
        By which its book is levelled.
    facts : mapping of str to object
        ``universe``, ``costs``, ``trials`` and ``verdict`` as they were recorded, for those who read its figures.
    notes : tuple of str
        What a reader has to know of it.
    has_bars : bool
        Whether the bars are its own, not borrowed of the other side.
    """

    name: str
    kind: str
    panel: Panel
    universe: UniverseRule
    rules: TradingRules
    net: pd.Series
    learning: Learning = "given"
    spec: StrategySpec | None = None
    checkpoint: Checkpoint | None = None
    scores: pd.DataFrame | None = None
    weights: pd.DataFrame | None = None
    fills: GivenFills | None = None
    sectors: pd.Series | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    has_bars: bool = True

    @property
    def absent(self) -> frozenset[str]:
        """Stages that it does not have."""
        if self.weights is not None:
            return frozenset(("universe", "features", "scores"))
        return frozenset(("features",)) if self.learning == "given" else frozenset()

    @property
    def sessions_per_year(self) -> float:
        """Of its bars."""
        return self.panel.facts.sessions_per_year


def placed_scores(scores: pd.DataFrame, panel: Panel) -> pd.DataFrame:
    """Given scores on other bars: names and sessions that both know, where the name may be held."""
    sessions = panel.sessions[(panel.sessions >= scores.index[0]) & (panel.sessions <= scores.index[-1])]
    placed = scores.reindex(index=sessions, columns=panel.tickers).to_numpy(dtype=float)
    eligible = (panel.universe & listed(panel)).loc[sessions].to_numpy()
    return aligned_frame(np.where(eligible, placed, np.nan), sessions, panel.tickers)


def placed_weights(weights: pd.DataFrame, panel: Panel) -> pd.DataFrame:
    """Given weights on other bars: a name that these lack is not held, a session that they lack decides nothing."""
    rows = weights.index[weights.index.isin(panel.sessions)]
    known = weights.loc[rows]
    decided = known.notna().any(axis=1).to_numpy()
    placed = known.reindex(columns=panel.tickers).to_numpy(dtype=float)
    filled = np.where(decided[:, None] & np.isnan(placed), 0.0, placed)
    return aligned_frame(filled, pd.DatetimeIndex(rows), panel.tickers)
