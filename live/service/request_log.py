"""Request log: a line of JSON for every answer, on the disk before the answer is given.

The file only grows. Each line carries the sha256 of the one before and of itself, so that an edit is found. Lines that
wait at the same time are written and synced together. A process that is killed leaves at most one torn line, which
belongs to no answer that was given: the next start ends it and writes an entry ``mended`` after it, which holds the
sha256 of the torn bytes. A write that fails is taken back, and whoever waits for it gets no answer; so does whoever
waits while the file is not at its path, or not as long as it was left.
"""

import asyncio
import datetime as dt
import errno
import hashlib
import json
import os
import stat
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.bounded_text import json_value
from core.errors import RunError

__all__ = ["FILE", "LogWriteError", "RequestLog", "log_entries", "log_faults"]

FILE = "requests.jsonl"
MAX_LINE = 8_192  # bytes; what is written stays far below, for all that comes from outside is cut
MENDED = "mended"
REMEDIES = {errno.ENOSPC: "free some space", errno.ESTALE: "put it back, or start the server again"}


class LogWriteError(RunError):
    """An entry that could not be written: what it was about must not be answered."""


@dataclass(slots=True)
class _Waiting:
    kind: str
    facts: Mapping[str, Any]
    loop: asyncio.AbstractEventLoop
    written: "asyncio.Future[None]"


class RequestLog:
    """The log of one server, which holds it alone.

    Parameters
    ----------
    path : Path
        The file, made where it is not there.

    Raises
    ------
    RunError
        If another server holds it, its last line was edited, or a link or no file has its name.
    """

    def __init__(self, path: Path) -> None:
        from filelock import FileLock, Timeout

        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._lock = FileLock(path.with_name(f".{path.name}.lock"))
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise RunError(f"another server writes {path}: stop it, or give another --out") from error
        try:
            self._file = _opened(path)
        except BaseException:
            self._lock.release()
            raise
        self._unfinished = False
        self._waiting: deque[_Waiting] = deque()
        self._wake = threading.Condition()
        self._ends = False
        try:
            self._begin()
        except BaseException:
            self._release()
            raise
        self._thread = threading.Thread(target=self._write_waiting, name="request log", daemon=True)
        self._thread.start()

    async def append(self, kind: str, **facts: Any) -> None:
        """Add an entry; it is on the disk when this returns.

        Raises
        ------
        LogWriteError
            If it is not.
        """
        loop = asyncio.get_running_loop()
        each = _Waiting(kind=kind, facts=facts, loop=loop, written=loop.create_future())
        with self._wake:
            if self._ends:
                raise LogWriteError("the request log is closed: the server stops")
            self._waiting.append(each)
            self._wake.notify()
        await asyncio.shield(each.written)

    def close(self) -> None:
        """Write what waits, and let go of the file."""
        with self._wake:
            self._ends = True
            self._wake.notify()
        self._thread.join()
        self._release()

    def _begin(self) -> None:
        """Find the end of the log, end a line that a killed server left torn, and say that a server starts."""
        size = os.fstat(self._file).st_size
        tail = os.pread(self._file, 2 * MAX_LINE, max(0, size - 2 * MAX_LINE))
        whole, _, torn = tail.rpartition(b"\n")
        self._size, self._head, self._count = size, "", 0
        before, last = b"\n" if torn else b"", whole.rpartition(b"\n")[2]
        if torn and _intact(torn) is not None:  # all but its line end
            last, torn = torn, b""
        if last:
            entry = _intact(last)
            if entry is None:
                raise RunError(
                    f"the last line of {self.path} is not as it was written: move the file away, and keep it"
                )
            self._head, self._count = entry["sha256"], int(entry["body"]["n"])
        elif torn and size > len(torn):
            raise RunError(f"{self.path} ends in a line that is longer than any that is written: move it away")
        entries: list[tuple[str, Mapping[str, Any]]] = [("start", {"process": os.getpid()})]
        if torn:
            entries.insert(0, (MENDED, {"bytes": len(torn), "torn": hashlib.sha256(torn).hexdigest()}))
        try:
            self._write(entries, before=before)
        except OSError as error:
            remedy = "free some space, or choose another folder with --out"
            raise RunError(f"{self.path} cannot be written ({error.strerror}): {remedy}") from error

    def _write_waiting(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._waiting or self._ends)
                batch = list(self._waiting)
                self._waiting.clear()
            if not batch:
                return
            fault: Exception | None = None
            try:
                self._write([(each.kind, each.facts) for each in batch])
            except Exception as error:  # the edge: who waits gets no answer, and the next are written
                fault = error
            for each in batch:
                with suppress(RuntimeError):  # its loop has ended
                    each.loop.call_soon_threadsafe(_settle, each.written, fault)

    def _write(self, entries: list[tuple[str, Mapping[str, Any]]], *, before: bytes = b"") -> None:
        """Append entries and sync them, all or none."""
        head, count, lines = self._head, self._count, [before]
        for kind, facts in entries:
            count += 1
            head, line = _line(head, {"n": count, "at": _now(), "kind": kind, **facts})
            lines.append(line)
        content = b"".join(lines)
        self._take_back()
        self._require_own()
        self._unfinished = True
        try:
            left = memoryview(content)
            while left:
                left = left[os.write(self._file, left) :]
            os.fsync(self._file)
        except OSError:
            self._take_back()
            raise
        self._unfinished = False
        self._head, self._count, self._size = head, count, self._size + len(content)

    def _take_back(self) -> None:
        """Cut off a batch that no one was answered for, where one is there."""
        if self._unfinished:
            os.ftruncate(self._file, self._size)
            self._unfinished = False

    def _require_own(self) -> None:
        """Refuse to write what nobody would find: the file must be at its path, as long as it was left."""
        own = os.fstat(self._file)
        try:
            there = self.path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            there = None
        if there is None or not os.path.samestat(own, there) or own.st_size != self._size:
            raise OSError(errno.ESTALE, "another program moved, replaced or changed it")

    def _release(self) -> None:
        os.close(self._file)
        self._lock.release()


def log_entries(path: Path) -> Iterator[dict[str, Any]]:
    """The bodies of the entries of a log, oldest first; what is no entry is passed over."""
    for line in _lines(path):
        entry = _intact(line)
        if entry is not None:
            yield entry["body"]


def log_faults(path: Path) -> Iterator[str]:
    """Where a log is not as it was written; a torn line is none where the entry after it says so, or at the end."""
    head, torn, place, ended = "", None, 0, False
    for place, each in enumerate(_lines(path), start=1):
        line, ended = each.removesuffix(b"\n"), each.endswith(b"\n")
        entry = _intact(line)
        if entry is None:
            if torn is not None:
                yield f"line {place - 1} was edited: it does not have the hash that it was written with"
            torn = line
            continue
        said = entry["body"]["torn"] if entry["body"].get("kind") == MENDED else None
        if torn is not None and said != hashlib.sha256(torn).hexdigest():
            yield f"line {place - 1} was edited: it does not have the hash that it was written with"
        elif torn is None and said is not None:
            yield f"a torn line before line {place} is missing"
        if entry["previous"] != head:
            yield f"a line before line {place} is missing or was edited"
        head, torn = entry["sha256"], None
    if torn is not None and ended:  # what a kill tears has no line end
        yield f"line {place} was edited: it does not have the hash that it was written with"


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as opened:
        yield from opened


def _opened(path: Path) -> int:
    """The log for writing at its end; a link is not followed, for it may lead into the log of another server."""
    try:
        if path.is_symlink():
            raise OSError(errno.ELOOP, "it is a link")
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0), 0o600)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise OSError(errno.EINVAL, "it is no file")
    except OSError as error:
        raise RunError(f"{path} cannot be the request log ({error.strerror}): move it away") from error
    return handle


def _line(previous: str, body: Mapping[str, Any]) -> tuple[str, bytes]:
    digest = _digest(previous, body)
    line = json.dumps({"body": body, "previous": previous, "sha256": digest}, allow_nan=False).encode() + b"\n"
    if len(line) > MAX_LINE:
        raise ValueError(f"an entry of {len(line):,} bytes, at most {MAX_LINE:,} are kept")
    return digest, line


def _digest(previous: str, body: Mapping[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True, allow_nan=False)
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()


def _intact(line: bytes) -> dict[str, Any] | None:
    """The entry that a line holds; None where it holds none, or another than was written."""
    try:
        entry: dict[str, Any] = json_value(line)
        return entry if entry["sha256"] == _digest(entry["previous"], entry["body"]) and entry["body"]["n"] else None
    except (ValueError, KeyError, TypeError):
        return None


def _settle(written: "asyncio.Future[None]", fault: Exception | None) -> None:
    if written.done():  # nobody waits any more
        return
    if fault is None:
        written.set_result(None)
    else:
        written.set_exception(_worded(fault))


def _worded(fault: Exception) -> LogWriteError:
    reason, remedy = f"{type(fault).__name__}: {fault}", "please report it"  # a fault of ours
    if isinstance(fault, OSError):
        reason, remedy = fault.strerror or str(fault), REMEDIES.get(fault.errno or 0, "look at its disk")
    return LogWriteError(f"the request log cannot be written ({reason}): {remedy}")


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
