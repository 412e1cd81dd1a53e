"""Compilation: loops as machine code, compiled at the first call and cached on disk."""

from collections.abc import Callable
from typing import TypeVar, cast

import numba

__all__ = ["compiled"]

Kernel = TypeVar("Kernel", bound=Callable)


def compiled(function: Kernel) -> Kernel:
    """Compile at the first call; the machine code is cached on disk where a folder for it can be written.

    Sums keep the order in which they are written and division by zero is as in numpy. Kernels that call each other must
    stay in one file: the machine code is only renewed when that file changes.
    """
    try:
        kernel = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # neither the sources' folder nor the user's can be written
        kernel = numba.njit(nogil=True, error_model="numpy")(function)
    return cast("Kernel", kernel)
