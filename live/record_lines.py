"""Record lines: a file of JSON, a line each, that only grows; several writers and kills leave whole lines."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.errors import SourceError

__all__ = ["append_record"]


def append_record(path: str | Path, record: Mapping[str, Any]) -> None:
    """Append one line of JSON to a file, in one write that reaches the disk before this returns.

    A line that a killed writer left without its end stays as it is, and the next one begins below it.

    Parameters
    ----------
    path : str or Path
        Made, with its folder, where it is not there.
    record : mapping
        Plain values; NaN is refused.

    Raises
    ------
    SourceError
        If the path is no plain file, or the disk took a part of the line alone.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() and not target.is_file():
        raise SourceError(f"{target} is no plain file: give another path with --record")
    text = json.dumps(record, allow_nan=False)
    descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        line = f"{chr(10) if torn else ''}{text}\n".encode()
        if os.write(descriptor, line) < len(line):
            raise SourceError(f"{target} took a part of its line: free some of the disk and repeat")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
