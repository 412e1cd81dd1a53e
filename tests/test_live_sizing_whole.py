"""Sizing, whole: killed and resumed, in a browser, with real agents, and on real bars where they are present."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from live.sizing.made_books import made_book
from live.sizing.sized_book import SizedBook
from live.sizing.sizing_environment import scale_path
from live.sizing.sizing_problem import sizing_problem
from live.sizing.sizing_settings import SizingSettings
from live.sizing.sizing_study import size_book
from live.sizing.sizing_subject import run_book, version_book
from live.sizing.trained_paths import PathStore
from market.inputs import load_inputs
from market.request import BarsRequest
from strategy.definitions.spec import load_spec, override
from strategy.frozen.versions import find_version
from strategy.pipeline import run
from strategy.runs.context import RunContext
from strategy.runs.store import RunStore
from strategy.trials.log import TrialLog
from tests.browser import faults_of, open_browser

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
STUDY = """
from dataclasses import replace
from pathlib import Path
from live.sizing.made_books import made_book
from live.sizing.sizing_files import write_study
from live.sizing.sizing_settings import SizingSettings
from live.sizing.sizing_study import size_book
from live.sizing.trained_paths import PathStore
from strategy.trials.log import TrialLog

book = replace(made_book(90, n_decisions=300), strategy="made", identity={"spec": "s" * 64, "panel": "p" * 64})
settings = SizingSettings(agents=("dqn",), seeds=2, steps=400, made_sessions=300)
study = size_book(book, settings=settings, store=PathStore(Path("sizing")), log=TrialLog(Path("runs")))
write_study(study, Path("sizing"))
"""


def started(folder: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", STUDY], cwd=folder, env=environment, text=True, stderr=subprocess.PIPE
    )


def table_of(folder: Path) -> dict[str, Any]:
    (path,) = (folder / "sizing").glob("made-book-*.json")
    told: dict[str, Any] = json.loads(path.read_text())
    return told


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    running = started(folder)
    _, said = running.communicate(timeout=900)
    assert running.returncode == 0, said
    return folder


@pytest.mark.parametrize("kept", [1, 3, 5])
def test_a_study_killed_anywhere_ends_with_the_same_table(kept: int, whole: Path, tmp_path: Path) -> None:
    running = started(tmp_path)
    while running.poll() is None and len(list((tmp_path / "sizing").glob("*-dqn-*.json"))) < kept:
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "sizing").glob("*-dqn-*.json")}
    again = started(tmp_path)
    _, said = again.communicate(timeout=900)
    assert again.returncode == 0, said
    assert table_of(tmp_path) == table_of(whole)
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "sizing").glob("*-dqn-*.json")}
    assert len(before) >= kept
    assert {name: after[name] for name in before} == before  # none was trained again
    assert not list((tmp_path / "sizing").glob(".*.partial"))


def test_the_page_stands_in_a_browser(whole: Path) -> None:
    (page,) = (whole / "sizing").glob("*.html")
    with open_browser() as browser:
        assert faults_of(browser, page) == []


def test_real_agents_find_the_planted_future_and_nothing_else(tmp_path: Path) -> None:
    study = size_book(
        as_own(made_book(90, n_decisions=400)),
        settings=SizingSettings(seeds=3),
        store=PathStore(tmp_path / "sizing"),
        log=TrialLog(tmp_path / "runs"),
    )
    assert [row.found for row in study.planted] == [True, True]
    assert [row.nothing for row in study.null] == [True, True]


def as_own(book: SizedBook) -> SizedBook:
    return replace(book, strategy="made", identity={"spec": "s" * 64, "panel": "p" * 64})


def test_the_shipped_book_is_kept_as_the_engine_keeps_it() -> None:
    book = version_book(find_version("filter_negative@1.1.0"))
    assert account_gap(book) < 1e-12


def test_a_book_on_real_bars_is_kept_as_the_engine_keeps_it(shared_data: Path, tmp_path: Path) -> None:
    spec = override(load_spec("quintile_long_short"), ["model.kind=ridge"])
    spec = override(spec, ['split.train_end="2015-12-31"', 'split.validation_end="2016-06-30"'])
    request = BarsRequest(bars=str(shared_data / "sp500_5y_2013_2018.parquet"))
    store = RunStore(tmp_path / "runs")
    made = run(spec, load_inputs(request, holdout=spec.holdout), context=RunContext(store=store, request=request))
    assert account_gap(run_book(made.folder)) < 1e-12


def account_gap(book: SizedBook) -> float:
    problem = sizing_problem(book)
    rows, rng = problem.spans.test, np.random.default_rng(3)
    path = scale_path(problem, rows, lambda _: float(rng.uniform(0.25, 1.5)))
    net = book.backtest(rows, path.scale).net_returns
    return float(np.abs(path.net - net.to_numpy()).max())
