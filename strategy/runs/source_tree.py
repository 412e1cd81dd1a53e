"""Source tree: the modules of our packages on disk, their top-level definitions, and where a name leads.

Nothing is imported or executed, and each file is read once. Standard library only.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from strategy.runs.syntax import (
    Import,
    Syntax,
    assigned_names,
    deciding_statements,
    imports_of,
    syntax_of,
)

__all__ = ["EXECUTED", "PACKAGES", "Home", "SourceModule", "SourceTree"]

PACKAGES = ("core", "market", "signals", "models", "portfolio", "backtests", "strategy", "live", "quintile")
EXECUTED = "at import"  # the definition that holds what a module does when it is imported; no name is spelt so
DOCUMENTED = ("pydantic", "Field")


@dataclass(frozen=True, slots=True)
class Home:
    """Where a name leads.

    Parameters
    ----------
    path : str
        Source file from the root; empty for what is not ours.
    definition : str
        Top-level name there; empty for the module itself.
    foreign : str
        What it is called where it is not ours.
    """

    path: str = ""
    definition: str = ""
    foreign: str = ""

    def __str__(self) -> str:
        return self.foreign or f"{self.path}:{self.definition}"


class SourceModule:
    """One source: what it defines, what it imports, and what it does when it is imported.

    Parameters
    ----------
    path : str
        From the root, with slashes.
    source : bytes
        Its content.
    """

    def __init__(self, path: str, source: bytes) -> None:
        self.path = path
        self.definitions: dict[str, list[ast.stmt]] = {}
        self.imports: list[Import] = []
        self._syntax: dict[str, Syntax] = {}
        for node in deciding_statements(ast.parse(source).body):
            self._enter(node)
        self.bindings = {each.name: each for each in self.imports if each.name != "*"}
        self.stars = [each.module for each in self.imports if each.name == "*"]

    def absolute(self, module: str) -> str:
        """A module's full name, of a name with a leading dot for each level."""
        name = module.lstrip(".")
        level = len(module) - len(name)
        if not level:
            return module
        folders = self.path.split("/")[:-1]
        return ".".join(filter(None, [*folders[: len(folders) - level + 1], name]))

    def syntax(self, definition: str) -> Syntax:
        """What one of its definitions says."""
        if definition not in self._syntax:
            self._syntax[definition] = syntax_of(self.definitions[definition], documents=self._documents)
        return self._syntax[definition]

    def defined_as(self, name: str) -> str | None:
        """The definition that a name of this module belongs to."""
        return name if name in self.definitions else self._inside.get(name)

    @cached_property
    def registered(self) -> list[str]:
        """Definitions that call our own code as they are made, a decorator say, which may enter them somewhere."""
        return [
            name for name, nodes in self.definitions.items() if any(self._calls_ours(_made_by(node)) for node in nodes)
        ]

    def _calls_ours(self, made_by: list[ast.expr]) -> bool:
        roots = {inner.id for each in made_by for inner in ast.walk(each) if isinstance(inner, ast.Name)}
        ours = (each for name, each in self.bindings.items() if name in roots)
        return any(self.absolute(each.module).partition(".")[0] in PACKAGES for each in ours) or any(
            name in self.definitions for name in roots
        )

    @cached_property
    def _inside(self) -> dict[str, str]:
        """Names that are defined by what a module does at import: in a branch, a loop, a ``try``."""
        nodes = (node for statement in self.definitions.get(EXECUTED, []) for node in ast.walk(statement))
        names = (name for node in nodes if isinstance(node, ast.stmt) for name in assigned_names(node) or ())
        return dict.fromkeys(names, EXECUTED)

    def _enter(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Import | ast.ImportFrom):
            self.imports += imports_of(node)
            return
        names = assigned_names(node)
        if names == ["__all__"]:
            return
        for name in names or (EXECUTED,):
            self.definitions.setdefault(name, []).append(node)
        if names is None:
            inside = (inner for inner in ast.walk(node) if isinstance(inner, ast.Import | ast.ImportFrom))
            self.imports += [each for inner in inside for each in imports_of(inner)]

    def _documents(self, called: ast.expr) -> bool:
        """Whether pydantic's ``Field`` is called."""
        if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
            root = self.bindings.get(called.value.id)
            return root is not None and (root.bound, called.attr) == DOCUMENTED and root.attribute is None
        bound = self.bindings.get(called.id) if isinstance(called, ast.Name) else None
        return bound is not None and (bound.module, bound.attribute) == DOCUMENTED


class SourceTree:
    """The sources below a root.

    Parameters
    ----------
    root : Path
        Folder that holds the packages: a checkout, or where they are installed.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._modules: dict[str, SourceModule] = {}
        self._files: dict[str, str | None] = {}
        self._homes: dict[tuple[str, str | None], Home] = {}

    def module(self, path: str) -> SourceModule:
        """A module by its path from the root."""
        if path not in self._modules:
            self._modules[path] = SourceModule(path, (self.root / path).read_bytes())
        return self._modules[path]

    def has(self, path: str) -> bool:
        """Whether there is such a source."""
        return (self.root / path).is_file()

    def file_of(self, module: str) -> str | None:
        """The source of a dotted module of ours; None where there is none."""
        if module not in self._files:
            path, ours = module.replace(".", "/"), module.partition(".")[0] in PACKAGES
            files = (f"{path}.py", f"{path}/__init__.py") if ours else ()
            self._files[module] = next((file for file in files if self.has(file)), None)
        return self._files[module]

    def packages_around(self, path: str) -> Iterator[str]:
        """The ``__init__`` of every folder that a source lies in."""
        folders = path.split("/")[:-1]
        files = ("/".join((*folders[:depth], "__init__.py")) for depth in range(1, len(folders) + 1))
        yield from (file for file in files if self.has(file) and file != path)

    def home(self, module: str, attribute: str | None) -> Home:
        """Where a module, or a name taken from it, leads; names that are passed on are followed to their definition."""
        key = (module, attribute)
        if key not in self._homes:
            self._homes[key] = Home(foreign=f"{module}:{attribute or ''}")  # also what a circle of imports comes to
            self._homes[key] = self._found(module, attribute) or self._homes[key]
        return self._homes[key]

    def bound(self, source: SourceModule, each: Import, attributes: tuple[str, ...] = ()) -> Home:
        """Where an import of a source leads, and then attributes of it."""
        home = self.home(source.absolute(each.bound), each.attribute)
        for attribute in attributes:
            if home.foreign or home.definition:
                break
            inner = self.home(_dotted(home.path), attribute)
            if inner.foreign:
                break
            home = inner
        return home

    def _found(self, module: str, attribute: str | None) -> Home | None:
        path = self.file_of(module)
        if path is None or attribute is None:
            path = self.file_of(module if attribute is None else f"{module}.{attribute}")
            return None if path is None else Home(path)
        source = self.module(path)
        definition = source.defined_as(attribute)
        if definition is not None:
            return Home(path, definition)
        if attribute in source.bindings:
            return self.bound(source, source.bindings[attribute])
        inner = self.file_of(f"{module}.{attribute}")
        if inner is not None:
            return Home(inner)
        starred = (self.home(source.absolute(star), attribute) for star in source.stars)
        lazy = Home(path, "__getattr__") if "__getattr__" in source.definitions else None
        return next((home for home in starred if not home.foreign), lazy)


def _made_by(node: ast.stmt) -> list[ast.expr]:
    """What is called when a definition is made: its decorators, or the calls in what is assigned."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [decorator.func if isinstance(decorator, ast.Call) else decorator for decorator in node.decorator_list]
    return [inner.func for inner in ast.walk(node) if isinstance(inner, ast.Call)]


def _dotted(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
