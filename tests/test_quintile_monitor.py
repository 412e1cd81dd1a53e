"""``quintile monitor``: exit codes for cron, one line of JSON, the page, and names that come from anyone."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import quintile as qt
from quintile.cli import app
from strategy.frozen.versions import VersionFolder
from strategy.trials.log import TrialLog
from tests.frozen_market import long_bars
from tests.later_market import later_panel


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bars") / "later.parquet"
    long_bars(later_panel()).to_parquet(path)
    return path


def monitored(frozen: VersionFolder, bars: object, out: Path, *words: str) -> tuple[int, str]:
    told = ["monitor", str(frozen.version), "--versions", str(frozen.path.parents[1]), "--bars", str(bars)]
    result = CliRunner().invoke(app, [*told, "--out", str(out), "--quiet", *words])
    return result.exit_code, result.output if result.exception is None or result.output else str(result.exception)


def test_a_look_is_one_line_a_page_and_no_trial(frozen: VersionFolder, bars: Path, tmp_path: Path) -> None:
    record = tmp_path / "monitor.jsonl"
    code, output = monitored(frozen, bars, tmp_path / "runs", "--json", "--record", str(record))
    line = json.loads(output)
    assert (code, line["exit_code"]) == (0, 0)
    assert output.count("\n") == 1
    assert json.loads(record.read_text()) == line
    assert Path(line["page"]).name == "filter_negative@1.0.0.html"
    assert "Rank IC since the freeze" in Path(line["page"]).read_text()
    assert not TrialLog(tmp_path / "runs").entries()


@pytest.mark.slow
def test_the_table_names_the_verdict_and_the_page(frozen: VersionFolder, bars: Path, tmp_path: Path) -> None:
    code, output = monitored(frozen, bars, tmp_path)
    assert code == 0
    assert output.startswith("HOLDING")
    assert output.rstrip().endswith(".html")


@pytest.mark.slow
def test_an_alarm_has_an_exit_code_of_its_own(frozen: VersionFolder, bars: Path, tmp_path: Path) -> None:
    code, output = monitored(frozen, bars, tmp_path, "--json", "--universe", "top8")
    assert (code, json.loads(output)["verdict"]) == (5, "BROKEN")


def test_a_page_that_is_not_ours_stays(frozen: VersionFolder, bars: Path, tmp_path: Path) -> None:
    page = tmp_path / "monitor" / "filter_negative@1.0.0.html"
    page.parent.mkdir()
    page.write_text("mine")
    code, said = monitored(frozen, bars, tmp_path)
    assert code == 1
    assert "is there already" in said
    assert page.read_text() == "mine"


@pytest.mark.slow
def test_a_kill_while_the_page_is_written_leaves_the_former_one(tmp_path: Path) -> None:
    page, program = tmp_path / "page.html", "import sys, time\nfrom core.files import atomic_path\n"
    page.write_text("former")
    program += "with atomic_path(sys.argv[1]) as path:\n"
    program += "    path.write_text('half'); print('now', flush=True); time.sleep(60)\n"
    killed = subprocess.Popen([sys.executable, "-c", program, str(page)], stdout=subprocess.PIPE, text=True)
    assert killed.stdout is not None
    killed.stdout.readline()
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert page.read_text() == "former"


@pytest.mark.slow
def test_the_face_watches_words_and_bars_in_memory_alike(frozen: VersionFolder, bars: Path, tmp_path: Path) -> None:
    version = qt.load_version(str(frozen.version), versions=frozen.path.parents[1])
    named = version.monitor(str(bars), store=tmp_path, quiet=True)
    loaded = version.monitor(qt.load_bars(str(bars)), store=tmp_path, quiet=True)
    assert named.as_record() == loaded.as_record()
    pd.testing.assert_series_equal(named.measures["net"].live, loaded.measures["net"].live)
