"""Plan: the folds of a walk on given bars, each with what it may learn from and what it scores."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from market.errors import DataError
from models.splits import Split
from models.walk_forward import combinatorial_splits, walk_forward_splits
from strategy.learning import HORIZON
from strategy.spec import StrategySpec
from strategy.walking.settings import WalkSettings

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
        """Return the sessions that it scores."""
        return sessions[np.concatenate([np.arange(span.start, span.stop) for span in self.judged])]


def plan_folds(spec: StrategySpec, sessions: pd.DatetimeIndex, settings: WalkSettings) -> tuple[Fold, ...]:
    """Return the folds of a walk, in order.

    Raises
    ------
    DataError
        If the sessions are too few for the spans.
    """
    purge = spec.execution.delay + HORIZON
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
