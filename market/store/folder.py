"""Folder: one data set on disk, ``<home>/<name>/``.

    manifest.json              the versions, oldest first; the last is the newest
    versions/<fingerprint>.json  one version: parts, files, sources, changes; never altered
    files/<content>.parquet    numbers, shared by versions; never altered

A commit writes files, then the version, then renames the manifest: at any moment a
reader sees the old state or the new one. Writers take turns; the next one removes what a killed one left.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import SourceError
from core.files import read_json, write_json
from market.store.data_set_names import Reference, check_name, store_home
from market.store.data_versions import Version
from market.store.parts import StoredFile

__all__ = ["DataFolder", "data_folder", "find_version", "stored_names"]

MANIFEST = "manifest.json"
LOCK_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class DataFolder:
    """One data set's folder.

    Parameters
    ----------
    path : Path
        ``<home>/<name>``.
    """

    path: Path

    @property
    def files(self) -> Path:
        """Folder of the numbers."""
        return self.path / "files"

    @property
    def exists(self) -> bool:
        """Whether the data set has a version."""
        return (self.path / MANIFEST).is_file()

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Fingerprints of the versions, oldest first."""
        return tuple(self._manifest()["versions"]) if self.exists else ()

    def versions(self) -> tuple[Version, ...]:
        """Read all versions, oldest first."""
        return tuple(self._read(fingerprint) for fingerprint in self.fingerprints)

    def find(self, version: str | None = None) -> Version:
        """Find the newest version, or the one whose fingerprint begins with ``version``.

        Raises
        ------
        SourceError
            If none or several match.
        """
        known = dict.fromkeys(self.fingerprints)
        if not known:
            raise SourceError(f"no data set {self.path.name}: make one with `quintile data import FILE --name …`")
        matching = [self.fingerprints[-1]] if version is None else [one for one in known if one.startswith(version)]
        if len(matching) != 1:
            raise SourceError(
                f"{len(matching)} versions of {self.path.name} begin with {version}: "
                f"`quintile data info {self.path.name}` lists them"
            )
        return self._read(matching[0])

    @contextmanager
    def locked(self, *, timeout: float = LOCK_SECONDS) -> Iterator[None]:
        """Hold the only right to write, with what a killed writer left swept away.

        Raises
        ------
        SourceError
            If another process does not let go within ``timeout`` seconds.
        """
        from filelock import FileLock, Timeout  # readers need none

        self.path.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.path / ".lock", timeout=timeout):
                self._sweep()
                yield
        except Timeout as error:
            raise SourceError(
                f"{self.path.name} is being written by another process: wait for it, then repeat"
            ) from error

    def known_files(self) -> dict[str, StoredFile]:
        """Every file of every version, by the hash of its content."""
        listed = (part.files.values() for version in self.versions() for part in version.parts)
        return {file.content: file for files in listed for file in files if self._holds(file)}

    def commit(self, version: Version) -> None:
        """Make ``version``, whose files are written, the newest."""
        write_json(self._version_path(version.fingerprint), version.model_dump(mode="json"))
        versions = [one for one in self.fingerprints if one != version.fingerprint]
        write_json(
            self.path / MANIFEST, {"format": 1, "name": version.name, "versions": [*versions, version.fingerprint]}
        )

    def _holds(self, file: StoredFile) -> bool:
        path = self.files / f"{file.content}.parquet"
        return path.is_file() and path.stat().st_size == file.size

    def _version_path(self, fingerprint: str) -> Path:
        return self.path / "versions" / f"{fingerprint}.json"

    def _manifest(self) -> dict[str, Any]:
        manifest = read_json(self.path / MANIFEST)
        if not isinstance(manifest, dict) or not manifest.get("versions") or manifest.get("format") != 1:
            raise SourceError(f"{self.path.name}/{MANIFEST} is not a manifest of format 1: restore it, or import again")
        return manifest

    def _read(self, fingerprint: str) -> Version:
        path = self._version_path(fingerprint)
        if not path.is_file():
            raise SourceError(f"version {fingerprint[:12]} of {self.path.name} is gone: restore its file")
        return Version.read(read_json(path), origin=f"{self.path.name}/versions/{path.name}")

    def _sweep(self) -> None:
        """Remove what no version names; the caller holds the lock, so nobody is writing."""
        referenced = {f"{one}.json" for one in self.fingerprints}
        referenced |= {f"{file.content}.parquet" for v in self.versions() for p in v.parts for file in p.files.values()}
        ours = (*self.path.glob("versions/*.json"), *self.files.glob("*.parquet"))
        for path in (*(one for one in ours if one.name not in referenced), *self.path.rglob(".*.partial")):
            path.unlink()


def data_folder(name: str, *, home: Path | None = None) -> DataFolder:
    """Folder of the data set called ``name``, whether it exists or not.

    Raises
    ------
    ValueError
        If no data set may be called so.
    """
    return DataFolder((store_home() if home is None else home) / check_name(name))


def find_version(text: str, *, home: Path | None = None) -> tuple[DataFolder, Version] | None:
    """Folder and version that ``us`` or ``us@3f2a`` names; None where no data set of that name is stored.

    Raises
    ------
    SourceError
        If the data set is there but not the version.
    """
    reference = Reference.parse(text)
    if reference is None:
        return None
    folder = data_folder(reference.name, home=home)
    return (folder, folder.find(reference.version)) if folder.exists else None


def stored_names(*, home: Path | None = None) -> tuple[str, ...]:
    """Names of all stored data sets, sorted."""
    root = store_home() if home is None else home
    return tuple(sorted(path.parent.name for path in root.glob(f"*/{MANIFEST}")))
