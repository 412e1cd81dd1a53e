"""Closure: the sources that decide a number, found by following imports; standard library only, nothing is executed.

The walk stays in the rooms that decide, so that a change to a report, a command or the run store leaves every
fingerprint as it is. A package's ``__init__`` that only passes names on is looked through:
the walk goes to the module that defines the name. Line ends are normalised before hashing.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

__all__ = ["PACKAGES", "ROOT", "closure_hash", "decides", "decision_closure", "source_hash"]

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("core", "market", "signals", "models", "portfolio", "backtests", "strategy", "quintile")

# Bars, features, model, book, fills and returns: everything else that decides is reached from these.
BEGINNINGS = (
    "strategy/learning/decide.py",
    "strategy/learning/learn.py",
    "market/inputs.py",
    "portfolio/book.py",
    "backtests/engine/backtest.py",
    "backtests/statistics/metrics.py",
)
# The rooms in which a number is decided; all others measure for the report, draw, print, record or compare.
DECIDING = (
    "core/",
    "market/",
    "signals/",
    "models/",
    "portfolio/",
    "backtests/engine/",
    "backtests/statistics/",
    "strategy/definitions/",
    "strategy/learning/",
)


@cache
def decision_closure(root: Path = ROOT) -> dict[str, str]:
    """The sha256 of every source that decides, by its path from the root, sorted.

    Parameters
    ----------
    root : Path
        Folder that holds the packages: a checkout, or where they are installed.
    """
    waiting, hashes = list(BEGINNINGS), dict[str, str]()
    while waiting:
        name = waiting.pop()
        if name in hashes or not decides(name):
            continue
        source = (root / name).read_bytes()
        tree = ast.parse(source)
        waiting += [file for module, attribute in _imports(tree) for file in _homes(root, module, attribute)]
        waiting += [file for file in _packages_around(root, name) if not _only_passes_on(root / file)]
        hashes[name] = source_hash(source)
    return dict(sorted(hashes.items()))


def closure_hash(closure: dict[str, str]) -> str:
    """The one sha256 of a closure."""
    lines = (f"{name} {digest}\n" for name, digest in sorted(closure.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def source_hash(source: bytes) -> str:
    """The sha256 of a source with Unix line ends."""
    return hashlib.sha256(source.replace(b"\r\n", b"\n")).hexdigest()


def decides(name: str) -> bool:
    """Whether a source lies in a room that decides, and so belongs to the closure if it is reached."""
    return name.startswith(DECIDING)


def _imports(tree: ast.AST) -> Iterator[tuple[str, str | None]]:
    """Yield modules and the name taken from each, if one is; imports for the type checker are left out."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            yield from _imports(ast.Module(body=node.orelse, type_ignores=[]))
        elif isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield from ((node.module, alias.name) for alias in node.names)
        else:
            yield from _imports(node)


def _homes(root: Path, module: str, attribute: str | None) -> Iterator[str]:
    """Yield the source that defines what is imported, or nothing for a module that is not ours."""
    if module.split(".")[0] not in PACKAGES:
        return
    own = _file_of(root, module)
    inner = None if attribute is None else _file_of(root, f"{module}.{attribute}")
    if inner is not None:
        yield inner
    elif own is not None and own.endswith("__init__.py") and _only_passes_on(root / own):
        tree = ast.parse((root / own).read_bytes())
        passed = [pair for pair in _imports(tree) if attribute in (None, "*", pair[1])]
        yield from (file for pair in passed for file in _homes(root, *pair))
    elif own is not None:
        yield own


def _file_of(root: Path, module: str) -> str | None:
    path = module.replace(".", "/")
    return next((file for file in (f"{path}.py", f"{path}/__init__.py") if (root / file).is_file()), None)


def _packages_around(root: Path, name: str) -> Iterator[str]:
    folders = name.split("/")[:-1]
    files = ("/".join((*folders[:depth], "__init__.py")) for depth in range(1, len(folders) + 1))
    yield from (file for file in files if (root / file).is_file())


def _only_passes_on(path: Path) -> bool:
    """Whether a package's ``__init__`` holds nothing but a docstring, imports and ``__all__``."""
    return all(
        isinstance(node, ast.Import | ast.ImportFrom)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        or (isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"])
        for node in ast.parse(path.read_bytes()).body
    )
