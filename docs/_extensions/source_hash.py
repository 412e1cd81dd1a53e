"""A short hash of the product's sources: what a notebook printed is kept for as long as it stays."""

import hashlib
from pathlib import Path

__all__ = ["PACKAGES", "hash_of_sources"]

PACKAGES = ("core", "market", "signals", "models", "portfolio", "backtests", "strategy", "quintile")


def hash_of_sources(root: Path) -> str:
    """Sixteen digits of the sha256 of every module and strategy of the product, with its path."""
    digest = hashlib.sha256()
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*")):
            if path.suffix in (".py", ".toml", ".html", ".js", ".css") and "versions" not in path.parts:
                digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
