"""Settings sweep: many settings of a strategy tried on validation, and the winner judged once on test, in one call."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, Unpack

from core.files import read_toml
from core.parallel import Workers
from quintile.bar_frames import Bars, inputs_for, recorded_request
from quintile.lookup import require
from quintile.progress_display import shown_progress
from quintile.redrawn_board import redraw_board
from strategy.definitions.spec import StrategySpec
from strategy.runs.context import RunContext
from strategy.runs.store import DEFAULT_STORE, RunStore
from strategy.sweeps.sweep_plan import Plan
from strategy.sweeps.sweep_result import Sweep
from strategy.sweeps.sweep_run import SweepContext
from strategy.sweeps.sweep_run import sweep as sweep_points

__all__ = ["sweep"]

Values = Sequence[Any]
RUNNING = ("workers", "on", "resume", "quiet")


class SweepOptions(TypedDict, total=False):
    """What a sweep may be told beside its grid or number of trials."""

    points: Sequence[Mapping[str, Any]]
    search: Mapping[str, Any]
    objective: str
    seeds: Sequence[int]
    refit: bool
    prune: bool
    seed: int
    guard: bool | Mapping[str, Any]
    workers: int
    on: str
    resume: bool
    quiet: bool


def sweep(
    spec: StrategySpec,
    bars: Bars,
    *,
    grid: Mapping[str, Values] | str | Path | None = None,
    trials: int | None = None,
    store: str | Path = DEFAULT_STORE,
    **options: Unpack[SweepOptions],
) -> Sweep:
    """Try many settings on validation, log each as a trial, and judge the best one once on test.

    Parameters
    ----------
    spec : StrategySpec
        The strategy whose settings are tried.
    bars : Panel, Inputs or DataFrame
        Daily bars with their universe. The points are given those until the end of validation.
    grid : mapping of str to list, or path
        Values to try by dotted key, every combination a point; or a ``sweep.toml``.
    trials : int, optional
        Points of a search with Optuna; lists of the grid are then choices.
    store : str or Path
        Folder of runs; every point is logged there as a trial.
    **options
        ``points`` (mappings: whole points beside the grid), ``search`` (by key ``{"low": …, "high": …, "log": …}`` or a
        list of choices), ``objective`` (``"rank_ic"`` or ``"sharpe"``), ``seeds`` (each trains every point), ``refit``
        (the winner on training and validation), ``prune`` (True: the median rule of a search), ``seed`` (of the
        search), ``guard`` (True, or ``{"looks": 100, "protect": True}``), ``workers`` (1), ``on`` (``"processes"``),
        ``resume`` (go on with the same sweep) and ``quiet``.

    Returns
    -------
    Sweep
        Prints as a report; ``points`` is a DataFrame, ``winner`` what ``qt.load_strategy`` takes, ``run`` its test.

    Raises
    ------
    ValueError
        If a key or value is not allowed, or a key would move the test span; nothing was trained then.
    RunError
        If no look at validation is left, or no point has a number.
    DataError
        If the bars cannot carry the strategy.

    Examples
    --------
    >>> found = qt.sweep(spec, bars, grid={"portfolio.k": [0.1, 0.2]}, store=store)
    >>> len(found.points), sorted(found.winner)
    (2, ['portfolio.k'])
    """
    require(spec, StrategySpec, name="spec", made_by="qt.load_strategy")
    unknown = sorted(options.keys() - SweepOptions.__annotations__.keys())
    if unknown:
        raise TypeError(f"sweep() got an unexpected keyword argument {unknown[0]!r}")
    told: dict[str, Any] = dict(options)
    running = {key: told.pop(key) for key in RUNNING if key in told}
    plan = _plan(grid, trials, told)
    workers = Workers(count=running.get("workers", 1), on=running.get("on", "processes"))
    with shown_progress(quiet=running.get("quiet", False)) as progress:
        run = RunContext(store=RunStore(Path(store)), request=recorded_request(bars), progress=progress)
        context = SweepContext(run=run, workers=workers, resume=running.get("resume", False))
        found = sweep_points(spec, inputs_for(bars, spec.holdout), plan, context=context)
    redraw_board(Path(store), tell=warnings.warn)
    return found


def _plan(grid: Mapping[str, Values] | str | Path | None, trials: int | None, told: dict[str, Any]) -> Plan:
    """What is tried, from a file or from Python."""
    table: dict[str, Any] = dict(read_toml(grid)) if isinstance(grid, str | Path) else {}
    if isinstance(grid, Mapping):
        table["grid"] = {key: _listed(values) for key, values in grid.items()}
    for name in ("points", "search"):
        if name in told:
            table[name] = told.pop(name)
    guard = told.pop("guard", {})
    told["guard"] = {"protect": guard} if isinstance(guard, bool) else dict(guard)
    if "seeds" in told:
        told["seeds"] = tuple(told["seeds"])
    return Plan.read(table, trials=trials, **told)


def _listed(values: Any) -> Any:
    return values if isinstance(values, str) or not isinstance(values, Sequence) else list(values)
