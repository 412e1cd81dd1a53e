"""Versions: frozen strategies on disk, ``<folder>/<name>/<major.minor.patch>/``, and the form of their lock.

Standard library only: reading a stranger's version must not need, or run, anything else.
"""

import hashlib
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from strategy.frozen.lock_shape import shape_problem

__all__ = [
    "LINE_ENDS",
    "LOCK",
    "SHIPPED",
    "Version",
    "VersionFolder",
    "as_written",
    "body_hash",
    "find_version",
    "list_versions",
    "lock_text",
    "plain",
    "read_lock",
    "read_sealed",
]

SHIPPED = Path(__file__).resolve().parents[1] / "versions"
LOCK = "lock.json"
LINE_ENDS = "line ends than it was written with: copy it as it is, in git with core.autocrlf off or a .gitattributes"
MAX_LOCK_BYTES = 4_000_000  # bytes; a lock of thousands of files is far below
NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
NUMBER = re.compile(r"(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})")


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A strategy's name and its number.

    Parameters
    ----------
    name : str
        Name of the strategy.
    number : tuple of int
        Major, minor and patch; versions of one name sort by it.
    """

    name: str
    number: tuple[int, int, int]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``name@major.minor.patch``.

        Raises
        ------
        ValueError
            If the text is anything else.
        """
        name, separator, number = text.partition("@")
        match = NUMBER.fullmatch(number)
        if not separator or not NAME.fullmatch(name) or match is None:
            raise ValueError(f"{plain(text)} is not a version: write name@1.0.0, three numbers without leading zeros")
        major, minor, patch = (int(part) for part in match.groups())
        return cls(name, (major, minor, patch))

    @property
    def semver(self) -> str:
        """The number as written, ``major.minor.patch``."""
        return ".".join(str(part) for part in self.number)

    def __str__(self) -> str:
        return f"{self.name}@{self.semver}"


@dataclass(frozen=True, slots=True)
class VersionFolder:
    """One frozen version on disk; being here says nothing about being intact.

    Parameters
    ----------
    path : Path
        Its folder.
    version : Version
        Its name and number.
    """

    path: Path
    version: Version

    @property
    def body(self) -> dict[str, Any]:
        """Body of the lock, its form and hash checked; see ``read_lock``."""
        try:
            return read_lock(self.path)
        except ValueError as error:
            raise ValueError(f"{self.version}: {error}: take a clean copy") from error

    @property
    def sha256(self) -> str:
        """The hash of the lock's body: the version's identity."""
        return body_hash(self.body)


def list_versions(folder: Path, name: str | None = None) -> list[VersionFolder]:
    """The versions in a folder, by name and number; half-written ones have no name and are not seen."""
    versions = []
    for path in sorted(folder.glob(f"{'*' if name is None else name}/*/{LOCK}")):
        text = f"{path.parent.parent.name}@{path.parent.name}"
        if NAME.fullmatch(path.parent.parent.name) and NUMBER.fullmatch(path.parent.name):
            versions.append(VersionFolder(path.parent, Version.parse(text)))
    return sorted(versions, key=lambda each: each.version)


def find_version(text: str, folder: Path = SHIPPED) -> VersionFolder:
    """A version by ``name@number``.

    Raises
    ------
    ValueError
        If the text is no version or the folder does not hold it.
    """
    version = Version.parse(text)
    path = folder / version.name / version.semver
    if not (path / LOCK).is_file():
        known = ", ".join(str(each.version) for each in list_versions(folder)) or "none"
        raise ValueError(f"no version {version} in {folder.name} (there: {known}): name its folder with --versions")
    return VersionFolder(path, version)


def read_lock(path: Path) -> dict[str, Any]:
    """The body of the lock in a version's folder.

    Raises
    ------
    ValueError
        If the lock is missing, too large, not exactly as written by Quintile, does not have its own hash, or lacks
        what a lock holds.
    """
    body = read_sealed(path / LOCK, max_bytes=MAX_LOCK_BYTES)
    problem = shape_problem(body)
    if problem is not None:
        raise ValueError(f"{LOCK} {problem}")
    return body


def read_sealed(file: Path, *, max_bytes: int) -> dict[str, Any]:
    """The body of a file that states its own hash, in the form of ``lock_text``; it may come from anyone.

    Raises
    ------
    ValueError
        If it is missing, a link, too large, not exactly as written by Quintile, or does not have its own hash.
    """
    if file.is_symlink() or not file.is_file():
        raise ValueError(f"{file.name} is missing or no plain file")
    with file.open("rb") as opened:
        content = opened.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise ValueError(f"{file.name} is larger than any that Quintile writes")
    try:
        sealed = json.loads(content.decode(), parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file.name} is not JSON") from error
    try:
        return _checked_body(file.name, sealed, content)
    except RecursionError as error:
        raise ValueError(f"{file.name} is nested deeper than any that Quintile writes") from error


def lock_text(body: dict[str, Any]) -> str:
    """The only form of a lock: its body and the hash of its body, keys sorted."""
    return _canonical({"body": body, "sha256": body_hash(body)}) + "\n"


def body_hash(body: dict[str, Any]) -> str:
    """The sha256 of a lock's body."""
    return hashlib.sha256(_canonical(body).encode()).hexdigest()


def as_written(content: bytes) -> bytes:
    """Content with the Unix line ends that every file of a version is written with."""
    return content.replace(b"\r\n", b"\n")


def plain(text: object) -> str:
    """Text from a stranger so that it cannot move the cursor or colour the terminal, shortened."""
    shown = ascii(str(text)[:200])[1:-1]
    return shown if len(str(text)) <= 200 else f"{shown}..."


def _checked_body(name: str, sealed: Any, content: bytes) -> dict[str, Any]:
    body = sealed.get("body") if isinstance(sealed, dict) else None
    if not isinstance(body, dict):
        raise ValueError(f"{name} has no body")
    if sealed.get("sha256") != body_hash(body):
        raise ValueError(f"{name} does not have the hash that it states of itself")
    written = lock_text(body).encode()
    if content != written and as_written(content) == written:
        raise ValueError(f"{name} has other {LINE_ENDS}")
    if content != written:
        raise ValueError(f"{name} is not in the form in which it was written")
    return body


def _canonical(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=True, allow_nan=False)


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is not a number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not a number")
    return value
