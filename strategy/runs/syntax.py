"""Syntax: what a piece of source says, without docstrings, comments, formatting and words that only document.

Two pieces with one text do the same. Beside the text stand the names that the piece reads, so that a walk can go on to
what they mean. The text is the same under every interpreter that parses the source; standard library only.
"""

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

__all__ = ["Import", "Syntax", "assigned_names", "deciding_statements", "imports_of", "syntax_of"]

LEFT_OUT = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
ANNOTATIONS = frozenset({"annotation", "returns"})


@dataclass(frozen=True, slots=True)
class Import:
    """One name that an import binds.

    Parameters
    ----------
    name : str
        The name bound; ``*`` for all.
    module : str
        The module imported, with a leading dot for each level of a relative import.
    attribute : str or None
        What is taken from the module; None for the module itself.
    bound : str
        The module that the name stands for where nothing is taken: ``a`` of ``import a.b``.
    """

    name: str
    module: str
    attribute: str | None
    bound: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Syntax:
    """What a piece of source says.

    Parameters
    ----------
    text : str
        Equal for equal meaning.
    names : frozenset of tuple of str
        Names read, with the attributes taken from each: ``("np", "linalg", "norm")``.
    imports : tuple of Import
        Imports inside the piece.
    """

    text: str
    names: frozenset[tuple[str, ...]]
    imports: tuple[Import, ...]


def syntax_of(nodes: Iterable[ast.AST], *, documents: Callable[[ast.expr], bool]) -> Syntax:
    """The meaning of statements.

    Parameters
    ----------
    nodes : iterable of AST
        The statements.
    documents : callable
        Whether what is called takes a ``description`` that only documents.
    """
    writer = _Writer(documents)
    for node in nodes:
        writer.write(node)
    return Syntax(text=" ".join(writer.words), names=frozenset(writer.names), imports=tuple(writer.imports))


def deciding_statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that do something: no texts, no ``pass``, and of a branch for the type checker the other side."""
    for node in body:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            yield from deciding_statements(node.orelse)
        elif not isinstance(node, ast.Pass) and not _is_text(node):
            yield node


def imports_of(node: ast.Import | ast.ImportFrom) -> Iterator[Import]:
    """The names that an import binds."""
    for alias in node.names:
        if isinstance(node, ast.Import):
            bound = alias.name if alias.asname else alias.name.partition(".")[0]
            yield Import(alias.asname or bound, alias.name, None, bound)
        else:
            module = "." * node.level + (node.module or "")
            yield Import(alias.asname or alias.name, module, alias.name, module)


def assigned_names(node: ast.stmt) -> list[str] | None:
    """The names that a top-level statement defines; None for a statement that does something else as well."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign):
        targets = [part for target in node.targets for part in _parts(target)]
    elif isinstance(node, ast.AnnAssign | ast.AugAssign):
        targets = [node.target]
    else:
        name = getattr(node, "name", None)  # ``type X = …`` of newer interpreters
        targets = [name] if isinstance(name, ast.Name) else []
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    return names if names and len(names) == len(targets) else None


def _parts(target: ast.expr) -> list[ast.expr]:
    return [*target.elts] if isinstance(target, ast.Tuple | ast.List) else [target]


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


@cache
def _fields(kind: Any) -> tuple[str, ...]:
    return tuple(name for name in kind._fields if name not in LEFT_OUT)


class _Writer:
    """One walk over a piece of source; empty fields are left out, since interpreters differ in those they have."""

    def __init__(self, documents: Callable[[ast.expr], bool]) -> None:
        self.documents = documents
        self.words: list[str] = []
        self.names: set[tuple[str, ...]] = set()
        self.imports: list[Import] = []

    def write(self, node: ast.AST, *, annotates: bool = False) -> None:
        if isinstance(node, ast.Constant):
            self._constant(node.value, annotates)
        elif isinstance(node, ast.Name):
            self.names.add((node.id,))
            self.words.append(node.id)
        elif isinstance(node, ast.Attribute) and (path := _dotted(node)):
            self.names.add(path)
            self.words.append(".".join(path))
        else:
            self._note(node)
            kind: Any = type(node)
            self.words.append(f"({kind.__name__}")
            for field in _fields(kind):
                self._field(node, field, annotates or field in ANNOTATIONS)
            self.words.append(")")

    def _field(self, node: ast.AST, field: str, annotates: bool) -> None:
        value = getattr(node, field, None)
        if isinstance(value, list):
            self._list(field, self._kept(node, field, value), annotates)
        elif isinstance(value, ast.AST):
            self.words.append(f"{field}=")
            self.write(value, annotates=annotates)
        elif value is not None:
            self.words.append(f"{field}={value!a}")

    def _list(self, field: str, items: list[object], annotates: bool) -> None:
        if not items:
            return
        self.words.append(f"{field}=[")
        for item in items:
            if isinstance(item, ast.AST):
                self.write(item, annotates=annotates)
            else:
                self.words.append(ascii(item))
        self.words.append("]")

    def _kept(self, node: ast.AST, field: str, items: list[object]) -> list[object]:
        if items and all(isinstance(item, ast.stmt) for item in items):
            return [*deciding_statements(item for item in items if isinstance(item, ast.stmt))]
        if field == "keywords" and isinstance(node, ast.Call) and self.documents(node.func):
            return [item for item in items if not (isinstance(item, ast.keyword) and item.arg == "description")]
        return items

    def _constant(self, value: object, annotates: bool) -> None:
        self.words.append(f"={value!a}")  # no name begins so
        if annotates and isinstance(value, str):
            self.names |= _names_in(value)

    def _note(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import | ast.ImportFrom):
            self.imports += imports_of(node)
        elif isinstance(node, ast.Global):
            self.names |= {(name,) for name in node.names}


def _dotted(node: ast.Attribute) -> tuple[str, ...]:
    """The names of ``a.b.c``; none where it begins with something else than a name."""
    path, inner = [node.attr], node.value
    while isinstance(inner, ast.Attribute):
        path.append(inner.attr)
        inner = inner.value
    return (inner.id, *reversed(path)) if isinstance(inner, ast.Name) else ()


def _names_in(annotation: str) -> set[tuple[str, ...]]:
    """The names in an annotation written as text."""
    try:
        tree = ast.parse(annotation, mode="eval")
    except SyntaxError:
        return set()
    writer = _Writer(lambda _: False)
    writer.write(tree)
    return writer.names
