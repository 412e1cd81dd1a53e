"""Run log: the one writer of a run's ``run.log``, which is also its progress callback; it decides nothing.

What happens before the run has a folder waits in memory. A line is one write at the end of the file, so that a kill
cuts at most the last; a run that is resumed goes on in the same file.
"""

import os
import socket
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from core.memory import half_of_memory
from core.parallel import cores
from core.progress import ProgressCallback, announcer, silent
from models.networks.watched_epoch import WatchedEpoch, watcher
from strategy.runs.context import RunContext
from strategy.runs.log.log_lines import CUT, EPOCH, LOG_FILE, message_of, written_line
from strategy.runs.provenance import commit, environment, machine
from strategy.runs.store import RunFolder

__all__ = ["BEGUN", "END", "ERROR", "ESTIMATE", "START", "KeptLog", "RunLog", "kept_log", "logged", "opening_lines"]

START, END, ERROR, ESTIMATE, WARNING = "start", "end", "error", "estimate", "warning"
BEGUN = "begun"
SECONDS_BETWEEN = 5.0  # between two lines on how far a stage is
Lines = Sequence[tuple[str, str]]


class RunLog:
    """A progress callback that hands on what it is told, and writes it down.

    Parameters
    ----------
    shown : callable
        Whoever shows progress.
    """

    def __init__(self, shown: ProgressCallback = silent) -> None:
        self._shown, self._watch = shown, watcher(shown)
        self._paths: tuple[Path, ...] = ()
        self._waiting: list[str] = []
        self._stage, self._words, self._since, self._noted = "preparing", "", time.monotonic(), 0.0
        said = announcer(shown)
        self.say: Callable[[str], None] | None = None if said is None else self._announce(said)

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Show how far a stage is; write where one begins and ends, and how far it is every few seconds."""
        if not stage.startswith("worker "):  # each has a log of its own
            self._enter(stage, f"{BEGUN}: {done} of {total}")
            self._go_on(stage, f"{done} of {total}")
        self._shown(stage, done, total, note)

    def watch(self, seen: WatchedEpoch) -> None:
        """Write the numbers of an epoch, and show them."""
        self._enter("training")
        self._noted = time.monotonic()
        self.write(EPOCH, message_of(seen))
        if self._watch is not None:
            self._watch(seen)

    def write(self, stage: str, message: str) -> None:
        """Write a line with the time of now."""
        line = written_line(datetime.now(UTC), stage, message)
        if not self._paths:
            self._waiting.append(line)
        for path in self._paths:
            _append(path, line)

    def keep(self, folders: Sequence[Path], opening: Lines) -> None:
        """Write into the log files of these folders from now on: the opening lines, and what waited."""
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
            _mend(folder / LOG_FILE)
        waited, self._waiting = self._waiting, []
        self._paths = tuple(folder / LOG_FILE for folder in folders)
        for stage, message in opening:
            self.write(stage, message)
        for path in self._paths:
            for line in waited:
                _append(path, line)

    def close(self, error: BaseException | None = None) -> None:
        """Write how it ended, and write no more."""
        self._leave()
        if error is None:
            self.write(END, "finished")
        else:
            self.write(ERROR, f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
        self._paths = ()

    def _announce(self, said: Callable[[str], None]) -> Callable[[str], None]:
        def say(words: str) -> None:
            self.write(ESTIMATE, words)
            said(words)

        return say

    def _enter(self, stage: str, words: str = BEGUN) -> None:
        if stage == self._stage:
            return
        self._leave()
        self._stage, self._since, self._noted = stage, time.monotonic(), time.monotonic()
        self._words = words.removeprefix(f"{BEGUN}: ")
        self.write(stage, words)

    def _go_on(self, stage: str, words: str) -> None:
        """Write how far a stage is, if that has changed and was not written a moment ago."""
        if words != self._words and time.monotonic() - self._noted >= SECONDS_BETWEEN:
            self._words, self._noted = words, time.monotonic()
            self.write(stage, words)

    def _leave(self) -> None:
        if self._stage:
            self.write(self._stage, f"done in {time.monotonic() - self._since:.1f} s")
        self._stage = ""


class KeptLog:
    """Keep a log beside some runs while a block runs: opening lines, warnings, and the end or the error's line.

    Parameters
    ----------
    log : RunLog
        The writer.
    folders : sequence of Path
        Of the runs.
    opening : sequence of (stage, message)
        What stands first, from ``opening_lines``.
    """

    def __init__(self, log: RunLog, folders: Sequence[Path], opening: Lines) -> None:
        self._log, self._folders, self._opening = log, folders, opening
        self._shown: Any = None

    def __enter__(self) -> Self:
        self._log.keep(self._folders, self._opening)
        if threading.current_thread() is threading.main_thread():  # the hook is the process's
            self._shown = warnings.showwarning
            warnings.showwarning = self._warned
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._shown is not None:
            warnings.showwarning, self._shown = self._shown, None
        try:
            self._log.close(error)
        except OSError:
            if error is None:  # else it is the disk's second word
                raise

    def _warned(self, message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        self._log.write(WARNING, f"{category.__name__}: {message}")
        self._shown(message, category, *where, **more)


def logged(context: RunContext) -> RunContext:
    """The context with a log behind its progress, which writes once ``kept_log`` says where."""
    return context if isinstance(context.progress, RunLog) else replace(context, progress=RunLog(context.progress))


def kept_log(context: RunContext, *folders: RunFolder, device: str = "") -> KeptLog:
    """Keep the log of a context beside some runs while a block runs; see ``KeptLog``."""
    log = context.progress if isinstance(context.progress, RunLog) else RunLog()
    named = ", ".join(f"{folder.run_id} of {folder.home.name}" for folder in folders)
    verb = "begins" if context.resume is None else "goes on with"
    opening = opening_lines(f"{verb} {named}", context.command, device)
    return KeptLog(log, [folder.path for folder in folders], opening)


def opening_lines(what: str, command: str, device: str = "") -> list[tuple[str, str]]:
    """What a log says first: the command, the process, the code and the machine.

    Parameters
    ----------
    what : str
        The run or fold, in words.
    command : str
        What began it.
    device : str
        Where it computes; empty where that is no question.
    """
    found, processor, known = environment(), machine(), commit()
    code = f"commit {known}" if known else "no checkout"
    memory = f"{2 * half_of_memory() / 1e9:.1f} GB of memory"
    where = f", device {device}" if device else ""
    threads = f"{cores()} of {processor['processors']} processors"
    return [
        (START, f"{what}, process {os.getpid()} on {socket.gethostname()}: {command}"),
        ("code", f"quintile {_version()}, {code}, python {found['python']}, torch {found['torch']}"),
        ("machine", f"{processor['system']}, {processor['processor']}, {threads}, {memory}{where}"),
    ]


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("quintile")
    except PackageNotFoundError:
        return "from its sources"


def _append(path: Path, line: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
    try:
        os.write(handle, line.encode(errors="replace"))
    finally:
        os.close(handle)


def _mend(path: Path) -> None:
    """End the line that a killed writer left without its end, and say that it was cut."""
    if not path.is_file() or not path.stat().st_size:
        return
    with path.open("rb") as opened:
        opened.seek(-1, os.SEEK_END)
        whole = opened.read() == b"\n"
    if not whole:
        _append(path, f"{CUT}\n")
