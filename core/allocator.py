"""Allocator: let the C library reuse the large blocks that are freed and allocated over and over, within any limit.

Frames, blocks of features and the steps of an unrolled network take many megabytes. glibc maps such blocks afresh and
unmaps them when they are freed, and the kernel zeroes every page again: a quarter of the processor time of a training
step, a tenth of a cold start. Reuse costs some peak memory and no time. No number depends on it. Other C libraries, and
glibc before 2.35, are left as they are.

References
----------
The GNU C Library Reference Manual, section 3.2.3.7 (mallopt); ``malloc.h`` for the numbers of the parameters.
"""

import ctypes
import sys
from functools import cache

__all__ = ["keep_large_blocks", "may_start_threads"]

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
MAX_KEPT_BYTES = 2**28  # larger blocks are returned when freed: they would fragment gigabytes
NEVER = -1  # the free end of the heap is not given back


@cache
def keep_large_blocks() -> bool:
    """Keep freed blocks of up to 256 MiB in this process, set once; whether the C library agreed."""
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # statically linked, or another C library
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, MAX_KEPT_BYTES) == 1 and mallopt(M_TRIM_THRESHOLD, NEVER) == 1)


def may_start_threads() -> bool:
    """Whether a library may start threads of its own: where memory is limited, one that cannot ends the process."""
    try:
        import resource
    except ModuleNotFoundError:  # not on this system
        return True
    return resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY
