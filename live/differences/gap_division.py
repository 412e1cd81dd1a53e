"""Gap division: the gap between two results divided among the stages that differ, so that the parts sum to it.

Every mix of the two sides is replayed, a part is the Shapley value of its stages, and what a replay does not give again
of what was recorded is a part of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from backtests.statistics.metrics import MIN_SESSIONS, annual_return, sharpe_ratio, sharpe_standard_error
from core.errors import RunError, UnsupportedBookError
from core.progress import ProgressCallback, silent
from live.differences.explanation import EXACT, FIGURES, NOT_REPLAYED, Explanation, SideFigures, StagePart
from live.differences.first_places import first_places
from live.differences.mixed_replays import MixedReplays
from live.differences.recipe import STAGES, Recipe
from live.differences.shapley_values import shapley_values
from live.differences.stage_groups import StageGroup, joined_groups, stage_groups
from market.exchanges import NO_EXCHANGE
from market.returns import Execution

__all__ = ["explain"]

Clock = tuple[Execution, int]


def explain(first: Recipe, second: Recipe, *, progress: ProgressCallback = silent) -> Explanation:
    """Divide the gap between two results among the stages that differ.

    Parameters
    ----------
    first, second : Recipe
        The sides; figures are the second's less the first's.
    progress : callable
        Called as mixes are replayed and models trained.

    Returns
    -------
    Explanation
        Parts sum to the gap within 1e-9; what a replay does not reproduce of what was recorded is a part of its own.

    Raises
    ------
    RunError
        If the two are of other exchanges, currencies or years, or share fewer than 20 sessions.
    """
    _check_alike(first, second)
    common = _common(first, second)
    groups, (clock, horizon) = stage_groups(first, second), _clock(first, second)
    replays = MixedReplays(first=first, second=second, groups=groups, clock=clock, horizon=horizon, progress=progress)
    try:
        return _explained(replays, common)
    except UnsupportedBookError as error:
        joined = joined_groups(groups, ("book", "fills", "costs"))
        try:
            made = _explained(replace(replays, groups=joined), common)  # with all that is kept, such as models' scores
        except UnsupportedBookError as second_error:
            raise RunError(
                f"a mix of {first.name} and {second.name} cannot be held, so that their gap cannot be divided: "
                f"{second_error}"
            ) from second_error
        remark = f"Book, fills and costs are one part: a mix of them cannot be held ({error})."
        return replace(made, remarks=(*made.remarks, remark))


def _explained(replays: MixedReplays, common: pd.DatetimeIndex) -> Explanation:
    first, second, groups = replays.first, replays.second, replays.groups
    game = _Game(replays=replays, common=common, year=first.sessions_per_year, total=_n_mixes(groups))
    players = [group.name for group in groups if group.differs]
    shares = shapley_values(players, game.worth)
    gap, parts, paths, faithful = _parts(game, groups, shares)
    nets = [side.net.reindex(common).to_numpy() for side in (first, second)]
    return Explanation(
        first=_figures(first, game, frozenset()),
        second=_figures(second, game, replays.differing),
        sessions=common,
        gap=gap,
        parts=parts,
        paths=paths,
        places=first_places(replays, common),
        same=bool((nets[0] == nets[1]).all()) and not players,
        remarks=(*first.notes, *second.notes, *faithful, *_remarks(replays, groups)),
        sessions_per_year=first.sessions_per_year,
        synthetic=first.panel.facts.synthetic or second.panel.facts.synthetic,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Game:
    """Mixes as coalitions: worth is figures, then the net return of each common session."""

    replays: MixedReplays
    common: pd.DatetimeIndex
    year: float
    total: int
    asked: list[int] = field(default_factory=list)

    def worth(self, players: frozenset[str]) -> np.ndarray:
        """Figures and session returns of a mix, NaN where a figure is not defined."""
        stages = [group.stages for group in self.replays.groups if group.name in players]
        mix = frozenset(stage for each in stages for stage in each)
        net = self.replays.net_returns(mix).reindex(self.common).fillna(0.0)
        self.asked.append(1)
        self.replays.progress("replaying mixes", len(self.asked), self.total)
        return np.concatenate([self.figures(net, mix), net.to_numpy()])

    def figures(self, net: pd.Series, mix: frozenset[str]) -> np.ndarray:
        """Annual return, Sharpe ratio and mean rank IC."""
        ratio = sharpe_ratio(net, sessions_per_year=self.year)
        return np.array([annual_return(net, sessions_per_year=self.year), ratio, self.mean_ic(mix)])

    def mean_ic(self, mix: frozenset[str]) -> float:
        """Mean rank IC of the sessions in which both sides have one."""
        found = [self.replays.information_coefficient(each) for each in (frozenset(), self.replays.differing, mix)]
        if found[0] is None or found[1] is None or found[2] is None:
            return np.nan
        both = found[0].dropna().index.intersection(found[1].dropna().index)
        known = found[2].reindex(both).dropna()
        return float(known.mean()) if len(known) else np.nan


def _parts(
    game: _Game, groups: tuple[StageGroup, ...], shares: Mapping[str, np.ndarray]
) -> tuple[dict[str, float | None], tuple[StagePart, ...], pd.DataFrame, tuple[str, ...]]:
    """The recorded gap, its parts with what was not replayed as the last, their paths, and a remark on it."""
    replays, n = game.replays, len(FIGURES)
    recorded = [side.net.reindex(game.common) for side in (replays.first, replays.second)]
    ends = [game.figures(net, mix) for net, mix in zip(recorded, (frozenset(), replays.differing), strict=True)]
    whole = ends[1] - ends[0]
    zero = np.zeros(n + len(game.common))
    columns = {group.name: shares.get(group.name, zero) for group in groups}
    left = np.concatenate([whole, (recorded[1] - recorded[0]).to_numpy()]) - sum(columns.values(), zero)
    parts = [
        StagePart(
            name=group.name,
            stages=group.stages,
            figures=_named(columns[group.name][:n], whole, exactly=not group.differs),
            differs=group.differs,
            why=group.why,
        )
        for group in groups
    ]
    remark: tuple[str, ...] = ()
    if np.nanmax(np.abs(left)) > EXACT:
        columns[NOT_REPLAYED] = left
        why = "recorded returns that a replay with this code and these bars does not give"
        figures = _named(left[:n], whole)
        parts.append(StagePart(name=NOT_REPLAYED, stages=(), figures=figures, differs=True, why=why))
        remark = (f"NOT REPLAYED: {_unfaithful(game, recorded)}",)
    paths = pd.DataFrame({name: values[n:].cumsum() for name, values in columns.items()}, index=game.common)
    return _named(whole, whole), tuple(parts), paths, remark


def _unfaithful(game: _Game, recorded: list[pd.Series]) -> str:
    """Which side a replay does not give again, and since when."""
    words = []
    for side, net, mix in zip(
        (game.replays.first, game.replays.second), recorded, (frozenset(), game.replays.differing), strict=True
    ):
        again = game.replays.net_returns(mix).reindex(game.common).fillna(0.0)
        off = (net - again).abs() > EXACT
        if off.any():
            words.append(f"{side.name} recorded other returns than its replay gives, first on {off.idxmax():%Y-%m-%d}")
    return f"{'; '.join(words) or 'the sides do not come out as recorded'}."


def _named(values: np.ndarray, whole: np.ndarray, *, exactly: bool = False) -> dict[str, float | None]:
    """Figures by name; None where the gap has none, and exactly 0 for stages that do not differ."""
    return {
        name: None if np.isnan(gap) else 0.0 if exactly else None if np.isnan(value) else float(value)
        for name, value, gap in zip(FIGURES, values, whole, strict=True)
    }


def _figures(side: Recipe, game: _Game, mix: frozenset[str]) -> SideFigures:
    net = side.net.reindex(game.common)
    values = game.figures(net, mix)
    return SideFigures(
        name=side.name,
        kind=side.kind,
        figures=_named(values, values),
        sharpe_error=sharpe_standard_error(net, sessions_per_year=game.year),
        universe=str(side.facts.get("universe", side.universe.words)),
        costs=str(side.facts.get("costs", side.rules.costs)),
        trials=str(side.facts.get("trials", "not known")),
    )


def _check_alike(first: Recipe, second: Recipe) -> None:
    facts = [side.panel.facts for side in (first, second)]
    if facts[0].sessions_per_year != facts[1].sessions_per_year:
        raise RunError(
            f"{first.name} has {facts[0].sessions_per_year:g} sessions a year and {second.name} "
            f"{facts[1].sessions_per_year:g}: their figures are of other calendars and have no common gap"
        )
    for word, none in (("exchange", NO_EXCHANGE), ("currency", None)):
        told = [getattr(each, word) for each in facts]
        if told[0] != told[1] and none not in told:
            raise RunError(
                f"{first.name} is of {word} {told[0]} and {second.name} of {told[1]}: their returns have no common "
                "gap, give both on bars of one"
            )


def _common(first: Recipe, second: Recipe) -> pd.DatetimeIndex:
    common = first.net.dropna().index.intersection(second.net.dropna().index)
    if len(common) < MIN_SESSIONS:
        spans = [
            f"{side.name} runs from {side.net.index[0]:%Y-%m-%d} to {side.net.index[-1]:%Y-%m-%d}"
            for side in (first, second)
        ]
        raise RunError(
            f"the two share {len(common) or 'no'} session{'s' if len(common) != 1 else ''}, {' and '.join(spans)}: at "
            f"least {MIN_SESSIONS} are needed"
        )
    return pd.DatetimeIndex(common)


def _clock(first: Recipe, second: Recipe) -> Clock:
    """What rank ICs are measured with: the clock and horizon of both, or the next open over one session."""
    return (Execution(), 1) if _clock_differs(first, second) else (first.rules.execution, first.rules.horizon)


def _n_mixes(groups: tuple[StageGroup, ...]) -> int:
    return int(2 ** sum(group.differs for group in groups))


def _remarks(replays: MixedReplays, groups: tuple[StageGroup, ...]) -> tuple[str, ...]:
    """What is joined, how scores of mixes are made, and what the IC is measured with."""
    first, second = replays.first, replays.second
    remarks = [
        f"{group.words[0].upper()}{group.words[1:]} are one part: {_why_joined(first, second)}."
        for group in groups
        if len(group.stages) > 1 and set(group.stages) & {"features", "scores"}
    ]
    if len(replays.differing & set(STAGES[:4])) > 1 and first.weights is None and second.weights is None:
        how = "trained again on each mix" if replays.retrains else "read with their weights as they are, or given"
        remarks.append(f"Models are {how}; where bars to model are one side's, its recorded scores stand.")
    if first.scores is None or second.scores is None:
        remarks.append("No rank IC is compared: one side has no scores.")
    elif _clock_differs(first, second):
        remarks.append(
            "Rank ICs are measured with the return of one session from the next open, for the clocks differ."
        )
    return tuple(remarks)


def _clock_differs(first: Recipe, second: Recipe) -> bool:
    return first.rules.execution != second.rules.execution or first.rules.horizon != second.rules.horizon


def _why_joined(first: Recipe, second: Recipe) -> str:
    for side in (first, second):
        if side.weights is not None:
            return f"{side.name} is known from its books on"
    for side in (first, second):
        if side.learning == "given":
            return f"the scores of {side.name} are given, without features"
    return "frozen weights read their own features alone"
