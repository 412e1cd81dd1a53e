"""The closure: it reaches what decides, definition by definition, and sees what code says and not how it is written."""

import ast
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np
import pytest

from models import model_kinds
from portfolio import own_rules
from signals.features import feature_sets
from strategy.definitions.spec import load_spec
from strategy.frozen.replay import replay
from strategy.frozen.versions import VersionFolder
from strategy.runs.closure import ROOT, RUN, Closure, decides, frozen_closure, run_closure, source_hash
from strategy.runs.provenance import code_fingerprint
from strategy.runs.source_tree import EXECUTED, PACKAGES, SourceModule, SourceTree
from tests.edited_tree import EditedTree

DECIDE = "strategy/learning/decide.py"
COMPARING = ("strategy/frozen/", "strategy/runs/")  # rooms that a replay passes through beside those that decide


def write(root: Path, files: dict[str, str]) -> SourceTree:
    """Write a tree in which every beginning is there and, but for what is given, does nothing."""
    names: dict[str, list[str]] = {}
    for beginning in RUN:
        path, _, name = beginning.partition(":")
        names.setdefault(path, []).extend([name] if name else [])
    for path in names.keys() | files.keys():
        source = files.get(path, "")
        stubs = [f"def {name}(): ...\n" for name in names.get(path, []) if f"def {name}(" not in source]
        for folder in (root / path).relative_to(root).parents:
            (root / folder).mkdir(parents=True, exist_ok=True)
            (root / folder / "__init__.py").touch()
        (root / path).write_text(source + "".join(stubs))
    return SourceTree(root)


def closure_of(root: Path, files: dict[str, str]) -> Closure:
    return frozen_closure(tree=write(root, files))


def deciding(source: str, names: str = "f") -> dict[str, str]:
    """A tree whose decision reads names of ``market/given.py``."""
    used = f"from market.given import {names}\ndef decide():\n    return {names}\n"
    return {DECIDE: used, "market/given.py": source}


def test_the_walk_follows_names_wherever_they_are_imported(tmp_path: Path) -> None:
    source = (
        "from market import top\nfrom market import unused\ndef decide():\n    top.first()\n"
        "    from signals.late import g\n    import models.whole\n    return g, models.whole.h()\n"
    )
    found = closure_of(
        tmp_path,
        {
            DECIDE: source,
            "market/top.py": "import numpy\ndef first(): return second()\ndef second(): ...\ndef third(): ...\n",
            "market/unused.py": "def f(): ...\n",
            "signals/late.py": "g = 1\nh = 2\n",
            "models/whole.py": "def h(): ...\ndef i(): ...\n",
            "models/unread.py": "X = 1\n",
        },
    )
    names = {path: set(found.definitions[path]) for path in found.definitions}
    assert names["market/top.py"] == {"first", "second"}
    assert names["signals/late.py"] == {"g"}
    assert names["models/whole.py"] == {"h"}
    assert not {"market/unused.py", "models/unread.py"} & names.keys()


def test_imports_for_the_type_checker_do_not_decide(tmp_path: Path) -> None:
    source = (
        "if TYPE_CHECKING:\n    from market.hint import A\nelse:\n    from market.real import B as A\n"
        "def decide(x: 'A'): ...\n"
    )
    files = {DECIDE: source, "market/hint.py": "A = 1", "market/real.py": "B = 1"}
    assert closure_of(tmp_path, files).modules.keys() & files.keys() == {DECIDE, "market/real.py"}


def test_a_package_that_passes_names_on_is_looked_through(tmp_path: Path) -> None:
    files = {
        DECIDE: "from market import A\ndef decide(): return A\n",
        "market/__init__.py": '"""Words."""\nfrom market.used import A\nfrom market.other import B\n__all__ = ["A"]\n',
        "market/used.py": "A = 1",
        "market/other.py": "B = 1",
    }
    passed = closure_of(tmp_path, files)
    assert "market/used.py" in passed.modules
    assert not {"market/other.py", "market/__init__.py"} & passed.modules.keys()
    direct = closure_of(tmp_path, {**files, DECIDE: "from market.used import A\ndef decide(): return A\n"})
    assert direct.sha256 == passed.sha256
    files["market/__init__.py"] += "print(B)\n"
    assert {"market/__init__.py", "market/other.py"} <= closure_of(tmp_path, files).modules.keys()


@pytest.mark.parametrize(
    "source",
    [
        "from market.chosen import *\nf = g\n",
        "from .chosen import g as f\n",
        "from market import chosen\nf = chosen.g\n",
        "import market.chosen\nf = market.chosen.g\n",
        "import market.chosen as c\nf = c.g\n",
        "from market import chosen\nf = getattr(chosen, 'g')\n",
        "def f():\n    from market import chosen\n    return chosen\n",
        "try:\n    from market.chosen import g as f\nexcept ImportError:\n    f = None\n",
        "try:\n    import market.chosen as c\nexcept ImportError:\n    pass\ndef f(): return c.g()\n",
        "def f(x: 'g') -> None: ...\nfrom market.chosen import g\n",
        "class f(Base): ...\nfrom market.chosen import g as Base\n",
        "@g\ndef f(): ...\nfrom market.chosen import g\n",
        "import market.lazy\nf = market.lazy.anything\n",
        "from market.lazy import anything as f\n",
        "from market.starred import g as f\n",
    ],
)
def test_every_way_to_name_a_definition_is_followed(source: str, tmp_path: Path) -> None:
    lazy = "from market import chosen\ndef __getattr__(name): return getattr(chosen, name)\n"
    files = {**deciding(source), "market/chosen.py": "def g(): return 1\n", "market/lazy.py": lazy}
    files["market/starred.py"] = "from os import *\nfrom market.chosen import *\n"
    before = closure_of(tmp_path, files)
    after = closure_of(tmp_path, {**files, "market/chosen.py": "def g(): return 2\n"})
    assert before.modules["market/chosen.py"] != after.modules["market/chosen.py"]


SOURCE = '''
"""Module."""
from functools import lru_cache
from numpy import mean
from pydantic import BaseModel, Field

LIMIT, OTHER = 3, 4
FACTORS = {"a": 1.0}
FACTORS["b"] = 2.0


class Base:
    """Base."""

    width = 5


class Settings(Base):
    """Settings."""

    depth: int = Field(default=2, ge=1, description="how deep")
    """Attribute."""

    def rule(self) -> int:
        """Rule."""
        pass


@lru_cache(maxsize=8)
def f(x, y=0.5, *, word="w"):
    """Say."""

    def inner(z):
        """Inner."""
        return z + 7

    if x < LIMIT and word:
        print(description="told")
        return mean([inner(x), y]), Settings, FACTORS
    return [x for x in range(9)]


def unreached(x=11):
    return 12
'''
SAME = {
    "a comment": ("LIMIT, OTHER = 3, 4\n", "LIMIT, OTHER = 3, 4  # why\n"),
    "a blank line": ("    def inner", "\n\n\n    def inner"),
    "a docstring": ('"""Say."""', '"""Say something else,\n\n    at length."""'),
    "no docstring": ('    """Say."""\n', ""),
    "a docstring that was all": ('    """Rule."""\n        pass', "    pass"),
    "an attribute's docstring": ('    """Attribute."""\n', ""),
    "a pass beside a docstring": ('"""Rule."""\n        pass', '"""Rule."""'),
    "line breaks": ("mean([inner(x), y]), Settings", "mean(\n            [inner(x), y],\n        ), Settings"),
    "brackets and quotes": ("x < LIMIT and word", "((x < LIMIT) and word)"),
    "how a number is written": ("y=0.5", "y=5e-1"),
    "how a text is written": ('word="w"', "word='w'"),
    "the text of a setting": ('description="how deep"', 'description="how very " "deep"'),
    "no text of a setting": (', description="how deep"', ""),
    "an unreached default": ("x=11", "x=13"),
    "an unreached body": ("return 12", "return 13"),
    "an unreached definition more": ("def unreached", "def another(): ...\n\n\ndef unreached"),
    "where an import stands": ("from numpy import mean\n", "import os\nfrom numpy import (\n    mean,\n)\n"),
    "what the module passes on": ("LIMIT, OTHER", '__all__ = ["f"]\nLIMIT, OTHER'),
}
OTHER = {
    "a module's constant": ("= 3, 4", "= 2, 4"),
    "an entry": ('"a": 1.0', '"a": 1.5'),
    "what is done at import": ('["b"] = 2.0', '["b"] = 2.5'),
    "an attribute of a class": ("width = 5", "width = 6"),
    "a base": ("class Settings(Base)", "class Settings(BaseModel, Base)"),
    "a setting's default": ("default=2", "default=3"),
    "a setting's bound": ("ge=1", "ge=0"),
    "a method": ("        pass", "        return 1"),
    "a decorator's argument": ("maxsize=8", "maxsize=16"),
    "a decorator": ("@lru_cache(maxsize=8)\n", ""),
    "a default": ("y=0.5", "y=0.6"),
    "a type of number": ("range(9)", "range(9.0)"),
    "a keyword's default": ('word="w"', 'word="v"'),
    "a nested function": ("z + 7", "z + 8"),
    "an operator": ("z + 7", "z - 7"),
    "a comparison": ("x < LIMIT", "x <= LIMIT"),
    "a connective": ("and word", "or word"),
    "a name": ("x < LIMIT", "x < OTHER"),
    "what an imported name means": ("from numpy import mean", "from numpy import median as mean"),
    "where a name is from": ("from numpy import mean", "from scipy.stats import mean"),
    "a name that shadows a builtin": ("def unreached", "def range(n): ...\n\n\ndef unreached"),
    "a text that is no description": ('description="how deep"', 'title="how deep"'),
    "a description that is no setting's": ('description="told"', 'description="said"'),
    "whose Field it is": ("from pydantic import BaseModel, Field", "from market.own import BaseModel, Field"),
    "a statement": ("    return [x for x", '    print("w")\n    return [x for x'),
}


@pytest.mark.parametrize("edit", SAME.values(), ids=SAME)
def test_what_says_the_same_has_the_same_hash(edit: tuple[str, str], tmp_path: Path) -> None:
    assert edit[0] in SOURCE
    before = closure_of(tmp_path, deciding(SOURCE))
    assert closure_of(tmp_path, deciding(SOURCE.replace(*edit))).sha256 == before.sha256


@pytest.mark.parametrize("edit", OTHER.values(), ids=OTHER)
def test_what_says_something_else_has_another_hash(edit: tuple[str, str], tmp_path: Path) -> None:
    assert edit[0] in SOURCE
    before = closure_of(tmp_path, deciding(SOURCE))
    after = closure_of(tmp_path, deciding(SOURCE.replace(*edit)))
    assert after.modules["market/given.py"] != before.modules["market/given.py"]


def test_line_ends_do_not_decide() -> None:
    assert source_hash(b"a\r\nb\r\n") == source_hash(b"a\nb\n") != source_hash(b"a\nc\n")
    unix, other = (SourceModule("market/a.py", SOURCE.replace("\n", end).encode()) for end in ("\n", "\r\n"))
    assert unix.syntax("f") == other.syntax("f")


def test_a_definition_that_comes_or_goes_is_noticed(tmp_path: Path) -> None:
    source = "def f(): return g()\ndef g(): ...\n"
    both = closure_of(tmp_path, deciding(source)).definitions["market/given.py"]
    one = closure_of(tmp_path, deciding("def f(): return g()\n")).definitions["market/given.py"]
    assert (set(both), set(one)) == ({"f", "g"}, {"f"})
    two = closure_of(tmp_path, deciding("def f(): return 1\n" + source)).modules["market/given.py"]
    assert two != closure_of(tmp_path, deciding(source)).modules["market/given.py"], "the first one is defined too"


def test_what_a_module_does_at_import_counts_once_the_module_is_imported(tmp_path: Path) -> None:
    files = deciding("import market.entered\ndef f(): ...\n")
    files["market/entered.py"] = "KNOWN = []\ndef idle(): ...\nKNOWN.append(1)\n"
    found = closure_of(tmp_path, files)
    assert set(found.definitions["market/entered.py"]) == {EXECUTED, "KNOWN"}
    files["market/entered.py"] = files["market/entered.py"].replace("1", "2")
    assert closure_of(tmp_path, files).sha256 != found.sha256


@pytest.mark.parametrize("entered", ["market/__init__.py", "market/late/__init__.py", "market/late/module.py"])
def test_packages_are_imported_with_their_modules_wherever_the_import_stands(entered: str, tmp_path: Path) -> None:
    files = deciding("def f():\n    import market.late.module\n")
    assert entered not in closure_of(tmp_path, {**files, "market/late/module.py": ""}).modules
    files |= {"market/late/module.py": "", entered: "print(1)\n"}
    assert closure_of(tmp_path, files).definitions[entered].keys() == {EXECUTED}


def test_a_name_that_is_defined_in_a_branch_leads_there(tmp_path: Path) -> None:
    files = deciding("import market.branched as b\ndef f(): return b.g()\n")
    files["market/branched.py"] = "if 1:\n    def g(): ...\ndef idle(): ...\n"
    assert closure_of(tmp_path, files).definitions["market/branched.py"].keys() == {EXECUTED}


def test_each_of_several_sources_of_a_name_counts(tmp_path: Path) -> None:
    source = "try:\n    from market.fast import g as f\nexcept ImportError:\n    from market.slow import g as f\n"
    files = {**deciding(source), "market/fast.py": "g = 1\n", "market/slow.py": "g = 2\n"}
    assert {"market/fast.py", "market/slow.py"} <= closure_of(tmp_path, files).modules.keys()


@pytest.mark.parametrize(
    "made", ["@enter\ndef hidden(): return 1\n", "hidden = enter(1)\n", "@enter('h')\nclass H: a = 1\n"]
)
def test_what_may_enter_itself_in_a_registry_counts_once_its_module_is_imported(made: str, tmp_path: Path) -> None:
    files = deciding("import market.kinds\nfrom market.registry import ENTERED as f\n")
    files["market/registry.py"] = "ENTERED = []\ndef enter(it):\n    ENTERED.append(it)\n    return it\n"
    files["market/kinds.py"] = f"from market.registry import enter\n{made}def idle(): return 1\n"
    before = closure_of(tmp_path, files)
    assert "idle" not in before.definitions["market/kinds.py"]
    files["market/kinds.py"] = files["market/kinds.py"].replace("1", "2", 1)
    assert closure_of(tmp_path, files).sha256 != before.sha256


def test_what_restores_a_kind_counts_for_its_own_versions_alone(tmp_path: Path) -> None:
    files = {
        "models/kinds/lstm.py": "SETTINGS = 1\ndef restored(): ...\ndef model(): return 5\n",
        "models/kinds/gru.py": "SETTINGS = 2\ndef restored(): ...\n",
    }
    tree = write(tmp_path, files)
    lstm, gru = frozen_closure("lstm", tree=tree), frozen_closure("gru", tree=tree)
    assert set(lstm.definitions["models/kinds/lstm.py"]) == {"SETTINGS", "restored"}
    assert "models/kinds/lstm.py" not in gru.modules
    assert frozen_closure("mine", tree=tree).modules.keys() == frozen_closure("../kinds/lstm", tree=tree).modules.keys()
    before = run_closure(tree=tree)
    tree = write(tmp_path, {**files, "models/kinds/more.py": "SETTINGS = 3\n"})
    assert frozen_closure("lstm", tree=tree).sha256 == lstm.sha256
    assert run_closure(tree=tree).sha256 != before.sha256


def test_how_a_model_is_trained_decides_a_run_and_no_frozen_version() -> None:
    trains = {"models/networks/train.py", "models/losses/rank_loss.py", "strategy/learning/learn.py"}
    frozen, run = frozen_closure("lstm"), run_closure()
    assert trains <= run.modules.keys()
    assert not {"models/networks/train.py", "models/networks/network_model.py"} & frozen.modules.keys()
    assert "learn" not in frozen.definitions["strategy/learning/learn.py"]


def test_a_beginning_that_is_not_there_is_refused(tmp_path: Path) -> None:
    tree = write(tmp_path, {})
    (tmp_path / DECIDE).write_text("def decide(): ...\n")
    with pytest.raises(LookupError, match=r"begins at strategy/learning/decide\.py:decided_book, which is not there"):
        frozen_closure(tree=SourceTree(tree.root))


@pytest.fixture(scope="module")
def ours() -> SourceTree:
    return SourceTree(ROOT)


def test_a_frozen_decision_reaches_part_of_what_a_run_does(ours: SourceTree) -> None:
    frozen, run = frozen_closure(tree=ours), run_closure(tree=ours)
    for path, names in frozen.definitions.items():
        assert names.items() <= run.definitions[path].items(), path
    assert "learn" in run.definitions["strategy/learning/learn.py"]
    assert "learn" not in frozen.definitions["strategy/learning/learn.py"]


def test_the_code_of_a_run_is_its_closure_and_what_a_user_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_sets, "_sources", {})
    monkeypatch.setattr(model_kinds, "_own", {})
    monkeypatch.setattr(own_rules, "_own", {})
    assert code_fingerprint() == run_closure().sha256
    monkeypatch.setattr(feature_sets, "_sources", {"mine": {"mine/a": "0" * 64}})
    assert code_fingerprint() != run_closure().sha256
    spec = load_spec()
    assert code_fingerprint(spec) == run_closure().sha256, "what a strategy does not name is not its code"
    named = spec.model_copy(update={"features": spec.features.model_copy(update={"set": "mine"})})
    assert code_fingerprint(named) == code_fingerprint()


def test_what_draws_prints_or_records_is_outside(ours: SourceTree) -> None:
    names = run_closure(tree=ours).modules
    for name in (
        "backtests/report/report_page.py",
        "strategy/runs/artefacts.py",
        "quintile/cli/run_commands.py",
        "strategy/trials/log.py",
    ):
        assert name not in names
        assert not decides(name)
    for name in (
        "market/panel.py",
        "models/windows.py",
        "portfolio/book.py",
        "backtests/engine/ledger.py",
        "market/holdout.py",
    ):
        assert name in names


def test_a_source_written_anew_from_its_syntax_tree_says_the_same(ours: SourceTree) -> None:
    class Rewritten(SourceTree):
        def module(self, path: str) -> SourceModule:
            if path not in self._modules:
                written = ast.unparse(ast.parse((ROOT / path).read_bytes()))
                self._modules[path] = SourceModule(path, written.encode())
            return self._modules[path]

    found, again = frozen_closure(tree=ours), frozen_closure(tree=Rewritten(ROOT))
    assert again.definitions == found.definitions


def numbers_in(path: str, source: bytes, names: set[str]) -> list[tuple[int, int, object]]:
    """Where the numbers stand in the definitions of a source, as offsets in bytes, and what they are."""
    starts = np.cumsum([0, *(len(line) for line in source.splitlines(keepends=True))])
    statements = [node for name in names for node in SourceModule(path, source).definitions.get(name, [])]
    found = []
    for node in (inner for statement in statements for inner in ast.walk(statement)):
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            first = int(starts[node.lineno - 1]) + node.col_offset
            last = int(starts[(node.end_lineno or 0) - 1]) + (node.end_col_offset or 0)
            if source[first:last].decode() in {"True", "False"} or source[first:last][:1].isdigit():
                found.append((first, last, node.value))
    return found


@pytest.mark.slow
def test_any_other_number_in_what_is_reached_changes_the_hash(ours: SourceTree) -> None:
    rng, found = np.random.default_rng(14), frozen_closure(tree=ours)
    reached = [(path, name) for path, names in found.definitions.items() for name in names]
    places = [
        (path, place)
        for path, name in reached
        for place in numbers_in(path, (ROOT / path).read_bytes(), {name})
        if name != EXECUTED
    ]
    assert len(places) > 500
    for index in rng.choice(len(places), size=40, replace=False):
        path, (first, last, value) = places[index]
        source = (ROOT / path).read_bytes()
        other = str(not value if isinstance(value, bool) else value + 1).encode()  # type: ignore[operator]
        changed = frozen_closure(tree=EditedTree(ours, {path: source[:first] + b" " + other + b" " + source[last:]}))
        differs = {name for name in found.modules if found.modules[name] != changed.modules.get(name)}
        assert differs == {path}, (path, source[:first].count(b"\n") + 1)


def test_the_closure_parses_no_source_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    parse, parsed = ast.parse, Counter[bytes]()

    def counted(source: str | bytes, *options: Any, **named: Any) -> ast.AST:
        if isinstance(source, bytes):  # a module; an annotation is text
            parsed[source] += 1
        return parse(source, *options, **named)

    monkeypatch.setattr(ast, "parse", counted)
    found = frozen_closure(tree=SourceTree(ROOT))
    assert len(parsed) >= len(found.modules) > 50
    assert set(parsed.values()) == {1}


class Watched:
    """The top-level functions and classes of our packages that ran, by source."""

    def __init__(self) -> None:
        self.ran: set[tuple[str, str]] = set()
        self.seen: set[CodeType] = set()

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event != "call" or code in self.seen:
            return
        self.seen.add(code)
        path = Path(code.co_filename)
        if path.is_relative_to(ROOT) and not code.co_name.startswith("<"):
            name = path.relative_to(ROOT).as_posix()
            if name.startswith(tuple(f"{package}/" for package in PACKAGES)):
                self.ran.add((name, code.co_qualname.partition(".")[0]))

    def __enter__(self) -> "Watched":
        threading.setprofile(self)
        sys.setprofile(self)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)


def own_definitions(ran: set[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Those that their source defines at its top: not what a decorator or ``dataclass`` made."""
    modules = {path: SourceModule(path, (ROOT / path).read_bytes()) for path, _ in ran}
    yield from ((path, name) for path, name in ran if name in modules[path].definitions)


def test_every_definition_that_a_replay_runs_is_in_the_closure(
    frozen: VersionFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Verdict and definition are held against today's rules, which decide no number.
    monkeypatch.setattr("strategy.frozen.replay._forged_words", lambda *_, **__: (None, ()))
    with Watched() as watched:
        assert replay(frozen).same
    ran = {(path, name) for path, name in own_definitions(watched.ran) if decides(path)}
    assert len(ran) > 100
    closure = frozen_closure()
    assert not sorted((path, name) for path, name in ran if name not in closure.definitions.get(path, {}))
    outside = {path for path, _ in watched.ran if not decides(path)}
    assert not [path for path in outside if not path.startswith(COMPARING)], "every room that decides is in DECIDING"


def test_every_folder_of_sources_is_a_package() -> None:
    folders = {path.parent for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    assert not [folder for folder in folders if not (folder / "__init__.py").is_file()], "the walk looks names up there"


@pytest.mark.parametrize("name", RUN)
def test_every_beginning_is_there(name: str) -> None:
    path, _, definition = name.partition(":")
    assert not definition or definition in SourceModule(path, (ROOT / path).read_bytes()).definitions
