"""Sweep summary: what the points of a sweep come to together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from backtests.report.sweeps.sweep_results import (
    JUDGED,
    PROTECTED,
    Objective,
    PointResult,
    SweepSummary,
    SweepWinner,
    objective_of,
)
from backtests.report.sweeps.sweep_words import sweep_findings
from backtests.statistics.deflation import overfitting_probability
from backtests.statistics.parameter_importance import parameter_importance
from signals.score_metrics import summarize_ic
from strategy.definitions.spec import StrategySpec
from strategy.sweeps.fitted_scores import learned_part
from strategy.sweeps.point_judgement import IC, NET, JudgedFiles
from strategy.sweeps.sweep_plan import Plan, PlannedPoint
from strategy.sweeps.sweep_trials import SweepLog
from strategy.sweeps.sweep_winner import best_point

__all__ = ["SweepCourse", "finished_record", "overfitting_of", "progress_record", "summary_of"]

BLOCKS = 16
RIDGE = "ridge"


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepCourse:
    """A sweep on its way: what was planned so far, what it came to, and what the guard let the search know.

    Parameters
    ----------
    spec : StrategySpec
        The strategy that the points change.
    plan : Plan
        What is tried.
    total : int
        Points in all.
    planned, results : tuple
        Of the points so far, by number.
    """

    spec: StrategySpec
    plan: Plan
    total: int
    planned: tuple[PlannedPoint, ...] = ()
    results: tuple[PointResult, ...] = ()

    @property
    def objective(self) -> Objective:
        """What is chosen by."""
        return self.plan.objective


def overfitting_of(results: Sequence[PointResult], files: JudgedFiles) -> tuple[float | None, int]:
    """The probability of backtest overfitting by CSCV over the validation returns of the points, and their number."""
    paths = {}
    for each in results:
        sessions = files.sessions(each.judgements) if each.state == JUDGED else None
        if sessions is not None:
            paths[each.number] = sessions[NET]
    frame = pd.DataFrame(paths).dropna()
    if frame.shape[1] < 2 or len(frame) < 2 * BLOCKS:
        return None, frame.shape[1]
    found = overfitting_probability(frame, n_blocks=BLOCKS).probability
    return (found if math.isfinite(found) else None), frame.shape[1]


def summary_of(
    course: SweepCourse, files: JudgedFiles, log: SweepLog, *, winner: SweepWinner | None, command: str
) -> SweepSummary:
    """All that is said of a sweep."""
    trials, looks, budget = log.counts(course.spec)
    overfitting, paths = overfitting_of(course.results, files)
    panel = log.bars.inputs.panel
    known = [each for each in course.results if objective_of(each, course.objective) is not None]
    values = [float(objective_of(each, course.objective) or 0.0) for each in known]
    return SweepSummary(
        sweep=log.sweep,
        strategy=course.spec.name,
        objective=course.objective,
        seeds=course.plan.seeds or (course.spec.training.seed,),
        total=course.total,
        points=course.results,
        winner=winner,
        trainings=len({learned_part(spec) for point in course.planned for spec in point.specs}),
        validation=log.bars.dates(course.spec),
        test=(log.test.first, log.test.last),
        universe=f"{panel.facts.source}; {panel.facts.universe}",
        costs=str(course.spec.costs),
        synthetic=panel.facts.synthetic,
        overfitting=overfitting,
        paths=paths,
        importance=parameter_importance([each.settings for each in known], values),
        ridge=_beside_ridge(course, files),
        trials=trials,
        looks=looks,
        budget=budget,
        command=command,
    )


def progress_record(course: SweepCourse, record: dict[str, Any], **beside: Any) -> dict[str, Any]:
    """``sweep.json`` as far as the sweep is."""
    best = best_point(course.results, course.objective)
    done = {"done": len(course.results), "total": course.total}
    return record | {"points": done, "best": None if best is None else _best(best)} | beside


def finished_record(course: SweepCourse, record: dict[str, Any], summary: SweepSummary) -> dict[str, Any]:
    """``sweep.json`` of a sweep that is through."""
    winner = summary.winner
    importance = [
        {"key": str(key), **{str(name): float(value) for name, value in row.items()}}
        for key, row in summary.importance.iterrows()
    ]
    return progress_record(
        course,
        record,
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        overfitting_probability=summary.overfitting,
        paths=summary.paths,
        validation=list(summary.validation),
        test=list(summary.test),
        trainings=summary.trainings,
        looks={"taken": summary.looks, "budget": summary.budget},
        trials=summary.trials,
        ridge=None if summary.ridge is None else list(summary.ridge),
        importance=importance,
        winner=None if winner is None else _winner(winner),
        findings=sweep_findings(summary),
        table=[_row(each) for each in course.results],
    )


def _winner(winner: SweepWinner) -> dict[str, Any]:
    shown = ("verdict", "sentence", "sessions", "rank_ic", "rank_ic_standard_error", "deflated_sharpe")
    headline = {name: winner.headline.get(name) for name in (*shown, "comparable_trials")}
    return {
        "run": winner.run,
        "point": winner.point,
        "settings": dict(winner.settings),
        "command": winner.command,
        "refitted": winner.refitted,
        "same_bits": winner.same_bits,
        "scores_sha256": winner.scores,
        "weights_sha256": winner.weights,
        "sharpe": winner.headline.get("sharpe_net"),
        "sharpe_standard_error": winner.headline.get("sharpe_standard_error"),
        **headline,
    }


def _row(point: PointResult) -> dict[str, Any]:
    row = {name: getattr(point, name) for name in PointResult.__dataclass_fields__ if name != "judgements"}
    return row | {"settings": dict(point.settings), "epochs": list(point.epochs)}


def _best(point: PointResult) -> dict[str, Any]:
    return {
        "number": point.number,
        "settings": dict(point.settings),
        "rank_ic": point.rank_ic,
        "rank_ic_standard_error": point.rank_ic_error,
        "sharpe": point.sharpe,
    }


def _beside_ridge(course: SweepCourse, files: JudgedFiles) -> tuple[float, float, float] | None:
    """Rank IC of the best point that is no ridge less that of the best ridge, paired by session, with its range."""
    plain = [each for each in course.results if each.state not in (PROTECTED,)]
    kinds = {point.number: point.specs[0].model.kind for point in course.planned if point.specs}
    ridge = best_point([each for each in plain if kinds.get(each.number) == RIDGE], course.objective)
    other = best_point([each for each in plain if kinds.get(each.number, RIDGE) != RIDGE], course.objective)
    if ridge is None or other is None:
        return None
    frames = [files.sessions(each.judgements) for each in (other, ridge)]
    if any(frame is None for frame in frames):
        return None
    difference = (frames[0][IC] - frames[1][IC]).dropna()  # type: ignore[index]
    if difference.empty:
        return None
    found = summarize_ic(difference, horizon=course.spec.label.horizon).interval
    return found.estimate, found.low, found.high
