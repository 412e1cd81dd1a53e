"""Writer process: whether the process that a log names still runs, from what the system tells of it alone."""

import os
import re
import socket
from datetime import UTC, datetime
from pathlib import Path

from strategy.runs.log.log_lines import LogLine

__all__ = ["writes_still"]

WRITER = re.compile(r"process (\d{1,10}) on (\S+):")
SECONDS_APART = 2.0  # that a process may seem to have begun after its first line: clocks are rounded
STARTED, CLOCK_TICKS = 21, "SC_CLK_TCK"  # in /proc/PID/stat, counted from 0


def writes_still(start: LogLine) -> bool | None:
    """Whether the process that wrote a log's opening line runs; None where that cannot be told from here.

    Parameters
    ----------
    start : LogLine
        It names a process and its machine. A process of the same number that began later is another one.
    """
    named = WRITER.search(start.message)
    if named is None or named[2] != socket.gethostname() or os.name != "posix":
        return None
    number = int(named[1])
    try:
        os.kill(number, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    began = _began(number)
    return began is None or began <= start.time.timestamp() + SECONDS_APART


def _began(number: int) -> float | None:
    """When a process began, in seconds since 1970; None where the system does not say."""
    try:
        state = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace")
        booted = re.search(r"^btime (\d+)$", Path("/proc/stat").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        return None
    numbers = state.rpartition(")")[2].split()
    if booted is None or len(numbers) <= STARTED - 2:
        return None
    if numbers[0] == "Z":  # it has ended, and nobody has asked for its status
        return datetime.max.replace(tzinfo=UTC).timestamp()
    return int(booted[1]) + int(numbers[STARTED - 2]) / os.sysconf(CLOCK_TICKS)
