"""Data set names: what a stored data set is called, where it lives, and which of its versions is meant.

A data set is named, never pathed: ``us`` is its newest version, ``us@3f2a`` the one whose fingerprint begins so. All
of them live in one folder, ``./data`` or the one that the environment variable ``QUINTILE_DATA`` names.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

__all__ = ["HOME_VARIABLE", "Reference", "check_name", "is_name", "store_home"]

HOME_VARIABLE = "QUINTILE_DATA"
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_REFERENCE = re.compile(rf"({_NAME.pattern})(?:@([0-9a-f]{{4,64}}))?")
_TAKEN = ("builtin", "yfinance")


def store_home() -> Path:
    """Folder of all stored data sets."""
    return Path(os.environ.get(HOME_VARIABLE) or "data")


def is_name(text: str) -> bool:
    """Whether a data set may be called so."""
    return _NAME.fullmatch(text) is not None and text not in _TAKEN


def check_name(name: str) -> str:
    """Validate the name of a data set, and hand it back.

    Raises
    ------
    ValueError
        If it is no plain name, or means something else to ``--bars``.
    """
    if not is_name(name):
        raise ValueError(
            f"a data set needs a plain name, was {name!r}: a letter, then up to 39 of a-z, 0-9, - and _; "
            f"{' and '.join(_TAKEN)} are taken"
        )
    return name


@dataclass(frozen=True, slots=True)
class Reference:
    """A data set by name, and maybe one of its versions by the beginning of its fingerprint."""

    name: str
    version: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Parse ``us`` or ``us@3f2a``; None for anything else, such as a path with a slash or dot."""
        match = _REFERENCE.fullmatch(text)
        return None if match is None or match[1] in _TAKEN else cls(match[1], match[2])

    def __str__(self) -> str:
        return self.name if self.version is None else f"{self.name}@{self.version[:12]}"
