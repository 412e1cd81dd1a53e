"""Files: written whole or not at all. Everything that Quintile leaves on disk passes through here."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import SourceError

__all__ = ["atomic_path", "file_sha256", "read_json", "require_apart", "write_bytes", "write_json", "write_text"]


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it is renamed onto it, on any failure it is removed.

    A reader, or a process killed at any moment, meets the old file or the new one, never half of one.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write ``content`` to ``path``, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` as UTF-8 with Unix line ends, whole or not at all."""
    write_bytes(path, text.encode())


def write_json(path: str | Path, value: Any) -> None:
    """Write ``value`` as indented JSON; NaN and infinity are refused, floats keep every bit."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def read_json(path: str | Path) -> Any:
    """Read the JSON value in ``path``.

    Raises
    ------
    SourceError
        If the file is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise SourceError(f"{path} is not JSON ({error}): restore it, or remove its folder") from error


def require_apart(path: str | Path, *inputs: str | Path | None, what: str) -> None:
    """Refuse an output that would overwrite an input: the same file, or one that is there inside an input's folder.

    Parameters
    ----------
    path : str or Path
        Where something is to be written.
    *inputs : str, Path or None
        What is read: files, folders, or words that name neither.
    what : str
        The caller's word for the path, for the message.

    Raises
    ------
    ValueError
        If they are not apart.
    """
    target = Path(path).resolve()
    for given in inputs:
        source = None if given is None else Path(given).resolve()
        if source is not None and target.exists() and (target == source or source in target.parents):
            raise ValueError(f"{what} {path} would overwrite {given}, which is read: give another path")


def file_sha256(path: str | Path) -> str:
    """Sha256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
