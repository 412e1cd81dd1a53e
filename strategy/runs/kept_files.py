"""Kept files: the sha256 of what unfinished work leaves in its folder, so that only what it left is gone on from.

``digests.json`` names each file. A file that is not noted was being written when its process was killed: it is made
again. One that was noted and differs was damaged or edited: nothing goes on from it in silence.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from core.errors import RunError, SourceError
from core.files import file_sha256, read_json, write_json

__all__ = ["KeptFiles"]

DIGESTS = "digests.json"


@dataclass(frozen=True, slots=True)
class KeptFiles:
    """The files that unfinished work keeps in a folder.

    Parameters
    ----------
    folder : Path
        Of a run, or of a fold.
    """

    folder: Path

    @property
    def noted(self) -> tuple[str, ...]:
        """Names of the files that were noted."""
        return tuple(self._digests())

    def note(self, *names: str) -> None:
        """Note files that were just written whole; earlier notes stay."""
        write_json(self.folder / DIGESTS, self._digests() | {name: file_sha256(self.folder / name) for name in names})

    def hold(self, *names: str) -> bool:
        """Whether every file is there and was noted; False where one has to be made again.

        Raises
        ------
        RunError
            If one is not as it was noted.
        """
        noted = self._digests()
        there = [name for name in names if name in noted and (self.folder / name).is_file()]
        for name in there:
            self._check(name, noted[name], file_sha256(self.folder / name))
        return len(there) == len(names)

    def read(self, name: str) -> bytes:
        """The bytes of a file, as they were noted.

        Raises
        ------
        RunError
            If it is not noted, is gone, or is not as it was noted.
        """
        path = self.folder / name
        content = path.read_bytes() if path.is_file() else b""
        self._check(name, self._digests().get(name), hashlib.sha256(content).hexdigest())
        return content

    def _check(self, name: str, noted: str | None, found: str) -> None:
        if noted != found:
            raise RunError(
                f"{self.folder / name} is not as it was written: restore it, or remove it and resume, which makes it "
                "again"
            )

    def _digests(self) -> dict[str, str]:
        """The notes; none where the file of them is damaged."""
        try:
            noted = read_json(self.folder / DIGESTS)
        except (FileNotFoundError, SourceError):
            return {}
        return {str(name): str(digest) for name, digest in noted.items()} if isinstance(noted, dict) else {}
