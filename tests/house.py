"""House measures: the sizes, names, parameters and imports of the product's tree, each beside its limit.

Run by ``python tests/house.py [ROOT]``. It reads the sources and imports none of them, prints a table, lists every
offender below it, and exits 1 if a measure fails.

- A body runs from the first statement after the docstring to the last line of its function. A nested function counts
  by itself and in its parent; a function of nothing but a docstring has a body of 0 lines. Bodies over forty lines
  are listed while their share is within its limit too, and so are packages whose own median is over it.
- Parameters are all that a signature names, ``*names`` and ``**settings`` too, without ``self`` and ``cls``. The
  ``__init__`` that a dataclass generates is in no source and not counted. More than six are allowed where a command
  line is declared, which is a function of ``quintile/cli`` whose name ends in ``_command``, and in numba kernels, which
  take arrays one by one because compiled code takes no Python values. Kernels over six are listed apart; a kernel is a
  function with a decorator whose name contains ``jit``, ``compiled`` or ``kernel``.
- Imports are those of the whole module: at its top, under ``if TYPE_CHECKING:`` and inside functions.
  ``from a import b`` imports ``a.b`` where that is a module, otherwise ``a``; a module of a package can be imported
  without its ``__init__``. What a ``__getattr__`` looks up in a table is no import. Of the modules that lie in a cycle
  each is shown in at least one, with the lines of the imports.
- ``__init__.py`` and ``__main__.py`` have no name of their own and do not fill a room.
"""

import argparse
import ast
import statistics
import sys
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("quintile", "live", "strategy", "backtests", "portfolio", "signals", "models", "market", "core")
UNNAMED = ("__init__.py", "__main__.py")
MAX_SHARE = 0.30  # of the product's lines, in one package
MAX_ROOM = 20  # modules flat in one folder
MAX_MEDIAN_BODY = 8  # lines
LONG_BODY = 40  # lines
MAX_LONG_SHARE = 0.01  # of the bodies, over LONG_BODY
MAX_BODY = 60  # lines
MAX_MODULE = 400  # lines
MAX_PARAMETERS = 6
COMMANDS = "quintile/cli"
KERNEL_WORDS = ("jit", "compiled", "kernel")

Edges = dict[str, dict[str, int]]  # importing module → imported module → line of the import


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One source file: its path from the root, its dotted name, its lines and its syntax tree."""

    path: Path
    lines: int
    tree: ast.Module

    @property
    def name(self) -> str:
        """The name by which it is imported; a package's is that of its ``__init__``."""
        parts = self.path.with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def is_named(self) -> bool:
        """Whether the file has a name of its own."""
        return self.path.name not in UNNAMED


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One function or method: where it stands, the lines of its body, its parameters and decorators."""

    path: Path
    line: int
    name: str
    body: int
    parameters: int
    decorators: tuple[str, ...]

    @property
    def is_kernel(self) -> bool:
        """Whether numba compiles it."""
        called = [text.partition("(")[0] for text in self.decorators]
        return any(word in name for word in KERNEL_WORDS for name in called)

    @property
    def is_command(self) -> bool:
        """Whether its parameters declare the options of a command."""
        return self.name.endswith("_command") and self.path.as_posix().startswith(f"{COMMANDS}/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """The modules of the product packages, and their functions."""

    modules: tuple[Module, ...]
    functions: tuple[Function, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One row of the table, the offenders below it, and what is over the limit and allowed."""

    name: str
    now: str
    limit: str
    ok: bool
    offenders: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()


def product(root: Path) -> Product:
    """Read the product packages that exist below a root.

    Raises
    ------
    ValueError
        If there are none.
    """
    paths = sorted(path for package in PACKAGES for path in (root / package).rglob("*.py"))
    if not paths:
        raise ValueError(f"{root} holds none of the packages {', '.join(PACKAGES)}: name the root of the tree")
    modules = tuple(_module(path, root) for path in paths)
    return Product(modules=modules, functions=tuple(one for module in modules for one in functions_of(module)))


def _module(path: Path, root: Path) -> Module:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text, filename=str(path))
    return Module(path=path.relative_to(root), lines=len(text.splitlines()), tree=tree)


def functions_of(module: Module) -> Iterator[Function]:
    """Yield every function of a module, methods and nested functions too, under its dotted name."""

    def visit(node: ast.AST, prefix: str) -> Iterator[Function]:
        for child in ast.iter_child_nodes(node):
            inside = prefix
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inside = f"{prefix}{child.name}."
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield _function(child, module.path, inside[:-1])
            yield from visit(child, inside)

    return visit(module.tree, "")


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef, path: Path, name: str) -> Function:
    return Function(
        path=path,
        line=node.lineno,
        name=name,
        body=_body_lines(node),
        parameters=_n_parameters(node.args),
        decorators=tuple(ast.unparse(decorator) for decorator in node.decorator_list),
    )


def _body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    statements = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    if not statements:
        return 0
    decorators: list[ast.expr] = getattr(statements[0], "decorator_list", [])
    first = min([statements[0].lineno, *(decorator.lineno for decorator in decorators)])
    return (node.end_lineno or first) - first + 1


def _n_parameters(signature: ast.arguments) -> int:
    named = [argument.arg for argument in (*signature.posonlyargs, *signature.args)]
    own = int(named[:1] in (["self"], ["cls"]))
    rest = [argument for argument in (signature.vararg, signature.kwarg) if argument]
    return len(named) - own + len(signature.kwonlyargs) + len(rest)


def import_edges(modules: Iterable[Module]) -> Edges:
    """Return what each module imports of the others, with the first line that does."""
    by_name = {module.name: module for module in modules}
    edges: Edges = {name: {} for name in by_name}
    for name, module in by_name.items():
        for node in ast.walk(module.tree):
            for candidates in _candidates(node, module):
                target = next((candidate for candidate in candidates if candidate in by_name), None)
                if target and isinstance(node, ast.stmt):
                    edges[name][target] = min(node.lineno, edges[name].get(target, node.lineno))
    return edges


def _candidates(node: ast.AST, module: Module) -> list[tuple[str, ...]]:
    """Return the modules that each name of an import statement may mean, the likeliest first."""
    if isinstance(node, ast.Import):
        return [(alias.name,) for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    parts = module.path.parent.parts
    above = parts[: len(parts) - node.level + 1] if node.level else ()
    source = ".".join([*above, *([node.module] if node.module else [])])
    return [(f"{source}.{alias.name}", source) for alias in node.names]


def import_cycles(edges: Edges) -> list[tuple[str, ...]]:
    """Return cycles such that every module that lies in one is in at least one of them."""
    cycles: list[tuple[str, ...]] = []
    for name in sorted(edges):
        if not any(name in cycle for cycle in cycles):
            cycle = _shortest_cycle(name, edges)
            cycles += [cycle] if cycle else []
    return cycles


def _shortest_cycle(start: str, edges: Edges) -> tuple[str, ...]:
    came_from: dict[str, str] = {}
    waiting = deque([start])
    while waiting:
        here = waiting.popleft()
        if start in edges[here]:
            back = [here]
            while back[-1] != start:
                back.append(came_from[back[-1]])
            return tuple(reversed(back))
        for there in sorted(edges[here].keys() - came_from.keys()):
            came_from[there] = here
            waiting.append(there)
    return ()


def measures(root: Path) -> list[Measure]:
    """Measure the product below a root, in the order of the table."""
    tree = product(root)
    return [
        package_share(tree),
        cycles(tree),
        rooms(tree),
        median_body(tree),
        long_bodies(tree),
        longest_body(tree),
        module_length(tree),
        parameters(tree),
        basenames(tree),
        gerunds(tree),
    ]


def package_share(tree: Product) -> Measure:
    """Measure how much of the product lies in its largest package."""
    lines: Counter[str] = Counter()
    for module in tree.modules:
        lines[module.path.parts[0]] += module.lines
    total = max(lines.total(), 1)
    largest, most = lines.most_common(1)[0]
    return Measure(
        name="largest package",
        now=f"{largest} {most / total:.1%}",
        limit=f"{MAX_SHARE:.0%}",
        ok=most / total <= MAX_SHARE,
        offenders=tuple(
            f"{name}/ {n:,} of {total:,} lines, {n / total:.1%}"
            for name, n in lines.most_common()
            if n / total > MAX_SHARE
        ),
    )


def cycles(tree: Product) -> Measure:
    """Measure import cycles."""
    edges = import_edges(tree.modules)
    paths = {module.name: module.path.as_posix() for module in tree.modules}
    told = []
    for cycle in import_cycles(edges):
        hops = zip(cycle, (*cycle[1:], cycle[0]), strict=True)
        told.append(" → ".join([*(f"{paths[a]}:{edges[a][b]}" for a, b in hops), paths[cycle[0]]]))
    return Measure(name="import cycles", now=str(len(told)), limit="0", ok=not told, offenders=tuple(told))


def rooms(tree: Product) -> Measure:
    """Measure how many modules lie flat in one folder."""
    sizes = Counter(module.path.parent.as_posix() for module in tree.modules if module.is_named)
    over = [f"{room}/ {n} modules" for room, n in sizes.most_common() if n > MAX_ROOM]
    most = max(sizes.values(), default=0)
    return Measure(
        name="modules in one room", now=str(most), limit=str(MAX_ROOM), ok=most <= MAX_ROOM, offenders=tuple(over)
    )


def median_body(tree: Product) -> Measure:
    """Measure the median body, and name the packages whose own is over the limit."""
    of_package: dict[str, list[int]] = {}
    for function in tree.functions:
        of_package.setdefault(function.path.parts[0], []).append(function.body)
    now = statistics.median([function.body for function in tree.functions] or [0])
    medians = {name: statistics.median(bodies) for name, bodies in of_package.items()}
    return Measure(
        name="median body",
        now=f"{now:g}",
        limit=str(MAX_MEDIAN_BODY),
        ok=now <= MAX_MEDIAN_BODY,
        offenders=tuple(f"{name}/ {median:g}" for name, median in medians.items() if median > MAX_MEDIAN_BODY),
    )


def long_bodies(tree: Product) -> Measure:
    """Measure the share of bodies over forty lines."""
    over = _longest_first(tree, LONG_BODY)
    share = len(over) / max(len(tree.functions), 1)
    return Measure(
        name=f"bodies over {LONG_BODY} lines",
        now=f"{len(over)} of {len(tree.functions):,}, {share:.2%}",
        limit=f"{MAX_LONG_SHARE:.0%}",
        ok=share <= MAX_LONG_SHARE,
        offenders=over,
    )


def longest_body(tree: Product) -> Measure:
    """Measure the longest body."""
    most = max((function.body for function in tree.functions), default=0)
    over = _longest_first(tree, MAX_BODY)
    return Measure(name="longest body", now=str(most), limit=str(MAX_BODY), ok=not over, offenders=over)


def _longest_first(tree: Product, limit: int) -> tuple[str, ...]:
    over = sorted((one for one in tree.functions if one.body > limit), key=lambda one: -one.body)
    return tuple(_told(one, one.body) for one in over)


def _told(function: Function, value: int) -> str:
    return f"{function.path.as_posix()}:{function.line} {function.name} {value}"


def module_length(tree: Product) -> Measure:
    """Measure the longest module."""
    over = sorted((one for one in tree.modules if one.lines > MAX_MODULE), key=lambda one: -one.lines)
    most = max(module.lines for module in tree.modules)
    return Measure(
        name="longest module",
        now=str(most),
        limit=str(MAX_MODULE),
        ok=not over,
        offenders=tuple(f"{one.path.as_posix()}:1 {one.name} {one.lines}" for one in over),
    )


def parameters(tree: Product) -> Measure:
    """Measure the most parameters of a function that is neither a kernel nor a command."""
    counted = [one for one in tree.functions if not one.is_kernel and not one.is_command]
    most = max((one.parameters for one in counted), default=0)
    return Measure(
        name="parameters",
        now=str(most),
        limit=str(MAX_PARAMETERS),
        ok=most <= MAX_PARAMETERS,
        offenders=_widest_first(counted),
        allowed=_widest_first(one for one in tree.functions if one.is_kernel),
    )


def _widest_first(functions: Iterable[Function]) -> tuple[str, ...]:
    over = sorted((one for one in functions if one.parameters > MAX_PARAMETERS), key=lambda one: -one.parameters)
    return tuple(_told(one, one.parameters) for one in over)


def basenames(tree: Product) -> Measure:
    """Measure how many basenames stand in the product more than once."""
    paths: dict[str, list[str]] = {}
    for module in tree.modules:
        if module.is_named:
            paths.setdefault(module.path.name, []).append(module.path.as_posix())
    twice = {name: found for name, found in sorted(paths.items()) if len(found) > 1}
    told = tuple(f"{path}:1 {name} {len(found)}" for name, found in twice.items() for path in found)
    return Measure(name="basenames twice", now=str(len(twice)), limit="0", ok=not twice, offenders=told)


def gerunds(tree: Product) -> Measure:
    """Measure how many modules are named by what they do instead of what they hold."""
    found = tuple(f"{one.path.as_posix()}:1 {one.path.name}" for one in tree.modules if one.path.stem.endswith("ing"))
    return Measure(name="modules named *ing.py", now=str(len(found)), limit="0", ok=not found, offenders=found)


def rendered(found: Sequence[Measure]) -> str:
    """Render the table, the offenders of each measure, and what is over a limit and allowed."""
    rows = [("measure", "now", "limit", "ok")]
    rows += [(one.name, one.now, one.limit, "yes" if one.ok else "no") for one in found]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [" | ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    for measure in found:
        if measure.offenders:
            lines += ["", f"{measure.name}:", *(f"  {offender}" for offender in measure.offenders)]
        if measure.allowed:
            lines += ["", f"{measure.name}, allowed in kernels:", *(f"  {kernel}" for kernel in measure.allowed)]
    return "\n".join(lines)


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", nargs="?", type=Path, default=ROOT, help="the tree to measure")
    try:
        found = measures(parser.parse_args(words).root)
    except ValueError as error:
        parser.error(str(error))
    print(rendered(found))
    return int(not all(measure.ok for measure in found))


if __name__ == "__main__":
    sys.exit(main())
