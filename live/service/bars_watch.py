"""Bars watch: whether the files that answers were made of are still those, told by their sizes and times.

A stored data set is named with its newest commit, so that a new one changes the request itself.
"""

from pathlib import Path

from market.eligibility import Eligibility
from market.request import BarsRequest

__all__ = ["FileState", "folder_state", "request_state"]

FileState = tuple[tuple[str, int, int, int], ...]
MAX_FILES = 20_000


def folder_state(path: Path) -> FileState:
    """Name, size, time of change and number of every file at or below a path; empty where nothing is there."""
    try:
        found = [path] if path.is_file() else sorted(path.rglob("*"))[:MAX_FILES]
    except OSError:  # gone between the two looks
        return ()
    return tuple(_state(each) for each in found)


def request_state(request: BarsRequest | None) -> tuple[object, ...]:
    """What tells that the bars of a request changed: the request, which names a commit, and the state of its files."""
    if request is None:
        return ()
    named = [request.bars, Eligibility.parse(request.universe).source, request.sectors, request.hedge]
    paths = [Path(each) for each in (*named, *request.outside.values()) if each is not None]
    return (request, *(folder_state(path) for path in paths if path.is_absolute()))


def _state(path: Path) -> tuple[str, int, int, int]:
    try:
        stat = path.stat()
    except OSError:  # gone meanwhile, or a link to nothing
        return path.as_posix(), -1, -1, -1
    return path.as_posix(), stat.st_size, stat.st_mtime_ns, stat.st_ino
