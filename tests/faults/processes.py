"""Processes: a command run in a fork of this warm process, or in a real one, and what it left.

A fork starts in milliseconds, since everything is imported and compiled already. It must therefore be taken while this
process has one thread. Signals, encodings, users and interpreters are tried in real processes.
"""

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults import clock

__all__ = ["ROOT", "Seen", "Surroundings", "begun", "called", "environment", "forked", "started"]

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS = 60  # after which a command hangs


@dataclass(frozen=True, slots=True)
class Seen:
    """What a command left: its exit status (negative: the signal that ended it) and what it printed."""

    code: int
    out: str
    err: str
    seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a command is run in.

    Parameters
    ----------
    now : str
        What its clock says, in UTC.
    limits : mapping of int to int
        Limits of :mod:`resource`.
    enter : callable
        Called in the process, before the command.
    env : mapping of str to str or None
        Environment variables; None removes one.
    seconds : int
        After which the command counts as hanging.
    """

    now: str = clock.DEFAULT
    limits: Mapping[int, int] = field(default_factory=dict)
    enter: Callable[[], None] = lambda: None
    env: Mapping[str, str | None] = field(default_factory=dict)
    seconds: int = SECONDS


def forked(words: tuple[str, ...], folder: Path, around: Surroundings | None = None) -> Seen:
    """Run ``quintile`` with these words in a fork of this process, in ``folder``."""
    return _watched(lambda: _command(words), folder, around or Surroundings())


def begun(words: tuple[str, ...], folder: Path, around: Surroundings | None = None) -> int:
    """Begin a command in a fork of this process, wait for nothing, and give its process id."""
    child = os.fork()
    if child == 0:
        silent = os.open(os.devnull, os.O_WRONLY)
        _become(lambda: _command(words), folder, around or Surroundings(), (silent, silent))
    return child


def called(work: Callable[[], object], folder: Path, around: Surroundings | None = None) -> Seen:
    """Run a function in a fork of this process; what the command line would tell of its errors is told."""
    return _watched(lambda: _call(work), folder, around or Surroundings())


def started(
    words: tuple[str, ...], folder: Path, env: Mapping[str, str | None], *, python: tuple[str, ...] = ()
) -> Seen:
    """Run ``quintile`` with these words in an interpreter of its own."""
    begun = time.monotonic()
    command = [sys.executable, *python, "-m", "quintile", *words]
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment(env), capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired as hung:
        return Seen(-signal.SIGALRM, _text(hung.stdout), _text(hung.stderr), SECONDS)
    return Seen(done.returncode, _text(done.stdout), _text(done.stderr), time.monotonic() - begun)


def environment(changes: Mapping[str, str | None]) -> dict[str, str]:
    """This process's environment with changes; None removes a variable."""
    changed = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **changes}
    return {name: value for name, value in changed.items() if value is not None}


def _watched(work: Callable[[], int], folder: Path, around: Surroundings) -> Seen:
    begun = time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            _become(work, folder, around, (out.fileno(), err.fileno()))
        _, status = os.waitpid(child, 0)
        _end_group(child)
        printed = [_text(_whole(stream.fileno())) for stream in (out, err)]
    return Seen(os.waitstatus_to_exitcode(status), *printed, time.monotonic() - begun)


def _become(work: Callable[[], int], folder: Path, around: Surroundings, streams: tuple[int, int]) -> None:
    code = 70
    try:
        os.setsid()
        for place, stream in enumerate((os.open(os.devnull, os.O_RDONLY), *streams)):
            os.dup2(stream, place)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment(around.env))
        clock.stand_still(around.now)
        for kind, limit in around.limits.items():
            resource.setrlimit(kind, (limit, resource.getrlimit(kind)[1]))
        around.enter()
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
        signal.alarm(around.seconds)
        code = work()
    except BaseException:
        traceback.print_exc()
    finally:
        _flush()
        os._exit(code)


def _command(words: tuple[str, ...]) -> int:
    from quintile.cli import main

    sys.argv = ["quintile", *words]
    try:
        main()
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else int(left.code is not None)
    return 0


def _call(work: Callable[[], object]) -> int:
    from core.errors import QuintileError

    try:
        print(work())
    except (QuintileError, ValueError, OSError) as error:
        print(f"quintile: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue


def _end_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


def _whole(stream: int) -> bytes:
    os.lseek(stream, 0, os.SEEK_SET)
    return os.read(stream, os.fstat(stream).st_size)


def _text(printed: bytes | None) -> str:
    return (printed or b"").decode(errors="backslashreplace")
