"""Sweep trials: every point is a trial in the log, and a look at validation, before its number is shown.

Points enter in the order of their numbers, whichever worker ends first.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from backtests.report.sweeps.sweep_results import PROTECTED, Judgement, PointResult
from core.errors import RunError
from strategy.definitions.spec import StrategySpec
from strategy.runs.store import RunStore
from strategy.sweeps.sweep_plan import PlannedPoint
from strategy.sweeps.validation_bars import TestSpan, ValidationBars
from strategy.trials.log import POINT, SWEEP, TrialKey, TrialLog, distinct, trial_kind
from strategy.trials.validation_looks import Guard, LookAnswer, Measured, look, looks_taken

__all__ = ["SweepLog"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepLog:
    """The trial log as a sweep writes to it.

    Parameters
    ----------
    store : RunStore
        Its log counts.
    sweep : str
        Id of the sweep.
    bars : ValidationBars
        What the points are judged on.
    test : TestSpan
        What the winner is judged on.
    guard : Guard
        How often validation may be looked at.
    """

    store: RunStore
    sweep: str
    bars: ValidationBars
    test: TestSpan
    guard: Guard

    @property
    def log(self) -> TrialLog:
        """The log."""
        return TrialLog(self.store.root)

    def key(self, point: PlannedPoint) -> TrialKey:
        """The key of a point, on its validation sessions."""
        spec = point.specs[0]
        first, last = self.bars.dates(spec)
        seeds = "" if len(point.specs) == 1 else f":seeds {','.join(str(each.training.seed) for each in point.specs)}"
        return TrialKey(spec=spec.fingerprint() + seeds, panel=self.test.panel, first=first, last=last)

    def sessions(self, spec: StrategySpec) -> int:
        """Validation sessions of a strategy."""
        rows = self.bars.split(spec).validation
        return int(rows.stop - rows.start)

    def require_looks(self, points: Sequence[PlannedPoint], base: StrategySpec, *, beside: int = 0) -> None:
        """Refuse more points than there are looks at validation left, before anything is trained.

        Parameters
        ----------
        points : sequence of PlannedPoint
            Those that are known.
        base : StrategySpec
            The strategy.
        beside : int
            Points that a search asks for; those of this sweep that the log has took their looks before a kill.

        Raises
        ------
        RunError
            If they are too many and no guard answers beyond.
        """
        entries, sessions = self.log.entries(), self.sessions(base)
        first, last = self.bars.dates(base)
        taken = looks_taken(entries, TrialKey(spec="", panel=self.test.panel, first=first, last=last))
        kinds = (POINT, trial_kind(POINT))
        logged = [entry for entry in entries if entry.kind in kinds and "judged" in entry.facts]
        known = {TrialKey.logged(entry).spec for entry in logged}
        asked = sum(entry.facts.get("sweep") == self.sweep for entry in logged)
        new = max(0, beside - asked) + sum(self.key(point).spec not in known for point in points if point.specs)
        budget = self.guard.budget(sessions)
        if taken + new > budget and not self.guard.protect:
            raise RunError(
                f"{new:,} new points need more looks than are left at this validation span: {taken:,} of {budget:,} "
                "are taken; try fewer points, or guard the answers beyond (--guard)"
            )

    def note(self, point: PlannedPoint, result: PointResult) -> tuple[PointResult, LookAnswer | None]:
        """Log a point, once, and give what may be shown of it.

        Raises
        ------
        RunError
            If no look at validation is left for it.
        """
        if not point.specs:
            return result, None
        key = self.key(point)
        with self.log.transaction() as held:
            known = any(
                entry.kind in (POINT, trial_kind(POINT)) and entry.facts.get("key") == asdict(key)
                for entry in held.entries
            )
            answer = look(held, key, self._measured(point, result), self.guard)
            if not known:
                held.append(trial_kind(POINT), **self._facts(point, result, key), guarded=not answer.is_plain)
        if answer.is_plain or result.failure:
            return result, answer
        told = answer.rank_ic if math.isfinite(answer.rank_ic) else None
        hidden = PointResult(number=result.number, settings=result.settings, state=PROTECTED, rank_ic=told)
        nothing = tuple(Judgement(spec=each.spec, seed=each.seed) for each in result.judgements)
        return replace(hidden, judgements=nothing), answer

    def conclude(self, winner: StrategySpec, *, points: int, overfitting: tuple[float | None, int]) -> None:
        """Log what a sweep chose, before it is judged on test: its verdict weighs the probability of overfitting."""
        facts: dict[str, Any] = {
            "strategy": winner.name,
            "sweep": self.sweep,
            "panel": self.test.panel,
            "winner": winner.fingerprint(),
            "points": points,
            "overfitting_probability": overfitting[0],
            "paths": overfitting[1],
        }
        with self.log.transaction() as held:
            if not any(entry.kind == SWEEP and facts.items() <= entry.facts.items() for entry in held.entries):
                held.append(SWEEP, **facts)

    def counts(self, base: StrategySpec) -> tuple[int, int, int]:
        """Trials recorded, and looks taken and allowed at this validation span."""
        entries = self.log.entries()
        first, last = self.bars.dates(base)
        taken = looks_taken(entries, TrialKey(spec="", panel=self.test.panel, first=first, last=last))
        return len(distinct(entries)), taken, self.guard.budget(self.sessions(base))

    def _measured(self, point: PlannedPoint, result: PointResult) -> Measured:
        seen = [each.training_ic for each in result.judgements]
        known = [each for each in seen if each is not None]
        return Measured(
            validation=math.nan if result.rank_ic is None else result.rank_ic,
            training=sum(known) / len(known) if known and len(known) == len(seen) else math.nan,
            standard_error=math.nan if result.rank_ic_error is None else result.rank_ic_error,
            sessions=self.sessions(point.specs[0]),
        )

    def _facts(self, point: PlannedPoint, result: PointResult, key: TrialKey) -> dict[str, Any]:
        return {
            "strategy": point.specs[0].name,
            "sweep": self.sweep,
            "key": asdict(key),
            "judged": [self.test.first, self.test.last],
            "state": result.state,
            "sharpe": result.sharpe,
            "rank_ic": result.rank_ic,
            "sessions": self.sessions(point.specs[0]),
            "sessions_per_year": self.bars.inputs.panel.facts.sessions_per_year,
        }
