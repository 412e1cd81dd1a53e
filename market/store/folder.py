"""Folder: one data set on disk, ``<home>/<name>/``.

    manifest.json              the versions, oldest first; the last is the newest
    versions/<fingerprint>.json  one version: parts, files, sources, changes; never altered
    files/<content>.parquet    numbers, shared by versions; never altered

A commit writes files, then the version, then renames the manifest: at any moment a
reader sees the old state or the new one. Writers take turns. The next one removes what a killed one left, as far as
every version can be read and none of them names it; what cannot be read may name anything.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from core.errors import SourceError
from core.files import write_json
from market.store.data_set_names import Reference, check_name, is_name, store_home
from market.store.data_versions import Version
from market.store.manifest import MANIFEST, Manifest, NewerFormatError, in_order, with_unlisted
from market.store.parts import StoredFile

__all__ = ["DataFolder", "data_folder", "find_version", "restore_manifest", "stored_names"]

LOCK_SECONDS = 600.0
_VERSION_FILE = re.compile(r"[0-9a-f]{64}\.json")


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
        """Whether the data set has a version, or had one."""
        return self.is_listed or bool(self._on_disk())

    @property
    def is_listed(self) -> bool:
        """Whether it has a manifest, which may be damaged."""
        return self._manifest_path.is_file()

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Fingerprints of the versions, oldest first.

        Raises
        ------
        SourceError
            If the manifest is lost or damaged.
        """
        if self.is_listed:
            return Manifest.read(self._manifest_path).versions
        if self._on_disk():
            raise SourceError(f"{self._lost()}: `quintile data info {self.path.name}` makes it again")
        return ()

    def versions(self) -> tuple[Version, ...]:
        """Read all versions, oldest first, but those that :meth:`damaged` names."""
        return self._survey(self.fingerprints)[0]

    def damaged(self) -> tuple[str, ...]:
        """What is wrong with each version that cannot be read."""
        return self._survey(self.fingerprints)[1]

    def unlisted(self) -> tuple[str, ...]:
        """A remark on versions that the manifest lacks: a writer was killed, or an older manifest was put back."""
        others = ", ".join(one[:12] for one in self._on_disk() if one not in self.fingerprints)
        told = f"{self.path.name} has versions that are not listed ({others}): the next import or update lists them"
        return (told,) if others else ()

    def find(self, version: str | None = None) -> Version:
        """Find the newest version, or the one whose fingerprint begins with ``version``.

        Raises
        ------
        SourceError
            If none or several match, or it cannot be read.
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
    def locked(self, *, restore: bool = False, timeout: float = LOCK_SECONDS) -> Iterator[tuple[str, ...]]:
        """Hold the only right to write, with what a killed writer left swept away; so is what a failing one leaves.

        Parameters
        ----------
        restore : bool
            Make a manifest that is lost or damaged again from the versions.
        timeout : float
            Seconds to wait for another writer.

        Yields
        ------
        tuple of str
            What was found and mended.

        Raises
        ------
        SourceError
            If another process does not let go in time.
        """
        from filelock import FileLock, Timeout  # readers need none

        self.path.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.path / ".lock", timeout=timeout):
                notes = self._restored() if restore else ()
                self._sweep()
                try:
                    yield notes
                except BaseException:
                    with suppress(OSError):
                        self._sweep()
                    raise
        except Timeout as error:
            raise SourceError(
                f"{self.path.name} is being written by another process: wait for it, then repeat"
            ) from error

    def known_files(self) -> dict[str, StoredFile]:
        """Every file of every version, by the hash of its content."""
        listed = (part.files.values() for version in self.versions() for part in version.parts)
        return {file.content: file for files in listed for file in files}

    def amend(self, written: Mapping[str, StoredFile]) -> None:
        """Tell every version the bytes of files that were written again; another release may write other ones."""
        for version in self.versions():
            parts = tuple(part.with_files(written) for part in version.parts)
            if parts != version.parts:
                amended = version.model_copy(update={"parts": parts}).sealed()
                write_json(self._version_path(version.fingerprint), amended.model_dump(mode="json"))

    def commit(self, version: Version) -> None:
        """Make ``version``, whose files are written, the newest."""
        path = self._version_path(version.fingerprint)
        was_there = path.is_file()
        listed = [one for one in self.fingerprints if one != version.fingerprint]
        try:
            write_json(path, version.model_dump(mode="json"))
            self._write_manifest((*listed, version.fingerprint))
        except BaseException:
            if not was_there:
                path.unlink(missing_ok=True)  # what is not in the manifest was not committed
            raise

    @property
    def _manifest_path(self) -> Path:
        return self.path / MANIFEST

    def _version_path(self, fingerprint: str) -> Path:
        return self.path / "versions" / f"{fingerprint}.json"

    def _write_manifest(self, fingerprints: tuple[str, ...]) -> None:
        manifest = Manifest(name=self.path.name, versions=fingerprints)
        write_json(self._manifest_path, manifest.model_dump(mode="json"))

    def _lost(self) -> str:
        return f"{self.path.name} has lost its {MANIFEST}, {len(self._on_disk())} versions are there"

    def _restored(self) -> tuple[str, ...]:
        """Make a manifest that is lost or damaged again, and say so; one of a newer Quintile is left alone."""
        try:
            self.fingerprints  # noqa: B018 - read for what it raises
        except NewerFormatError:
            raise
        except SourceError as error:
            fault = str(error).partition(":")[0]
        else:
            return ()
        if self.is_listed:
            self._manifest_path.replace(self.path / f"{MANIFEST}.damaged")
        versions, damaged = self._survey(self._on_disk())
        if versions:
            self._write_manifest(tuple(one.fingerprint for one in in_order(versions)))
        return (f"{fault}: made again from {len(versions)} versions", *damaged)

    def _on_disk(self) -> tuple[str, ...]:
        """Fingerprints of all versions that have a file, in no order."""
        names = (path.name for path in (self.path / "versions").glob("*.json"))
        return tuple(sorted(name.removesuffix(".json") for name in names if _VERSION_FILE.fullmatch(name)))

    def _read(self, fingerprint: str) -> Version:
        path = self._version_path(fingerprint)
        if not path.is_file():
            raise SourceError(
                f"version {fingerprint[:12]} of {self.path.name} is gone: restore its file, or import the data again"
            )
        return Version.read(path).model_copy(update={"name": self.path.name})

    def _survey(self, fingerprints: Iterable[str]) -> tuple[tuple[Version, ...], tuple[str, ...]]:
        """Versions that can be read, and what is wrong with the others."""
        versions, damaged = [], []
        for fingerprint in fingerprints:
            try:
                versions.append(self._read(fingerprint))
            except SourceError as error:
                damaged.append(str(error))
        return tuple(versions), tuple(damaged)

    def _sweep(self) -> None:
        """List what a killed writer had committed all but listed, and remove what no version names, if all can be read.

        The caller holds the lock, so nobody is writing.
        """
        for folder in (self.path, self.path / "versions", self.files):
            for partial in folder.glob(".*.partial"):
                if not partial.is_dir():
                    partial.unlink(missing_ok=True)
        try:
            listed = self.fingerprints
        except SourceError:
            return
        versions, damaged = self._survey(dict.fromkeys((*listed, *self._on_disk())))
        unlisted = [one for one in versions if one.fingerprint not in listed]
        if unlisted:
            self._write_manifest(with_unlisted(listed, unlisted))
        if damaged:
            return  # they may name any file
        named = {f"{file.content}.parquet" for one in versions for part in one.parts for file in part.files.values()}
        for path in self.files.glob("*.parquet"):
            if path.name not in named and not path.is_dir():
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


def restore_manifest(text: str, *, home: Path | None = None) -> tuple[str, ...]:
    """Make the lost manifest of the data set that ``us`` or ``us@3f2a`` names again, and say so; else do nothing.

    Raises
    ------
    SourceError
        If nothing can be written there.
    """
    reference = Reference.parse(text)
    folder = None if reference is None else data_folder(reference.name, home=home)
    if folder is None or folder.is_listed or not folder.exists:
        return ()
    try:
        with folder.locked(restore=True) as notes:
            return notes
    except OSError as error:
        raise SourceError(
            f"{folder.path.name} has lost its {MANIFEST}, and it cannot be made again: "
            f"{error.strerror or error}; let it be written, then repeat"
        ) from error


def stored_names(*, home: Path | None = None) -> tuple[str, ...]:
    """Names of all stored data sets, sorted."""
    root = store_home() if home is None else home
    return tuple(sorted(path.name for path in root.glob("*") if is_name(path.name) and DataFolder(path).exists))
