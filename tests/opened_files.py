"""Opened files: which files of a folder anybody opens meanwhile, whatever library does it; by inotify, on Linux."""

import ctypes
import os
import struct
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

IN_OPEN, IN_ACCESS = 0x20, 0x01
HEAD = struct.Struct("iIII")


class OpenedFiles:
    """Watch a folder: ``names`` are those of its files that were opened since."""

    def __init__(self, folder: Path) -> None:
        library = ctypes.CDLL(None, use_errno=True)
        if not hasattr(library, "inotify_init1"):
            pytest.skip("no inotify here")
        self.descriptor: int = library.inotify_init1(os.O_NONBLOCK)
        assert library.inotify_add_watch(self.descriptor, os.fsencode(folder), IN_OPEN | IN_ACCESS) >= 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self.descriptor)

    def names(self) -> list[str]:
        """The files that were opened or read."""
        found: set[str] = set()
        try:
            events = os.read(self.descriptor, 1 << 20)
        except BlockingIOError:
            return []
        place = 0
        while place < len(events):
            *_, length = HEAD.unpack_from(events, place)
            place += HEAD.size
            found.add(os.fsdecode(events[place : place + length].rstrip(b"\0")))
            place += length
        return sorted(found)
