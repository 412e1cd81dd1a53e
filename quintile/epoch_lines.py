"""Epoch lines: the numbers of an epoch on one line that fits the terminal, and curves in a line of letters."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from core.progress import duration

if TYPE_CHECKING:
    from models.networks.watched_epoch import WatchedEpoch

__all__ = ["HEADING", "epoch_line", "spark_line"]

HEADING = "training / validation; training's own numbers are measured while its weights move, dropout on"
BLOCKS, LETTERS = "▁▂▃▄▅▆▇█", ".:-=+*%#"  # from low to high


def epoch_line(seen: "WatchedEpoch", width: int | None = None) -> str:
    """One epoch on one line; what matters least goes first where the width does not hold it.

    Parameters
    ----------
    seen : WatchedEpoch
        The epoch.
    width : int, optional
        Columns; None for as many as it takes.
    """
    parts = _parts(seen)
    least = sorted(range(1, len(parts)), key=lambda place: parts[place][0])
    while width is not None and len(_joined(parts)) > width and least:
        parts[least.pop(0)] = (0, "")
    line = _joined(parts)
    return line if width is None or len(line) <= width else line[:width]


def spark_line(values: Sequence[float], width: int, *, encoding: str | None = "utf-8") -> str:
    """A curve as one letter a value, low to high; the last of each group where there are more values than columns.

    A value that is not available is a blank; a curve that does not move is a line in the middle.

    Parameters
    ----------
    values : sequence of float
        In their order.
    width : int
        Columns.
    encoding : str or None
        What the stream writes: plain letters where it lacks blocks.

    Examples
    --------
    >>> spark_line([0.0, 1.0, 2.0, float("nan"), 4.0], 10)
    '▁▃▅ █'
    """
    marks = BLOCKS if _holds_blocks(encoding) else LETTERS
    shown = _last_of_groups(values, max(width, 1))
    known = [value for value in shown if math.isfinite(value)]
    if not known:
        return ""
    low, spread = min(known), max(known) - min(known)
    return "".join(_mark(value, low, spread, marks) for value in shown)


def _parts(seen: "WatchedEpoch") -> list[tuple[int, str]]:
    """What is said, each with its weight: the first that goes has the smallest."""
    place = f"{seen.part} " if seen.part else ""
    gradient = f"gradient {seen.gradient_norm:.3g}, at most {seen.max_gradient_norm:.3g}"
    return [
        (9, f"{place}epoch {seen.epoch}/{seen.epochs}"),
        (8, f"loss {_pair(seen.train_loss, seen.validation_loss, '.4f')}"),
        (7, f"IC {_pair(seen.train_ic, seen.validation_ic, '+.4f')}"),
        (3, f"accuracy {_pair(seen.train_accuracy, seen.validation_accuracy, '.1%')}"),
        (4, f"rate {seen.learning_rate:.3g}"),
        (5, gradient),
        (6, f"{seen.seconds:.1f} s" if seen.seconds < 10 else duration(seen.seconds)),
    ]


def _joined(parts: Sequence[tuple[int, str]]) -> str:
    return " · ".join(words for _, words in parts if words)


def _pair(train: float, validation: float, form: str) -> str:
    return " / ".join("–" if math.isnan(value) else format(value, form) for value in (train, validation))


def _last_of_groups(values: Sequence[float], width: int) -> list[float]:
    if len(values) <= width:
        return list(values)
    edges = [round(place * len(values) / width) for place in range(width + 1)]
    return [values[stop - 1] for _, stop in pairwise(edges)]


def _mark(value: float, low: float, spread: float, marks: str) -> str:
    if not math.isfinite(value):
        return " "
    return marks[len(marks) // 2] if not spread else marks[round((value - low) / spread * (len(marks) - 1))]


def _holds_blocks(encoding: str | None) -> bool:
    try:
        BLOCKS.encode(encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
