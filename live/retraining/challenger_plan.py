"""Challenger plan: where the spans of a challenger lie, moved forward from those of its champion.

    champion    |------ training ------|- validation -|-------- test --------|
    challenger            |------ training ------|- validation -|== judged ==|
                                                     first session unseen ^   ^ last session of the bars

Training and validation keep their lengths in sessions, and each still ends in the purge: the delay and the horizon of
a label. The judged sessions are the last ones of the bars, all of them later than what either model learned from and
than the last session that the champion was shown on when it was frozen. Their last delay + horizon rows decide and
trade, and have no rank IC yet.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd

from core.errors import DataError
from models.sample_splits import resolve_split
from strategy.definitions.spec import StrategySpec, override

__all__ = [
    "JUDGED_SESSIONS",
    "MIN_JUDGED",
    "ChallengerPlan",
    "SpanLengths",
    "month_ends",
    "moved_spec",
    "plan_challenger",
    "span_lengths",
]

JUDGED_SESSIONS = 126  # half a year
MIN_JUDGED = 60  # a HAC error of fewer is too rough to promote by
Days = tuple[pd.Timestamp, pd.Timestamp]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanLengths:
    """Sessions that a model learned from, the purge at the end of each span included.

    Parameters
    ----------
    train, validation : int
        Sessions of each span.
    """

    train: int
    validation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengerPlan:
    """Spans of a challenger, first and last session of each.

    Parameters
    ----------
    train, validation, judged : pair of Timestamp
        In time order, without a gap.
    n_train, n_validation, n_judged : int
        Sessions of each; of ``n_judged`` the last ``purge`` have no rank IC yet.
    purge : int
        Sessions dropped at the end of training and of validation: delay + horizon of a label.
    seen : Timestamp
        Last session that the champion was shown on when it was frozen.
    """

    train: Days
    validation: Days
    judged: Days
    n_train: int
    n_validation: int
    n_judged: int
    purge: int
    seen: pd.Timestamp

    @property
    def as_of(self) -> pd.Timestamp:
        """The session at whose close the judgement is made."""
        return self.judged[1]


def span_lengths(spec: StrategySpec, sessions: pd.DatetimeIndex) -> SpanLengths:
    """How many sessions a frozen strategy was trained and validated on.

    Parameters
    ----------
    spec : StrategySpec
        Resolved: its split has dates.
    sessions : DatetimeIndex
        Of bars that begin where the version's own did.

    Raises
    ------
    DataError
        If a span keeps no session.
    """
    purge = spec.execution.delay + spec.label.horizon
    split = resolve_split(sessions, spec.split, delay=spec.execution.delay, horizon=spec.label.horizon)
    validation = split.train.stop + purge
    return SpanLengths(train=validation, validation=split.test.start - validation)


def plan_challenger(
    spec: StrategySpec,
    sessions: pd.DatetimeIndex,
    *,
    seen: pd.Timestamp,
    lengths: SpanLengths,
    judge: int = JUDGED_SESSIONS,
) -> ChallengerPlan:
    """The spans of a challenger that is judged on the last sessions of the bars.

    Parameters
    ----------
    spec : StrategySpec
        The champion's; delay and horizon decide the purge.
    sessions : DatetimeIndex
        All sessions of the bars, up to the close at which the judgement is made.
    seen : Timestamp
        Last session that the champion was shown on when it was frozen.
    lengths : SpanLengths
        Of the champion.
    judge : int
        Sessions with a rank IC that both are judged on, at least 60.

    Raises
    ------
    ValueError
        If fewer sessions are to be judged.
    DataError
        If the bars are too short; it says how many sessions are missing.
    """
    if judge < MIN_JUDGED:
        raise ValueError(f"judge must be at least {MIN_JUDGED} sessions, was {judge}")
    purge = spec.execution.delay + spec.label.horizon
    window = judge + purge
    _refuse_short(sessions, int((sessions > seen).sum()), window=window, judge=judge)
    first = len(sessions) - window - lengths.validation - lengths.train
    if first < 0:
        raise DataError(
            f"the bars hold {len(sessions)} sessions and the challenger needs {len(sessions) - first}, {lengths.train} "
            f"for training, {lengths.validation} for validation, {window} to be judged on: {-first} are missing before "
            f"{sessions[0]:%Y-%m-%d}"
        )
    held = first + lengths.train
    start = held + lengths.validation
    return ChallengerPlan(
        train=(sessions[first], sessions[held - 1]),
        validation=(sessions[held], sessions[start - 1]),
        judged=(sessions[start], sessions[-1]),
        n_train=lengths.train,
        n_validation=lengths.validation,
        n_judged=window,
        purge=purge,
        seen=seen,
    )


def moved_spec(spec: StrategySpec, plan: ChallengerPlan) -> StrategySpec:
    """The champion's strategy with the dates of the challenger's split; nothing else differs."""
    dates = {"split.train_end": plan.train[1], "split.validation_end": plan.validation[1]}
    return override(spec, [f'{key}="{day:%Y-%m-%d}"' for key, day in dates.items()])


def month_ends(sessions: pd.DatetimeIndex, following: pd.Timestamp | None) -> Iterator[pd.Timestamp]:
    """Yield the last session of each calendar month that is over.

    Parameters
    ----------
    sessions : DatetimeIndex
        Of the bars, in order.
    following : Timestamp or None
        The session after the last one; None where no calendar tells it, and the last month is then not over.

    Examples
    --------
    >>> import pandas as pd
    >>> from live.retraining.challenger_plan import month_ends
    >>> days = pd.bdate_range("2024-01-29", "2024-03-08")
    >>> [str(day.date()) for day in month_ends(days, pd.Timestamp("2024-03-11"))]
    ['2024-01-31', '2024-02-29']
    """
    after = [*sessions, *([] if following is None else [following])]
    for day, later in pairwise(after):
        if (day.year, day.month) != (later.year, later.month):
            yield day


def _refuse_short(sessions: pd.DatetimeIndex, n_unseen: int, *, window: int, judge: int) -> None:
    """Refuse bars that hold too few sessions which the champion has not seen."""
    if n_unseen < window:
        raise DataError(
            f"the bars end {sessions[-1]:%Y-%m-%d} with {n_unseen} sessions that the champion has not seen, and "
            f"{window} are needed, {judge} of them with a known return: {window - n_unseen} are missing, load later "
            "bars"
        )
