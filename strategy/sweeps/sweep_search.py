"""Sweep search: where a search looks next, in generations of ten points that are asked for together.

The points of a generation follow from what was judged in earlier generations and from a seed of each point's number:
neither workers, nor the order in which they end, nor a kill changes them. What was judged goes to Optuna's journal,
with the epochs of each training; the search asks a copy of it in memory that ends with the last whole generation.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from backtests.report.sweeps.sweep_results import PointResult
from models.forecasters.forecast_extra import forecast_library
from strategy.definitions.spec import StrategySpec
from strategy.search_journal import journal_study, seeded_sampler
from strategy.sweeps.median_rule import median_bounds
from strategy.sweeps.sweep_plan import Plan, PlannedPoint, Searched, planned_point

__all__ = ["GENERATION", "asked_points", "generation_bounds", "note_points", "require_search"]

GENERATION = 10  # points
DIGITS = 3  # of a number that is searched, so that words stay readable
EXTRA = "sweep"


def require_search() -> None:
    """Refuse a search without Optuna, before bars are read.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    forecast_library("optuna", extra=EXTRA)


def asked_points(
    plan: Plan, base: StrategySpec, keys: Mapping[str, Searched], journal: Path, *, first: int
) -> tuple[PlannedPoint, ...]:
    """The points of the generation that begins with a number, from what the journal says of those before it.

    Parameters
    ----------
    plan : Plan
        Its number of trials and its seeds.
    base : StrategySpec
        The strategy that the points change.
    keys : mapping of str to Searched
        What is searched.
    journal : Path
        Of the search.
    first : int
        Number of the generation's first point, from 1; all before it are in the journal.
    """
    noted = journal_study(journal, direction="maximize", extra=EXTRA).get_trials(deepcopy=False)
    study = forecast_library("optuna", extra=EXTRA).create_study(direction="maximize")
    study.add_trials(noted[: first - 1])
    numbers = range(first, min(first + GENERATION, (plan.trials or 0) + 1))
    return tuple(_asked(study, plan, base, keys, number) for number in numbers)


def note_points(
    journal: Path,
    points: Sequence[tuple[PlannedPoint, PointResult, float | None]],
    keys: Mapping[str, Searched],
) -> None:
    """Write to the journal what points came to, by number; those that are there stay.

    Parameters
    ----------
    journal : Path
        Of the search.
    points : sequence of (PlannedPoint, PointResult, float or None)
        With the number that the search is told, which the guard may have changed; None for a point without.
    keys : mapping of str to Searched
        What is searched.
    """
    study = journal_study(journal, direction="maximize", extra=EXTRA)
    there = len(study.get_trials(deepcopy=False))
    for planned, result, told in points:
        if planned.number > there:
            study.add_trial(_frozen(planned, result, told, keys))


def generation_bounds(results: Sequence[PointResult], plan: Plan, *, first: int) -> tuple[float | None, ...]:
    """Bounds of the median rule for a generation, from the trainings of those before it that ran to their end.

    Nothing is stopped where several seeds make a point, nor once the guard tells less than the numbers themselves.
    """
    before = results[: first - 1]
    if not plan.prune or len(plan.seeds) > 1 or any(each.state == "protected" for each in before):
        return ()
    return median_bounds([each.epochs for each in before if each.state == "judged" and each.epochs])


def _asked(study: Any, plan: Plan, base: StrategySpec, keys: Mapping[str, Searched], number: int) -> PlannedPoint:
    study.sampler = seeded_sampler(plan.seed, number)
    asked = study.ask({key: _distribution(each) for key, each in keys.items()}).params
    settings = {key: _setting(asked[key], each) for key, each in keys.items()}
    try:
        return replace(planned_point(base, number, settings, plan.seeds), asked=asked)
    except ValueError as error:
        why = " ".join(str(error).split())
        return PlannedPoint(number=number, settings=settings, specs=(), failure=why, asked=asked)


def _setting(asked: Any, searched: Searched) -> Any:
    """What a point sets: a choice as it was written, a number of few digits within its range."""
    if searched.choices:
        return json.loads(asked)
    if isinstance(asked, int) or searched.low is None or searched.high is None:
        return asked
    return min(max(float(f"{asked:.{DIGITS}g}"), searched.low), searched.high)


def _words(searched: Searched) -> list[str]:
    """Choices as texts: Optuna takes no lists or tables."""
    return [json.dumps(choice) for choice in searched.choices]


def _distribution(searched: Searched) -> Any:
    kinds = forecast_library("optuna.distributions", extra=EXTRA)
    if searched.choices:
        return kinds.CategoricalDistribution(_words(searched))
    low, high, step = searched.low, searched.high, searched.step
    if isinstance(low, int) and isinstance(high, int):
        return kinds.IntDistribution(low, high, log=searched.log, step=int(step or 1))
    return kinds.FloatDistribution(low, high, log=searched.log, step=step)


def _frozen(planned: PlannedPoint, result: PointResult, told: float | None, keys: Mapping[str, Searched]) -> Any:
    """A trial as the journal keeps it."""
    trial = forecast_library("optuna.trial", extra=EXTRA)
    states = {"judged": trial.TrialState.COMPLETE, "protected": trial.TrialState.COMPLETE}
    states |= {"stopped": trial.TrialState.PRUNED}
    state = states.get(result.state, trial.TrialState.FAIL)
    if told is None and state == trial.TrialState.COMPLETE:
        state = trial.TrialState.FAIL
    steps = {epoch: ic for epoch, ic in enumerate(result.epochs, start=1) if ic is not None and math.isfinite(ic)}
    return trial.create_trial(
        state=state,
        value=told if state == trial.TrialState.COMPLETE else None,
        params=dict(planned.asked),
        distributions={key: _distribution(each) for key, each in keys.items()},
        user_attrs={"settings": dict(planned.settings), "failure": result.failure},
        intermediate_values={} if result.state == "protected" else steps,
    )
