"""Verify: whether every file of a frozen version is as it was, and code and libraries are those that made it.

Two questions, answered apart. Standard library only, at import and at run. Safe on a stranger's folder: nothing in it
is executed or unpickled, no name in its lock is opened unless the folder itself lists it as a plain file, and links are
refused. A folder rewritten with all its hashes is whole in itself; compare the printed hash with one you trust.
"""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.notebook_html import notebook_text
from strategy.frozen.versions import LOCK, VersionFolder, plain, read_lock
from strategy.runs.closure import decision_closure
from strategy.runs.provenance import dependencies

__all__ = ["FORMAT", "Verification", "verify"]

FORMAT = "quintile version 1"
MAX_FILES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Damage to the files, and changes of code and libraries.

    Parameters
    ----------
    damage : tuple of str
        What is wrong with the files; empty where the version is intact.
    modules, libraries : tuple of str
        Changes of deciding code and of libraries; only of an intact version.
    notes : tuple of str
        What could not be checked.
    sha256 : str
        The lock's hash, the version's identity; empty where the lock cannot be read.
    """

    damage: tuple[str, ...]
    modules: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sha256: str = ""

    @property
    def is_intact(self) -> bool:
        """Whether every file is as it was frozen."""
        return not self.damage

    @property
    def changes(self) -> tuple[str, ...]:
        """Changes of code and libraries."""
        return self.modules + self.libraries

    @property
    def exit_code(self) -> int:
        """0: nothing changed; 1: the version is damaged; 3: code or libraries changed, a replay decides."""
        return 1 if self.damage else 3 if self.changes else 0

    def __str__(self) -> str:
        if not self.is_intact:
            return "\n".join(["NOT INTACT", *(f"  {line}" for line in self.damage)])
        word = "CHANGED: REPLAY NEEDED" if self.changes else "SAME CODE AND ENVIRONMENT"
        changes, notes = [f"  {line}" for line in self.changes], [f"note: {line}" for line in self.notes]
        return "\n".join([f"INTACT, lock {self.sha256}", word, *changes, *notes])

    def _repr_html_(self) -> str:
        return notebook_text(str(self))


def verify(folder: VersionFolder, *, closure: Mapping[str, str] | None = None) -> Verification:
    """Check a version's files against its lock, and this installation against what froze it.

    Parameters
    ----------
    folder : VersionFolder
        The version; may come from anyone.
    closure : mapping of str to str, optional
        Hashes of the deciding sources; those of this installation by default.
    """
    try:
        body = read_lock(folder.path)
        damage = list(_damage(folder, body))
    except (ValueError, OSError) as error:
        return Verification(damage=(plain(_reason(error)),))
    if damage:
        return Verification(damage=tuple(damage), sha256=folder.sha256)
    broken, notes = _chain(folder, body)
    if broken:
        return Verification(damage=tuple(broken), sha256=folder.sha256)
    now = decision_closure() if closure is None else closure
    return Verification(
        damage=(),
        modules=tuple(_changed_modules(_texts(body.get("closure")), now)),
        libraries=tuple(_changed_libraries(_texts(body.get("dependencies")), dependencies())),
        notes=tuple(notes),
        sha256=folder.sha256,
    )


def _damage(folder: VersionFolder, body: dict[str, Any]) -> Iterator[str]:
    if body.get("format") != FORMAT:
        yield f"lock.json is of another form ({plain(body.get('format'))}): this Quintile reads {FORMAT}"
        return
    if (body.get("name"), body.get("version")) != (folder.version.name, folder.version.semver):
        yield f"lock.json is of {plain(body.get('name'))}@{plain(body.get('version'))}, not of {folder.version}"
    locked = body.get("files")
    if not isinstance(locked, dict) or not all(_is_entry(entry) for entry in locked.values()):
        yield "lock.json lists no files with their size and hash"
        return
    present = dict(_walk(folder.path))
    for name in sorted(present.keys() | locked.keys() - {LOCK}):
        problem = _file_problem(present.get(name), locked.get(name))
        if name != LOCK and problem:
            yield f"{plain(name)} {problem}"


def _is_entry(entry: object) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("sha256"), str) and isinstance(entry.get("bytes"), int)


def _walk(root: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield what the folder itself holds, by path within it; links are never followed."""
    if root.is_symlink():
        raise ValueError("the version's folder is a link: name the folder it points to")
    waiting, seen = [(root, "")], 0
    while waiting:
        folder, prefix = waiting.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                seen += 1
                if seen > MAX_FILES:
                    raise ValueError(f"the folder holds more than {MAX_FILES} files: this is not a version")
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((Path(entry.path), f"{prefix}{entry.name}/"))
                else:
                    yield f"{prefix}{entry.name}", entry


def _file_problem(entry: os.DirEntry[str] | None, locked: dict[str, Any] | None) -> str | None:
    if entry is None:
        return "is missing"
    status = entry.stat(follow_symlinks=False)
    if stat.S_ISLNK(status.st_mode):
        return "is a link: a version holds plain files only"
    if not stat.S_ISREG(status.st_mode):
        return "is no plain file"
    if locked is None:
        return "is not in the lock"
    if status.st_size != locked["bytes"]:
        return f"has {status.st_size} bytes, the lock says {locked['bytes']}"
    return None if _sha256(entry.path) == locked["sha256"] else "was changed: its sha256 is not the lock's"


def _sha256(path: str) -> str:
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _chain(folder: VersionFolder, body: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Damage and notes about the version before this one."""
    previous = body.get("previous")
    if not isinstance(previous, dict):
        return [], []
    before = VersionFolder(folder.path.parent / _semver(previous), folder.version)
    if not (before.path / LOCK).is_file():
        return [], [f"the version before, {plain(previous.get('version'))}, is not beside this one: chain not followed"]
    try:
        same = before.sha256 == previous.get("sha256")
    except ValueError:
        same = False
    return ([] if same else [f"the version before, {before.path.name}, is not the one that this one follows"]), []


def _semver(previous: dict[str, Any]) -> str:
    text = str(previous.get("version"))
    return text if all(part.isdigit() for part in text.split(".")) else "unknown"


def _changed_modules(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(then.keys() | now.keys()):
        if then.get(name) != now.get(name):
            word = "is gone" if name not in now else "is new" if name not in then else "changed"
            yield f"module {plain(name)} {word}"


def _changed_libraries(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(then.keys() | now.keys()):
        if then.get(name) != now.get(name):
            yield f"library {plain(name)}: {plain(then.get(name, 'unknown'))} then, {now.get(name, 'unknown')} now"


def _texts(value: object) -> dict[str, str]:
    return {str(key): str(item) for key, item in value.items()} if isinstance(value, dict) else {}


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{Path(str(error.filename)).name}: {os.strerror(error.errno or 0).lower()}"
    return str(error)
