"""``quintile forecast tune``: what is printed and kept, bad input in one line, and studies killed that go on."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest

from market.panel import Panel
from quintile.cli.forecasts.told_lists import told_horizons, told_symbols, told_words
from quintile.cli.forecasts.tune_table import StudyTable, watched
from strategy.forecasts.forecast_task import TaskSettings
from strategy.forecasts.forecast_trials import ForecastTrialLog
from strategy.forecasts.tuning.search_progress import SearchProgress, keep_progress
from strategy.forecasts.tuning.tuning_plan import TuningPlan, plan_study
from tests.oracles.small_runs import long_bars, quintile, refusal, small_market

ROOT = Path(__file__).resolve().parents[1]
WAIT = 240.0  # seconds after which a study that does not move has failed its test

Command = Callable[..., str]


@pytest.fixture(scope="module")
def panel() -> Panel:
    whole = small_market(320).panel
    traded = whole.close.notna().all()
    return whole.of_tickers(list(traded.index[traded][:4]))


@pytest.fixture(scope="module")
def bars(panel: Panel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three names that traded in every session, and one that did in the last 30."""
    table = long_bars(panel)
    late = (table["ticker"] == panel.tickers[3]) & (table["date"] < panel.sessions[-30])
    path = tmp_path_factory.mktemp("bars") / "bars.parquet"
    table[~late].to_parquet(path)
    return path


@pytest.fixture
def refused(bars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    def said(*words: object, symbols: object, given: object = bars) -> str:
        told = ("forecast", "tune", "--symbols", symbols, "--bars", given, "--out", tmp_path / "out", *words)
        return refusal(*told, monkeypatch=monkeypatch, capsys=capsys)

    return said


def folder_of(store: Path) -> Path:
    (found,) = (store / "studies").iterdir()
    return found


def timeless(store: Path) -> str:
    return re.sub(r'"seconds": [0-9.e+-]+', "", (folder_of(store) / "study.json").read_text())


def test_a_study_prints_its_table_its_findings_and_its_page_and_again_the_same(
    panel, bars, tmp_path, monkeypatch, capsys
):
    listed = tmp_path / "list.txt"
    listed.write_text("\n".join([panel.tickers[0], "# a comment", f"{panel.tickers[1]} ", "<i>X", panel.tickers[3]]))
    words = ("forecast", "tune", "--symbols", listed, "--bars", bars, "--models", "linear,smoothing", "--trials", 2)
    told = quintile(*words, "--out", tmp_path / "out", monkeypatch=monkeypatch, capsys=capsys)
    assert "No model beats persistence on any of 2 symbols" in told or "the selected" in told.lower()
    assert "<i>X failed: the bars hold no such symbol" in told
    assert re.search(rf"{panel.tickers[3]} failed: has a close in \d+ of the 191 sessions of train", told)
    assert re.search(r"\d forecasters? ha(s|ve) been judged on this span", told)
    page = (folder_of(tmp_path / "out") / "study.html").read_text()
    assert "&lt;i&gt;X" in page
    assert "<i>X" not in page
    before = timeless(tmp_path / "out")
    again = quintile(*words, "--out", tmp_path / "out", "--json", monkeypatch=monkeypatch, capsys=capsys)
    said = json.loads(again)
    assert said["study"] == folder_of(tmp_path / "out").name
    assert Path(said["results"]).is_file()
    assert said["findings"][0] in told.replace("\n", " ")
    assert timeless(tmp_path / "out") == before
    assert list(ForecastTrialLog(tmp_path / "out").problems()) == []


def test_progress_off_a_terminal_is_a_line_a_search_and_none_when_quiet(panel, tmp_path, capsys):
    plan = TuningPlan(symbols=(panel.tickers[0],), models=("ar",), settings=TaskSettings(horizons=(1,)), trials=3)
    planned = plan_study(plan, panel, tmp_path)
    keep_progress(planned.search_file(panel.tickers[0], "ar", ".progress"), SearchProgress(done=1, trials=3, best=0.01))
    with watched(planned, workers=1, quiet=False) as progress:
        progress("searches", 1, 1, "found")
    with watched(planned, workers=1, quiet=True) as progress:
        progress("searches", 1, 1, "found")
    assert re.fullmatch(r"\d\d:\d\d:\d\d 0 of 1 searches: found\n", capsys.readouterr().err)


def test_the_live_table_shows_trials_errors_and_failures_and_fits_the_terminal(panel, tmp_path):
    from rich.console import Console

    plan = TuningPlan(
        symbols=tuple(panel.tickers), models=("ar", "linear"), settings=TaskSettings(horizons=(1,)), trials=3
    )
    planned = plan_study(plan, panel, tmp_path)
    keep_progress(planned.search_file(panel.tickers[2], "ar", ".progress"), SearchProgress(done=2, trials=3, best=0.01))
    lines = []
    for height in (50, 8):
        console = Console(width=100, record=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
        console.print(StudyTable(planned, workers=1).drawn(height))
        lines.append(console.export_text().splitlines())
        console.file.close()
    assert lines[0][0].startswith(f"{planned.study}: 0 of 8 searches")
    assert lines[0][2].split() == [panel.tickers[2], "2/3", "1.000%", "–"]  # what is under way stands first
    assert lines[1][-1].strip() == "and 2 others"


@pytest.mark.parametrize(
    ("words", "symbols", "said"),
    [
        (("--models", "nothing"), "A", "'nothing' is no forecaster: name one of persistence"),
        (("--models", ","), "A", "--models names no forecaster"),
        (("--trials", 0), "A", "trials must be at least 1, was 0"),
        (("--workers", 0), "A", "workers must be at least 1, was 0"),
        (("--on", "cloud"), "A", "cloud"),
        (("--horizons", "x"), "A", "--horizons takes whole numbers such as 1,5, or 1..7, was 'x'"),
        ((), "NOPE", "the bars hold none of the symbols, such as 'NOPE': they hold 4"),
        ((), "missing.txt", "missing.txt is no file: give one with a symbol a line"),
        ((), ",", "the list names no symbol: give AAPL or AAPL,MSFT"),
    ],
)
def test_bad_input_is_one_line(refused, words, symbols, said):
    assert said in refused(*words, symbols=symbols)


def test_a_horizon_beyond_the_history_and_thirty_rows_are_one_line(refused, bars, panel, tmp_path):
    assert "a horizon of 100 sessions leaves fewer than ten" in refused("--horizons", 100, symbols=panel.tickers[0])
    table = pd.read_parquet(bars)
    short = tmp_path / "short.parquet"
    table[table["date"] >= panel.sessions[-30]].to_parquet(short)
    line = refused(symbols=panel.tickers[0], given=short)
    assert "a forecast needs 120 sessions, the bars have 30: give more history" in line


def test_lists_that_name_nothing_are_one_line(refused, tmp_path):
    empty, foreign = tmp_path / "empty.txt", tmp_path / "foreign.txt"
    empty.write_text("\n# nothing\n")
    foreign.write_bytes(b"\xff\xfe\x00\x01")
    assert "empty.txt names no symbol" in refused(symbols=empty)
    assert "foreign.txt is no text" in refused(symbols=foreign)


def test_a_corrupt_journal_is_one_line_with_the_remedy(refused, panel, bars, tmp_path):
    plan = TuningPlan(
        symbols=(panel.tickers[0],), models=("smoothing",), settings=TaskSettings(horizons=(1,)), trials=2
    )
    from market.inputs import load_inputs
    from market.request import BarsRequest

    planned = plan_study(plan, load_inputs(BarsRequest(bars=str(bars))).panel, tmp_path / "out")
    journal = planned.search_file(panel.tickers[0], "smoothing", ".journal")
    journal.parent.mkdir(parents=True)
    journal.write_text("not a journal\n")
    line = refused("--models", "smoothing", "--trials", 2, "--quiet", symbols=panel.tickers[0])
    assert f"{journal.name} is no journal of a search" in line
    assert line.endswith("delete it to search anew")


def test_a_library_that_is_missing_is_named_with_the_line_that_installs_it(refused, panel, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    line = refused("--models", "smoothing", symbols=panel.tickers[0])
    assert "optuna is not installed: `pip install 'quintile[forecast]'`" in line


def test_lists_are_read_as_told(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("\ufeffBRK.B\r\n\r\nAAPL # big\nAAPL\n", encoding="utf-8")
    assert told_symbols(str(path)) == ("BRK.B", "AAPL")
    assert told_symbols("all") is None
    assert told_words("ar:p=1, ar:p=2,ar:p=1") == ("ar:p=1", "ar:p=2")
    assert told_horizons("1,5") == (1, 5)


def command_of(bars: Path, store: Path, panel: Panel) -> list[str]:
    symbols = ",".join([*panel.tickers[:2], "NOPE", panel.tickers[2]])
    told = f"--bars {bars} --models linear,arima --trials 12 --workers 2 --out {store}"
    return [sys.executable, "-m", "quintile", "forecast", "tune", "--symbols", symbols, *told.split()]


def finished_trials(store: Path) -> int:
    journals = store.rglob("*.journal")
    return sum(path.read_bytes().count(b'"op_code":6') for path in journals)


def wait_for_trials(running: subprocess.Popen[bytes], store: Path, count: int) -> None:
    tries = int(WAIT / 0.05)
    for _ in range(tries):
        if finished_trials(store) >= count or running.poll() is not None:
            return
        time.sleep(0.05)
    raise AssertionError(f"no {count} trials came")


@pytest.mark.slow
def test_a_study_killed_twice_and_robbed_of_workers_ends_as_one_that_never_was(panel, bars, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    quiet = {"cwd": ROOT, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(command_of(bars, whole, panel), check=True, **quiet)
    for wanted in (5, 17):
        running = subprocess.Popen(command_of(bars, killed, panel), start_new_session=True, **quiet)
        wait_for_trials(running, killed, wanted)
        assert running.poll() is None
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    running = subprocess.Popen(command_of(bars, killed, panel), start_new_session=True, **quiet)
    wait_for_trials(running, killed, 26)
    workers = [each for each in psutil.Process(running.pid).children() if "spawn_main" in " ".join(each.cmdline())]
    assert workers
    workers[0].kill()
    assert running.wait(timeout=WAIT) == 0
    assert timeless(killed) == timeless(whole)
    losses = [(folder_of(store) / "losses.parquet").read_bytes() for store in (whole, killed)]
    assert losses[0] == losses[1]
    bodies = [
        [re.sub(r'"(time|id)": "[^"]*"', "", entry.body) for entry in ForecastTrialLog(store).entries()]
        for store in (whole, killed)
    ]
    assert sorted(bodies[0]) == sorted(bodies[1])
    assert np.isfinite(pd.read_parquet(folder_of(whole) / "losses.parquet")["selected"]).all()
