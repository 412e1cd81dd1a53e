"""Provenance: which code, libraries and machine made a number."""

import hashlib
import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["code_fingerprint", "commit", "environment"]

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("market", "signals", "models", "portfolio", "backtests", "strategy")
LIBRARIES = ("numpy", "pandas", "scipy", "torch", "vectorbt", "pyarrow", "scikit-learn", "safetensors", "quantstats")
# Code that draws or prints decides nothing: a run may resume after it changed.
UNDECIDING = ("backtests/report/", "backtests/tearsheet.py", "strategy/cli", "strategy/console.py")


@cache
def code_fingerprint() -> str:
    """Return the sha256 of all sources that decide a number, newline-normalised, in hexadecimal."""
    digest = hashlib.sha256()
    for name in _deciding_sources():
        digest.update(name.encode() + b"\0")
        digest.update((ROOT / name).read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()


def commit() -> str | None:
    """Return the git commit of the checkout, or None outside one."""
    git = ROOT / ".git"
    head = git / "HEAD"
    if not head.is_file():
        return None
    text = head.read_text().strip()
    if not text.startswith("ref: "):
        return text
    reference = git / text.removeprefix("ref: ")
    return reference.read_text().strip() if reference.is_file() else _packed_commit(git, text.removeprefix("ref: "))


def environment() -> dict[str, str]:
    """Return library versions, interpreter, processor and thread count, as recorded beside every run."""
    found = {name: _version(name) for name in LIBRARIES}
    return found | {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "processors": str(os.cpu_count()),
    }


def _deciding_sources() -> list[str]:
    names = [path.relative_to(ROOT).as_posix() for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return sorted(name for name in names if not name.startswith(UNDECIDING))


def _packed_commit(git: Path, reference: str) -> str | None:
    packed = git / "packed-refs"
    lines = packed.read_text().splitlines() if packed.is_file() else []
    return next((line.split()[0] for line in lines if line.endswith(f" {reference}")), None)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
