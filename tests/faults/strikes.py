"""Strikes: a process that is killed, interrupted or out of disk at its n-th rename, or killed at a random moment."""

import errno
import itertools
import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults.fault import World
from tests.faults.processes import Seen, Surroundings, begun

AFRESH = 20  # kills of one world, before the next is taken

__all__ = ["STRIKES", "at_rename", "killed_often", "struck"]


def _no_space() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "disk")


STRIKES: dict[str, Callable[[], None]] = {
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "interrupted": lambda: os.kill(os.getpid(), signal.SIGINT),
    "out of disk": _no_space,
}


def at_rename(n: int, how: str) -> Surroundings:
    """Surroundings in which the n-th rename of the process does not come about."""

    def enter() -> None:
        counted = itertools.count(1)

        def struck_at(rename: Callable[[str, str], None]) -> Callable[[str, str], None]:
            def renamed(source: str, target: str) -> None:
                if next(counted) == n:
                    STRIKES[how]()
                rename(source, target)

            return renamed

        os.replace, os.rename = struck_at(os.replace), struck_at(os.rename)  # type: ignore[assignment]

    return Surroundings(enter=enter)


def struck(words: tuple[str, ...], n: int, how: str) -> Callable[[World], object]:
    """A spoil: the command, struck at its n-th rename."""
    return lambda world: world.quintile(*words, around=at_rename(n, how))


def killed_often(
    times: int, work: tuple[str, ...], beside: tuple[str, ...], readers: tuple[tuple[str, ...], ...]
) -> Callable[[tuple[str, ...], Path, Surroundings], Seen]:
    """Run ``work`` so often, kill it at a random moment beside another command, and read after each kill.

    What it gives fails with the first reader that does, and the line that it printed.
    """

    def run(_words: tuple[str, ...], folder: Path, around: Surroundings) -> Seen:
        rng, world, in_time = random.Random(16), World(folder), 0
        with tempfile.TemporaryDirectory(dir=folder.parent) as kept:
            shutil.copytree(folder, f"{kept}/world")
            whole = world.quintile(*work, around=around).seconds
            for number in range(times):
                if number % AFRESH == 0:
                    shutil.rmtree(folder)
                    shutil.copytree(f"{kept}/world", folder)
                in_time += _killed(work, beside, folder, rng.uniform(0, whole))
                for words in readers:
                    seen = world.quintile(*words, around=around)
                    if seen.code != 0:
                        return Seen(
                            1, "", f"quintile: kill {number}, then {' '.join(words)}: {seen.err.strip()[-300:]}"
                        )
        return Seen(0, f"{times} kills, {in_time} of them in time, and every reader read\n", "")

    return run


def _killed(work: tuple[str, ...], beside: tuple[str, ...], folder: Path, after: float) -> bool:
    """Whether the work was still going on when it was killed."""
    one, other = begun(work, folder), begun(beside, folder)
    time.sleep(after)
    running = os.waitpid(one, os.WNOHANG)[0] == 0
    if running:
        os.kill(one, signal.SIGKILL)
        os.waitpid(one, 0)
    os.waitpid(other, 0)
    return running
