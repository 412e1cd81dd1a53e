"""Mixed replays: a result with some stages of one side and the others of the other, by the code that decides.

A mix is named by the stages that it takes of the second side. Every stage is computed once for each choice of it and of
what comes before it; what neither side changed is not computed again, and scores that a side recorded are taken as
they are wherever bars, universe, features and model are all that side's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeVar

import pandas as pd

from backtests.engine.backtest import ledger_backtest
from backtests.engine.due_weights import due_weights, first_due
from backtests.engine.overlay_loop import decide_weights
from core.errors import UnsupportedBookError
from core.progress import ProgressCallback, silent
from live.differences.given_shares import GivenFills, KeptShares, keep_fills, keep_whole_shares
from live.differences.recipe import STAGES, UPSTREAM, Recipe, placed_scores, placed_weights
from live.differences.stage_groups import StageGroup
from market.panel import Panel
from market.returns import Execution, forward_returns
from portfolio.builders import BUILDERS
from portfolio.costs import Costs
from portfolio.rules import TradingRules
from signals.score_metrics import information_coefficient
from strategy.definitions.spec import StrategySpec
from strategy.learning.decide import frozen_windows
from strategy.learning.learn import learn, scores_of, test_sessions
from strategy.learning.training_data import model_features, prepare_training_data

__all__ = ["CAPITAL", "MixedReplays", "Outcome"]

CAPITAL: Final = 1e6  # of a replay without a capital of its own
Mix = frozenset[str]
Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """What a mix came to.

    Parameters
    ----------
    net_returns, cost : Series of float
        From the session of the first fill on: net returns, and all that was charged as a fraction of equity.
    trades : DataFrame
        ``session``, ``ticker``, ``shares``, ``price``, ``notional``, ``cost``.
    capital : float
        Cash before the first trade.
    """

    net_returns: pd.Series
    cost: pd.Series
    trades: pd.DataFrame
    capital: float = CAPITAL


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MixedReplays:
    """Replays of two recipes and of their mixes.

    Parameters
    ----------
    first, second : Recipe
        The sides.
    groups : tuple of StageGroup
        From ``stage_groups``.
    clock : Execution
        Of the returns that an information coefficient is measured with.
    horizon : int
        Sessions that these span.
    progress : callable
        Called as models are trained.
    kept : dict
        What was computed, by its name and the stages that it takes of the second side.
    """

    first: Recipe
    second: Recipe
    groups: tuple[StageGroup, ...]
    clock: Execution
    horizon: int
    progress: ProgressCallback = silent
    kept: dict[Any, Any] = field(default_factory=dict)

    @property
    def differing(self) -> Mix:
        """Stages whose group differs; of all others the first side's stands for both."""
        return frozenset(stage for group in self.groups if group.differs for stage in group.stages)

    @property
    def retrains(self) -> bool:
        """Whether models are trained again on mixed bars, universe or features; else their weights are frozen."""
        return self.first.learning == self.second.learning == "trained"

    def net_returns(self, mix: Mix) -> pd.Series:
        """Net returns of a mix, from the session of its first fill on; a mix that never trades has none."""
        return self._once("net", mix, lambda: self.outcome(mix).net_returns)

    def outcome(self, mix: Mix) -> Outcome:
        """Returns, costs and trades of a mix; those of the two sides are kept, for they are asked for again."""
        if mix & self.differing in (frozenset(), self.differing):
            return self._once("outcome", mix, lambda: self._replayed(mix))
        return self._replayed(mix)

    def _replayed(self, mix: Mix) -> Outcome:
        panel, weights, costs = self.panel(mix), self.weights(mix), self._side("costs", mix).rules.costs
        trader = self._side("fills", mix)
        given = trader.fills if self._is_whole("book", "fills", mix=mix) else None
        if given is not None:
            told = self._is_whole("book", "fills", "costs", mix=mix) and given.told_fees
            kept = keep_fills(panel, given, execution=trader.rules.execution, costs=None if told else costs)
            return _kept(kept, given)
        if not _decides(panel, weights, trader.rules.execution):
            nothing = pd.Series(0.0, index=panel.sessions[:0])
            return Outcome(net_returns=nothing, cost=nothing, trades=pd.DataFrame())
        try:
            return _traded(panel, weights, trader, costs)
        except UnsupportedBookError:
            if costs.may_borrow:
                raise
            return _traded(panel, weights, trader, costs.model_copy(update={"borrowing_bps": 0.0}))

    def information_coefficient(self, mix: Mix) -> pd.Series | None:
        """Rank IC of each session of a mix's scores; None where a side has none."""
        if self.first.scores is None or self.second.scores is None:
            return None

        def measured() -> pd.Series:
            forward = forward_returns(self.panel(mix), self.clock, horizon=self.horizon)
            return information_coefficient(self.scores(mix), forward)

        return self._once("ic", self._of(mix, UPSTREAM), measured)

    def panel(self, mix: Mix) -> Panel:
        """Bars and universe of a mix."""
        bars, chooser = self._side("bars", mix), self._side("universe", mix)
        if "universe" not in self.differing or bars is chooser:
            return bars.panel
        if "bars" not in self.differing:
            return chooser.panel
        return self._once("panel", self._of(mix, STAGES[:2]), lambda: chooser.universe.on(bars.panel))

    def features(self, mix: Mix) -> Mapping[str, pd.DataFrame]:
        """Features of a mix's bars and universe."""
        spec = self._learned_spec(mix)
        return self._once("features", self._of(mix, STAGES[:3]), lambda: model_features(spec, self.panel(mix)))

    def scores(self, mix: Mix) -> pd.DataFrame:
        """Scores of a mix: those that were recorded where all that they are made of is one side's."""
        chosen = self._of(mix, UPSTREAM)
        if not chosen and self.first.scores is not None:
            return self.first.scores
        if chosen == self._of(self.differing, UPSTREAM) and self.second.scores is not None:
            return self.second.scores
        return self._once("scores", chosen, lambda: self._scored(mix))

    def weights(self, mix: Mix) -> pd.DataFrame:
        """Weights that a mix decides at each close."""
        decider, panel = self._side("book", mix), self.panel(mix)
        if decider.weights is not None:
            return placed_weights(decider.weights, panel)
        rules = self._rules(mix)
        read = STAGES if _reads_trades(rules) else STAGES[:5]

        def decided() -> pd.DataFrame:
            return decide_weights(rules, panel, self.scores(mix), sectors=decider.sectors)

        return self._once("weights", self._of(mix, read), decided)

    def _scored(self, mix: Mix) -> pd.DataFrame:
        maker, panel = self._side("scores", mix), self.panel(mix)
        if maker.learning == "given" or maker.checkpoint is None:
            if maker.scores is None:
                raise ValueError(f"{maker.name} has neither scores nor a model: nothing of it can be swapped")
            return placed_scores(maker.scores, panel)
        spec, features = self._learned_spec(mix), self.features(mix)
        if self.retrains:
            return _retrained(spec, panel, features, self.progress)
        windows, tested = (
            frozen_windows(spec, panel, maker.checkpoint, features=features),
            test_sessions(panel, maker.checkpoint),
        )
        return scores_of(maker.checkpoint, windows, sessions=tested, spec=spec, device="cpu", progress=self.progress)

    def _learned_spec(self, mix: Mix) -> StrategySpec:
        """The strategy that makes a mix's scores: the model's own, with the features of the other where these are."""
        maker, reader = self._side("scores", mix), self._side("features", mix)
        spec = maker.spec or reader.spec
        if spec is None:
            raise ValueError(f"{maker.name} says nothing of a model: nothing of it can be computed again")
        features = spec.features if reader.spec is None else reader.spec.features
        return spec.model_copy(update={"features": features, "holdout": None})  # each side's bars end before its seal

    def _rules(self, mix: Mix) -> TradingRules:
        decider = self._side("book", mix).rules
        return TradingRules(
            name="mix",
            portfolio=decider.portfolio,
            risk=decider.risk,
            horizon=decider.horizon,
            execution=self._side("fills", mix).rules.execution,
            costs=self._side("costs", mix).rules.costs,
        )

    def _side(self, stage: str, mix: Mix) -> Recipe:
        return self.second if stage in mix & self.differing else self.first

    def _is_whole(self, *stages: str, mix: Mix) -> bool:
        """Whether the stages are all of one side, one that they share counting as either's."""
        told = self.differing & set(stages)
        return not told or told <= mix or not told & mix

    def _of(self, mix: Mix, stages: tuple[str, ...]) -> Mix:
        return mix & self.differing & set(stages)

    def _once(self, what: str, mix: Mix, computed: Callable[[], Kept]) -> Kept:
        key = (what, mix & self.differing)
        if key not in self.kept:
            self.kept[key] = computed()
        found: Kept = self.kept[key]
        return found


def _decides(panel: Panel, weights: pd.DataFrame, execution: Execution) -> bool:
    """Whether any decision fills within the bars."""
    last = len(panel.sessions) - 1 - execution.delay
    return last >= 0 and bool(weights.loc[: panel.sessions[last]].notna().any(axis=None))


def _traded(panel: Panel, weights: pd.DataFrame, trader: Recipe, costs: Costs) -> Outcome:
    """Weights traded by the conventions of one side: its clock, and whole shares where its fills are whole."""
    execution, fills = trader.rules.execution, trader.fills
    if fills is not None and fills.is_whole:
        return _whole(panel, weights, execution, costs, fills)
    result = ledger_backtest(panel, weights, execution=execution, costs=costs, capital=CAPITAL)
    return Outcome(net_returns=result.net_returns, cost=result.cost, trades=result.trades)


def _whole(panel: Panel, weights: pd.DataFrame, execution: Execution, costs: Costs, fills: GivenFills) -> Outcome:
    due = due_weights(panel, weights, execution, may_borrow=costs.may_borrow)
    kept = keep_whole_shares(panel, due, execution=execution, costs=costs, capital=fills.capital, start=first_due(due))
    return _kept(kept, fills)


def _kept(kept: KeptShares, fills: GivenFills) -> Outcome:
    lost = kept.net_returns <= -1.0
    if lost.any():
        raise UnsupportedBookError(
            f"the book is insolvent on {lost.idxmax():%Y-%m-%d}: no return is defined from there on"
        )
    return Outcome(net_returns=kept.net_returns, cost=kept.cost, trades=kept.trades, capital=fills.capital)


def _retrained(
    spec: StrategySpec, panel: Panel, features: Mapping[str, pd.DataFrame], progress: ProgressCallback
) -> pd.DataFrame:
    """Scores of the strategy's model trained anew on these bars, universe and features."""
    prepared = prepare_training_data(spec, panel, features=features)
    with TemporaryDirectory() as temporary:
        identity = {"spec": spec.fingerprint(), "panel": panel.fingerprint(), "code": "explained"}
        checkpoint = learn(spec, prepared, folder=Path(temporary), identity=identity, progress=progress)
        tested = test_sessions(panel, checkpoint)
        return scores_of(checkpoint, prepared.windows, sessions=tested, spec=spec, progress=progress)


def _reads_trades(rules: TradingRules) -> bool:
    """Whether what is decided depends on how it is traded: overlays read past returns, one filter reads costs."""
    book = rules.portfolio
    plain = book.builder in BUILDERS and book.short_filter != "below_market"
    return bool(rules.risk.scales or rules.risk.switches or not plain)
