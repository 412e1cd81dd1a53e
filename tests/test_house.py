"""The house measures, each on a tiny tree that keeps it and on one that breaks it."""

from pathlib import Path

import pytest

from tests.house import Measure, main, measures

TREE = {f"{package}/__init__.py": '"""A package."""\n' for package in ("strategy", "backtests", "signals", "market")}


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def measured(root: Path, name: str, files: dict[str, str]) -> Measure:
    write(root, files)
    return next(measure for measure in measures(root) if measure.name == name)


def function(n_lines: int, name: str = "f", signature: str = "", decorator: str = "") -> str:
    """Write a function whose body has so many lines after a docstring of three."""
    statements = "".join(f"    x = {number}\n" for number in range(n_lines))
    return f'{decorator}def {name}({signature}):\n    """Say.\n\n    More.\n    """\n\n{statements}'


SEVEN = "a, b, c, d, e, f, g"


def test_a_tree_within_every_limit_exits_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write(tmp_path, TREE)
    assert main([str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [part.strip() for part in lines[0].split("|")] == ["measure", "now", "limit", "ok"]
    assert len(lines) == 11
    assert all(line.endswith("| yes") for line in lines[1:])
    assert len({line.rindex("|") for line in lines}) == 1


def test_one_failure_exits_1_and_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write(tmp_path, {**TREE, "market/pricing.py": ""})
    assert main([str(tmp_path)]) == 1
    assert capsys.readouterr().out.endswith("\nmodules named *ing.py:\n  market/pricing.py:1 pricing.py\n")


def test_a_folder_without_the_product_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write(tmp_path, {"elsewhere/a.py": ""})
    with pytest.raises(SystemExit, match="2"):
        main([str(tmp_path)])
    assert "name the root of the tree" in capsys.readouterr().err


@pytest.mark.parametrize(("lines", "ok"), [(3, True), (4, False)])
def test_a_package_holds_at_most_three_tenths_of_the_lines(tmp_path: Path, lines: int, ok: bool):
    parts = {"strategy/a.py": lines, "market/b.py": 3, "models/c.py": 3, "signals/d.py": 1, "tests/e.py": 90}
    found = measured(tmp_path, "largest package", {path: "x = 1\n" * n for path, n in parts.items()})
    assert found.ok is ok
    assert found.offenders == (() if ok else ("strategy/ 4 of 11 lines, 36.4%",))


def test_imports_of_one_direction_are_no_cycle(tmp_path: Path):
    files = {
        "market/__init__.py": "from market.a import x\nfrom market.b import y\n",
        "market/a.py": "import numpy\nfrom market import b\nimport market.c\n",
        "market/b.py": "from market.c import z\n",
        "market/c.py": "z = 1\n",
        "strategy/__init__.py": 'NAMES = {"run": "d"}\ndef __getattr__(name):\n    return NAMES[name]\n',
        "strategy/d.py": "from strategy import run\n",
    }
    found = measured(tmp_path, "import cycles", files)
    assert (found.ok, found.now, found.offenders) == (True, "0", ())


@pytest.mark.parametrize(
    "back",
    [
        "from market.a import x",
        "import market.a",
        "from .a import x",
        "from . import a",
        "from ..market import a",
        "if TYPE_CHECKING:\n    from market.a import x",
        "def late():\n    from market import a",
    ],
)
def test_two_modules_that_import_each_other_are_a_cycle(tmp_path: Path, back: str):
    files = {"market/__init__.py": "", "market/a.py": "\nfrom market.b import y\n", "market/b.py": f"{back}\n"}
    found = measured(tmp_path, "import cycles", files)
    line = back.count("\n") + 1
    assert not found.ok
    assert found.offenders == (f"market/a.py:2 → market/b.py:{line} → market/a.py",)


def test_a_name_taken_from_the_package_closes_a_cycle_through_its_init(tmp_path: Path):
    files = {"market/__init__.py": "from market.a import x\n", "market/a.py": "from market import y\n"}
    found = measured(tmp_path, "import cycles", files)
    assert found.offenders == ("market/__init__.py:1 → market/a.py:1 → market/__init__.py",)


def test_every_module_of_a_knot_is_shown_and_no_module_beside_it(tmp_path: Path):
    imports = {"a": "b", "b": "c", "c": "a d", "d": "c e", "e": "", "f": "a"}
    texts = {name: "".join(f"import market.{one}\n" for one in names.split()) for name, names in imports.items()}
    found = measured(tmp_path, "import cycles", {f"market/{name}.py": text for name, text in texts.items()})
    assert found.offenders == (
        "market/a.py:1 → market/b.py:1 → market/c.py:1 → market/a.py",
        "market/d.py:1 → market/c.py:2 → market/d.py",
    )


@pytest.mark.parametrize(("n_modules", "ok"), [(20, True), (21, False)])
def test_a_room_holds_at_most_twenty_modules(tmp_path: Path, n_modules: int, ok: bool):
    names = [f"m{number}" for number in range(n_modules)] + ["__init__", "__main__", "below/__init__", "below/m"]
    found = measured(tmp_path, "modules in one room", {f"market/{name}.py": "" for name in names})
    assert (found.ok, found.now) == (ok, str(n_modules))
    assert found.offenders == (() if ok else ("market/ 21 modules",))


@pytest.mark.parametrize(("middle", "ok"), [(8, True), (9, False)])
def test_the_median_body_is_at_most_eight_lines(tmp_path: Path, middle: int, ok: bool):
    found = measured(tmp_path, "median body", {"market/a.py": function(1) + function(middle) + function(30)})
    assert (found.ok, found.now) == (ok, str(middle))
    assert found.offenders == (() if ok else ("market/ 9",))


@pytest.mark.parametrize(("n_functions", "ok"), [(100, True), (99, False)])
def test_at_most_one_body_in_a_hundred_is_over_forty_lines(tmp_path: Path, n_functions: int, ok: bool):
    files = {"market/a.py": function(40) * (n_functions - 1), "market/b.py": function(41, name="long")}
    found = measured(tmp_path, "bodies over 40 lines", files)
    assert found.ok is ok
    assert found.offenders == ("market/b.py:1 long 41",)


@pytest.mark.parametrize(("n_lines", "ok"), [(60, True), (61, False)])
def test_no_body_is_over_sixty_lines(tmp_path: Path, n_lines: int, ok: bool):
    inner = function(n_lines).replace("\n", "\n    ").rstrip(" ")
    found = measured(tmp_path, "longest body", {"market/a.py": f"class Book:\n    {inner}"})
    assert (found.ok, found.now) == (ok, str(n_lines))
    assert found.offenders == (() if ok else ("market/a.py:2 Book.f 61",))


def test_a_nested_function_counts_by_itself_and_in_its_parent(tmp_path: Path):
    text = "def outer():\n    @cache\n    def inner():\n        return 1\n\n    return inner\n"
    found = measured(tmp_path, "median body", {"market/a.py": text})
    assert found.now == "3"  # five lines, decorator included, and one
    assert measured(tmp_path, "longest body", {}).now == "5"


@pytest.mark.parametrize(("n_lines", "ok"), [(400, True), (401, False)])
def test_no_module_is_over_four_hundred_lines(tmp_path: Path, n_lines: int, ok: bool):
    found = measured(tmp_path, "longest module", {"market/a.py": "x = 1\n" * n_lines})
    assert (found.ok, found.now) == (ok, str(n_lines))
    assert found.offenders == (() if ok else ("market/a.py:1 market.a 401",))


@pytest.mark.parametrize(
    ("signature", "ok"),
    [
        ("a, b, c, d, e, f", True),
        ("self, a, b, c, d, e, f", True),
        ("cls, a, /, b, *, c, d, e, f", True),
        (SEVEN, False),
        ("a, b, c, d, *, e, f, g", False),
        ("a, b, c, d, e, *f, **g", False),
    ],
)
def test_a_function_takes_at_most_six_parameters(tmp_path: Path, signature: str, ok: bool):
    found = measured(tmp_path, "parameters", {"market/a.py": function(1, signature=signature)})
    assert found.ok is ok
    assert found.offenders == (() if ok else ("market/a.py:1 f 7",))


def test_the_fields_of_a_dataclass_are_not_parameters(tmp_path: Path):
    fields = "".join(f"    {name}: int\n" for name in "abcdefgh")
    assert measured(tmp_path, "parameters", {"market/a.py": f"@dataclass\nclass Terms:\n{fields}"}).now == "0"


@pytest.mark.parametrize(
    ("path", "name", "ok"),
    [
        ("quintile/cli/run.py", "run_command", True),
        ("quintile/cli/run.py", "run", False),
        ("strategy/cli/run.py", "run_command", False),
        ("quintile/client.py", "run_command", False),
    ],
)
def test_a_declared_command_line_takes_as_many_as_it_likes(tmp_path: Path, path: str, name: str, ok: bool):
    source = function(1, signature=SEVEN).replace("def f(", f"def {name}(")
    found = measured(tmp_path, "parameters", {path: source})
    assert (found.ok, found.allowed) == (ok, ())


@pytest.mark.parametrize(
    ("decorator", "is_kernel"),
    [
        ("@compiled", True),
        ("@numba.njit(cache=True)", True),
        ("@jit", True),
        ("@window_kernel", True),
        ("@wraps(kernel)", False),
        ("@cache", False),
    ],
)
def test_kernels_are_listed_apart(tmp_path: Path, decorator: str, is_kernel: bool):
    files = {"market/a.py": function(1, signature=SEVEN, decorator=f"{decorator}\n")}
    found = measured(tmp_path, "parameters", files)
    listed = ("market/a.py:2 f 7",)
    assert (found.ok, found.allowed, found.offenders) == ((True, listed, ()) if is_kernel else (False, (), listed))


@pytest.mark.parametrize(("second", "ok"), [("book", True), ("panel", False)])
def test_a_basename_stands_once_in_the_product(tmp_path: Path, second: str, ok: bool):
    names = ["market/__init__", "market/__main__", "market/panel", "strategy/__init__", "strategy/__main__"]
    found = measured(tmp_path, "basenames twice", {f"{name}.py": "" for name in [*names, f"strategy/{second}"]})
    assert found.ok is ok
    assert found.offenders == (() if ok else ("market/panel.py:1 panel.py 2", "strategy/panel.py:1 panel.py 2"))


@pytest.mark.parametrize(("name", "ok"), [("decision", True), ("deciding", False)])
def test_a_module_is_named_by_the_noun_it_holds(tmp_path: Path, name: str, ok: bool):
    found = measured(tmp_path, "modules named *ing.py", {f"strategy/trading/{name}.py": ""})
    assert found.ok is ok
    assert found.offenders == (() if ok else ("strategy/trading/deciding.py:1 deciding.py",))
