"""Run order: the runs of a store as they were made, which is not the order of their ids where a clock was wrong."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path

from strategy.runs.run_files import recorded_number

__all__ = ["in_order", "next_number", "order_of"]


def in_order(records: Iterable[Path], *, claim: str) -> list[Path]:
    """Folders of runs, oldest first: by their place in the trial log, and those without one after all begun before.

    Parameters
    ----------
    records : iterable of Path
        The ``run.json`` of each.
    claim : str
        File beside it that says where the trial log stood with the run.

    Notes
    -----
    A run that was begun before runs had numbers, and has no place in the log, follows the one before it by id.
    """
    paths = sorted((path.parent for path in records), key=lambda path: path.name)
    numbers = [recorded_number(path / "run.json", "number") for path in paths]
    logged = [recorded_number(path / claim, "length") for path in paths]
    return [paths[place] for place in order_of([path.name for path in paths], numbers, logged)]


def order_of(names: Sequence[str], numbers: Sequence[int], logged: Sequence[int]) -> list[int]:
    """Places of runs, oldest first, of their ids in order, their numbers and their places in the log; 0 for none."""
    begun = sorted(zip(numbers, logged, strict=True))
    latest = list(accumulate((place for _, place in begun), max))  # place of any run with this number or a lower one
    placed, before = [], 0
    for row, (name, number, place) in enumerate(zip(names, numbers, logged, strict=True)):
        before = place or (latest[bisect_right(begun, number, key=_number) - 1] if number else before)
        placed.append((before, 0 if place else number, name, row))
    return [row for *_, row in sorted(placed)]


def next_number(records: Iterable[Path]) -> int:
    """The number of a run that begins now: one more than any in its store."""
    return 1 + max((recorded_number(path, "number") for path in records), default=0)


def _number(begun: tuple[int, int]) -> int:
    return begun[0]
