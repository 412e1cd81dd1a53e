"""Plan: the folds of a walk on given bars, each with what it may learn from and what it scores."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.errors import DataError
from models.fold_splits import combinatorial_splits, walk_forward_splits
from models.sample_splits import Split
from strategy.definitions.spec import StrategySpec
from strategy.walk_forward.walk_settings import WalkSettings

__all__ = ["Fold", "plan_folds"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """One retraining.

    Parameters
    ----------
    number : int
        From 1, in time order of what is judged.
    split : Split
        Training and validation rows of the bars.
    judged : tuple of slice
        Rows that it scores.
    barred : tuple of slice
        Rows whose labels it must not read though the split encloses them.
    last : int
        Row of the last session that it may see.
    """

    number: int
    split: Split
    judged: tuple[slice, ...]
    barred: tuple[slice, ...] = ()
    last: int

    def judged_sessions(self, sessions: pd.DatetimeIndex) -> pd.DatetimeIndex:
        """The sessions that it scores."""
        return sessions[np.concatenate([np.arange(span.start, span.stop) for span in self.judged])]


def plan_folds(spec: StrategySpec, sessions: pd.DatetimeIndex, settings: WalkSettings) -> tuple[Fold, ...]:
    """The folds of a walk, in order.

    Raises
    ------
    DataError
        If the sessions are too few for the spans.
    """
    purge = spec.execution.delay + spec.label.horizon
    if settings.combinatorial is not None:
        return _combinatorial(sessions, settings, purge=purge)
    first = _first_row(sessions, settings)
    splits = walk_forward_splits(len(sessions), settings.retraining, purge=purge, first=first)
    return tuple(
        Fold(number=number, split=split, judged=(split.test,), last=split.test.stop - 1)
        for number, split in enumerate(splits, start=1)
    )


def _combinatorial(sessions: pd.DatetimeIndex, settings: WalkSettings, *, purge: int) -> tuple[Fold, ...]:
    assert settings.combinatorial is not None
    splits = combinatorial_splits(
        len(sessions),
        n_groups=settings.combinatorial.n_groups,
        k_test=settings.combinatorial.k_test,
        validation=settings.retraining.validation,
        purge=purge,
        embargo=settings.retraining.embargo,
    )
    return tuple(
        Fold(number=number, split=each.split, judged=each.judged, barred=each.barred, last=len(sessions) - 1)
        for number, each in enumerate(splits, start=1)
    )


def _first_row(sessions: pd.DatetimeIndex, settings: WalkSettings) -> int | None:
    if settings.first_test is None:
        return None
    moment = pd.Timestamp(settings.first_test)
    if not sessions[0] <= moment <= sessions[-1]:
        raise DataError(
            f"the first test session {settings.first_test} must lie within the bars, {sessions[0]:%Y-%m-%d} to "
            f"{sessions[-1]:%Y-%m-%d}: move it, or give other bars"
        )
    return int(sessions.searchsorted(moment))


def plan_sentence(settings: WalkSettings, n_folds: int) -> str:
    """Length and number of the spans, in one sentence."""
    spans = settings.retraining
    gap = f"purged by label horizon and delay, embargo {spans.embargo} sessions"
    if settings.combinatorial is not None:
        groups = settings.combinatorial
        return (
            f"Combinatorial purged cross-validation: {n_folds} trainings of {settings.learner}, each choice of "
            f"{groups.k_test} among {groups.n_groups} groups judged once, the last {spans.validation:.0%} of the rest "
            f"for validation, {gap}. "
            "Training reads sessions after the judged ones: a study of luck, not a record that could have been traded."
        )
    span = f"an expanding span of at least {spans.train}" if spans.expanding else f"the last {spans.train}"
    return (
        f"Walk forward: {settings.learner} retrained {n_folds} times, every {spans.test} sessions on {span} sessions, "
        f"the last {spans.validation:.0%} of it for validation, {gap}."
    )
