"""Fault: what is done to a world, the command that meets it, what may be seen, and the laws that hold for all."""

import hashlib
import json
import re
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.processes import Seen, Surroundings, forked

__all__ = ["Expected", "Fault", "Meeting", "World", "complaint", "digests", "nothing", "short"]

RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}|\b[0-9a-f]{12,64}\b")  # and hashes
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
NOISE = re.compile(r" --(quiet|versions versions|bars bars\.parquet|set (?!portfolio|training)\S+)")
FRAMES = ("scores", "weights", "returns", "trades")


@dataclass(frozen=True, slots=True)
class World:
    """A copy of the small world that may be spoiled."""

    path: Path

    def quintile(self, *words: str, around: Surroundings | None = None) -> Seen:
        """Run a command in it."""
        return forked(words, self.path, around)


@dataclass(frozen=True, slots=True)
class Meeting:
    """A command that met a fault.

    Parameters
    ----------
    seen, clean : Seen
        What it left; what it, or the command it stands for, leaves where nothing is wrong.
    made, whole : mapping of str to str
        Digests of the frames of new runs, with the fault and without.
    before, after : mapping of str to str
        Digests of all files once the fault was there, and after the command.
    spoiled : tuple of str
        Names of the files that the fault touched.
    """

    seen: Seen
    clean: Seen
    made: Mapping[str, str]
    whole: Mapping[str, str]
    before: Mapping[str, str]
    after: Mapping[str, str]
    spoiled: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Expected:
    """What may be seen, in words, and what is wrong with a meeting: nothing, or a sentence."""

    words: str
    wrong: Callable[[Meeting], str | None]


def nothing(_world: World) -> None:
    """Spoil nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault.

    Parameters
    ----------
    section, tried : str
        Where it stands on the page, and what is tried.
    words : tuple of str
        The command that meets it.
    expected : Expected
        What may be seen.
    spoil : callable
        What is done to the world before.
    around : Surroundings
        What the command is run in.
    like : tuple of str
        The command whose result, where nothing is wrong, is the right one; this command by default.
    run : callable
        How the command is run.
    """

    section: str
    tried: str
    words: tuple[str, ...]
    expected: Expected
    spoil: Callable[[World], object] = nothing
    around: Surroundings = field(default_factory=Surroundings)
    like: tuple[str, ...] = ()
    run: Callable[[tuple[str, ...], Path, Surroundings], Seen] = forked


def complaint(fault: Fault, met: Meeting) -> str | None:
    """What is wrong: a law that was broken, or what was expected and not seen; None if nothing is."""
    return next((wrong for wrong in _broken(fault, met) if wrong), None) or fault.expected.wrong(met)


def _broken(fault: Fault, met: Meeting) -> Iterator[str | None]:
    seen, printed = met.seen, met.seen.out + met.seen.err
    yield "HANGS" if seen.code == -signal.SIGALRM else None
    yield f"DIED of signal {-seen.code}" if seen.code < 0 else None
    yield "TRACEBACK" if "Traceback (most" in printed else None
    yield "AN OWN FAULT" if "a fault of Quintile itself" in printed else None
    yield "a Python warning" if re.search(r"\w+Warning: ", seen.err) else None
    yield "CONTROL CHARACTER" if CONTROL.search(printed) else None
    if seen.code not in (0, 2):
        lines = [line for line in seen.err.splitlines() if line.strip()]
        yield f"{len(lines)} lines of error" if len(lines) > 1 else None
        yield "fails and says nothing" if not printed.strip() and seen.code != 130 else None
    yield "NOT JSON" if "--json" in fault.words and not _is_json(seen) else None
    left = [name for name in met.after if name.endswith(".partial") and name not in met.before]
    yield f"left {left[0]}" if left else None


def _is_json(seen: Seen) -> bool:
    try:
        json.loads(seen.out or "null")
    except (ValueError, RecursionError):
        return False
    return True


def digests(folder: Path) -> dict[str, str]:
    """Sha256 of every file under a folder, by its path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def frames_made(whole: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """Digests of the frames of runs that the world did not have, by name."""
    had = {Path(name).parent for name in whole}
    new = {Path(name): value for name, value in after.items() if name.startswith("runs/")}
    return {path.name: value for path, value in new.items() if path.parent not in had and path.stem in FRAMES}


def plain(text: str) -> str:
    """What was printed, without what differs from run to run."""
    return RUN_ID.sub("RUN", text).strip()


def short(words: str | tuple[str, ...]) -> str:
    """A command without what is the same in all: its quietness, its versions' folder, its bars, its settings."""
    return NOISE.sub("", words if isinstance(words, str) else " ".join(words))
