"""Attestation: what a replay found, kept beside a version, so that changed code that gives the same numbers is known.

It says which lock was replayed, with which code and libraries, on which machine, how it was judged and what came out,
and it states its own hash. That is no signature: who knows the form can forge one, and a replay finds it out. It lies
beside the version's folder, in which the lock allows nothing else. Standard library only, at import and at reading.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from core.files import write_text
from strategy.frozen.versions import VersionFolder, lock_text, plain, read_sealed

__all__ = ["Attestation", "attestation_path", "believed", "read_attestation", "write_attestation"]

FORMAT = "quintile replay 1"
SAME = "SAME NUMBERS"
MAX_BYTES = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """A replay that gave the same numbers.

    Parameters
    ----------
    version : str
        ``name@major.minor.patch``.
    lock : str
        Hash of the version's lock.
    code : str
        Hash of the code that decides its numbers, as it was replayed.
    dependencies, machine : mapping of str to str
        Libraries, and the machine with its threads.
    exact : bool
        Judged bit for bit; else within tolerance.
    figures : mapping of str to float or None
        The metrics found.
    replayed : str
        When, in UTC.
    """

    version: str
    lock: str
    code: str
    dependencies: Mapping[str, str]
    machine: Mapping[str, str]
    exact: bool
    figures: Mapping[str, float | None]
    replayed: str

    @property
    def body(self) -> dict[str, Any]:
        """Its plain values, as they are written."""
        return {**asdict(self), "format": FORMAT, "result": SAME}

    @property
    def judged(self) -> str:
        """How it was judged, in words."""
        return "bit for bit" if self.exact else "within tolerance"

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Self:
        """An attestation from its plain values.

        Raises
        ------
        ValueError
            If they are not those of one.
        """
        values = {name: body.get(name) for name in cls.__slots__}
        words = all(isinstance(values[name], str) for name in ("version", "lock", "code", "replayed"))
        tables = all(isinstance(values[name], dict) for name in ("dependencies", "machine", "figures"))
        if not (words and tables and isinstance(values["exact"], bool)):
            raise ValueError("it lacks what an attestation says")
        made = cls(**values)  # type: ignore[arg-type]
        if made.body != body:
            raise ValueError("it is of another form")
        return made


def attestation_path(folder: VersionFolder) -> Path:
    """Where the attestation of a version lies: beside its folder."""
    return folder.path.with_name(f"{folder.path.name}.replayed.json")


def read_attestation(folder: VersionFolder) -> Attestation | None:
    """The attestation beside a version; None where there is none.

    Raises
    ------
    ValueError
        If it is a link, too large, of another form, or does not have its own hash.
    """
    path = attestation_path(folder)
    if not path.exists() and not path.is_symlink():
        return None
    return Attestation.of(read_sealed(path, max_bytes=MAX_BYTES))


def believed(
    folder: VersionFolder, *, lock: str, code: str, dependencies: Mapping[str, str]
) -> tuple[Attestation | None, tuple[str, ...]]:
    """The attestation of a version if it is of this lock, code and libraries; else a note of why it is not believed.

    Parameters
    ----------
    folder : VersionFolder
        The version.
    lock, code : str
        Hashes of its lock and of the code that is here.
    dependencies : mapping of str to str
        The libraries that are here.
    """
    name = attestation_path(folder).name
    try:
        found = read_attestation(folder)
    except (ValueError, OSError) as error:
        return None, (f"{name} is not believed: {plain(error)}",)
    if found is None:
        return None, ()
    others = {
        "another version": found.version != str(folder.version) or found.lock != lock,
        "other code": found.code != code,
        "other libraries": dict(found.dependencies) != dict(dependencies),
    }
    wrong = [word for word, holds in others.items() if holds]
    return (None, (f"{name} is not believed: it is of {wrong[0]}",)) if wrong else (found, ())


def write_attestation(folder: VersionFolder, attestation: Attestation) -> None:
    """Write an attestation beside its version, whole or not at all.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    write_text(attestation_path(folder), lock_text(attestation.body))
