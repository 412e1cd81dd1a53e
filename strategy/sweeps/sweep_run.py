"""Sweep run: from a strategy and what is to be tried to points, winner, verdict and page.

Points see the bars until the end of validation and nothing later; the winner alone is run on test, once.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from backtests.report.sweeps.sweep_results import PROTECTED, PointResult, SweepWinner, objective_of
from core.errors import LooksSpentError, RunError, note_remedy
from core.files import write_text
from core.parallel import Workers
from core.progress import duration
from market.inputs import Inputs
from market.panel import Panel
from strategy.definitions.spec import StrategySpec, override
from strategy.runs.context import RunContext
from strategy.runs.provenance import code_fingerprint
from strategy.sweeps.point_judgement import point_result
from strategy.sweeps.sweep_estimate import FirstEstimate
from strategy.sweeps.sweep_folder import SWEEPS, SweepFolder, sweep_id
from strategy.sweeps.sweep_keys import settings_words
from strategy.sweeps.sweep_plan import Plan, PlannedPoint, Searched, grid_points
from strategy.sweeps.sweep_result import Sweep
from strategy.sweeps.sweep_search import GENERATION, asked_points, generation_bounds, note_points, require_search
from strategy.sweeps.sweep_summary import SweepCourse, finished_record, overfitting_of, progress_record, summary_of
from strategy.sweeps.sweep_trials import SweepLog
from strategy.sweeps.sweep_winner import Told, best_point, judged_winner, winner_command, winner_spec
from strategy.sweeps.sweep_workers import judge_all, tasks_of
from strategy.sweeps.validation_bars import ValidationBars, cut_at_validation

__all__ = ["SweepContext", "sweep"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepContext:
    """Store, record, workers and progress of a sweep; nothing here changes a number.

    Parameters
    ----------
    run : RunContext
        Store, request and progress; its command is the sweep's.
    workers : Workers
        Two processes by default.
    told : Told
        The words that named the strategy.
    resume : bool
        Go on with the same sweep where it was stopped.
    """

    run: RunContext = field(default_factory=RunContext)
    workers: Workers = field(default_factory=lambda: Workers(count=2))
    told: Told = field(default_factory=Told)
    resume: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sweep:
    """What does not change while a sweep goes on."""

    context: SweepContext
    folder: SweepFolder
    log: SweepLog
    bars: ValidationBars
    record: dict[str, Any]
    estimate: FirstEstimate
    started: float = field(default_factory=time.perf_counter)

    def show(self, course: SweepCourse, ended: int) -> None:
        """Write how far the sweep is, and show it."""
        self.folder.write(progress_record(course, self.record))
        best = best_point(course.results, course.objective)
        parts = [] if best is None else [f"best {objective_of(best, course.objective):+.4f} of point {best.number}"]
        if ended and len(course.results) < course.total:
            seconds = (time.perf_counter() - self.started) / ended
            parts.append(f"{duration(seconds * (course.total - len(course.results)))} left")
        self.context.run.progress("points", len(course.results), course.total, " · ".join(parts))


def sweep(spec: StrategySpec, bars: Panel | Inputs, plan: Plan, *, context: SweepContext | None = None) -> Sweep:
    """Judge every point of a plan on validation, and its winner once on test.

    Parameters
    ----------
    spec : StrategySpec
        The strategy that the points change.
    bars : Panel or Inputs
        Daily bars with their universe.
    plan : Plan
        What is tried, and by what the winner is chosen.
    context : SweepContext, optional
        Store, workers and progress.

    Raises
    ------
    ValueError
        If a point is not allowed; nothing was trained then.
    RunError
        If no look at validation is left, no point has a number, or the same sweep is there and unfinished.
    DataError
        If the bars cannot carry the strategy.
    """
    context = context or SweepContext()
    inputs = Inputs.of(bars)
    refit = plan.refit or spec.training.refit
    base = override(spec, {"training.refit": False}) if spec.training.refit else spec
    keys, points = _planned(plan, base)
    seen, test = cut_at_validation(base, inputs)
    _check_spans(seen, points)
    store = context.run.store
    name = sweep_id(base, replace(plan, refit=refit), panel=test.panel)
    folder = SweepFolder(store.root.absolute() / base.name / SWEEPS / name)
    if folder.is_finished:
        return Sweep(folder.path)
    log = SweepLog(store=store, sweep=name, bars=seen, test=test, guard=plan.guard)
    log.require_looks(points, base, beside=plan.trials or 0)
    with folder.held():
        if folder.is_finished:  # by another process meanwhile
            return Sweep(folder.path)
        record = _opened(folder, base, plan, context)
        estimate = FirstEstimate.of(folder.path)
        going = _Sweep(context=context, folder=folder, log=log, bars=seen, record=record, estimate=estimate)
        try:
            course = SweepCourse(spec=base, plan=replace(plan, refit=refit), total=plan.trials or len(points))
            seen.keep(folder.path / "bars")
            course = _searched(going, course, keys) if plan.trials else _judged(going, course, points)
            _finish(going, course, inputs)
        except (KeyboardInterrupt, OSError, MemoryError) as stopped:
            stopped.__notes__ = []  # of the winner's run, which the sweep goes on with
            note_remedy(stopped, _resume_command(context))
            raise
        folder.tidy()
    return Sweep(folder.path)


def _planned(plan: Plan, base: StrategySpec) -> tuple[dict[str, Searched], tuple[PlannedPoint, ...]]:
    """What a search tries, or the points of a grid; whatever is not allowed is refused here."""
    if plan.trials is None:
        return {}, grid_points(plan, base)
    require_search()
    return plan.searched_keys(base), ()


def _check_spans(bars: ValidationBars, points: Sequence[PlannedPoint]) -> None:
    for point in points:
        try:
            bars.split(point.specs[0])
        except ValueError as error:
            raise ValueError(f"point {point.number} ({settings_words(point.settings)}): {error}") from error


def _opened(folder: SweepFolder, base: StrategySpec, plan: Plan, context: SweepContext) -> dict[str, Any]:
    """The record of a new sweep, or of one that goes on."""
    code = code_fingerprint(base)
    if not folder.is_begun:
        record = {
            "sweep": folder.sweep,
            "strategy": base.name,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "finished": None,
            "objective": plan.objective,
            "seeds": list(plan.seeds) or [base.training.seed],
            "command": context.run.command,
            "code": code,
            "points": {"done": 0, "total": 0},
            "best": None,
            "winner": None,
            "overfitting_probability": None,
        }
        folder.begin(base, plan, record)
        return record
    record = folder.record
    if record.get("code") != code:
        raise RunError(
            f"sweep {folder.sweep} cannot go on: the code changed since it began; remove {folder.path} to sweep anew"
        )
    if not context.resume:
        raise RunError(f"sweep {folder.sweep} was begun and is unfinished: go on with `{_resume_command(context)}`")
    return record


def _resume_command(context: SweepContext) -> str:
    command = context.run.command
    if not command.startswith("quintile "):
        return "resume=True"
    return command if " --resume" in command else f"{command} --resume"


def _judged(
    going: _Sweep,
    course: SweepCourse,
    points: Sequence[PlannedPoint],
    *,
    bounds: tuple[float | None, ...] = (),
) -> SweepCourse:
    """Train and judge points; log and show each once all before it are, while looks at validation are left."""
    tasks = tasks_of(points, going.folder, bounds=bounds, with_training=course.plan.guard.protect)
    waiting, ended = list(points), 0

    def settle(course: SweepCourse) -> SweepCourse:
        while waiting and (found := point_result(waiting[0], going.folder.points)) is not None:
            try:
                course = _noted(going, course, waiting.pop(0), found)
            except LooksSpentError:
                if not course.results:
                    raise
                waiting.clear()  # the sweep ends with the points that were answered
        going.show(course, ended)
        return course

    def say() -> None:
        plan = f"{course.total} points on {going.context.workers.count} workers"
        going.estimate.say(going.context.run.progress, plan)

    course = settle(course)
    for _ in judge_all(tasks, going.folder, workers=going.context.workers, meanwhile=say) if waiting else ():
        ended += 1
        course = settle(course)
        if not waiting:
            break
    return course


def _noted(going: _Sweep, course: SweepCourse, point: PlannedPoint, found: PointResult) -> SweepCourse:
    """The course with one more point, which is in the log from now on."""
    result, _ = going.log.note(point, found)
    if result.state == PROTECTED:
        for judgement in found.judgements:
            going.folder.points.hide(judgement)
    return replace(course, planned=(*course.planned, point), results=(*course.results, result))


def _searched(going: _Sweep, course: SweepCourse, keys: dict[str, Searched]) -> SweepCourse:
    """Generation by generation: ask, train and judge, tell."""
    journal, plan = going.folder.journal, course.plan
    for first in range(1, course.total + 1, GENERATION):
        points = tuple(
            _splittable(going.bars, point) for point in asked_points(plan, course.spec, keys, journal, first=first)
        )
        bounds = generation_bounds(course.results, plan, first=first)
        course = _judged(going, course, points, bounds=bounds)
        pairs = zip(course.planned[first - 1 :], course.results[first - 1 :], strict=True)
        note_points(journal, [(*pair, objective_of(pair[1], plan.objective)) for pair in pairs], keys)
        if len(course.results) < first + len(points) - 1:
            break  # no look was left
    return course


def _splittable(bars: ValidationBars, point: PlannedPoint) -> PlannedPoint:
    """The point, or one without a strategy where its labels leave no validation session."""
    try:
        for spec in point.specs[:1]:
            bars.split(spec)
    except ValueError as error:
        return replace(point, specs=(), failure=str(error))
    return point


def _finish(going: _Sweep, course: SweepCourse, inputs: Inputs) -> None:
    """Choose, log what was chosen, judge it once on test, and write what the sweep came to."""
    from backtests.report.sweeps.sweep_page import sweep_page

    best = best_point(course.results, course.objective)
    if best is None:
        failed = next((each.failure for each in course.results if each.failure), "none has a number on validation")
        raise RunError(f"no point of sweep {going.folder.sweep} can be chosen: {failed}")
    winner = _run_winner(going, course, best, inputs)
    summary = summary_of(course, going.folder.points, going.log, winner=winner, command=str(going.record["command"]))
    write_text(going.folder.page, sweep_page(summary))
    going.folder.write(finished_record(course, going.record, summary))


def _run_winner(going: _Sweep, course: SweepCourse, best: PointResult, inputs: Inputs) -> SweepWinner:
    planned = next(each for each in course.planned if each.number == best.number)
    spec, beside, _ = winner_spec(planned, refit=course.plan.refit)
    overfitting = overfitting_of(course.results, going.folder.points)
    going.log.conclude(spec, points=len(course.results), overfitting=overfitting)
    context, settings = going.context, {**best.settings, **beside}
    command = winner_command(spec, settings, told=context.told, folder=going.folder.path, context=context.run)
    return judged_winner(
        replace(best, settings=settings),
        spec,
        inputs,
        bars=going.bars,
        folder=going.folder.path,
        context=replace(context.run, command=command, resume=None),
    )
