"""Fold splits, walk-forward and combinatorial: every judged row is scored by a model that never met its label.

Spans are half-open row bounds, as in ``models.sample_splits``. A label of row *t* is known at *t* + delay + horizon;
the rows whose labels would be realised inside another span are purged, and an embargo widens the gap.
"""

import itertools
import math
from dataclasses import dataclass

from pydantic import Field

from core.errors import DataError
from core.settings import Settings
from models.sample_splits import Split

__all__ = [
    "CombinatorialSplit",
    "RetrainingSettings",
    "combinatorial_paths",
    "combinatorial_splits",
    "group_blocks",
    "walk_forward_splits",
]


class RetrainingSettings(Settings):
    """Lengths of the spans of a walk-forward, in sessions.

    Parameters
    ----------
    train : int
        A training span, its validation and the gaps included; the first one where ``expanding``.
    test : int
        Sessions judged before the next retraining; the last span may be shorter.
    validation : float
        Share of the training span, its last part, that chooses the epoch and calibrates; in (0, 1).
    expanding : bool
        Every training span begins where the first one does, instead of moving on.
    embargo : int
        Rows dropped beside the purge, at the end of training and of validation.
    """

    train: int = Field(default=756, ge=2)
    test: int = Field(default=63, ge=1)
    validation: float = Field(default=0.2, gt=0.0, lt=1.0)
    expanding: bool = False
    embargo: int = Field(default=0, ge=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CombinatorialSplit:
    """One combination of judged groups, and what may be fitted beside them.

    Parameters
    ----------
    groups : tuple of int
        Judged groups, ascending.
    judged : tuple of slice
        Their rows.
    split : Split
        Training and validation bounds; both may enclose barred rows. Its test span is empty.
    barred : tuple of slice
        Rows inside those bounds whose labels must not be read: judged, purged or under the embargo.
    """

    groups: tuple[int, ...]
    judged: tuple[slice, ...]
    split: Split
    barred: tuple[slice, ...]

    def fitted(self, n_sessions: int) -> list[bool]:
        """Whether each row's label may be read for training or validation."""
        inside = _rows((self.split.train, self.split.validation)) - _rows(self.barred)
        return [row in inside for row in range(n_sessions)]


def walk_forward_splits(
    n_sessions: int, settings: RetrainingSettings, *, purge: int, first: int | None = None
) -> list[Split]:
    """One split per retraining; the test spans tile the sessions from the first judged one to the last.

    Parameters
    ----------
    n_sessions : int
        Rows there are.
    settings : RetrainingSettings
        Lengths of the spans.
    purge : int
        Label horizon + execution delay: rows dropped at the end of training and of validation.
    first : int, optional
        First judged row; by default ``settings.train``, so that no row lies before the first training span. Rows
        before it are warm-up of features and windows.

    Raises
    ------
    DataError
        If the sessions do not reach the first test span, or a span keeps no row.
    """
    first = settings.train if first is None else first
    if not settings.train <= first < n_sessions:
        raise DataError(
            f"the first judged session would be number {first + 1} of {n_sessions}, with {settings.train} before it "
            "to train on: give more history, or a shorter training span"
        )
    starts = range(first, n_sessions, settings.test)
    begins = [first - settings.train if settings.expanding else start - settings.train for start in starts]
    stops = [min(start + settings.test, n_sessions) for start in starts]
    return [
        _retrained(begin, slice(start, stop), settings=settings, purge=purge)
        for begin, start, stop in zip(begins, starts, stops, strict=True)
    ]


def _retrained(begin: int, judged: slice, *, settings: RetrainingSettings, purge: int) -> Split:
    """Split whose training span begins at ``begin`` and ends before ``judged``."""
    length, gap = judged.start - begin, purge + settings.embargo
    held = judged.start - round(length * settings.validation)
    train, validation = slice(begin, held - gap), slice(held, judged.start - gap)
    for name, span in (("training", train), ("validation", validation)):
        if span.start >= span.stop:
            raise DataError(
                f"the {name} span keeps no session of {length} after a gap of {gap}: train on more sessions"
            )
    return Split(train=train, validation=validation, test=judged, purge=purge)


def combinatorial_splits(
    n_sessions: int,
    *,
    n_groups: int,
    k_test: int,
    validation: float = 0.2,
    purge: int = 2,
    embargo: int = 0,
) -> list[CombinatorialSplit]:
    """Purged and embargoed splits of every choice of ``k_test`` among ``n_groups`` groups of rows.

    Training rows may come after judged ones: this asks how much a result depends on the one path that history took, and
    is no record of what could have been traded.

    Parameters
    ----------
    n_sessions : int
        Rows, cut into groups of nearly equal length.
    n_groups, k_test : int
        N and k, 1 ≤ k < N.
    validation : float
        Share of the rows left for fitting, their last part; in (0, 1).
    purge : int
        Label horizon + execution delay: rows dropped on either side of a judged group, and before validation.
    embargo : int
        Further rows dropped after a judged group.

    References
    ----------
    López de Prado, M., "Advances in Financial Machine Learning", 2018, chapters 7 and 12.
    """
    if not 1 <= k_test < n_groups <= n_sessions:
        raise ValueError(f"k of N groups needs 1 ≤ k < N ≤ {n_sessions} sessions, was {k_test} of {n_groups}")
    if not 0.0 < validation < 1.0:
        raise ValueError(f"validation must be a share of the fitted rows in (0, 1), was {validation:g}")
    if purge < 1 or embargo < 0:
        raise ValueError(f"purge must be at least 1 session and embargo at least 0, were {purge} and {embargo}")
    blocks = group_blocks(n_sessions, n_groups)
    chosen = itertools.combinations(range(n_groups), k_test)
    return [_combination(groups, blocks, validation=validation, purge=purge, embargo=embargo) for groups in chosen]


def group_blocks(n_sessions: int, n_groups: int) -> list[slice]:
    """Rows of each group, of nearly equal length, in order."""
    edges = [round(n_sessions * k / n_groups) for k in range(n_groups + 1)]
    return [slice(*pair) for pair in itertools.pairwise(edges)]


def combinatorial_paths(n_groups: int, k_test: int) -> list[list[int]]:
    """Backtest paths: which split scores each group, in the order of ``combinatorial_splits``.

    Returns
    -------
    list of list of int
        C(N − 1, k − 1) paths; entry *g* of a path is the split whose scores of group *g* it takes. Every split serves
        each of its groups in exactly one path.
    """
    splits = list(itertools.combinations(range(n_groups), k_test))
    judging = [[number for number, groups in enumerate(splits) if group in groups] for group in range(n_groups)]
    return [[judging[group][path] for group in range(n_groups)] for path in range(math.comb(n_groups - 1, k_test - 1))]


def _combination(
    groups: tuple[int, ...], blocks: list[slice], *, validation: float, purge: int, embargo: int
) -> CombinatorialSplit:
    n_sessions = blocks[-1].stop
    judged = tuple(blocks[group] for group in groups)
    barred = tuple(
        slice(max(0, block.start - purge), min(n_sessions, block.stop + purge + embargo)) for block in judged
    )
    known = sorted(set(range(n_sessions - purge)) - _rows(barred))  # the last labels are not known yet
    held = math.ceil(len(known) * validation)
    if not 0 < held < len(known) or known[-held] - purge <= known[0]:
        raise DataError(
            f"groups {groups} leave {len(known)} rows to fit after purge and embargo: give more history or fewer groups"
        )
    split = Split(
        train=slice(known[0], known[-held] - purge),
        validation=slice(known[-held], known[-1] + 1),
        test=slice(n_sessions, n_sessions),
        purge=purge,
    )
    return CombinatorialSplit(groups=groups, judged=judged, split=split, barred=barred)


def _rows(spans: tuple[slice, ...]) -> set[int]:
    return {row for span in spans for row in range(span.start, span.stop)}
