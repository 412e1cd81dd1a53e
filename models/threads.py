"""Threads: how many of them a sum is spread over, which decides its last bits."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["threads"]


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
