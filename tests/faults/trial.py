"""Trial: each fault done to a copy of the world, met by its command, and judged beside the same without the fault."""

import json
import os
import re
import shutil
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from tests.faults.fault import Fault, Meeting, World, complaint, digests, frames_made
from tests.faults.processes import ROOT, Seen, forked
from tests.faults.small_world import copied

__all__ = ["Attempt", "try_all"]

Item = TypeVar("Item")
HERE = re.compile(rf"/\S*/(case-\d+|world)/?|{re.escape(str(ROOT))}/?")  # the folders of a trial and of the sources
SHOWN = 160  # characters of what was seen


@dataclass(frozen=True, slots=True)
class Attempt:
    """A fault that was tried: what is wrong, if anything, and what was seen."""

    fault: Fault
    wrong: str | None
    seen: Seen

    @property
    def told(self) -> str:
        """Exit status, and the last line of what was printed."""
        lines = (self.seen.err.strip() or self.seen.out.strip() or "nothing").splitlines()
        shown = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in HERE.sub("", lines[-1]))
        return f"{self.seen.code}: {shown[:SHOWN]}"


def try_all(faults: Sequence[Fault], world: Path, *, jobs: int) -> list[Attempt]:
    """Try every fault, ``jobs`` at once."""
    seen = spread(faults, jobs, lambda fault: _told(fault, *_tried(fault, world)))
    return [Attempt(fault, wrong, Seen(*told)) for fault, (wrong, *told) in zip(faults, seen, strict=True)]


def _told(fault: Fault, wrong: str | None, seen: Seen) -> list[Any]:
    """Say at once what was not survived; give what is wrong and what was seen."""
    if wrong:
        print(f"{fault.tried} | {fault.expected.words} | {wrong} | {Attempt(fault, wrong, seen).told}", flush=True)
    return [wrong, seen.code, seen.out, seen.err]


def _tried(fault: Fault, world: Path) -> tuple[str | None, Seen]:
    here = world.parent / f"case-{os.getpid()}"
    folder = copied(world, here)
    try:
        whole = digests(folder)
        fault.spoil(World(folder))
        before = digests(folder)
        seen = fault.run(fault.words, folder, fault.around)
        after = digests(folder)
        clean, made = _clean(fault.like or fault.words, world)
        spoiled = tuple(sorted(name for name in {*whole, *before} if whole.get(name) != before.get(name)))
        met = Meeting(seen, clean, frames_made(whole, after), made, before, after, spoiled)
        return complaint(fault, met), seen
    except Exception:
        return f"THE TRIAL FAILED: {traceback.format_exc().splitlines()[-1]}", Seen(70, "", traceback.format_exc())
    finally:
        shutil.rmtree(here, ignore_errors=True)


@cache
def _clean(words: tuple[str, ...], world: Path) -> tuple[Seen, dict[str, str]]:
    """What a command leaves where nothing is wrong, and the frames that it makes."""
    folder = copied(world, world.parent / f"clean-{os.getpid()}")
    before = digests(folder)
    seen = forked(words, folder)
    return seen, frames_made(before, digests(folder))


def spread(items: Sequence[Item], jobs: int, work: Callable[[Item], Any]) -> list[Any]:
    """What ``work`` gives, JSON values, in order, of that many forks, each taking the next item that is left."""
    numbers, given = os.pipe()
    children = []
    sys.stdout.flush()
    for _ in range(jobs):
        back, gives = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(given)
            _take_turns(items, numbers, gives, work)
        os.close(gives)
        children.append((child, back))
    with os.fdopen(given, "wb") as turns:
        turns.write(b"".join(number.to_bytes(4, "big") for number in range(len(items))))
    results: dict[int, Any] = {}
    for child, back in children:
        with os.fdopen(back, "rb") as stream:
            results |= dict(json.load(stream))
        os.waitpid(child, 0)
    os.close(numbers)
    return [results[number] for number in range(len(items))]


def _take_turns(items: Sequence[Item], numbers: int, gives: int, work: Callable[[Item], Any]) -> None:
    results: list[tuple[int, Any]] = []
    while turn := os.read(numbers, 4):
        number = int.from_bytes(turn, "big")
        results.append((number, work(items[number])))
    with os.fdopen(gives, "w") as stream:
        json.dump(results, stream)
    os._exit(0)
