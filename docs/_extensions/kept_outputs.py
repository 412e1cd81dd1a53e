"""Where a notebook's outputs are kept: in a folder named by the product's sources, for as long as these stay."""

import hashlib
import shutil
from pathlib import Path

__all__ = ["kept_outputs"]

PACKAGES = ("core", "market", "signals", "models", "portfolio", "backtests", "strategy", "live", "quintile")
DECIDING = (".py", ".toml", ".html", ".js", ".css")


def kept_outputs(root: Path, folder: Path) -> Path:
    """The folder of the sources as they are; those of earlier sources are removed."""
    current = folder / _hash_of_sources(root)
    for former in folder.glob("*"):
        if former != current:
            shutil.rmtree(former)
    return current


def _hash_of_sources(root: Path) -> str:
    digest = hashlib.sha256()
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*")):
            if path.suffix in DECIDING and "versions" not in path.parts:
                digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
