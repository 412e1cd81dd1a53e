"""Threads: how many of them a sum is spread over, which decides its last bits.

Work on whole sessions is spread by session, one thread each: its bits are the same however many threads there are. A
training has one session's gradient after the other and runs on one thread, but for layers whose library splits their
products and none of their sums (``across_cores``).
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

import torch
from torch import nn

from core.parallel import cores, mapped

__all__ = ["across_cores", "side_by_side", "steady", "threads"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_given: ContextVar[int] = ContextVar("threads that a training was given", default=1)


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


@contextmanager
def steady() -> Iterator[None]:
    """One thread for the block; layers that ask for ``across_cores`` get those that there were before it."""
    token = _given.set(torch.get_num_threads())
    try:
        with threads(1):
            yield
    finally:
        _given.reset(token)


def across_cores(layers: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Outputs (L, N, H) of LSTM layers, in a training on the threads that ``steady`` kept back, as is their gradient.

    oneDNN spreads an LSTM by rows and columns of its products and adds each up on one thread, so that the bits are
    those of one thread; a test holds that. The caller resets the number of threads after the backward pass.
    """
    count = _given.get()
    with threads(count):
        h: torch.Tensor = layers(x)[0]
    if count > 1 and h.requires_grad:
        h.register_hook(lambda _gradient: torch.set_num_threads(count))  # type: ignore[no-untyped-call]
    return h
