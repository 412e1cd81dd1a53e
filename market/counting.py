"""Counting: go through items and say after each how many are done."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

__all__ = ["Count", "counted"]

Item = TypeVar("Item")
Count = Callable[[int, int], None]  # items done, items in all


def counted(items: Sequence[Item], count: Count | None) -> Iterator[Item]:
    """Yield every item in its order and call ``count(done, total)`` once the caller is through with it."""
    for done, item in enumerate(items, start=1):
        yield item
        if count is not None:
            count(done, len(items))
