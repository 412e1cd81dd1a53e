"""The main job from bars to report on a small built-in market, with a network of one layer of 16 units."""

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
import pandas as pd
import pytest

from core.errors import RunError
from market.inputs import Inputs
from market.panel import BAR_FIELDS, Panel
from market.synthetic import SyntheticMarket, SyntheticSettings, synthetic_market
from models.checkpoint import load_checkpoint
from quintile.cli import main
from strategy.definitions.spec import StrategySpec, load_spec, override
from strategy.pipeline import decide, decided_book, run
from strategy.runs.context import RunContext
from strategy.runs.result import Run
from strategy.runs.store import RunStore

pytestmark = pytest.mark.usefixtures("few_random_books")
ROOT = Path(__file__).resolve().parent.parent
SMALL = (
    "model.hidden=16",
    "model.layers=1",
    "model.lookback=30",
    "training.burn_in=30",
    "training.max_epochs=3",
    "training.batch_sessions=64",
)


@pytest.fixture(scope="module")
def small_market() -> SyntheticMarket:
    return synthetic_market(SyntheticSettings(n_tickers=40, n_sessions=500))


@pytest.fixture(scope="module")
def small_spec() -> StrategySpec:
    return override(load_spec("filter_negative"), SMALL)


@pytest.fixture(scope="module")
def finished(small_market: SyntheticMarket, small_spec: StrategySpec, tmp_path_factory: pytest.TempPathFactory) -> Run:
    store = RunStore(tmp_path_factory.mktemp("store"))
    return run(
        small_spec, Inputs(panel=small_market.panel, oracle=small_market.oracle), context=RunContext(store=store)
    )


@pytest.mark.slow
def test_features_in_a_file_change_no_number(
    finished: Run, small_market: SyntheticMarket, small_spec: StrategySpec, tmp_path: Path
) -> None:
    inputs = Inputs(panel=small_market.panel, oracle=small_market.oracle)
    filed = run(small_spec, inputs, context=RunContext(store=RunStore(tmp_path)), memory=0).folder
    for name in ("scores", "weights"):
        pd.testing.assert_frame_equal(filed.read_frame(name), finished.folder.read_frame(name), check_exact=True)
    assert filed.metrics == finished.folder.metrics


@pytest.fixture(scope="module")
def bars_file(small_market: SyntheticMarket, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bars") / "bars.parquet"
    long_bars(small_market.panel).to_parquet(path)
    return path


def long_bars(panel: Panel) -> pd.DataFrame:
    fields = {name: getattr(panel, name).stack() for name in ("open", "high", "low", "close", "volume")}
    return pd.DataFrame(fields).reset_index().rename(columns={"session": "date"})


def quintile(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "quintile", *words]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "120"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_run_leaves_every_file_it_promises(finished: Run) -> None:
    names = {path.name for path in finished.folder.path.iterdir()}
    promised = {"run.json", "spec.toml", "model.safetensors", "model.json", "metrics.json", "report.html"}
    assert promised <= names
    for frame in ("scores", "weights", "trades", "returns"):
        assert f"{frame}.parquet" in names
        assert f"{frame}.csv" not in names
    assert not [name for name in names if name.endswith(".partial")]


def test_a_run_says_what_must_stand_beside_a_sharpe(finished: Run) -> None:
    headline = finished.metrics["headline"]
    printed = str(finished)
    assert headline["verdict"] == "NOT EVIDENCE"
    assert headline["trials"] == 2  # and the companion book
    assert headline["parity"] <= 1e-9
    for words in ("out of sample", "bps one way", "recorded", "±", "built-in synthetic market"):
        assert words in printed


def test_both_books_are_backtested_on_the_same_scores(finished: Run) -> None:
    assert list(finished.metrics["books"]) == ["filter_negative", "quintile_long_short"]
    columns = set(finished.returns.columns)
    assert {"filter_negative net", "quintile_long_short gross", "market"} <= columns


def test_scores_are_of_the_test_span_only(finished: Run, small_market: SyntheticMarket) -> None:
    assert finished.scores.index[0] > load_checkpoint(finished.folder.path / "model").learned_until
    assert finished.scores.index[-1] == small_market.panel.sessions[-1]


def test_a_decision_on_the_bars_so_far_is_the_decision_on_all_bars(
    finished: Run, small_market: SyntheticMarket, small_spec: StrategySpec
) -> None:
    checkpoint = load_checkpoint(finished.folder.path / "model")
    everything = decided_book(small_spec, small_market.panel, checkpoint).weights
    pd.testing.assert_frame_equal(everything.loc[finished.weights.index], finished.weights, check_freq=False)
    sessions = finished.scores.index
    for session in (sessions[0], sessions[1], sessions[len(sessions) // 2], sessions[-2]):
        alone = decide(small_spec, small_market.panel.until(session), checkpoint)
        np.testing.assert_array_equal(alone.to_numpy(), everything.loc[session].to_numpy())


def test_permuting_the_tickers_permutes_the_decisions(
    finished: Run, small_market: SyntheticMarket, small_spec: StrategySpec
) -> None:
    checkpoint = load_checkpoint(finished.folder.path / "model")
    panel = small_market.panel
    order = np.random.default_rng(3).permutation(panel.tickers)
    shuffled = replace(panel, **{name: getattr(panel, name)[order] for name in (*BAR_FIELDS, "universe")})
    permuted = decided_book(small_spec, shuffled, checkpoint).weights[panel.tickers]
    pd.testing.assert_frame_equal(permuted, decided_book(small_spec, panel, checkpoint).weights, atol=1e-12)


def test_an_interrupted_run_says_how_to_go_on(
    bars_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("strategy.pipeline.learn", interrupt)
    monkeypatch.setattr(sys, "argv", ["quintile", "run", "--bars", str(bars_file), "--quiet", *settings()])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 130
    (folder,) = RunStore(tmp_path / "runs").folders()
    assert f"quintile run --resume {folder.run_id}" in capsys.readouterr().err


def test_noise_after_validation_changes_no_bit_of_the_model(
    finished: Run, small_market: SyntheticMarket, small_spec: StrategySpec, tmp_path: Path
) -> None:
    known = finished.folder.path / "model.safetensors"
    end = load_checkpoint(known.with_suffix("")).learned_until
    cut = small_market.panel.sessions.searchsorted(end, side="right")
    dated = override(small_spec, [f'split.train_end="{_train_end(known)}"', f'split.validation_end="{end:%Y-%m-%d}"'])
    noisy = _with_noise(small_market.panel, cut)
    other = run(dated, noisy, context=RunContext(store=RunStore(tmp_path)))
    assert (other.folder.path / "model.safetensors").read_bytes() == known.read_bytes()
    first, second = (load_checkpoint(path.with_suffix("")) for path in (known, other.folder.path / "model.safetensors"))
    assert first.model.scaler == second.model.scaler
    assert first.calibration == second.calibration


def _train_end(model: Path) -> str:
    train_end: str = load_checkpoint(model.with_suffix("")).provenance.spec["split"]["train_end"]
    return train_end


def _with_noise(panel: Panel, cut: int) -> Panel:
    rng = np.random.default_rng(0)
    frames = {}
    factor = np.ones(panel.close.shape)
    factor[cut:] = np.exp(rng.normal(0.0, 0.1, size=factor[cut:].shape))
    for name in ("open", "high", "low", "close"):
        frames[name] = getattr(panel, name) * factor
    kept = {name: getattr(panel, name) for name in ("volume", "dollar_volume", "universe", "facts", "delistings")}
    return Panel(**frames, **kept)


def test_a_finished_training_is_not_repeated_when_a_run_goes_on(
    finished: Run, small_market: SyntheticMarket, small_spec: StrategySpec
) -> None:
    before = (finished.folder.path / "metrics.json").read_bytes()
    stages: list[str] = []
    context = RunContext(
        store=RunStore(finished.folder.path.parent.parent),
        resume=finished.folder,
        progress=lambda *seen: stages.append(seen[0]),
    )
    run(small_spec, Inputs(panel=small_market.panel, oracle=small_market.oracle), context=context)
    assert "training" not in stages
    assert {"gradients", "permutations", "random books"} <= set(stages)
    assert (finished.folder.path / "metrics.json").read_bytes() == before


def test_other_bars_cannot_continue_a_run(
    finished: Run, small_market: SyntheticMarket, small_spec: StrategySpec
) -> None:
    shorter = small_market.panel.until(small_market.panel.sessions[-2])
    with pytest.raises(RunError, match="its panel changed"):
        run(small_spec, shorter, context=RunContext(resume=finished.folder))


@pytest.fixture(scope="module")
def whole(bars_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Return the folder of a run by the command line that nobody disturbed, and what it printed."""
    folder = tmp_path_factory.mktemp("whole")
    ran = quintile("run", "--bars", str(bars_file), "--json", *settings(), folder=folder)
    assert ran.returncode == 0, ran.stderr
    return folder, json.loads(ran.stdout)


def settings() -> list[str]:
    return [word for assignment in (*SMALL, "training.max_epochs=6") for word in ("--set", assignment)]


@pytest.mark.slow
def test_the_command_line_runs_shows_and_draws(
    whole: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, metrics = whole
    monkeypatch.chdir(folder)
    assert metrics["headline"]["survivorship"] in ("UNKNOWN", "SURVIVOR-BIASED")
    assert metrics["run"] in in_process("show", "latest", monkeypatch=monkeypatch, capsys=capsys).replace("\n", "")
    listed = json.loads(in_process("runs", "--json", monkeypatch=monkeypatch, capsys=capsys))
    assert [row["status"] for row in listed] == ["complete"]
    tearsheet = in_process("tearsheet", monkeypatch=monkeypatch, capsys=capsys).strip()
    assert Path(tearsheet).stat().st_size > 100_000


@pytest.mark.slow
def test_a_whole_run_stands_beside_two_hundred_random_books(whole: tuple[Path, dict[str, Any]]) -> None:
    report = RunStore(whole[0] / "runs").find("latest").path / "report.html"
    assert "among 200 books on random ranks" in report.read_text(encoding="utf-8")


def in_process(*words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setattr(sys, "argv", ["quintile", *words])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 0
    return capsys.readouterr().out


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_bits(
    whole: tuple[Path, dict[str, Any]],
    bars_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    killed = _kill_in_training(["run", "--bars", str(bars_file), "--quiet", *settings(), "--out", "killed"], tmp_path)
    monkeypatch.chdir(tmp_path)
    in_process("run", "--resume", killed.name, "--out", "killed", "--quiet", monkeypatch=monkeypatch, capsys=capsys)
    (reference,) = (whole[0] / "runs" / "filter_negative").iterdir()
    for name in ("model.safetensors", "model.json", "scores.parquet", "weights.parquet", "returns.parquet"):
        assert (killed / name).read_bytes() == (reference / name).read_bytes(), name


def _kill_in_training(words: list[str], folder: Path) -> Path:
    """Start a run, kill it as soon as its training has left a state behind, and return the run's folder."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-m", "quintile", *words], cwd=folder, env=environment)
    deadline = time.monotonic() + 120
    while not (found := list(folder.glob("killed/filter_negative/*/training/training.safetensors"))):
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    run_folder = found[0].parent.parent
    assert not (run_folder / "model.json").exists(), "the kill came after training"
    return run_folder


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "nothing_like_it"), "unknown strategy"),
        (("run", "--set", "loss.temperature=0"), "loss.temperature"),
        (("run", "--bars", "missing.parquet"), "missing.parquet"),
        (("run", "--split", "2016-06-30"), "--split takes"),
        (("run", "--split", "2017-06-30,2016-12-31"), "before validation_end"),
        (("run", "--bars", "builtin", "--universe", "best"), "best"),
        (("show", "nothing"), "no runs in"),
        (("run", "--device", "tpu"), "device"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    words: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["quintile", *words, "--quiet"])
    with pytest.raises(SystemExit) as left:
        main()
    told = capsys.readouterr().err
    assert left.value.code not in (0, None)
    assert message in told
    assert len(told.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_help_comes_without_the_heavy_libraries() -> None:
    code = (
        "import sys\nfrom quintile.cli import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        "sys.exit(bool({'pandas', 'torch', 'vectorbt', 'plotly', 'pydantic'} & sys.modules.keys()))"
    )
    helped = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert helped.returncode == 0
    assert "run" in helped.stdout
    assert "definition" in helped.stdout
