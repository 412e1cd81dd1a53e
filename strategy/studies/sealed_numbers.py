"""Sealed numbers: what a study measured, a JSON file each, with a seal that tells whether it was changed.

A file's name ends in the first digits of the fingerprint of everything that decides its numbers. One that is missing,
torn or edited counts as not there.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.errors import SourceError
from core.files import read_json, write_json

__all__ = ["read_sealed", "sealed_path", "write_sealed"]


def sealed_path(root: Path, name: str, fingerprint: str) -> Path:
    """The file of numbers by this fingerprint; ``name`` is for people, and safe in a path."""
    return root / f"{name}-{fingerprint[:12]}.json"


def read_sealed(path: Path, fingerprint: str) -> dict[str, Any] | None:
    """Numbers of a file; None if it is not there, was changed, or is of another fingerprint."""
    if not path.is_file():
        return None
    try:
        written = read_json(path)
    except SourceError:
        return None
    numbers = written.get("numbers") if isinstance(written, dict) else None
    intact = isinstance(numbers, dict) and written.get("seal") == _seal(fingerprint, numbers)
    return numbers if intact else None


def write_sealed(path: Path, numbers: Mapping[str, Any], *, fingerprint: str, facts: Mapping[str, Any]) -> None:
    """Write numbers with their seal, whole or not at all; ``facts`` stand before them, for people."""
    write_json(path, {**facts, "numbers": numbers, "seal": _seal(fingerprint, numbers)})


def _seal(fingerprint: str, numbers: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps([fingerprint, numbers], sort_keys=True).encode()).hexdigest()
