"""The pages' code: every Python block runs, every command line parses, and what is quick is carried out.

A page's Python blocks share a namespace and run where ``bars.parquet`` and the other files of a reader lie ready. Its
command lines run there too, each on a store with one finished run; those of ``TRAINING`` train or take minutes and run
in the slow test, those of ``APART`` cannot run here and name the test that does their work. The market is small and
the shipped strategies have a network of eight units; nothing else differs from what a reader gets.
"""

import io
import json
import re
import shlex
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tomli_w
import typer

import market.synthetic
from market.eligibility import Eligibility
from market.inputs import load_inputs
from market.request import BarsRequest
from market.store import import_bars
from market.synthetic import SyntheticSettings, synthetic_market
from quintile.cli import app
from signals import FEATURE_SETS
from strategy.definitions import spec as specs
from strategy.definitions.spec import StrategySpec, load_spec, override, shipped_strategies
from strategy.pipeline import run
from strategy.runs.context import RunContext
from strategy.runs.store import RunStore
from strategy.sweeps.sweep_plan import Plan, grid_points
from tests.oracles.small_runs import SMALL, left_with, long_bars

ROOT = Path(__file__).resolve().parent.parent
GENERATED = ("STRATEGY_DEFINITION.md", "LOG.md")  # a rendered page, and a diary of what was measured at the time
PAGES = sorted(path for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")) if path.name not in GENERATED)
LANGUAGES = ("python", "python slow", "sh", "toml", "text")
DIRECTIVE = re.compile(
    r"\{(toctree|eval-rst|command|settings)\}( .+)?"
)  # of the site; tests/test_docs_site.py reads them
SHOWN = "It prints:"  # before a text block: to the letter what the Python block above it prints
CHANGED_CODE = 3  # what `verify` leaves with where a version is whole and the code has moved on since
UNFINISHED = ("MissingParameter", "BadOptionUsage", "NoArgsIsHelpError")  # a mention may leave out values
OWN = ("model.kind=attention", "model.kind=extra_trees", "portfolio.builder=by_rank")  # of the page's own file
TOOLS = ("quintile", "make", "pip", "export", "python", "pytest", "git", "curl")

# Too slow for every change: they train, walk or prove, and run in the slow test below.
TRAINING = (
    r"quintile run(?! --resume)(?!.*@)(?!.*yfinance)",
    r"quintile compare-books\b",
    r"quintile prove (filter_negative|latest)\b",
    r"quintile --(features my_features|models my_models).py (run|prove)\b",
)
# What cannot run here, the reason, and the test that does the same work on a market of its own.
APART = {
    r"quintile .*yfinance:": ("asks a vendor over the network", "test_market_fetch.py"),
    r"quintile data fetch\b": ("asks a vendor over the network", "test_market_fetch.py"),
    r"quintile data update us$": ("asks a vendor over the network", "test_market_fetch.py"),
    r"quintile .*--on ray\b": ("starts a cluster", "test_core_parallel.py"),
    r"quintile --models my_models.py walk\b": ("retrains fold by fold", "test_strategy_own_models.py"),
    r"quintile walk\b": ("retrains fold by fold in processes of its own", "test_strategy_walk.py"),
    r"quintile calibrate-market\b": ("trains on dozens of markets", "test_strategy_planted_alpha.py"),
    r"quintile size-book\b": ("trains thirty agents", "test_live_sizing_whole.py"),
    r"quintile models table\b": ("trains dozens of models", "test_strategy_model_table.py"),
    r"quintile track .*mlflow\b": ("needs MLflow, an extra", "test_strategy_tracking.py"),
    r"quintile sweep\b": ("trains dozens of models", "test_quintile_sweep.py"),
    r"quintile prove --self-test": ("runs 46 leaks against every check", "test_strategy_prove.py"),
    r"quintile prove (20261121|\w+@)": ("minutes, and names a run that the reader has", "test_strategy_prove.py"),
    r"quintile run .*--from\b": ("trains twice on bars of the reader's own", "test_strategy_warm_start.py"),
    r"quintile run lstm_": ("a large network, for hours on the reader's bars", "test_strategy_spec.py"),
    r"quintile run --resume": ("needs a run that was interrupted", "test_strategy_pipeline.py"),
    r"quintile replay\b": ("reads the whole built-in market, which is small here", "test_strategy_replay.py"),
    r"quintile run \w+@": ("the shipped version asks for the code it was frozen with", "test_strategy_replay.py"),
    r"quintile export\b": ("scores every test session by each file", "test_live_export.py"),
    r"quintile serve\b": ("answers until it is stopped", "test_live_service_load.py"),
    r"quintile serverless\b": ("needs the folder of an export", "test_live_serverless.py"),
    r"quintile bench-model\b": ("times every form for minutes", "test_live_latency.py"),
    r"quintile paper\b": ("waits for sessions after the freeze", "test_strategy_paper.py"),
    r"quintile monitor\b": ("scores a test span and what follows for a minute", "test_quintile_monitor.py"),
    r"quintile retrain\b": ("trains on bars after a freeze", "test_live_retraining.py"),
    r"quintile trade\b": ("needs a committed decision and a broker", "test_quintile_trade.py"),
    r"quintile fake-broker\b": ("serves until it is interrupted", "test_quintile_trade.py"),
    r"quintile holdout open\b": ("opens a seal", "test_strategy_holdout.py"),
    r"quintile compare 2026": ("names runs that the reader has", "test_quintile_compare_runs.py"),
    r"quintile explain (?!latest latest)": (
        "names runs, logs and trades that the reader has",
        "test_live_differences_files.py",
    ),
    r"quintile forecast tune\b": ("searches for minutes", "test_quintile_forecast_tune.py"),
    r"quintile forecast (best|compare)\b": ("needs studies of the reader's", "test_quintile_forecast_best.py"),
    r"quintile forecast rerank\b": ("needs another system's errors", "test_quintile_forecast_best.py"),
    r"quintile forecast (next|check)\b": ("needs what was in force then", "test_strategy_forecast_next.py"),
}


@dataclass(frozen=True)
class Block:
    """A fenced block of a page; ``before`` is the line that introduces it."""

    page: Path
    line: int
    language: str
    text: str
    before: str

    @property
    def is_slow(self) -> bool:
        """Whether the page says so, as in ```python slow."""
        return self.language == "python slow"

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT).as_posix()}:{self.line}"


@dataclass(frozen=True)
class Line:
    """A command line of a page; a mention in prose may leave out what a command needs."""

    place: str
    text: str
    is_mention: bool = False

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text, comments=True)


def blocks_of(page: Path) -> list[Block]:
    found, lines = [], page.read_text(encoding="utf-8").splitlines()
    opened: tuple[int, str] | None = None
    for number, line in enumerate(lines):
        if not line.lstrip().startswith("```"):
            continue
        if opened is None:
            opened = (number, line.strip().removeprefix("```"))
            continue
        first, language = opened
        before = next((above for above in reversed(lines[:first]) if above.strip()), "")
        text = "\n".join(lines[first + 1 : number]) + "\n"
        found.append(Block(page, first + 1, language, text, before))
        opened = None
    assert opened is None, f"{page.name} leaves a block open"
    return found


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def lines_of(block: Block) -> list[Line]:
    joined = block.text.replace("\\\n", " ")
    return [Line(block.place, text.strip()) for text in joined.splitlines() if text.strip()]


def mentions_of(page: Path) -> list[Line]:
    prose = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    spans = re.findall(r"`(quintile [^`…]+)`", prose)
    return [Line(page.relative_to(ROOT).as_posix(), " ".join(span.split()), is_mention=True) for span in spans]


LINES = [line for block in BLOCKS if block.language == "sh" for line in lines_of(block)]
COMMANDS = [line for line in LINES if line.words[:1] == ["quintile"]]
MENTIONS = [line for page in PAGES for line in mentions_of(page)]


def apart(line: Line) -> bool:
    return any(re.match(pattern, shlex.join(line.words)) for pattern in APART)


def trains(line: Line) -> bool:
    return any(re.match(pattern, shlex.join(line.words)) for pattern in TRAINING)


# --- every block and line is what it says ---


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_block_of_a_page_says_what_it_is(page: Path) -> None:
    unknown = [block for block in blocks_of(page) if block.language not in LANGUAGES]
    assert [block.place for block in unknown if not DIRECTIVE.fullmatch(block.language)] == []
    prose = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    assert re.findall(r"(?<=\n\n) {4}(?![-*\d]).*", prose) == [], "fence a block and name its language"


def parse(line: Line) -> None:
    """Go through the options of a command line as the command line itself does, up to the call."""
    try:
        context: Any = typer.main.get_command(app).make_context("quintile", line.words[1:])
        while hasattr(context.command, "resolve_command"):
            rest = [*context._protected_args, *context.args]
            if not rest and (line.is_mention or getattr(context.command, "invoke_without_command", False)):
                return
            name, command, rest = context.command.resolve_command(context, rest)
            context = command.make_context(name, rest, parent=context)
    except typer.Exit:  # it has said its version or its help
        return
    except typer.BadParameter.__bases__ as error:
        if line.is_mention and type(error).__name__ in UNFINISHED:
            return
        raise
    check_values(context.params)


def check_values(given: dict[str, Any]) -> None:
    """Refuse words that parse and mean nothing: an unknown key, feature set, universe or strategy."""
    chosen = given.get("set_") or ()
    if isinstance(chosen, str):
        assert chosen in FEATURE_SETS
    else:
        shipped = given.get("strategy") if given.get("strategy") in shipped_strategies() else "filter_negative"
        override(load_spec(shipped), [each for each in chosen if each not in OWN])
    if given.get("universe"):
        source = Eligibility.parse(given["universe"]).source
        assert re.fullmatch(r"all|top\d+|.+\.(csv|parquet)", source), source
    strategy = given.get("strategy")
    if isinstance(strategy, str) and "@" not in strategy and not strategy.endswith(".toml"):
        is_run = strategy == "latest" or strategy[:1].isdigit()  # compare-books takes a run, which says its strategy
        assert is_run or strategy in shipped_strategies()


@pytest.mark.parametrize("line", [*COMMANDS, *MENTIONS], ids=lambda line: f"{line.place} {line.text[:60]}")
def test_every_command_of_the_pages_parses(line: Line) -> None:
    parse(line)


@pytest.mark.parametrize(
    "words",
    [
        "quintile rum",
        "quintile run --barz bars.parquet",
        "quintile run --set model.hiden=64",
        "quintile run no_such_strategy",
        "quintile run --universe best",
        "quintile features us --set wide96",
        "quintile freeze latest",
        "quintile data audit",
    ],
)
def test_a_wrong_word_is_found(words: str) -> None:
    with pytest.raises((*typer.BadParameter.__bases__, ValueError, AssertionError)):
        parse(Line("here", words))


def test_every_other_line_names_what_there_is() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for line in LINES:
        tool, *words = line.words or [""]
        assert not tool or tool.rpartition("/")[2] in TOOLS, f"{line.place} {line.text}"
        if tool == "make":
            assert all(word in targets or "=" in word for word in words), f"{line.place} {line.text}"
        for name in re.findall(r"tests/\S+\.py", line.text):
            assert (ROOT / name).is_file(), f"{line.place} {name}"
        for module in re.findall(r"-m (benchmarks\S*)", line.text):
            place = ROOT / module.replace(".", "/")
            assert place.is_dir() or place.with_suffix(".py").is_file(), f"{line.place} {module}"


def check_sweep(table: dict[str, Any]) -> None:
    """Plan a sweep as its command does, up to the first training."""
    plan = Plan.read({"grid": {"portfolio.k": [0.1]}, **table}, trials=1 if "search" in table else None)
    assert plan.searched_keys(load_spec()) if plan.trials else grid_points(plan, load_spec())


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "toml"], ids=lambda block: block.place)
def test_every_toml_block_is_part_of_a_strategy(block: Block) -> None:
    if tomllib.loads(block.text).keys() & {"grid", "points", "search", "guard"}:
        check_sweep(tomllib.loads(block.text))
        return
    numbers = load_spec().model_dump(mode="json", exclude_none=True)
    for section, keys in tomllib.loads(block.text).items():
        another = section == "model" and "kind" in keys
        beside = {} if another else numbers.get(section, {})
        numbers[section] = {**beside, **keys} if isinstance(keys, dict) else keys
    StrategySpec.model_validate(numbers)


def test_what_runs_elsewhere_has_its_test() -> None:
    assert [test for _, test in APART.values() if not (ROOT / "tests" / test).is_file()] == []


# --- what the reader has, small ---


@pytest.fixture
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Shrink the shipped strategies' network and the built-in market, and leave no feature set behind."""
    with pytest.MonkeyPatch.context() as patched:
        _shrink(patched, tmp_path_factory.mktemp("definitions"))
        yield
    for name in ("my_features", "my_models"):
        sys.modules.pop(name, None)


def _shrink(patched: pytest.MonkeyPatch, folder: Path) -> None:
    for path in specs.DEFINITIONS.glob("*.toml"):
        spec = load_spec(path)
        keys = [each for each in SMALL if not each.startswith("model.") or _has_key(spec, each)]
        small_spec = override(spec, keys).model_dump(mode="json", exclude_none=True)
        (folder / path.name).write_text(tomli_w.dumps(small_spec), encoding="utf-8")
    patched.setattr(specs, "DEFINITIONS", folder)
    patched.setattr("backtests.evaluation.N_RANDOM", 5)
    patched.setattr(market.synthetic, "synthetic_market", partial(synthetic_market, SyntheticSettings(**MARKET)))
    patched.setattr(typer, "launch", lambda url, **_: 0)


def _has_key(spec: StrategySpec, assignment: str) -> bool:
    """Whether the strategy's kind of model has the key of an assignment such as ``model.hidden=8``."""
    return assignment.partition("=")[0].removeprefix("model.") in type(spec.model).model_fields


MARKET = {"n_tickers": 30, "n_sessions": 640}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the files that the pages read: bars, scores, holdings and a store with one finished run."""
    folder = tmp_path_factory.mktemp("desk")
    panel = synthetic_market(SyntheticSettings(**MARKET)).panel
    for name in ("bars", "latest", "newer", "mine"):
        long_bars(panel).to_parquet(folder / f"{name}.parquet")
    long_bars(panel).to_csv(folder / "bars.csv", index=False, date_format="%Y-%m-%d")
    rng, tested = np.random.default_rng(0), panel.sessions[-120:]
    noise = rng.normal(0.0, 0.001, (len(tested), len(panel.tickers)))
    pd.DataFrame(noise, index=tested, columns=panel.tickers).to_parquet(folder / "scores.parquet")
    held = panel.close.iloc[-1].dropna().index[:3]
    (folder / "today.csv").write_text("ticker,shares\n" + "".join(f"{name},10\n" for name in held) + "$CASH,100000\n")
    outside_files(folder, panel.sessions, panel.tickers)
    with pytest.MonkeyPatch.context() as patched:
        _shrink(patched, tmp_path_factory.mktemp("definitions"))
        patched.chdir(folder)
        import_bars(folder / "bars.parquet", name="us", home=folder / "data")
        request = BarsRequest(bars=str(folder / "bars.parquet"))
        run(load_spec(), load_inputs(request), context=RunContext(store=RunStore(folder / "runs"), request=request))
    return folder


def outside_files(folder: Path, sessions: pd.DatetimeIndex, tickers: pd.Index) -> None:
    """Write the tables of the page on outside data: a series, headlines, their tone, and facts of a company."""
    rng = np.random.default_rng(0)
    pd.DataFrame({"DATE": sessions, "VIXCLS": 15.0 + rng.random(len(sessions))}).to_csv(folder / "vix.csv", index=False)
    grid = pd.MultiIndex.from_product([sessions[::9], tickers], names=["date", "ticker"]).to_frame(index=False)
    grid["known_at"] = [
        f"{day:%Y-%m-%d}T{hour:02d}:31:00-05:00"
        for day, hour in zip(grid["date"], rng.integers(7, 20, len(grid)), strict=True)
    ]
    grid["headline"] = rng.choice(["beats and raises", "misses", "nothing"], len(grid))
    grid.drop(columns="date").to_csv(folder / "headlines.csv", index=False)
    grid.assign(tone=rng.integers(-1, 3, len(grid))).drop(columns="headline").to_parquet(folder / "tone.parquet")
    ends = pd.date_range(sessions[0], sessions[-1], freq="QE")
    quarters = [
        {
            "start": f"{end - pd.offsets.QuarterBegin(startingMonth=1):%Y-%m-%d}",
            "end": f"{end:%Y-%m-%d}",
            "val": 1e6 * place,
        }
        | {"filed": f"{end + pd.Timedelta(days=38):%Y-%m-%d}", "form": "10-Q"}
        for place, end in enumerate(ends)
    ]
    facts = {"us-gaap": {"NetIncomeLoss": {"units": {"USD": quarters}}}}
    (folder / "CIK0000000001.json").write_text(json.dumps({"facts": facts}))


@pytest.fixture
def at_desk(desk: Path, small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy the desk, and work there."""
    shutil.copytree(desk, tmp_path, dirs_exist_ok=True)
    monkeypatch.delenv("QUINTILE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def run_python(page: Path, folder: Path, changed: Callable[[str], str] = str, *, slow: bool = False) -> None:
    """Run the Python blocks of a page one after the other in one namespace."""
    names: dict[str, Any] = {"__name__": "page"}
    printed = None
    for number, block in enumerate(blocks_of(page)):
        if block.language == "text" and block.before == SHOWN and printed is not None:
            assert printed.strip() == block.text.strip(), block.place
        if block.language == "python" or (slow and block.is_slow):
            named = re.search(r"`(\w+\.py)`:$", block.before)
            file = folder / (named[1] if named else f"block_{number}.py")
            file.write_text(changed(block.text), encoding="utf-8")
            with redirect_stdout(io.StringIO()) as told:
                exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), names)
            printed = told.getvalue()


def carry_out(line: Line, desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Run a command where the store holds the one finished run; one with a file of its own goes on from the last."""
    if line.words[1] not in ("--features", "--models"):
        shutil.rmtree("runs")
        shutil.copytree(desk / "runs", "runs")
    code, _, error = left_with(*line.words[1:], monkeypatch=monkeypatch, capsys=capsys)
    allowed = (0, None, CHANGED_CODE) if line.words[1] == "verify" else (0, None)
    assert code in allowed, f"{line.place} {line.text}: {error}"


WITH_PYTHON = sorted({block.page for block in BLOCKS if block.language == "python"})
WITH_COMMANDS = sorted({block.page for block in BLOCKS if block.language == "sh"})
WITH_CODE = sorted({*WITH_PYTHON, *WITH_COMMANDS})
# Pages of many whole runs, which the slow tests try; README.md is tried in every change.
LONG = ("docs/features.md", "docs/forecasters.md", "docs/forecasting.md", "docs/models.md", "docs/python.md")


def named(pages: Sequence[Path]) -> list[Any]:
    """Each page as a test's parameter under its name; the long ones are for the slow tests."""
    names = {page: page.relative_to(ROOT).as_posix() for page in pages}
    return [pytest.param(page, id=name, marks=[pytest.mark.slow] * (name in LONG)) for page, name in names.items()]


@pytest.mark.parametrize("page", named(WITH_PYTHON))
def test_the_python_of_a_page_runs(page: Path, at_desk: Path) -> None:
    run_python(page, at_desk)


def test_a_wrong_name_in_the_python_of_a_page_is_found(at_desk: Path) -> None:
    with pytest.raises((AttributeError, ImportError, ValueError)):
        run_python(ROOT / "README.md", at_desk, lambda text: text.replace("load_bars", "read_the_bars"))


def of_page(page: Path, wanted: Callable[[Line], bool]) -> list[Line]:
    found = [line for block in blocks_of(page) if block.language == "sh" for line in lines_of(block)]
    return [line for line in found if line.words[:1] == ["quintile"] and not apart(line) and wanted(line)]


@pytest.mark.parametrize("page", named(WITH_COMMANDS))
def test_the_quick_commands_of_a_page_run_in_their_order(
    page: Path, at_desk: Path, desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for line in of_page(page, lambda line: not trains(line)):
        carry_out(line, desk, monkeypatch, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_rest_of_a_page_runs_too(
    page: Path, at_desk: Path, desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_python(page, at_desk, slow=True)  # also writes the files of one's own that the commands name
    first = of_page(page, lambda line: re.search(r"quintile (new|data import) ", line.text) is not None)
    for line in [*first, *of_page(page, trains)]:
        carry_out(line, desk, monkeypatch, capsys)
