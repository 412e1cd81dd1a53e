"""Closure: the code that decides a number, found definition by definition and hashed by what it says.

The walk begins at named definitions, follows every name that one reads to the definition it means, and stays in the
rooms that decide, so that a change to a report, a command or the run store leaves every fingerprint as it is. A class
counts whole, and so does what a module does when it is imported. Comments, docstrings and formatting count nothing
(``strategy.runs.syntax``), and what a name means counts as much as the text around it. What is only found by name at
run time, as a file of ``models/kinds`` is, must be named as a beginning.

Standard library only, nothing is executed.
"""

import hashlib
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from strategy.runs.source_tree import EXECUTED, PACKAGES, Home, SourceModule, SourceTree
from strategy.runs.syntax import Import

__all__ = [
    "DECIDING",
    "DEFAULT_KIND",
    "FROZEN",
    "PACKAGES",
    "ROOT",
    "RUN",
    "STARTED",
    "Closure",
    "closure_hash",
    "decides",
    "forecast_closure",
    "frozen_closure",
    "is_running",
    "run_closure",
    "source_hash",
]

ROOT = Path(__file__).resolve().parents[2]
STARTED = time.time()
KINDS = "models/kinds"
DEFAULT_KIND = "lstm"
KIND = re.compile(r"[a-z][a-z0-9_]{0,63}")
RESTORES = ("SETTINGS", "network", "restored")  # what a decision asks of a kind's file; ``model`` is asked to learn
SHORT = 16  # hexadecimal digits of a definition's hash, which only tells two apart

# What a frozen version's numbers come from, by source and definition: bars and universe, spec, weights, scores, book,
# fills, returns and figures.
FROZEN = (
    "strategy/learning/decide.py:decide",
    "strategy/learning/decide.py:decided_book",
    "strategy/learning/decide.py:frozen_scores",
    "strategy/learning/decide.py:recompute",
    "strategy/definitions/spec.py:load_spec",
    "models/checkpoint.py:load_checkpoint",
    "models/threads.py:threads",
    "market/inputs.py:load_inputs",
    "market/panel.py:Panel",
    "market/panel.py:aligned_frame",
    "market/returns.py:forward_returns",
    "backtests/statistics/metrics.py:performance_summary",
    "backtests/statistics/metrics.py:sharpe_ratio",
    "signals/score_metrics.py:information_coefficient",
)
# A run learns as well.
RUN = (*FROZEN, "strategy/learning/decide.py", "strategy/learning/learn.py", "strategy/learning/training_data.py")
# What a forecaster of single series learns and says.
FORECAST = ("models/forecasters/forecaster_settings.py", "market/inputs.py:load_inputs", "market/panel.py:Panel")
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Closure:
    """The deciding code that was reached.

    Parameters
    ----------
    modules : mapping of str to str
        The sha256 of each source's reached definitions, by its path from the root, sorted.
    definitions : mapping of str to mapping of str to str
        A short hash of every reached definition, by source and name.
    """

    modules: Mapping[str, str]
    definitions: Mapping[str, Mapping[str, str]]

    @property
    def sha256(self) -> str:
        """The one hash of all."""
        return closure_hash(self.modules)


def frozen_closure(kind: str = DEFAULT_KIND, *, tree: SourceTree | None = None) -> Closure:
    """What decides the numbers of a frozen version whose model is of a kind.

    Parameters
    ----------
    kind : str
        Of the version's model, with those of its members behind plus signs: what restores it counts, not what fits
        it, and no other kind does.
    tree : SourceTree, optional
        The sources; those of this installation by default.

    Raises
    ------
    LookupError
        If a beginning is not there.
    """
    return _frozen(kind) if tree is None else _closure(tree, [*FROZEN, *_kind_beginnings(tree, kind)])


def run_closure(*, tree: SourceTree | None = None) -> Closure:
    """What decides the numbers of a run, training and every kind of model included; see ``frozen_closure``."""
    return _run() if tree is None else _closure(tree, [*RUN, *_kind_beginnings(tree, None)])


@cache
def forecast_closure() -> Closure:
    """What decides the numbers of a forecaster of single series, training and every kind of network included."""
    return _closure(_installed(), [*FORECAST, *_kind_beginnings(_installed(), None)])


def closure_hash(modules: Mapping[str, str]) -> str:
    """The one sha256 of hashes by name."""
    lines = (f"{name} {digest}\n" for name, digest in sorted(modules.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def source_hash(source: bytes) -> str:
    """The sha256 of a source with Unix line ends."""
    return hashlib.sha256(source.replace(b"\r\n", b"\n")).hexdigest()


def decides(name: str) -> bool:
    """Whether a source lies in a room that decides, and so belongs to the closure if it is reached."""
    return name.startswith(DECIDING)


def is_running(closure: Closure, root: Path = ROOT) -> bool:
    """Whether the sources of a closure are older than this process, which may run what they said before."""
    return all((root / path).stat().st_mtime <= STARTED for path in closure.modules)


@cache
def _installed() -> SourceTree:
    return SourceTree(ROOT)


@cache
def _frozen(kind: str) -> Closure:
    return frozen_closure(kind, tree=_installed())


@cache
def _run() -> Closure:
    return run_closure(tree=_installed())


def _kind_beginnings(tree: SourceTree, kind: str | None) -> list[str]:
    """The sources of a kind of model, of several as ``"ensemble+lstm"``, or of all; a user's own has none here."""
    if kind is None:
        return sorted(path.relative_to(tree.root).as_posix() for path in (tree.root / KINDS).glob("*.py"))
    paths = [f"{KINDS}/{each}.py" for each in kind.split("+") if KIND.fullmatch(each)]
    shipped = [path for path in paths if tree.has(path)]
    return [f"{path}:{name}" for path in shipped for name in RESTORES if tree.module(path).defined_as(name)]


def _closure(tree: SourceTree, beginnings: list[str]) -> Closure:
    reached = dict(_Walk(tree).reached(beginnings))
    paths = sorted({home.path for home in reached})
    found = {path: {h.definition: digest for h, digest in reached.items() if h.path == path} for path in paths}
    return Closure(
        modules={path: closure_hash(hashes) for path, hashes in found.items()},
        definitions={path: {name: hashes[name][:SHORT] for name in sorted(hashes)} for path, hashes in found.items()},
    )


class _Walk:
    """One walk from definition to definition."""

    def __init__(self, tree: SourceTree) -> None:
        self.tree = tree
        self.waiting: list[Home] = []
        self.entered: set[str] = set()

    def reached(self, beginnings: list[str]) -> Iterator[tuple[Home, str]]:
        """Yield every definition that is reached, and its hash."""
        for beginning in beginnings:
            self._begin(*beginning.partition(":")[::2])
        seen: set[Home] = set()
        while self.waiting:
            home = self.waiting.pop()
            if home not in seen:
                seen.add(home)
                yield home, self._hash(home)

    def _begin(self, path: str, definition: str) -> None:
        if not self.tree.has(path) or (definition and not self.tree.module(path).defined_as(definition)):
            raise LookupError(f"the closure begins at {path}:{definition}, which is not there: mend its beginnings")
        self._reach(Home(path, definition))

    def _reach(self, home: Home) -> None:
        """A definition, or a whole module, is needed."""
        if home.foreign or not decides(home.path):
            return
        self._import(home.path)
        names = [home.definition] if home.definition else self.tree.module(home.path).definitions
        self.waiting += [Home(home.path, name) for name in names]

    def _import(self, path: str) -> None:
        """A module is imported: what it does then is done, and what it imports is imported."""
        waiting = [path]
        while waiting:
            path = waiting.pop()
            if path in self.entered or not decides(path):
                continue
            self.entered.add(path)
            source = self.tree.module(path)
            done = [EXECUTED] if EXECUTED in source.definitions else []
            self.waiting += [Home(path, name) for name in (*done, *source.registered)]
            waiting += self.tree.packages_around(path)
            waiting += [file for each in source.imports for file in self._imported(source, each)]

    def _imported(self, source: SourceModule, each: Import) -> Iterator[str]:
        """The sources that an import loads, before any name is looked up in them."""
        module = source.absolute(each.module)
        for name in (module, f"{module}.{each.attribute}"):
            path = self.tree.file_of(name)
            if path is not None:
                yield path

    def _hash(self, home: Home) -> str:
        """The hash of a definition; the definitions that its names mean are reached."""
        source = self.tree.module(home.path)
        syntax = source.syntax(home.definition)
        inner = {each.name: each for each in syntax.imports}
        for each in syntax.imports:
            self._take(source, each)
        meanings = [syntax.text]
        for name in sorted(syntax.names):
            definition = None if name[0] in inner else source.defined_as(name[0])
            if definition is not None:
                self._reach(Home(home.path, definition))
            bound = inner.get(name[0]) or source.bindings.get(name[0])
            meant = self._starred(source, name[0]) if bound is None else self.tree.bound(source, bound, name[1:])
            if meant is not None:
                self._reach(meant)
                meanings.append(f"{'.'.join(name)}={meant}")
        return hashlib.sha256("\n".join(meanings).encode()).hexdigest()

    def _take(self, source: SourceModule, each: Import) -> None:
        """An import inside a definition: what it names is needed, a module only once a name is taken from it."""
        for path in self._imported(source, each):
            self._import(path)
        if each.attribute not in (None, "*"):
            self._reach(self.tree.bound(source, each))

    def _starred(self, source: SourceModule, name: str) -> Home | None:
        homes = (self.tree.home(source.absolute(star), name) for star in source.stars)
        return next((home for home in homes if not home.foreign), None)
