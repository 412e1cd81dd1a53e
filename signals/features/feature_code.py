"""Feature code: the sources that a feature's numbers depend on, as one sha256.

They are collected by following imports from the feature's module, without running anything: our own sources and the
user's by content, installed libraries by version.
"""

import ast
import hashlib
import importlib.metadata
import importlib.util
import sysconfig
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from signals.features.feature import Feature

__all__ = ["code_hash"]

STARTED = time.time()
OURS = ("core", "market", "signals")
INSTALLED = tuple(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib"))


def code_hash(feature: Feature) -> str | None:
    """Sha256 of everything that decides the feature's numbers, in hexadecimal.

    None where it is not known: the function was typed into an interactive session, or a source is newer than this
    process, which may still run its earlier content.
    """
    return _module_hash(feature.formula.__module__)


@cache
def _module_hash(name: str) -> str | None:
    sources, libraries = _closure(name)
    if name not in sources or any(path.stat().st_mtime > STARTED for path in sources.values()):
        return None
    digests = [f"{module} {hashlib.sha256(path.read_bytes()).hexdigest()}" for module, path in sorted(sources.items())]
    digests += [f"{library} {version}" for library, version in sorted(libraries.items())]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _closure(name: str) -> tuple[dict[str, Path], dict[str, str]]:
    """Sources that a module reaches, by module, and the versions of the libraries."""
    waiting, sources, libraries = [name], dict[str, Path](), dict[str, str]()
    while waiting:
        module = waiting.pop()
        path = None if module in sources else _origin(module)
        if path is not None and _is_source(module, path):
            sources[module] = path
            waiting += _imports(path)
        elif path is not None:
            libraries |= _version(module.split(".")[0])
    return sources, libraries


def _origin(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except (ModuleNotFoundError, ValueError):  # a name inside a module, or a session's own
        return None
    return None if spec is None or spec.origin is None else Path(spec.origin)


def _is_source(module: str, path: Path) -> bool:
    if path.suffix != ".py":
        return False
    return module.split(".")[0] in OURS or not any(path.resolve().is_relative_to(folder) for folder in INSTALLED)


def _imports(path: Path) -> Iterator[str]:
    """Yield every module that a source may import, whether inside a function or not."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _version(library: str) -> dict[str, str]:
    try:
        return {library: importlib.metadata.version(library)}
    except importlib.metadata.PackageNotFoundError:  # of the standard library
        return {}
