"""Files: written whole or not at all. Everything that Quintile leaves on disk passes through here."""

import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, overload

from core.bounded_text import MAX_JSON_BYTES, MAX_TOML_BYTES, json_value, toml_value
from core.errors import SourceError

__all__ = [
    "atomic_path",
    "file_sha256",
    "read_bounded",
    "read_json",
    "read_toml",
    "require_apart",
    "require_new",
    "write_bytes",
    "write_json",
    "write_text",
]

Shape = TypeVar("Shape")
KEEPERS = ("run.json", "pruned.json", "lock.json")  # whose neighbours are a run's or a version's
BEGINNING = 4096  # bytes


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
    """Write ``text`` as UTF-8 with Unix line ends, whole or not at all.

    The name of a file that the system's encoding could not read is written as its bytes say.
    """
    try:
        content = text.encode()
    except UnicodeEncodeError:
        content = text.encode(errors="surrogateescape").decode(errors="replace").encode()
    write_bytes(path, content)


def write_json(path: str | Path, value: Any) -> None:
    """Write ``value`` as indented JSON; NaN and infinity are refused, floats keep every bit."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


@overload
def read_json(path: str | Path) -> Any: ...
@overload
def read_json(path: str | Path, shape: type[Shape]) -> Shape: ...
def read_json(path: str | Path, shape: Any = None) -> Any:
    """Read the JSON value in ``path``, whoever wrote it: its size, depth and numbers are bounded.

    Parameters
    ----------
    path : str or Path
        The file.
    shape : type, optional
        What the value must be: a model, a dataclass, or a type such as ``dict[str, int]``. Settings are read as
        recorded ones, so that a key younger than the file has its former value.

    Raises
    ------
    SourceError
        If the file is not JSON, is beyond a bound or has another shape.
    """
    try:
        value = json_value(read_bounded(path, MAX_JSON_BYTES))
    except ValueError as error:
        raise SourceError(f"{path} is not JSON ({error}): restore it, or remove its folder") from error
    return value if shape is None else _shaped(value, shape, path)


def read_toml(path: str | Path) -> dict[str, Any]:
    """Read the TOML document in ``path``, whoever wrote it: its size, depth and numbers are bounded.

    Raises
    ------
    SourceError
        If the file is not TOML or is beyond a bound.
    """
    try:
        return toml_value(read_bounded(path, MAX_TOML_BYTES))
    except ValueError as error:
        raise SourceError(f"{path} is not TOML ({error}): mend it, or restore it") from error


def read_bounded(path: str | Path, limit: int) -> bytes:
    """Read an ordinary file of at most ``limit`` bytes; a pipe or device, which may never end, is not opened.

    Raises
    ------
    SourceError
        If it is larger, or no ordinary file.
    """
    facts = Path(path).stat()
    if not (stat.S_ISREG(facts.st_mode) or stat.S_ISDIR(facts.st_mode)):
        raise SourceError(f"{path} is a pipe or a device: give an ordinary file")
    if facts.st_size > limit:
        raise SourceError(f"{path} has {facts.st_size:,} bytes, more than the {limit:,} that are read: restore it")
    with Path(path).open("rb") as opened:
        return opened.read(limit + 1)


def _shaped(value: Any, shape: Any, path: str | Path) -> Any:
    from pydantic import TypeAdapter, ValidationError

    from core.settings import RECORDED

    try:
        return TypeAdapter(shape).validate_python(value, context=RECORDED)
    except ValidationError as error:
        problem = error.errors(include_input=False)[0]
        place = ".".join(map(str, problem["loc"]))
        said = problem["msg"].removeprefix("Value error, ")
        raise SourceError(
            f"{path} has another shape ({place + ': ' if place else ''}{said[:1].lower()}{said[1:]}): restore it"
        ) from error


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
    target = Path(os.path.realpath(path))  # a link to itself resolves to no path, and has a real one
    for given in inputs:
        source = None if given is None else Path(os.path.realpath(given))
        if source is not None and target.exists() and (target == source or source in target.parents):
            raise ValueError(f"{what} {path} would overwrite {given}, which is read: give another path")


def require_new(path: str | Path, *, what: str, ours: str | None = None) -> None:
    """Refuse an output that would replace an existing file, unless that is an earlier output of the same kind.

    Parameters
    ----------
    path : str or Path
        Where something is to be written.
    what : str
        The caller's word for the path, for the message.
    ours : str, optional
        Text in the first kilobytes of every output of this kind; without it nothing that is there is replaced. A file
        of a run or a version stays whatever it holds.

    Raises
    ------
    ValueError
        If something is there that stays.
    """
    target = Path(path)
    if not os.path.lexists(target):
        return
    kept = any((Path(os.path.realpath(target)).parent / name).is_file() for name in KEEPERS)
    if ours is None or kept or not target.is_file() or ours not in _beginning(target):
        raise ValueError(f"{what} {path} is there already, and stays as it is: give another path, or remove it")


def _beginning(path: Path) -> str:
    with path.open("rb") as opened:
        return opened.read(BEGINNING).decode("utf-8", errors="replace")


def file_sha256(path: str | Path) -> str:
    """Sha256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
