"""Sweep plan: what a sweep tries, read from ``sweep.toml`` or given in Python, checked before anything is trained.

::

    [grid]                            # every combination of the lists
    model.hidden = [128, 256, 512]
    model.layers = [2, 3, 4]

    [[points]]                        # or whole points, crossed with the grid where both are given
    model.hidden = 64
    training.learning_rate = 5e-3

    [search]                          # ranges and choices, for --trials
    training.learning_rate = {low = 1e-4, high = 1e-2, log = true}
    portfolio.k = {choices = [0.1, 0.2]}

    [guard]                           # looks at validation, see docs/sweeps.md
    looks = 100

A key that a point's kind of model does not have is left out of that point, so that kinds can stand in one grid.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from pydantic import ValidationError, model_validator

from backtests.report.sweeps.sweep_results import OBJECTIVES, Objective
from core.settings import Settings, first_problem
from strategy.definitions.spec import StrategySpec
from strategy.sweeps.sweep_keys import applicable, check_key, flattened, spec_with
from strategy.trials.validation_looks import Guard

__all__ = ["DEFAULT_SEARCH", "Plan", "PlannedPoint", "Searched", "grid_points", "planned_point"]

MAX_POINTS = 10_000
SECTIONS = ("grid", "points", "search", "guard")
WHERE = "see docs/sweeps.md"


class Searched(Settings):
    """What a search may try of one key: a range, or choices.

    Parameters
    ----------
    low, high : int or float, optional
        Both whole numbers search whole numbers.
    log : bool
        Search orders of magnitude alike.
    step : int or float, optional
        Between two values.
    choices : tuple, optional
        In place of a range.
    """

    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    step: int | float | None = None
    choices: tuple[Any, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.choices:
            if self.low is not None or self.high is not None or self.log or self.step is not None:
                raise ValueError("choices stand in place of low, high, log and step: give one or the other")
            return self
        if self.low is None or self.high is None or not self.low < self.high:
            raise ValueError(f"give choices, or low and high with low < high, were {self.low} and {self.high}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log needs a low above 0 and no step")
        if self.step is not None and self.step <= 0:
            raise ValueError(f"step must be positive, was {self.step}")
        if isinstance(self.low, int) and isinstance(self.high, int) and isinstance(self.step, float):
            raise ValueError(f"low and high are whole numbers, so step must be one, was {self.step}")
        return self

    @property
    def ends(self) -> tuple[Any, ...]:
        """Values that must be allowed: every choice, or both ends."""
        return self.choices or (self.low, self.high)


DEFAULT_SEARCH: Mapping[str, Searched] = {
    "model.hidden": Searched(choices=(32, 64, 128)),
    "model.layers": Searched(low=1, high=3),
    "model.dropout": Searched(low=0.0, high=0.5, step=0.1),
    "training.learning_rate": Searched(low=1e-4, high=1e-2, log=True),
    "training.weight_decay": Searched(low=1e-6, high=1e-3, log=True),
    "loss.temperature": Searched(low=0.02, high=0.5, log=True),
    "model.learning_rate": Searched(low=0.01, high=0.3, log=True),
    "model.leaves": Searched(low=7, high=63, log=True),
    "model.min_leaf": Searched(low=50, high=1000, log=True),
    "model.target": Searched(choices=("zscore", "rank")),
    "model.lookback": Searched(choices=(20, 60, 90)),
    "portfolio.k": Searched(low=0.05, high=0.3),
    "portfolio.smoothing": Searched(low=0.05, high=1.0, log=True),
}  # of which the strategy's kind of model has some; what only moves the book is tried where the book chooses


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a sweep tries, and by what it chooses.

    Parameters
    ----------
    grid : mapping of str to tuple
        Values by dotted key; every combination is a point.
    points : tuple of mapping
        Whole points.
    search : mapping of str to Searched
        What a search tries, by dotted key.
    trials : int or None
        Points of a search; None for a grid.
    seeds : tuple of int
        Each trains every point; empty for the strategy's own.
    objective : {"rank_ic", "sharpe"}
        What the winner has most of, on validation.
    refit : bool
        Train the winner anew on training and validation before its test.
    prune : bool
        Stop a training of a search that is no better than the median of those before.
    seed : int
        Of the search.
    guard : Guard
        How often validation may be looked at.

    Raises
    ------
    ValueError
        If a part is malformed or parts do not go together.
    """

    grid: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    points: tuple[Mapping[str, Any], ...] = ()
    search: Mapping[str, Searched] = field(default_factory=dict)
    trials: int | None = None
    seeds: tuple[int, ...] = ()
    objective: Objective = "rank_ic"
    refit: bool = False
    prune: bool = True
    seed: int = 0
    guard: Guard = field(default_factory=Guard)

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            raise ValueError(
                f"objective must be {' or '.join(OBJECTIVES)}, both on validation, was {self.objective!r}: a sweep "
                "is told no number of the test"
            )
        if len(set(self.seeds)) < len(self.seeds) or any(seed < 0 for seed in self.seeds):
            raise ValueError(f"seeds are different whole numbers from 0 on, were {', '.join(map(str, self.seeds))}")
        if self.trials is not None and self.trials < 1:
            raise ValueError(f"trials must be at least 1, was {self.trials}")
        if self.trials is None and self.search:
            raise ValueError("[search] is tried by a search: say of how many points with --trials")
        if self.trials is not None and self.points:
            raise ValueError("[[points]] are no search: leave out --trials, or write choices of single keys")
        if self.trials is None and not (self.grid or self.points):
            raise ValueError("there is nothing to try: give a grid (--grid sweep.toml), or a search (--trials 60)")
        if self.guard.protect and self.objective == "sharpe":
            raise ValueError("a guarded sweep is told rank ICs alone: leave out the objective sharpe, or the guard")
        for key in (*self.grid, *self.search, *(key for point in self.points for key in point)):
            check_key(key, seeds=bool(self.seeds))

    @classmethod
    def read(cls, table: Mapping[str, Any], **told: Any) -> Self:
        """The plan of a ``sweep.toml``, and what was told beside it.

        Raises
        ------
        ValueError
            If a section or value is none of a plan.
        """
        unknown = [name for name in table if name not in SECTIONS]
        if unknown:
            raise ValueError(f"a sweep has no section {unknown[0]}: its sections are {', '.join(SECTIONS)}; {WHERE}")
        guard = _validated(Guard, {**_table(table.get("guard", {}), "guard"), **told.pop("guard", {})}, "guard")
        return cls(
            grid=dict(_lists(table.get("grid", {}))),
            points=tuple(_whole_points(table.get("points", ()))),
            search=dict(_searched(table.get("search", {}))),
            guard=guard,
            **told,
        )

    def as_record(self) -> dict[str, Any]:
        """Plain values, of which the sweep's id is made, and which ``read`` takes back."""
        return {
            "grid": {key: list(values) for key, values in self.grid.items()},
            "points": [dict(point) for point in self.points],
            "search": {key: each.model_dump(mode="json", exclude_defaults=True) for key, each in self.search.items()},
            "guard": self.guard.model_dump(mode="json", exclude_defaults=True),
        }

    def searched_keys(self, base: StrategySpec) -> dict[str, Searched]:
        """What the search tries: ranges, the grid's lists as choices, or what is tried where neither is given.

        Raises
        ------
        ValueError
            If a value is not allowed with any kind of model that the search tries.
        """
        told = {**self.search, **{key: Searched(choices=values) for key, values in self.grid.items()}}
        keys = told or self._usual_keys(base)
        kinds = [{"model.kind": kind} for kind in keys["model.kind"].ends] if "model.kind" in keys else [{}]
        for key, each in keys.items():
            _require_key(base, key, each.ends, kinds)
        return keys

    def _usual_keys(self, base: StrategySpec) -> dict[str, Searched]:
        """What is searched where nothing is said."""
        found = {key: each for key, each in DEFAULT_SEARCH.items() if applicable(key, base)}
        chosen_by_book = self.objective == "sharpe"
        return {key: each for key, each in found.items() if chosen_by_book or not key.startswith("portfolio.")}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPoint:
    """A point before it is judged.

    Parameters
    ----------
    number : int
        From 1.
    settings : mapping of str to object
        By dotted key, those that the point's kind of model has.
    specs : tuple of StrategySpec
        One a seed; none where the settings do not go together.
    failure : str
        Why there is none.
    asked : mapping of str to object
        Of a search: what Optuna asked for, as its journal has it.
    """

    number: int
    settings: Mapping[str, Any]
    specs: tuple[StrategySpec, ...]
    failure: str = ""
    asked: Mapping[str, Any] = field(default_factory=dict, repr=False)


def grid_points(plan: Plan, base: StrategySpec) -> tuple[PlannedPoint, ...]:
    """Every point of a grid, in the order of the file, the last key moving first; equal points come once.

    Raises
    ------
    ValueError
        If a key is unknown, no kind has it, a value is not allowed, or there are too many points.
    """
    count = len(plan.points or ((),))
    for values in plan.grid.values():
        count *= len(values)
    if count > MAX_POINTS:
        raise ValueError(f"a grid has at most {MAX_POINTS:,} points, this one {count:,}: search it with --trials")
    kept: dict[str, PlannedPoint] = {}
    used, told = set[str](), set[str]()
    for settings in _combinations(plan):
        point = planned_point(base, len(kept) + 1, settings, plan.seeds)
        used.update(point.settings)
        told.update(settings)
        kept.setdefault(point.specs[0].fingerprint(), point)
    idle = sorted(told - used)
    if idle:
        raise ValueError(f"unknown key {idle[0]}: no kind of model of this sweep has it, see `quintile definition`")
    return tuple(kept.values())


def planned_point(base: StrategySpec, number: int, settings: Mapping[str, Any], seeds: Sequence[int]) -> PlannedPoint:
    """A point with the strategies that it trains.

    Raises
    ------
    ValueError
        If a key is unknown or a value is not allowed.
    """
    kept, spec = spec_with(base, settings)
    specs = tuple(_seeded(spec, seed) for seed in seeds) or (spec,)
    return PlannedPoint(number=number, settings=kept, specs=specs)


def _seeded(spec: StrategySpec, seed: int) -> StrategySpec:
    return spec.model_copy(update={"training": spec.training.model_copy(update={"seed": seed})})


def _combinations(plan: Plan) -> Iterator[dict[str, Any]]:
    for point in plan.points or ({},):
        for values in itertools.product(*plan.grid.values()):
            yield {**point, **dict(zip(plan.grid, values, strict=True))}


def _lists(table: Any) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for key, values in flattened(_table(table, "grid"), lambda _: False):
        if not isinstance(values, list | tuple) or not values:
            raise ValueError(f"grid: {key} must be a list of values to try, was {values!r}")
        yield key, tuple(values)


def _whole_points(points: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(points, list | tuple):
        raise ValueError("points are tables: write [[points]] over each")
    for point in points:
        yield dict(flattened(_table(point, "points"), lambda _: False))


def _searched(table: Any) -> Iterator[tuple[str, Searched]]:
    for key, told in flattened(_table(table, "search"), lambda value: bool(value.keys() & Searched.model_fields)):
        if isinstance(told, Searched):
            yield key, told
        else:
            choices = {"choices": told} if isinstance(told, list | tuple) else told
            yield key, _validated(Searched, choices, f"search: {key}")


def _table(table: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(table, Mapping):
        raise ValueError(f"{name} must be a table of keys, was {table!r}: {WHERE}")
    return table


def _validated(kind: Any, told: Any, origin: str) -> Any:
    if not isinstance(told, Mapping):
        raise ValueError(f"{origin}: must be a table such as {{low = 0.1, high = 0.3}}, was {told!r}")
    try:
        return kind.model_validate(told)
    except ValidationError as error:
        raise ValueError(f"{origin}: {first_problem(error, keys=WHERE)}") from error


def _require_key(base: StrategySpec, key: str, values: Sequence[Any], kinds: Sequence[dict[str, Any]]) -> None:
    """Refuse a key that no kind of the search has, and a value that none of those that have it allows."""
    having = 0
    for value in values:
        problems = []
        for kind in kinds:
            try:
                kept = spec_with(base, {**kind, key: value})[0]
            except ValueError as error:
                problems.append(str(error))
                continue
            having += key in kept
            problems.append("")
        if all(problems):
            raise ValueError(f"search: {problems[0]}")
    if not having:
        raise ValueError(f"unknown key {key}: no kind of model of this sweep has it, see `quintile definition`")
