"""The three ways of ARCHITECTURE.md: each call is there, goes down or stays, and is the one that a run makes."""

import ast
import re
import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType, FrameType

import pytest

from market.synthetic import SyntheticSettings, synthetic_market
from quintile.cli import main
from tests.oracles.small_runs import assignments, long_bars

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "ARCHITECTURE.md"
PACKAGES = ("quintile", "strategy", "backtests", "portfolio", "signals", "models", "market", "core")
Arrow = tuple[str, str, str, str]  # file and function that call, file and function that are called
# Handed down by the caller and called from below: progress, books, cases and features that are drawn one at a time, and
# a section of the spec, whose own checks its reader runs. Python asks the finder of siblings wherever one imports.
LOGGED = ("RunLog.__call__", "RunLog.say", "RunLog.watch")
DRAWN = ("luck.py:_watched", "case_metrics.<locals>.due", "computed_pieces.<locals>.<genexpr>")
DRAWN += ("permutation_importance.<locals>.<genexpr>",)
HANDED_DOWN = (
    "show",
    "advance",
    "<lambda>",
    "SiblingFinder.find_spec",
    "trailing_windows.py:_kernels",
    *LOGGED,
    *DRAWN,
)
READS_SECTIONS = ("core/settings.py", "Settings.recorded")


@dataclass(frozen=True)
class Step:
    """One row of a way."""

    way: str
    number: int
    by: int | None
    file: str
    function: str
    layer: str


def ways() -> dict[str, list[Step]]:
    text = PAGE.read_text(encoding="utf-8").split("## Three parameters by hand")[1].split("\n## ")[0]
    found: dict[str, list[Step]] = {}
    for way, table in re.findall(r"\*\*(\w+)\*\*\n\n(.*?)\n\n", text, re.DOTALL):
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
        found[way] = [
            Step(way, int(number), int(by) if by else None, *call.strip("`").split(":"), layer)
            for number, by, call, layer, _ in rows
        ]
    return found


WAYS = ways()
STEPS = [step for steps in WAYS.values() for step in steps]


def contracts() -> dict[str, list[str]]:
    """Layers by container, the highest first, as import-linter holds them."""
    numbers = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layered = [each for each in numbers["tool"]["importlinter"]["contracts"] if each["type"] == "layers"]
    return {(each.get("containers") or [""])[0]: each["layers"] for each in layered}


CONTRACTS = contracts()


def height(file: str) -> tuple[int, int | None]:
    """How high a file stands: its package, and its room where the package has layers of its own."""
    package, room = file.split("/")[0], file.split("/")[1].removesuffix(".py")
    packages = [layer.split(" | ") for layer in CONTRACTS[""]]
    rooms = [layer.split(" | ") for layer in CONTRACTS.get(package, [])]
    own = next((len(rooms) - place for place, layer in enumerate(rooms) if room in layer), None)
    return next(len(packages) - place for place, layer in enumerate(packages) if package in layer), own


def climbs(caller: str, called: str) -> bool:
    (package, room), (below, inner) = height(caller), height(called)
    return below > package or (below == package and room is not None and inner is not None and inner > room)


def functions_of(file: str) -> set[str]:
    found: set[str] = set()

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                found.add(f"{prefix}{child.name}")
                visit(child, f"{prefix}{child.name}.")

    visit(ast.parse((ROOT / file).read_text(encoding="utf-8")), "")
    return found


def test_there_are_three_ways() -> None:
    assert list(WAYS) == ["bars", "scores", "spec"]
    for steps in WAYS.values():
        assert [step.number for step in steps] == list(range(1, len(steps) + 1))
        assert all(step.by is None or step.by < step.number for step in steps)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step.way} {step.number}")
def test_a_step_is_there_and_in_the_layer_that_the_page_says(step: Step) -> None:
    assert step.function in functions_of(step.file)
    package, room = step.file.split("/")[0], step.file.split("/")[1].removesuffix(".py")
    rooms = [name for layer in CONTRACTS.get(package, []) for name in layer.split(" | ")]
    assert step.layer == (f"{package}, {room}" if room in rooms else package)


@pytest.mark.parametrize("step", [step for step in STEPS if step.by], ids=lambda step: f"{step.way} {step.number}")
def test_a_step_stays_in_its_layer_or_goes_down(step: Step) -> None:
    assert not climbs(WAYS[step.way][(step.by or 1) - 1].file, step.file)


def test_every_function_that_the_page_names_is_there() -> None:
    named = re.findall(r"`([\w/]+\.py):([\w.]+)`", PAGE.read_text(encoding="utf-8"))
    assert [f"{file}:{name}" for file, name in named if name not in functions_of(file)] == []


def test_a_climb_is_seen() -> None:
    assert climbs("backtests/engine/ledger.py", "strategy/pipeline.py")
    assert climbs("strategy/runs/store.py", "strategy/epilogue.py")
    assert not climbs("strategy/epilogue.py", "backtests/verdict.py")


@pytest.fixture(scope="module")
def arrows(tmp_path_factory: pytest.TempPathFactory) -> set[Arrow]:
    """Every call from one function of the product to another, while a run is made, judged and reported."""
    found: set[Arrow] = set()

    def seen(frame: FrameType, event: str, _: object) -> None:
        called = _place(frame.f_code) if event == "call" else None
        if called is None:
            return
        above = frame.f_back
        while above is not None and _place(above.f_code) is None:
            above = above.f_back
        caller = None if above is None else _place(above.f_code)
        if caller is not None:
            found.add((*caller, *called))

    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(tmp_path_factory.mktemp("way"))
        patched.setattr("backtests.evaluation.N_RANDOM", 5)
        long_bars(synthetic_market(SyntheticSettings(n_tickers=30, n_sessions=460)).panel).to_parquet("bars.parquet")
        words = ["quintile", "run", "filter_negative", "--bars", "bars.parquet", "--quiet", *assignments()]
        patched.setattr(sys, "argv", words)
        sys.setprofile(seen)
        try:
            with pytest.raises(SystemExit) as left:
                main()
        finally:
            sys.setprofile(None)
    assert left.value.code in (0, None)
    return found


@cache
def _place(code: CodeType) -> tuple[str, str] | None:
    """File and function of code of the product; none for a library, a test or the body of a module."""
    path, name = Path(code.co_filename), code.co_qualname
    if name == "<module>" or not path.is_relative_to(ROOT) or path.relative_to(ROOT).parts[0] not in PACKAGES:
        return None
    return path.relative_to(ROOT).as_posix(), name


@pytest.mark.slow
def test_a_run_makes_every_call_of_the_ways(arrows: set[Arrow]) -> None:
    made = {(caller, called, name) for caller, _, called, name in arrows}
    for step in STEPS:
        if step.by is not None:
            by = WAYS[step.way][step.by - 1]
            assert (by.file, step.file, step.function) in made, f"{step.way} {step.number}"


@pytest.mark.slow
def test_no_call_of_a_run_climbs_but_what_was_handed_down(arrows: set[Arrow]) -> None:
    climbing = [arrow for arrow in arrows if climbs(arrow[0], arrow[2]) and arrow[:2] != READS_SECTIONS]
    assert [arrow for arrow in climbing if not f"{Path(arrow[2]).name}:{arrow[3]}".endswith(HANDED_DOWN)] == []
