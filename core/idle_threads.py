"""Idle threads: those of the numeric libraries that wait for others soon sleep, and leave the processor to others.

OpenMP's threads spin at the end of each parallel operation by default, in the hope that the next one comes soon. Beside
a busy neighbour that multiplies the processor time: the thread that is waited for cannot run while others wait for it.
The libraries read the environment when they are loaded, so this comes before them; child processes inherit it. What the
user has set stays.

References
----------
OpenMP Application Programming Interface 5.2, section 21.3 (OMP_WAIT_POLICY).
"""

import os

__all__ = ["sleep_while_idle"]

# GNU's library reads the first and the last, LLVM's the others. A few microseconds of spinning bridge the gap between
# two steps of a recurrent network; asleep at once, its threads take a fifth longer.
POLICY = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0", "GOMP_SPINCOUNT": "2000"}


def sleep_while_idle() -> None:
    """Ask libraries that are loaded later, in this process and its children, to let waiting threads sleep."""
    if not any(name in os.environ for name in POLICY):  # a user who sets one of them means it
        os.environ |= POLICY
