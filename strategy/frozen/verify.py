"""Verify: whether every file of a frozen version is as it was, and code and libraries are those that made it.

Two questions, answered apart. Where code or libraries changed, a replay with exactly these that gave the same numbers
answers the second one as well (``strategy.frozen.attestation``). Standard library only, at import and at run. Safe on
a stranger's folder: nothing in it is executed or unpickled, no name in its lock is opened unless the folder itself
lists it as a plain file, and links are refused. A folder rewritten with all its hashes is whole in itself; compare the
printed hash with one you trust.
"""

import hashlib
import io
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.notebook_html import notebook_text
from strategy.frozen.attestation import Attestation, believed
from strategy.frozen.lock_shape import TEXT_FORMAT
from strategy.frozen.versions import LINE_ENDS, LOCK, NUMBER, VersionFolder, as_written, plain, read_lock
from strategy.runs.closure import DEFAULT_KIND, PACKAGES, ROOT, Closure, frozen_closure, source_hash
from strategy.runs.provenance import dependencies

__all__ = ["Verification", "deciding_code", "verify", "version_dependencies"]

MAX_FILES = 1000
MAX_TEXT_BYTES = 1_000_000
SHOWN = 5  # definitions named of one changed module
SOURCE = re.compile(rf"({'|'.join(PACKAGES)})(/[a-z0-9_]+)+\.py")


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
        What could not be checked, or is not believed.
    sha256 : str
        The lock's hash, the version's identity; empty where the lock cannot be read.
    code : str
        Hash of the code that would decide its numbers here; empty of a damaged version.
    attestation : Attestation or None
        A replay with this code and these libraries that gave the same numbers, where they changed.
    """

    damage: tuple[str, ...]
    modules: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sha256: str = ""
    code: str = ""
    attestation: Attestation | None = None

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
        """0: nothing changed, or a replay of just this gave the same numbers; 1: damaged; 3: a replay decides."""
        return 1 if self.damage else 3 if self.changes and self.attestation is None else 0

    @property
    def answer(self) -> str:
        """The answer in words: of the files where they are damaged, else of code and libraries."""
        if not self.is_intact:
            return "NOT INTACT"
        if not self.changes:
            return "SAME CODE AND ENVIRONMENT"
        return "CHANGED: REPLAY NEEDED" if self.attestation is None else "CHANGED, REPLAYED SAME NUMBERS"

    def __str__(self) -> str:
        if not self.is_intact:
            return "\n".join([self.answer, *(f"  {line}" for line in self.damage)])
        changes, notes = [f"  {line}" for line in self.changes], [f"note: {line}" for line in self.notes]
        answer = self.answer
        if self.attestation is not None:
            answer += f" with this code, {self.attestation.judged}, {plain(self.attestation.replayed)}"
            changes = [f"  since it was frozen: modules {len(self.modules)}, libraries {len(self.libraries)}"]
        return "\n".join([f"INTACT, lock {self.sha256}", answer, *changes, *notes])

    def _repr_html_(self) -> str:
        return notebook_text(str(self))


def verify(folder: VersionFolder, *, closure: Closure | None = None) -> Verification:
    """Check a version's files against its lock, and this installation against what froze it.

    Parameters
    ----------
    folder : VersionFolder
        The version; may come from anyone.
    closure : Closure, optional
        The deciding code; that of this installation by default.
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
    code, libraries = deciding_code(body) if closure is None else closure, version_dependencies(body)
    modules = tuple(_changed_modules(body, code))
    changed_libraries = tuple(_changed_libraries(_texts(body.get("dependencies")), libraries))
    attestation = None
    if modules or changed_libraries:
        attestation, doubts = believed(folder, lock=folder.sha256, code=code.sha256, dependencies=libraries)
        notes += doubts
    return Verification(
        damage=(),
        modules=modules,
        libraries=changed_libraries,
        notes=notes,
        sha256=folder.sha256,
        code=code.sha256,
        attestation=attestation,
    )


def deciding_code(body: Mapping[str, Any]) -> Closure:
    """The code of this installation that decides the numbers of a version with this lock."""
    return frozen_closure(_kind(body))


def version_dependencies(body: Mapping[str, Any]) -> dict[str, str]:
    """The libraries of this installation that the numbers of a version with this lock pass through."""
    return dependencies(_kind(body))


def _damage(folder: VersionFolder, body: dict[str, Any]) -> Iterator[str]:
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
        said = f"has {status.st_size} bytes, the lock says {locked['bytes']}"
        return f"has other {LINE_ENDS}" if _is_converted(entry.path, locked) else said
    return None if _sha256(entry.path) == locked["sha256"] else "was changed: its sha256 is not the lock's"


def _is_converted(path: str, locked: dict[str, Any]) -> bool:
    """Whether a small text is the locked one but for its line ends."""
    if locked["bytes"] > MAX_TEXT_BYTES:
        return False
    with _opened(path) as opened:
        content = opened.read(2 * MAX_TEXT_BYTES)
    return bool(hashlib.sha256(as_written(content)).hexdigest() == locked["sha256"])


def _sha256(path: str) -> str:
    with _opened(path) as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _opened(path: str) -> io.BufferedReader:
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    return os.fdopen(descriptor, "rb")


def _chain(folder: VersionFolder, body: dict[str, Any]) -> tuple[list[str], tuple[str, ...]]:
    """Damage and notes about the version before this one."""
    previous = body.get("previous")
    if not isinstance(previous, dict):
        return [], ()
    before = VersionFolder(folder.path.parent / _semver(previous), folder.version)
    if not (before.path / LOCK).is_file():
        return [], (
            f"the version before, {plain(previous.get('version'))}, is not beside this one: chain not followed",
        )
    try:
        same = before.sha256 == previous.get("sha256")
    except ValueError:
        same = False
    return ([] if same else [f"the version before, {before.path.name}, is not the one that this one follows"]), ()


def _semver(previous: dict[str, Any]) -> str:
    text = str(previous.get("version"))
    return text if NUMBER.fullmatch(text) else "unknown"


def _kind(body: Mapping[str, Any]) -> str:
    """The kind of a version's model; locks without one are of the first."""
    kind = body.get("kind", DEFAULT_KIND)
    return kind if isinstance(kind, str) else ""


def _changed_modules(body: Mapping[str, Any], now: Closure) -> Iterator[str]:
    then = _texts(body.get("closure"))
    if body.get("format") == TEXT_FORMAT:
        yield from _changed_texts(then)
        return
    given = body.get("definitions")
    definitions = given if isinstance(given, dict) else {}
    for name in sorted(then.keys() | now.modules.keys()):
        if name not in now.modules:
            yield f"module {plain(name)} is gone"
        elif name not in then:
            yield f"module {plain(name)} is new"
        elif then[name] != now.modules[name]:
            parts = _changed_parts(_texts(definitions.get(name)), now.definitions[name])
            yield f"module {plain(name)} changed{parts}"


def _changed_parts(then: Mapping[str, str], now: Mapping[str, str]) -> str:
    """The definitions of a module that differ, in words."""
    words = [
        f"{plain(name)}{' is gone' if name not in now else '' if name in then else ' is new'}"
        for name in sorted(then.keys() | now.keys())
        if then.get(name) != now.get(name)
    ]
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    return f": {', '.join(words[:SHOWN])}{more}" if then and words else ""


def _changed_texts(then: Mapping[str, str]) -> Iterator[str]:
    """Sources whose text is another than it was; a name that no source of ours could have is not opened."""
    for name in sorted(then):
        path = ROOT / name
        if not SOURCE.fullmatch(name) or not path.is_file():
            yield f"module {plain(name)} is gone"
        elif source_hash(path.read_bytes()) != then[name]:
            yield f"module {plain(name)} changed"


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
