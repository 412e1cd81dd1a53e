"""Latency: percentiles and bounds by hand, a form in its own process, and the whole command on a small version."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from core.errors import RunError
from live.latency import measured_forms, measured_process
from live.latency.latency_table import BOUNDS, LatencyRow, LatencyTable, latency_rows, words_of
from live.latency.latency_words import conditions_line, told_rows
from live.latency.measured_forms import LatencySettings, drawn_features, table_of
from live.latency.measured_process import measured, timed
from models.checkpoint import load_checkpoint
from models.export.refusal import ExportError
from models.windows import Scaler
from quintile.cli import app
from strategy.frozen.versions import Version, VersionFolder, find_version
from tests.tiny_bundle import FEATURES, LOOKBACK, expected_by_hand, tiny_bundle

ROOT = Path(__file__).parents[1]
CONDITIONS = {
    "processor": "a processor",
    "processors": "2",
    "threads": 1,
    "rounds": 3,
    "load_average": 1.25,
    "torch": "2.13.0",
    "onnxruntime": None,
}


def answer(seconds: float = 0.01, *, scores: list[float] | None = None, peak: int | None = 100) -> dict[str, Any]:
    calls = {"1": [seconds] * 4, "200": [seconds * 2] * 3, "1695": [seconds * 10] * 2}
    told = [0.0, 1.0, 2.0] if scores is None else scores
    processor = {names: [each / 2 for each in seconds] for names, seconds in calls.items()}
    told_of = {"peak_bytes": peak, "scores": told}
    return {"start": 1.0, "load": 0.5, "calls": calls, "processor": processor, **told_of}


def a_table(**answers: list[dict[str, Any]]) -> LatencyTable:
    folder = find_version("filter_negative@1.1.0")
    return table_of(folder, answers or {"torch": [answer()]}, left_out={}, conditions=CONDITIONS)


def test_percentiles_are_of_the_calls_of_all_rounds() -> None:
    rounds = [
        answer() | {"calls": {"1": calls, "200": [1.0], "1695": [1.0]}} for calls in ([1.0, 2.0, 3.0], [4.0, 5.0])
    ]
    rows = {row.what: row for row in latency_rows("onnx", rounds)}
    assert list(rows) == ["start", "load", "1 name", "200 names", "1,695 names"]
    assert rows["1 name"].calls == 5
    assert rows["1 name"].seconds == pytest.approx((3.0, 4.8, 4.96))
    assert rows["start"].calls == 2


@pytest.mark.parametrize(("names", "bound"), [(1, 0.1), (200, 1.0), (1695, 1.0)])
def test_a_row_is_within_where_its_last_percentile_is_below_the_bound(names: int, bound: float) -> None:
    assert BOUNDS[names] == bound
    row = LatencyRow(form="onnx", what=words_of(names), seconds=(0.01, 0.02, bound), calls=9, bound=bound)
    assert row.is_within is False
    assert replace(row, seconds=(bound * 2, bound * 2, bound * 0.999)).is_within is True
    assert replace(row, bound=None).is_within is None


def test_start_and_load_have_no_bound() -> None:
    bounds = [row.bound for row in latency_rows("torch", [answer()])]
    assert bounds == [None, None, 0.1, 1.0, 1.0]


def test_a_table_is_within_where_every_bounded_row_is() -> None:
    assert a_table(torch=[answer()]).is_within
    assert not a_table(torch=[answer()], onnx=[answer(0.2)]).is_within


def test_memory_is_the_highest_of_all_rounds_and_unknown_where_it_is_not_told() -> None:
    made = a_table(torch=[answer(peak=100), answer(peak=300)], onnx=[answer(peak=None)])
    assert made.peaks == {"torch": 300.0, "onnx": None}


def test_a_difference_is_in_standard_deviations_of_our_own_scores() -> None:
    made = a_table(torch=[answer()], int8=[answer(scores=[0.0, 1.5, 2.0])])
    assert made.differences["torch"] == 0.0
    assert made.differences["int8"] == pytest.approx(0.5 / np.std([0.0, 1.0, 2.0]))


def test_the_table_is_told_in_cells() -> None:
    told = told_rows(a_table(torch=[answer(peak=694_000_000)], onnx=[answer(0.2, peak=None)]))
    assert told[2] == ["torch", "1 name", "10.0 ms", "10.0 ms", "10.0 ms", "5.00 ms", "100 ms", "within"]
    assert told[5][:3] == ["torch", "memory", "694 MB"]
    assert told[6][:3] == ["torch", "from ours", "0e+00 sd"]
    assert told[9] == ["onnx", "1 name", "200 ms", "200 ms", "200 ms", "100 ms", "100 ms", "OVER"]
    assert told[11][2:] == ["2.00 s", "2.00 s", "2.00 s", "1.00 s", "1.00 s", "OVER"]
    assert told[12][:3] == ["onnx", "memory", "–"]
    assert {len(row) for row in told} == {8}


def test_machine_threads_rounds_and_load_are_stated() -> None:
    said = conditions_line(a_table())
    assert said == (
        "a processor, 1 thread, 3 rounds, load average up to 1.2 on 2 processors; "
        "torch 2.13.0, onnxruntime not installed"
    )


def test_json_holds_every_row_and_no_number_that_is_none() -> None:
    told = json.loads(json.dumps(a_table().as_json(), allow_nan=False))
    said = {"form": "torch", "what": "1 name", "calls": 4, "bound": 0.1, "within": True}
    assert told["rows"][2] == said | {"p50": 0.01, "p95": 0.01, "p99": 0.01, "processor_p50": 0.005}
    assert told["within"] is True
    assert told["version"] == "filter_negative@1.1.0"


def test_calls_that_warm_up_do_not_count() -> None:
    wall, processor, called = count(0.0, 0.5), count(0.0, 0.25), []
    seconds = timed(lambda: called.append(1) or np.empty(0), 3, clocks=(lambda: next(wall), lambda: next(processor)))
    assert (seconds, len(called)) == (([0.5] * 3, [0.25] * 3), 5)


def test_features_are_drawn_around_the_scaler_and_follow_from_the_seed() -> None:
    names = ("a", "b")
    scaler = Scaler(names=names, lower=(0.0,) * 2, upper=(9.0,) * 2, mean=(100.0, -5.0), sd=(1.0, 0.1), target_sd=1.0)
    drawn = drawn_features(scaler, lookback=20, names=500)
    assert (drawn.shape, drawn.dtype) == ((20, 500, 2), np.float32)
    np.testing.assert_allclose(drawn.mean(axis=(0, 1)), [100.0, -5.0], atol=0.05)
    np.testing.assert_allclose(drawn.std(axis=(0, 1)), [1.0, 0.1], rtol=0.05)
    assert (drawn == drawn_features(scaler, lookback=20, names=500)).all()


@pytest.mark.parametrize(("key", "value"), [("repeats", 0), ("n_threads", 0), ("n_threads", 65)])
def test_settings_that_measure_nothing_are_refused(key: str, value: int) -> None:
    with pytest.raises(ValueError, match=rf"must be .* was {value}"):
        LatencySettings(**{key: value})


def request_of(folder: Path, **changed: Any) -> dict[str, Any]:
    """A request for the tiny model, with features of five names beside it."""
    tiny_bundle(folder)
    drawn = np.random.default_rng(3).normal(size=(LOOKBACK, 5, len(FEATURES))).astype(np.float32)
    np.save(folder / "features.npy", drawn)
    inputs = str(folder / "features.npy")
    told = {
        "form": "onnx",
        "folder": str(folder),
        "inputs": inputs,
        "calls": {"5": 2, "1": 3},
        "threads": 1,
        "begun": 0.0,
    }
    return told | changed


def test_a_form_is_timed_at_every_size_and_says_what_it_scored(tmp_path: Path) -> None:
    found = measured(request_of(tmp_path))
    for clock in ("calls", "processor"):
        assert {names: len(seconds) for names, seconds in found[clock].items()} == {"1": 3, "5": 2}
    assert min(found["start"], found["load"], *found["calls"]["1"]) > 0.0
    drawn = np.load(tmp_path / "features.npy")
    np.testing.assert_allclose(found["scores"], expected_by_hand(drawn, np.ones(drawn.shape[:2], bool))[-1], rtol=1e-5)
    assert found["peak_bytes"] is None or found["peak_bytes"] > 1e6


def test_each_size_is_scored_on_so_many_names_of_one_whole_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def prepared(features: np.ndarray, universe: np.ndarray) -> Any:
        seen.append((features.shape, universe.shape))
        return lambda: np.zeros((1, features.shape[1]))

    monkeypatch.setattr(measured_process, "_opened", lambda request: (prepared, 0.5))
    assert measured(request_of(tmp_path))["load"] == 0.5
    assert seen == [((LOOKBACK, names, len(FEATURES)), (LOOKBACK, names)) for names in (1, 5)]


def test_the_process_of_onnx_imports_neither_torch_nor_pandas(tmp_path: Path) -> None:
    (tmp_path / "request.json").write_text(json.dumps(request_of(tmp_path)))
    code = (
        "import sys; from live.latency.measured_process import main; main(sys.argv[1:]); "
        "print(sorted({'torch', 'pandas', 'pydantic', 'scipy'} & set(sys.modules)))"
    )
    paths = [str(tmp_path / name) for name in ("request.json", "answer.json")]
    ran = subprocess.run([sys.executable, "-c", code, *paths], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
    assert json.loads((tmp_path / "answer.json").read_text())["calls"]["1"]


def test_a_process_that_fails_is_one_line(tmp_path: Path) -> None:
    folder = VersionFolder(tmp_path, Version.parse("tiny@1.0.0"))
    with pytest.raises(RunError, match=r"onnx could not be measured in its process \(.+\): repeat") as caught:
        measured_forms._measured("onnx", folder, tmp_path, LatencySettings(n_threads=1))
    assert "\n" not in str(caught.value)
    assert "measured_process.py" in str(caught.value.__cause__), "what --verbose shows"


def test_a_process_that_never_ends_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured_forms, "TIMEOUT", 0.01)
    folder = VersionFolder(tmp_path, Version.parse("tiny@1.0.0"))
    with pytest.raises(RunError, match="onnx took more than"):
        measured_forms._measured("onnx", folder, tmp_path, LatencySettings(n_threads=1))


def test_a_folder_of_the_user_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / "__init__.py").write_text("raise SystemExit('the folder of the user was imported')")
    request_of(tmp_path)
    monkeypatch.chdir(tmp_path)
    folder = VersionFolder(tmp_path, Version.parse("tiny@1.0.0"))
    settings = LatencySettings(n_threads=1, calls={5: 1})
    assert measured_forms._measured("onnx", folder, tmp_path, settings)["calls"] != {}


def test_a_form_that_there_is_not_is_left_out_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(graph: Any, kind: str) -> bytes:
        raise ExportError(f"kind {kind} has no layer for int8")

    def written(graph: Any, kind: str) -> bytes:
        return b"a graph"

    exports = {"onnx": written, "torchscript": written, "int8": refused}
    monkeypatch.setattr(measured_forms, "EXPORTS", exports)
    checkpoint = load_checkpoint(find_version("filter_negative@1.1.0").path / "model")
    seen: list[str] = []
    left_out = measured_forms._export(checkpoint, tmp_path, lambda *step: seen.append(step[3]))
    assert left_out == {"int8": "kind lstm has no layer for int8"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["features.npy", "model.onnx", "model.pt"]
    assert seen == ["onnx", "torchscript", "int8"]


def test_a_version_that_cannot_be_exported_is_measured_by_our_own_scoring_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_checkpoint: Any) -> Any:
        raise ExportError("it has no graph")

    monkeypatch.setattr(measured_forms, "export_graph", refused)
    checkpoint = load_checkpoint(find_version("filter_negative@1.1.0").path / "model")
    left_out = measured_forms._export(checkpoint, tmp_path, lambda *_step: None)
    assert left_out == dict.fromkeys(("onnx", "torchscript", "int8"), "it has no graph")
    assert [path.name for path in tmp_path.iterdir()] == ["features.npy"]


def test_a_changed_version_is_not_measured(tmp_path: Path) -> None:
    copied = tmp_path / "filter_negative" / "1.1.0"
    shutil.copytree(find_version("filter_negative@1.1.0").path, copied)
    (copied / "spec.toml").write_text((copied / "spec.toml").read_text() + "# changed\n")
    with pytest.raises(RunError, match="NOT INTACT"):
        measured_forms.measure_latency(VersionFolder(copied, Version.parse("filter_negative@1.1.0")))


def test_the_command_prints_one_table_and_what_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[LatencySettings] = []

    def measure(folder: VersionFolder, *, settings: LatencySettings, progress: Any) -> LatencyTable:
        asked.append(settings)
        return replace(a_table(torch=[answer()], onnx=[answer(0.2)]), left_out={"int8": "it has no such layer"})

    monkeypatch.setattr(measured_forms, "measure_latency", measure)
    words = ["bench-model", "filter_negative@1.1.0", "--repeats", "3", "--threads", "2"]
    ran = CliRunner(env={"COLUMNS": "80"}).invoke(app, words)
    assert ran.exit_code == 0, "over a bound is no error"
    rows = [line.split() for line in ran.stdout.splitlines()]
    assert ["onnx", "1", "name", "200", "ms", "200", "ms", "200", "ms", "100", "ms", "100", "ms", "OVER"] in rows
    assert "int8 is left out: it has no such layer" in ran.stdout
    assert [(each.repeats, each.n_threads) for each in asked] == [(3, 2)]


@pytest.mark.slow
def test_every_form_of_a_small_version_is_measured(frozen: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured_forms, "CALLS", {1: 2, 200: 2, 1695: 2})
    words = ["bench-model", str(frozen.version), "--versions", str(frozen.path.parents[1]), "--repeats", "2", "--json"]
    ran = CliRunner().invoke(app, [*words, "--threads", "1"])
    assert ran.exit_code == 0, ran.output
    told = json.loads(ran.stdout)
    assert list(told["peak_bytes"]) == ["torch", "onnx", "torchscript", "int8"]
    assert {row["calls"] for row in told["rows"]} == {2, 4}
    assert told["largest_difference"]["torch"] == 0.0
    assert told["largest_difference"]["onnx"] < 1e-3
    assert told["largest_difference"]["torchscript"] < 1e-3
    assert 1e-4 < told["largest_difference"]["int8"] < 1.0
    assert told["left_out"] == {}
