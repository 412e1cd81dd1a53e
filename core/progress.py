"""Progress: the one protocol by which long work reports how far it is; showing it is up to the caller."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

__all__ = ["Count", "ProgressCallback", "announcer", "counted", "duration", "silent"]

Item = TypeVar("Item")
Count = Callable[[int, int], None]  # items done, items in all


def counted(items: Sequence[Item], count: Count | None) -> Iterator[Item]:
    """Yield every item in its order and call ``count(done, total)`` once the caller is through with it."""
    for done, item in enumerate(items, start=1):
        yield item
        if count is not None:
            count(done, len(items))


class ProgressCallback(Protocol):
    """Called as work advances: stage name, steps done, steps in all, and a short note such as the last loss."""

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Show that ``done`` of ``total`` steps of ``stage`` are finished."""


def silent(stage: str, done: int, total: int, note: str = "") -> None:
    """Show nothing."""


def announcer(progress: ProgressCallback) -> Callable[[str], None] | None:
    """What says a line of words where progress is shown; None where nobody would read it."""
    say: Callable[[str], None] | None = getattr(progress, "say", None)
    return say


def duration(seconds: float) -> str:
    """A time that is left, in seconds or minutes."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
