"""``quintile sweep``: the winner's command gives the sweep's point bit for bit, and kills change none of them."""

import json
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

import quintile as qt
from core.files import file_sha256
from quintile.cli import app
from tests.browser import faults_of, open_browser

SMALL = ("--bars", "builtin:n_tickers=24,n_sessions=260", "--set", "model.lookback=5")
GRID = """
[grid]
model.kind = ["ridge"]
model.penalties = [[0.1], [1000.0]]
portfolio.k = [0.1, 0.25]
"""
NETWORK = ("model.hidden=4", "model.layers=1", "training.max_epochs=2", "training.burn_in=5", "training.patience=1")


@pytest.fixture(scope="module", autouse=True)
def _few(few_random_books: None) -> None:
    """Few random books: what a book is compared with is not the matter here."""


def said(*words: str) -> Any:
    return CliRunner().invoke(app, list(words), prog_name="quintile")


def swept(folder: Path, text: str, *words: str, strategy: str = "quintile_long_short") -> dict[str, Any]:
    grid = folder / "sweep.toml"
    grid.write_text(text)
    options = ("--grid", str(grid), *SMALL, "--workers", "1", "--out", str(folder / "runs"), "--json", *words)
    answer = said("sweep", strategy, *options)
    assert answer.exit_code == 0, answer.output
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where one sweep lies."""
    return tmp_path_factory.mktemp("swept")


@pytest.fixture(scope="module")
def found(place: Path, _few: None) -> dict[str, Any]:
    """One sweep, made by the command line."""
    return swept(place, GRID)


def test_the_winner_has_the_bits_of_its_point_and_is_deflated_by_all(place: Path, found: dict[str, Any]) -> None:
    winner = found["winner"]
    assert winner["same_bits"] is True
    first = place / "runs" / "quintile_long_short" / winner["run"]
    assert file_sha256(first / "model.safetensors") == winner["weights_sha256"]
    page = (Path(found["folder"]) / "sweep.html").read_text()
    assert "NOT EVIDENCE on test" in page
    assert found["findings"][0] in page
    assert winner["comparable_trials"] >= 4
    deflated = json.loads((first / "metrics.json").read_text())["headline"]["deflated_sharpe"]
    assert winner["deflated_sharpe"] == deflated


@pytest.mark.slow
def test_the_winners_command_gives_the_point_bit_for_bit(place: Path, found: dict[str, Any]) -> None:
    winner = found["winner"]
    assert winner["run"] in {path.name for path in (place / "runs" / "quintile_long_short").iterdir()}
    words = shlex.split(winner["command"])
    assert words[:3] == ["quintile", "run", "quintile_long_short"]
    answer = said(*words[1:], "--quiet", "--json")
    assert answer.exit_code == 0, answer.output
    again = Path(json.loads(answer.stdout)["folder"])
    first = again.parent / winner["run"]
    assert again != first
    for name in ("scores.parquet", "model.safetensors", "weights.parquet", "returns.parquet"):
        assert file_sha256(again / name) == file_sha256(first / name), name
    assert file_sha256(again / "model.safetensors") == winner["weights_sha256"]


def test_a_sweep_that_is_through_is_shown_and_not_made_again(place: Path, found: dict[str, Any]) -> None:
    made = sorted((place / "runs" / "quintile_long_short").iterdir())
    assert swept(place, GRID, "--resume") == found
    assert sorted((place / "runs" / "quintile_long_short").iterdir()) == made


@pytest.mark.parametrize(
    ("text", "words", "told"),
    [
        ("[grid]\nsplit.train = [0.5]\n", (), "would move the test span"),
        ("[grid]\nportfolio.kk = [0.5]\n", (), "unknown key portfolio.kk"),
        ("[grid]\nportfolio.k = [0.5]\n", ("--seeds", "a,b"), "--seeds takes whole numbers"),
        ("[grid]\nportfolio.k = [0.5]\n", ("--objective", "test"), "is told no number of the test"),
        ("[search]\nportfolio.k = {low = 0.1, high = 0.2}\n", (), "--trials"),
        ("[grid\n", (), "is not TOML"),
        ("[grid]\nportfolio.k = [0.1]\n", ("--looks", "0"), "looks"),
        ("[grid]\nportfolio.k = [0.1, 0.2]\n", ("--looks", "1"), "more looks than are left"),
    ],
)
def test_what_cannot_be_swept_is_refused_in_one_line(
    tmp_path: Path, text: str, words: tuple[str, ...], told: str
) -> None:
    grid = tmp_path / "sweep.toml"
    grid.write_text(text)
    answer = said("sweep", "quintile_long_short", "--grid", str(grid), *SMALL, "--out", str(tmp_path / "runs"), *words)
    assert answer.exit_code != 0
    assert told in str(answer.exception)
    assert "\n" not in str(answer.exception)
    assert not list(tmp_path.rglob("fit.json"))


@pytest.mark.slow
def test_the_page_has_no_fault_in_a_browser(tmp_path: Path) -> None:
    options = [word for each in NETWORK for word in ("--set", each)]
    text = '[grid]\nmodel.kind = ["lstm", "ridge"]\n[search]\nportfolio.k = {low = 0.1, high = 0.3}\n'
    swept_page = Path(swept(tmp_path, text, *options, "--trials", "11")["page"])
    with open_browser() as browser:
        assert faults_of(browser, swept_page) == []


@pytest.mark.slow
def test_python_has_the_same_door(tmp_path: Path) -> None:
    told = swept(tmp_path, GRID)
    spec = qt.load_strategy("quintile_long_short", {"model.lookback": 5})
    bars = qt.load_bars("builtin:n_tickers=24,n_sessions=260")
    found = qt.sweep(spec, bars, grid=tmp_path / "sweep.toml", store=tmp_path / "python", quiet=True)
    assert found.record["table"] == told["table"]
    assert found.record["winner"]["scores_sha256"] == told["winner"]["scores_sha256"]
    assert found.winner == told["winner"]["settings"]
    again = qt.run(qt.load_strategy("quintile_long_short", {"model.lookback": 5, **found.winner}), bars, store=tmp_path)
    assert again.scores.equals(found.run.scores)


@pytest.mark.slow
def test_a_network_with_seeds_and_refit_is_made_again_by_its_command(tmp_path: Path) -> None:
    options = [word for each in NETWORK for word in ("--set", each)]
    text = "[grid]\nmodel.dropout = [0.0, 0.1]\n"
    for beside in (("--seeds", "3,4"), ("--seeds", "3,4", "--refit")):
        found = swept(tmp_path, text, *options, *beside)
        winner = found["winner"]
        assert winner["refitted"] is ("--refit" in beside)
        assert winner["same_bits"] is (None if winner["refitted"] else True)
        assert winner["settings"]["training.seed"] == 3
        answer = said(*shlex.split(winner["command"])[1:], "--quiet", "--json")
        assert answer.exit_code == 0, answer.output
        again = Path(json.loads(answer.stdout)["folder"])
        assert file_sha256(again / "model.safetensors") == winner["weights_sha256"]
        assert file_sha256(again / "scores.parquet") == file_sha256(again.parent / winner["run"] / "scores.parquet")


@pytest.mark.slow
def test_two_workers_and_one_give_the_same_points(tmp_path: Path) -> None:
    options = [word for each in NETWORK for word in ("--set", each)]
    text = (
        "[grid]\nmodel.dropout = [0.0, 0.1]\n[search]\ntraining.learning_rate = {low = 1e-4, high = 1e-2, log = true}\n"
    )
    tables = []
    for workers in ("1", "2"):
        folder = tmp_path / workers
        folder.mkdir()
        tables.append(swept(folder, text, *options, "--trials", "12", "--workers", workers))
    assert tables[0]["table"] == tables[1]["table"]
    assert tables[0]["winner"]["weights_sha256"] == tables[1]["winner"]["weights_sha256"]


def started(folder: Path, *words: str) -> subprocess.Popen:
    command = [str(Path(sys.executable).parent / "quintile"), "sweep", *words, "--out", str(folder), "--quiet"]
    with said_file(folder).open("w") as told:
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=told)


def said_file(folder: Path) -> Path:
    return folder.with_suffix(".said")


def points(folder: Path) -> dict[str, bytes]:
    found = [path for room in ("points", "fits") for path in folder.glob(f"*/sweeps/*/{room}/**/*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def killed_sweep(folder: Path, *words: str, kills: tuple[int, ...]) -> float:
    """Sweep, killed by the system as soon as so many points are there; the seconds of all together."""
    began = time.monotonic()
    for count in (*kills, None):
        process = started(folder, *words, "--resume")
        while process.poll() is None and (count is None or len(list(folder.glob("*/sweeps/*/points/*.json"))) < count):
            time.sleep(0.05)
        if count is not None:
            assert process.poll() is None, said_file(folder).read_text()
            process.send_signal(signal.SIGKILL)
        process.wait()
    assert process.returncode == 0, said_file(folder).read_text()
    return time.monotonic() - began


@pytest.mark.slow
def test_sixty_points_on_the_built_in_market_killed_three_times_end_with_the_same_bits(tmp_path: Path) -> None:
    grid = tmp_path / "sweep.toml"
    grid.write_text(
        "[search]\nmodel.penalties = {choices = [[0.01], [0.1], [1.0], [10.0], [100.0]]}\n"
        'model.target = {choices = ["zscore", "rank"]}\n'
        "portfolio.k = {low = 0.05, high = 0.3}\nportfolio.smoothing = {low = 0.05, high = 1.0, log = true}\n"
    )
    words = ("quintile_long_short", "--set", "model.kind=ridge", "--grid", str(grid), "--trials", "60")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert started(whole, *words, "--workers", "2").wait() == 0
    seconds = killed_sweep(killed, *words, "--workers", "2", kills=(5, 23, 44))
    assert points(killed) == points(whole)
    records = [json.loads(next(each.glob("*/sweeps/*/sweep.json")).read_text()) for each in (whole, killed)]
    for name in ("table", "importance", "overfitting_probability", "validation", "test", "trials"):
        assert records[0][name] == records[1][name], name
    same = ("point", "settings", "scores_sha256", "weights_sha256", "sharpe", "deflated_sharpe", "comparable_trials")
    winners = [{name: record["winner"][name] for name in same} for record in records]
    assert winners[0] == winners[1]
    assert records[0]["points"] == {"done": 60, "total": 60}
    print(f"killed three times: {seconds:.0f} s; {winners[0]}")


@pytest.mark.slow
def test_the_eighty_one_points_of_the_reference_on_a_small_market(tmp_path: Path) -> None:
    grid = tmp_path / "sweep.toml"
    grid.write_text(
        "[grid]\nmodel.hidden = [128, 256, 512]\nmodel.layers = [2, 3, 4]\nmodel.dropout = [0.1, 0.2, 0.3]\n"
        "training.learning_rate = [1e-3, 1e-4, 1e-5]\n"
    )
    short = ("model.lookback=5", "training.burn_in=5", "training.max_epochs=1", "training.batch_sessions=64")
    options = [word for each in short for word in ("--set", each)]
    words = (
        "filter_negative",
        *options,
        "--grid",
        str(grid),
        "--bars",
        "builtin:n_tickers=20,n_sessions=200",
        "--looks",
        "100",
    )
    process = started(tmp_path / "runs", *words, "--workers", "2")
    assert process.wait() == 0, said_file(tmp_path / "runs").read_text()
    record = json.loads(next((tmp_path / "runs").glob("*/sweeps/*/sweep.json")).read_text())
    assert record["points"] == {"done": 81, "total": 81}
    assert record["trainings"] == 81
    states = pd.Series([row["state"] for row in record["table"]])
    assert (states == "judged").all()
    assert record["winner"]["same_bits"] is True
    assert record["winner"]["comparable_trials"] >= 81
