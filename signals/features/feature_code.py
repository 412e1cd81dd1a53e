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
from functools import cache
from pathlib import Path

from signals.features.feature import Feature

__all__ = ["code_hash"]

STARTED = time.time()
ROOT = Path(__file__).resolve().parents[2]
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
        library = module.split(".")[0]
        if library in libraries or module in sources:
            continue
        if _is_installed(library):  # its modules are not looked at: to find one would import the library
            libraries[library] = _version(library)
            continue
        path = _origin(module)
        if path is not None and path.suffix == ".py":
            sources[module] = path
            waiting += _imports(path.read_bytes())
    return sources, {library: version for library, version in libraries.items() if version}


@cache
def _is_installed(library: str) -> bool:
    """Whether a name is a library's, or the interpreter's, and not our own or the user's."""
    if library in OURS:
        return False
    path = _origin(library)
    if path is None:  # nothing, or a folder of the user's without an __init__
        return False
    return path.suffix != ".py" or any(path.resolve().is_relative_to(each) for each in INSTALLED)


def _origin(module: str) -> Path | None:
    """File of a module; None for a name inside one. Ours are found without importing the packages around them."""
    if module.split(".")[0] in OURS:
        place = ROOT.joinpath(*module.split("."))
        return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)
    try:
        spec = importlib.util.find_spec(module)
    except (ModuleNotFoundError, ValueError):  # a name inside a module, or a session's own
        return None
    return None if spec is None or spec.origin is None else Path(spec.origin)


@cache
def _imports(source: bytes) -> tuple[str, ...]:
    """Every module that a source may import, whether inside a function or not."""
    found = list[str]()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(found)


@cache
def _version(library: str) -> str:
    """The version of a library; empty for one of the standard library."""
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return ""
