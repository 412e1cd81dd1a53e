"""Damaged runs: one that cannot be read is named, in one line, by whoever asks for it, and stops no other."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from core.errors import RunError, noted_remedy
from core.files import write_json
from market.request import BarsRequest
from strategy.definitions.spec import load_spec
from strategy.frozen.retention import plan_artefacts, plan_prune
from strategy.runs.artefacts import draw_tearsheet
from strategy.runs.own_bars import refuse_strange_bars
from strategy.runs.result import Run
from strategy.runs.store import RunFolder, RunOrigin, RunStore
from tests.oracles.small_runs import left_with, refusal

HEADLINE = {"sharpe_net": 0.5, "rank_ic": 0.01, "verdict": "NOT EVIDENCE", "sentence": "NOT EVIDENCE: a test"}
SESSIONS = pd.bdate_range("2020-01-01", periods=3, name="session")


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def finished(store: RunStore, **headline: Any) -> RunFolder:
    folder = store.create(load_spec(), BarsRequest(), panel="p" * 64)
    folder.write_metrics({"headline": HEADLINE | headline, "strategy": "filter_negative", "synthetic": True})
    folder.write_frame("returns", pd.DataFrame({"filter_negative net": 0.1, "market": 0.0}, index=SESSIONS))
    folder.finish()
    return folder


def changed(folder: RunFolder, **keys: Any) -> None:
    write_json(folder.path / "run.json", json.loads((folder.path / "run.json").read_text()) | keys)


DAMAGES: dict[str, Any] = {
    "cut": '{"strategy": ',
    "empty": "",
    "a list": "[1]",
    "a word": '"run"',
    "nothing in it": "{}",
    "not text": b"\xff\xfe\x00",
}


@pytest.mark.parametrize("file", ["run.json", "metrics.json"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_run_is_listed_as_such_and_the_others_as_ever(
    file: str,
    damage: str,
    store: RunStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole, spoiled = finished(store), finished(store)
    content = DAMAGES[damage]
    (spoiled.path / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    monkeypatch.chdir(tmp_path)
    code, printed, noted = left_with("runs", "--json", monkeypatch=monkeypatch, capsys=capsys)
    assert code == 0
    rows = {row["run"]: row["status"] for row in json.loads(printed)}
    assert rows == {whole.run_id: "complete", spoiled.run_id: "damaged"}
    assert noted.startswith("quintile: ")
    assert f"{spoiled.run_id}/{file}" in noted
    assert len(noted.strip().splitlines()) == 1
    told = refusal("show", spoiled.run_id, monkeypatch=monkeypatch, capsys=capsys)
    assert f"{spoiled.run_id}/{file}" in told
    assert repr(Run(spoiled)) == f"<Run {spoiled.run_id}, damaged>"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"identity": {"spec": "s"}}, r"record of a run \(no identity\.panel\)"),
        ({"identity": {"spec": 1, "panel": "p", "code": "c"}}, r"no right identity\.spec"),
        ({"finished": 3}, "no right finished"),
        ({"request": []}, "no right request"),
        ({"walk": {"runs": [1]}}, "no right walk"),
        ({"version": "1.0.0"}, "no right version"),
        ({"model": []}, "no right model"),
        ({"scores": 7}, "no right scores"),
        ({"command": None}, "no right command"),
    ],
)
def test_a_record_of_another_shape_is_one_line_that_names_the_file(
    keys: dict[str, Any], said: str, store: RunStore
) -> None:
    folder = finished(store)
    changed(folder, **keys)
    with pytest.raises(RunError, match=f"run.json is no .*{said}"):
        _ = folder.record
    assert folder.damage is not None
    assert store.readable() == []


def test_keys_of_a_newer_release_are_left_alone_but_for_what_loads_the_bars(store: RunStore) -> None:
    folder = finished(store)
    changed(folder, newer=[{"any": 1}])
    assert folder.damage is None
    changed(folder, request={"bars": "builtin", "evil": 1})
    with pytest.raises(RunError, match=r"run\.json: .* has the field 'evil', which this release does not know"):
        _ = folder.request


@pytest.mark.parametrize(
    ("key", "value"),
    [("sharpe_net", []), ("verdict", 3), ("period", 7), ("stamps", "x"), ("trials", "many"), ("parity", {})],
)
def test_metrics_of_another_type_are_one_line(key: str, value: Any, store: RunStore) -> None:
    folder = finished(store, **{key: value})
    with pytest.raises(RunError, match=rf"metrics\.json is no metrics of a run \(no right headline\.{key}"):
        _ = folder.metrics


def test_metrics_that_lack_a_number_say_which(store: RunStore) -> None:
    folder = finished(store)
    with pytest.raises(RunError, match=r"metrics\.json has no period: restore it, or make the run again"):
        str(Run(folder))
    assert Run(folder).verdict.word == "NOT EVIDENCE"
    assert json.loads(json.dumps(folder.metrics))["headline"] == HEADLINE


def test_metrics_of_a_finished_run_that_are_gone_are_not_an_unfinished_run(store: RunStore) -> None:
    folder = finished(store)
    (folder.path / "metrics.json").unlink()
    with pytest.raises(RunError, match=r"metrics\.json is gone"):
        _ = folder.metrics


def spoiled_frames() -> dict[str, Any]:
    good = pd.DataFrame({"A": [0.1, 0.2, 0.3]}, index=SESSIONS)
    return {
        "rows that are no sessions": good.reset_index(drop=True),
        "sessions out of order": good.iloc[::-1],
        "words": good.astype(str),
        "infinite numbers": good * float("inf"),
        "no frame": b"PAR1PAR1",
        "empty": b"",
    }


@pytest.mark.parametrize("damage", spoiled_frames())
@pytest.mark.parametrize("name", ["scores", "weights", "returns", "ic"])
def test_a_damaged_frame_is_one_line_that_names_the_file(name: str, damage: str, store: RunStore) -> None:
    folder, content = finished(store), spoiled_frames()[damage]
    path = folder.path / f"{name}.parquet"
    path.write_bytes(content) if isinstance(content, bytes) else content.to_parquet(path)
    with pytest.raises(RunError, match=rf"{name}\.parquet cannot be read \(.+\): restore it, or make the run again"):
        folder.read_frame(name)
    refuse_strange_bars(folder, ["A"], "bars.parquet")  # what it scored is not known: nothing is said


def test_a_frame_that_is_gone_or_has_other_columns_is_one_line(store: RunStore) -> None:
    folder = finished(store)
    with pytest.raises(RunError, match=r"scores\.parquet is gone"):
        folder.read_frame("scores")
    folder.write_frame("returns", pd.DataFrame({"other net": 0.1}, index=SESSIONS))
    for asked in (lambda: Run(folder).equity, lambda: draw_tearsheet(folder)):
        with pytest.raises(RunError, match=r"returns\.parquet has no column filter_negative net"):
            asked()


def test_pruning_leaves_a_run_alone_whose_record_cannot_be_read(store: RunStore, tmp_path: Path) -> None:
    spoiled, whole = finished(store), finished(store)
    (spoiled.path / "run.json").write_text("{")
    assert plan_prune(store, tmp_path / "versions", keep=0).runs == (whole,)
    assert all(whole.path in path.parents for path in plan_artefacts(store).paths)
    changed(whole, started="yesterday")
    with pytest.raises(RunError, match="does not say when the run was begun"):
        plan_prune(store, tmp_path / "versions", older_than=1)


def test_a_run_of_a_given_model_names_what_to_remove(store: RunStore) -> None:
    origin = RunOrigin(record={"model": {"origin": "run x"}})
    folder = store.create(load_spec(), BarsRequest(), panel="p", command="quintile run --model x", origin=origin)
    with pytest.raises(RunError, match=f"remove {folder.path} and begin it again with `quintile run --model x`"):
        folder.check_resumable("run")


def test_the_command_that_resumes_names_the_folder_of_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here = RunStore().create(load_spec(), BarsRequest(), panel="p")
    assert here.resume_command == f"quintile run --resume {here.run_id}"
    there = RunStore(tmp_path / "my runs").create(load_spec(), BarsRequest(), panel="p")
    assert there.resume_command == f"quintile run --resume {there.run_id} --out '{tmp_path}/my runs'"


@pytest.mark.parametrize("end", [KeyboardInterrupt(), OSError(28, "No space left"), MemoryError()])
def test_what_ends_a_run_early_notes_how_it_goes_on(end: BaseException, store: RunStore) -> None:
    folder = store.create(load_spec(), BarsRequest(), panel="p")
    other = store.create(load_spec(), BarsRequest(), panel="p")  # begun later, by another process
    with pytest.raises(type(end)) as stopped, folder.locked():
        raise end
    assert noted_remedy(stopped.value) == folder.resume_command != other.resume_command
    with pytest.raises(KeyboardInterrupt) as again, finished(store).locked():
        raise KeyboardInterrupt
    assert noted_remedy(again.value) is None


def test_a_finished_run_is_not_resumed_at_the_command_line_and_says_so(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = finished(store)
    folder.check_unfinished()  # its report is gone: it is drawn again
    (folder.path / "report.html").write_text("")
    told = refusal("run", "--resume", "latest", "--out", store.root, monkeypatch=monkeypatch, capsys=capsys)
    assert f"run {folder.run_id} has finished, nothing is left to resume" in told
