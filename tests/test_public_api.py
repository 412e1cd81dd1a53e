"""The face: every public name, its parameters, and that its docstring names them and holds an example that runs."""

import datetime as dt
import doctest
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import quintile as qt
from tests.frozen_market import Bench

ROOT = Path(__file__).resolve().parent.parent

SIGNATURES = {
    "Backtest": "*, inputs, weights, result",
    "BacktestResult": "*, execution, costs, capital, equity, net_returns, gross_returns, held_weights, trades, traded, "
    "turnover, cost, cost_parts, unfilled, cash_outs, margin_events, parity, engine, sessions_per_year=252",
    "BarsRequest": "*, bars='builtin', universe='all', start=None, end=None, benchmark=None, point_in_time=False, "
    "vix=None, sectors=None, factors=None, hedge=None, exchange=None, keep_thin_sessions=False, outside",
    "BookSettings": "settings",
    "Computing": "*, dtype='float64', memory=None, cache=None, workers=None, on='threads', progress, gap_limit=5",
    "Costs": "settings",
    "Execution": "settings",
    "ForecastStudy": "*, results",
    "FrozenVersion": "folder",
    "Inputs": "*, panel, oracle=None, benchmark=None, sectors=None, vix=None, factors=None, absent, notes",
    "KindSettings": "settings",
    "Panel": "*, open, high, low, close, volume, dollar_volume, universe, facts, delistings, outside",
    "RiskSettings": "settings",
    "Run": "folder",
    "StrategySpec": "settings",
    "SyntheticSettings": "settings",
    "TradingRules": "*, name='book', portfolio, risk, execution, costs, companions, horizon=1",
    "WalkForward": "*, study, folders, strategy",
    "backtest": "weights, bars, *, costs=None, execution=None, capital=1000000.0",
    "board": "store='runs', *, versions=None",
    "book_rule": "name",
    "choose_universe": "panel, universe",
    "company_facts": "source, *, ticker, tag, unit='USD', period='quarter'",
    "compare": "runs, *, store='runs', versions=None",
    "compare_books": "run, bars=None, *, optimised=False, quiet=False",
    "decide": "run, bars=None, *, holdings=None, equity=None, as_of=None",
    "evaluate": "scores, bars, *, rules=None, store='runs', quick=False, **options",
    "explain": "first, second, *, bars=None, capital=None, store='runs', page=None",
    "features": "bars, feature_set='core14', *, names=None, computing=None, quiet=False",
    "forecast": "symbols, bars, *, models, **options",
    "forward_returns": "panel, execution, *, horizon=1, first=0",
    "freeze": "run, version, *, versions='versions', with_bars=True, notes=None, quiet=False",
    "information_coefficient": "scores, forward, *, method='spearman'",
    "load_bars": "source, *, universe='all', start=None, end=None, point_in_time=False, exchange=None",
    "load_inputs": "request",
    "load_run": "run='latest', *, store='runs'",
    "load_strategy": "strategy='filter_negative', overrides=None",
    "load_version": "version, *, versions=None",
    "max_drawdown": "returns",
    "model": "name, *, settings",
    "paper": "version, bars=None, *, store='runs', allow_drift=False",
    "performance_summary": "returns, *, market=None, risk_free=0.0, sessions_per_year=252",
    "prove": "subject, *, deep=False, quiet=False",
    "run": "spec, bars, *, model=None, resume=None, store='runs', **options",
    "sharpe_ratio": "returns, *, risk_free=0.0, sessions_per_year=252",
    "sweep": "spec, bars, *, grid=None, trials=None, store='runs', **options",
    "synthetic_market": "settings=SyntheticSettings()",
    "walk_forward": "spec, bars, *, train=756, test=63, workers=2, **options",
    "with_outside": "panel, tables",
}
VALUES = ("__version__", "errors")


@pytest.fixture(scope="session")
def names(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the examples may use: one finished run with its bars, and a version of it."""
    made = bench.copied(tmp_path_factory.mktemp("face"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("backtests.evaluation.N_RANDOM", 5)
        patched.setattr("strategy.frozen.freeze.datetime", past_clock())
        run, versions = qt.Run(made.run), made.versions
        found: dict[str, Any] = {
            "qt": qt,
            "bars_path": made.bars,
            "bars": qt.load_bars(made.bars),
            "spec": made.run.spec,
            "run": run,
            "store": made.store.root,
            "versions": versions,
            "version": qt.freeze(run, "mine@1.0.0", versions=versions),
            "report_path": versions.parent / "weights.html",
            "facts_path": versions.parent / "CIK0000000001.json",
        }
        found |= {name: getattr(qt, name) for name in SIGNATURES if name != "run"}
        found["pd"] = pd
    return found


def past_clock() -> Any:
    """A clock of before the bars, so that a version may decide on them on paper."""

    class Past(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> "Past":
            return cls(2016, 1, 4, tzinfo=tz)

    return Past


def _run_example(name: str, globals_: dict[str, Any]) -> None:
    """Run the example in a name's docstring; what it defines is left in the names."""
    parsed = doctest.DocTestParser().get_doctest(inspect.getdoc(getattr(qt, name)) or "", globals_, name, None, 0)
    parsed.globs = globals_  # not the copy that the parser made
    told: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    found = runner.run(parsed, out=told.append, clear_globs=False)
    assert found.attempted > 0, f"{name} has no example"
    assert found.failed == 0, "".join(told)


def _signature(name: str) -> str:
    """Parameters with their defaults and without their types; pydantic's values are read from a file and named so."""
    item = getattr(qt, name)
    if hasattr(item, "model_fields"):
        return "settings"
    words, keyword_only = [], False
    for parameter in inspect.signature(item).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            words, keyword_only = [*words, "*"], True
        default = parameter.default
        plain = default is None or isinstance(default, str | int | float)
        stars = "**" if parameter.kind is parameter.VAR_KEYWORD else ""
        shown = f"={default!r}" if plain and default is not parameter.empty else ""
        if hasattr(type(default), "model_fields"):
            shown = f"={type(default).__name__}()"
        words.append(f"{stars}{parameter.name}{shown}")
    return ", ".join(words)


def test_the_face_holds_these_names_and_no_other() -> None:
    assert list(qt.__all__) == sorted(qt.__all__)
    assert set(qt.__all__) == {*SIGNATURES, *VALUES}
    assert dir(qt) == sorted(qt.__all__)
    assert 35 <= len(qt.__all__) <= 51  # the last one is why two results differ, which no other name answers


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_public_name_has_the_parameters_that_users_wrote_down(name: str) -> None:
    assert _signature(name) == SIGNATURES[name]


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_public_name_explains_each_of_its_parameters(name: str) -> None:
    item = getattr(qt, name)
    doc = inspect.getdoc(item) or ""
    explained = doc.partition("Parameters\n----------\n")[2].partition("\n\n")[0]
    for parameter in inspect.signature(item).parameters:
        assert re.search(rf"(^|[\s,*]){parameter}\b.*", explained, re.MULTILINE), f"{name} says nothing of {parameter}"
    assert "Examples\n--------\n" in doc


@pytest.mark.parametrize("name", sorted(set(SIGNATURES) - {"walk_forward", "WalkForward"}))
@pytest.mark.usefixtures("few_random_books")
def test_the_example_of_a_public_name_runs(name: str, names: dict[str, Any]) -> None:
    _run_example(name, dict(names))


@pytest.mark.slow
@pytest.mark.usefixtures("few_random_books")
def test_the_examples_of_a_walk_run(names: dict[str, Any]) -> None:
    kept = dict(names)
    _run_example("walk_forward", kept)  # leaves a walk behind, which the other one reads
    _run_example("WalkForward", kept)


def test_every_name_is_where_the_type_checker_is_told_that_it_is() -> None:
    from quintile import _HOMES

    told = re.findall(r"^    from (\S+) import (.+)$", (ROOT / "quintile" / "__init__.py").read_text(), re.MULTILINE)
    places = {name.strip(): module for module, line in told for name in line.split(",")}
    assert {name: module for module, names in _HOMES.items() for name in names.split()} == {
        name: module for name, module in places.items() if name not in (*VALUES, "import_module", "Any")
    }


def test_an_unknown_name_is_told_in_words() -> None:
    with pytest.raises(AttributeError, match="module 'quintile' has no attribute 'backtset'"):
        _ = qt.backtset  # type: ignore[attr-defined]


def test_the_version_is_the_installed_one() -> None:
    told = subprocess.run([sys.executable, "-m", "quintile", "--version"], capture_output=True, text=True, check=True)
    assert told.stdout == f"quintile {qt.__version__}\n"


def test_importing_quintile_costs_next_to_nothing() -> None:
    code = "import sys, quintile; print(sorted({'numpy', 'pandas', 'torch', 'typer'} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"
