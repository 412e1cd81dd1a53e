"""Memory: parse a budget such as ``4GB``, and measure what this machine has."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["half_of_memory", "memory_errors", "memory_of"]

NO_ROOM = re.compile(r"can't allocate memory|not enough memory|out of memory", re.IGNORECASE)

UNITS = {"MB": 10**6, "GB": 10**9, "MIB": 2**20, "GIB": 2**30}
DEFAULT_MEMORY = 4 * 10**9  # taken where the system does not say what it has


def memory_of(text: str) -> int:
    """Parse a size such as ``4GB`` or ``1.5 GiB`` into bytes.

    Raises
    ------
    ValueError
        If it is not a number with a unit.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([MG]I?B)", text.strip().upper())
    if match is None:
        raise ValueError(f"memory must be a size in MB, GB, MiB or GiB, such as 4GB, was {text!r}")
    return int(float(match[1]) * UNITS[match[2]])


def half_of_memory() -> int:
    """Half of this machine's memory, in bytes; 4 GB where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, ValueError, OSError):
        return DEFAULT_MEMORY


@contextmanager
def memory_errors() -> Iterator[None]:
    """Raise what a tensor library says of no memory as the ``MemoryError`` that it is.

    Raises
    ------
    MemoryError
        If the block fails for want of memory.
    """
    try:
        yield
    except RuntimeError as error:
        if NO_ROOM.search(str(error)) is None:
            raise
        raise MemoryError(str(error).splitlines()[0][:200]) from error
