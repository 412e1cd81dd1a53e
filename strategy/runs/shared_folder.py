"""Shared folder: the folder and the code that a worker, on another machine perhaps, must share with its caller."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from core.errors import RunError
from strategy.runs.closure import run_closure

__all__ = ["Shared"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """A folder that caller and worker both see, and the code that both run.

    Parameters
    ----------
    folder : Path
        Absolute.
    code : str
        The sha256 of the code that decides a number, in hexadecimal.
    """

    folder: Path
    code: str

    @classmethod
    def of(cls, folder: Path) -> Self:
        """The folder, and the code of this process."""
        return cls(folder=folder.resolve(), code=run_closure().sha256)

    def check(self) -> None:
        """Refuse to work without the folder, or with other code.

        Raises
        ------
        RunError
            If the folder is not there, or the sources differ.
        """
        if not self.folder.is_dir():
            raise RunError(
                f"{self.folder} is not on this worker's machine: write to a folder that every machine sees at one path"
            )
        if run_closure().sha256 != self.code:
            raise RunError("this worker's machine has other code than its caller: install one version everywhere")
