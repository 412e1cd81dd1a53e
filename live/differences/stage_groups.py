"""Stage groups: which stages of two recipes differ, which of them can only be swapped together, and why."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from core.settings import Settings
from live.differences.recipe import STAGES, Recipe
from market.panel import BAR_FIELDS, Panel
from strategy.learning.learn import LEARNED

__all__ = ["StageGroup", "joined_groups", "stage_groups"]

SHOWN = 4  # settings that are named
LEARNING = (*(part for part in LEARNED if part != "features"), "split", "uncertainty")


@dataclass(frozen=True, slots=True, kw_only=True)
class StageGroup:
    """Stages that are swapped together; one stage alone unless a side does not have one.

    Parameters
    ----------
    stages : tuple of str
        In the order of computation.
    differs : bool
        Whether the two sides differ in any of them.
    why : str
        What differs, in a few words.
    """

    stages: tuple[str, ...]
    differs: bool
    why: str = ""

    @property
    def name(self) -> str:
        """The stage, the two of them, the last one and those above it that are swapped with it, or the ends."""
        *above, last = self.stages
        if len(above) < 2:
            return f"{above[0]} and {last}" if above else last
        return f"{above[0]} to {last}" if above[0] == "book" else f"{last} and above"

    @property
    def words(self) -> str:
        """Every stage of it."""
        *above, last = self.stages
        return f"{', '.join(above)} and {last}" if above else last


def stage_groups(first: Recipe, second: Recipe) -> tuple[StageGroup, ...]:
    """The stages of two recipes in groups, in the order of computation."""
    differences = {stage: "; ".join(_DIFFERENCES[stage](first, second)) for stage in STAGES}
    groups = []
    for stages in _joined(first, second):
        why = "; ".join(differences[stage] for stage in stages if differences[stage])
        groups.append(StageGroup(stages=stages, differs=bool(why), why=why))
    return tuple(groups)


def joined_groups(groups: Iterable[StageGroup], stages: tuple[str, ...]) -> tuple[StageGroup, ...]:
    """The groups with those that hold one of the stages made one."""
    together = [group for group in groups if set(group.stages) & set(stages)]
    made = StageGroup(
        stages=tuple(chain.from_iterable(group.stages for group in together)),
        differs=any(group.differs for group in together),
        why="; ".join(group.why for group in together if group.why),
    )
    return tuple(
        made if group is together[0] else group for group in groups if group is together[0] or group not in together
    )


def _same_bars(first: Panel, second: Panel) -> bool:
    """Whether every bar, delisting and outside value is the same number, whoever may be held."""
    if first is second:
        return True
    every = [
        replace(panel, universe=pd.DataFrame(True, panel.sessions, panel.tickers)).fingerprint()
        for panel in (first, second)
    ]
    return every[0] == every[1]


def _same_frames(first: pd.DataFrame, second: pd.DataFrame) -> bool:
    """Whether two tables are the same to the bit, NaN being one number."""
    if not (first.index.equals(second.index) and first.columns.equals(second.columns)):
        return False
    return bool(np.array_equal(first.to_numpy(dtype=float), second.to_numpy(dtype=float), equal_nan=True))


def _joined(first: Recipe, second: Recipe) -> Iterator[tuple[str, ...]]:
    """Stages that can only be swapped together: what a side lacks with the first that it has."""
    absent = first.absent | second.absent
    absent |= {"features"} if _reads_other_features(first, second) else set()
    waiting: tuple[str, ...] = ()
    for stage in STAGES:
        waiting += (stage,)
        if stage not in absent:
            yield waiting
            waiting = ()


def _reads_other_features(first: Recipe, second: Recipe) -> bool:
    """Whether frozen weights of one side cannot read the features of the other."""
    if "given" in (first.learning, second.learning) or {first.learning, second.learning} == {"trained"}:
        return False
    names = [side.checkpoint.model.scaler.names for side in (first, second) if side.checkpoint is not None]
    return len(names) == 2 and names[0] != names[1]


def _bars(first: Recipe, second: Recipe) -> Iterator[str]:
    if _same_bars(first.panel, second.panel):
        return
    fields = [name for name in BAR_FIELDS if not _same_frames(getattr(first.panel, name), getattr(second.panel, name))]
    sizes = [f"{len(side.panel.sessions):,} × {len(side.panel.tickers):,}" for side in (first, second)]
    yield f"other {', '.join(fields) or 'delistings or outside values'}"
    if sizes[0] != sizes[1]:
        yield f"{sizes[0]} against {sizes[1]} sessions and names"


def _universe(first: Recipe, second: Recipe) -> Iterator[str]:
    if not first.universe.is_same(second.universe):
        words = (first.universe.words, second.universe.words)
        yield f"{words[0]} against {words[1]}" if words[0] != words[1] else "other members"


def _features(first: Recipe, second: Recipe) -> Iterator[str]:
    if first.spec is not None and second.spec is not None and not (first.absent | second.absent):
        yield from _settings("features", first.spec.features, second.spec.features)


def _scores(first: Recipe, second: Recipe) -> Iterator[str]:
    if first.weights is not None or second.weights is not None:
        return  # what is decided is compared as it is, see _book
    if first.learning == second.learning == "trained" and first.spec and second.spec:
        found = list(_learning(first, second))
        yield from found
        if not found and _same_inputs(first, second) and not _same_scores(first, second):
            yield "same settings, other numbers: other code, libraries or machine"
    elif "given" in (first.learning, second.learning):
        if not _same_scores(first, second):
            yield "other given scores"
    elif not _same_weights(first, second):
        yield "other trained weights"


def _learning(first: Recipe, second: Recipe) -> Iterator[str]:
    """Settings that decide what is learned, the clock of the labels among them."""
    if first.spec is None or second.spec is None:
        return
    for part in LEARNING:
        yield from _settings(part, getattr(first.spec, part), getattr(second.spec, part))
    if not first.spec.execution.has_clock_of(second.spec.execution):
        yield "the model learned returns of fills at another clock"


def _same_inputs(first: Recipe, second: Recipe) -> bool:
    """Whether bars, universe and features are the same, so that the same settings must give the same scores."""
    return not any("".join(_DIFFERENCES[stage](first, second)) for stage in ("bars", "universe", "features"))


def _same_scores(first: Recipe, second: Recipe) -> bool:
    if first.scores is None or second.scores is None:
        return first.scores is second.scores
    return _same_frames(first.scores, second.scores)


def _same_weights(first: Recipe, second: Recipe) -> bool:
    """Whether two trained models have the same weights, scale and calibration, and are read alike."""
    left, right = first.checkpoint, second.checkpoint
    if left is None or right is None or first.spec is None or second.spec is None:
        return left is right
    stored = [each.model.stored() for each in (left, right)]
    same = stored[0].tensors.keys() == stored[1].tensors.keys() and all(
        value.shape == stored[1].tensors[name].shape and bool((value == stored[1].tensors[name]).all())
        for name, value in stored[0].tensors.items()
    )
    read = first.spec.model.scored == second.spec.model.scored and first.spec.uncertainty == second.spec.uncertainty
    return same and left.calibration == right.calibration and left.model.scaler == right.model.scaler and read


def _book(first: Recipe, second: Recipe) -> Iterator[str]:
    if first.weights is not None or second.weights is not None:
        if first.weights is None or second.weights is None or not _same_frames(first.weights, second.weights):
            yield "the books that were wanted"
        return
    yield from _settings("portfolio", first.rules.portfolio, second.rules.portfolio)
    yield from _settings("risk", first.rules.risk, second.rules.risk)
    if first.rules.horizon != second.rules.horizon:
        yield f"horizon {first.rules.horizon} against {second.rules.horizon}"
    if first.rules.portfolio.reads_sectors and not _same_sectors(first, second):
        yield "other sectors"


def _same_sectors(first: Recipe, second: Recipe) -> bool:
    if first.sectors is None or second.sectors is None:
        return first.sectors is second.sectors
    return bool(first.sectors.sort_index().equals(second.sectors.sort_index()))


def _fills(first: Recipe, second: Recipe) -> Iterator[str]:
    yield from _settings("execution", first.rules.execution, second.rules.execution)
    if first.fills is not None and second.fills is not None and first.fills.is_same(second.fills):
        return
    for side in (first, second):
        if side.fills is not None:
            yield f"the shares and prices that {side.name} filled"


def _costs(first: Recipe, second: Recipe) -> Iterator[str]:
    yield from _settings("costs", first.rules.costs, second.rules.costs)


def _settings(section: str, first: Settings, second: Settings) -> Iterator[str]:
    """Keys whose values differ, the first few by name."""
    left, right = dict(_flat(section, first.model_dump())), dict(_flat(section, second.model_dump()))
    unlike = [key for key in (left | right) if left.get(key) != right.get(key)]
    for key in unlike[:SHOWN]:
        yield f"{key} {_word(left.get(key))} against {_word(right.get(key))}"
    if len(unlike) > SHOWN:
        yield f"{len(unlike) - SHOWN} more keys of {section}"


def _flat(prefix: str, values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}.{key}", value)
        else:
            yield f"{prefix}.{key}", value


def _word(value: object) -> str:
    text = "unset" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


_DIFFERENCES = {
    "bars": _bars,
    "universe": _universe,
    "features": _features,
    "scores": _scores,
    "book": _book,
    "fills": _fills,
    "costs": _costs,
}
