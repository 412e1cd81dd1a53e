"""Threads: how many of them a sum is spread over, which decides its last bits.

Work on whole sessions is spread by session, one thread each: its bits are the same however many threads there are, and
no thread spins while it waits for the others.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

from core.parallel import cores, mapped

__all__ = ["side_by_side", "threads"]

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Spread every operation of the block over ``count`` threads; the number before comes back afterwards."""
    if count < 1:
        raise ValueError(f"threads must be at least 1, was {count}")
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def side_by_side(
    function: Callable[[Item], Result], items: Iterable[Item], *, device: torch.device
) -> Iterator[Result]:
    """Yield ``function(item)`` of every item, in order, without gradients; on the processor one thread an item.

    Parameters
    ----------
    function : callable
        What is done with one item; it may use torch.
    items : iterable
        Read as threads become free.
    device : device
        Where the tensors are: work for a graphics card is queued by one thread.
    """

    def alone(item: Item) -> Result:
        with threads(1), torch.inference_mode():
            return function(item)

    workers = min(cores(), torch.get_num_threads()) if device.type == "cpu" else 1
    with threads(torch.get_num_threads()):  # whatever the workers leave behind
        yield from mapped(alone, items, workers=workers, on="threads")
