"""Retention: old runs go, and nothing that a version, a walk or the trial log still needs."""

import json
from pathlib import Path

import pandas as pd
import pytest

from core.errors import RunError
from core.files import write_json
from market.request import BarsRequest
from strategy.definitions.spec import load_spec
from strategy.frozen.check_log import check_log
from strategy.frozen.retention import plan_artefacts, plan_prune, prune
from strategy.runs.store import PRUNED_FILE, RunFolder, RunOrigin, RunStore
from strategy.trials.log import TrialLog
from strategy.trials.trial_record import CHAIN_FILE
from tests.oracles.small_runs import files_under, left_with, quintile, refusal

NOWHERE = Path("no versions here")
RECORD = {CHAIN_FILE, "metrics.json", "returns.parquet", "spec.toml", PRUNED_FILE}


def finished(store: RunStore, number: int, **record: object) -> RunFolder:
    """A run with small files in place of the large ones, logged as a trial."""
    folder = store.create(load_spec(), BarsRequest(), panel=f"{number}", origin=RunOrigin(record=record))
    frame = pd.DataFrame({"x": [1.0 * number]}, index=pd.date_range("2020-01-01", periods=1))
    for name in ("scores", "weights", "trades", "returns"):
        folder.write_frame(name, frame, for_people=True)
    (folder.path / "report.html").write_text("page" * 1000)
    (folder.path / "training").mkdir()
    (folder.path / "training" / "training.safetensors").write_bytes(b"0" * 5000)
    key = {"spec": "s", "panel": f"{number}", "first": "2020-01-01", "last": "2020-02-01"}
    entry = TrialLog(store.root).append("trial", strategy="filter_negative", run=folder.run_id, key=key, sharpe=0.1)
    write_json(folder.path / CHAIN_FILE, entry.as_dict())
    folder.write_metrics({"headline": {"sharpe_net": 0.1}})
    started = f"20{10 + number}-01-01T00:00:00+00:00"
    write_json(folder.path / "run.json", folder.record | {"started": started})
    path = folder.path.rename(folder.path.with_name(f"20{10 + number}0101-000000-abcdef"))
    folder = RunFolder(path)
    folder.finish()
    return folder


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs", csv=True)


def test_the_newest_stay_and_the_log_can_be_checked_as_before(store: RunStore) -> None:
    runs = [finished(store, number) for number in range(4)]
    plan = plan_prune(store, NOWHERE, keep=2)
    assert plan.runs == tuple(runs[:2])
    before = files_under(store.root)
    size = sum(path.stat().st_size for folder in runs for path in folder.path.rglob("*") if path.is_file())
    assert files_under(store.root) == before  # a plan removes nothing
    prune(plan)
    left = sum(path.stat().st_size for folder in runs for path in folder.path.rglob("*") if path.is_file())
    assert left == size - plan.n_bytes
    assert store.folders() == runs[2:]
    assert files_under(runs[0].path) == RECORD
    assert check_log(TrialLog(store.root), NOWHERE, own_versions=True) == ([], [])
    assert [entry.kind for entry in TrialLog(store.root).entries()].count("trial") == 4
    assert plan_prune(store, NOWHERE, keep=2).runs == ()


def test_a_pruned_run_is_called_pruned(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [finished(store, number) for number in range(2)]
    for keep in (1, 0):
        prune(plan_prune(store, NOWHERE, keep=keep))
        for name in (runs[0].run_id, runs[0].run_id[:6]):
            with pytest.raises(RunError, match=f"{runs[0].run_id} was pruned.*run its strategy again"):
                store.find(name)
    assert "was pruned" in refusal(
        "compare-books", runs[0].run_id, "--out", store.root, monkeypatch=monkeypatch, capsys=capsys
    )
    with pytest.raises(RunError, match="no runs in"):
        store.find("latest")


def test_keeping_more_than_there_are_keeps_all(store: RunStore) -> None:
    finished(store, 1)
    assert plan_prune(store, NOWHERE, keep=5).runs == ()
    assert plan_prune(store, NOWHERE, keep=0).paths


def test_young_runs_stay(store: RunStore) -> None:
    old, new = finished(store, 1), store.create(load_spec(), BarsRequest(), panel="p")
    assert plan_prune(store, NOWHERE, older_than=30).runs == (old,)
    assert plan_prune(store, NOWHERE, keep=1, older_than=30).runs == (old,)
    assert plan_prune(store, NOWHERE, keep=2, older_than=30).runs == ()
    assert new in store.folders()


def test_an_unfinished_run_that_is_no_trial_goes_whole(store: RunStore) -> None:
    folder = store.create(load_spec(), BarsRequest(), panel="p")
    prune(plan_prune(store, NOWHERE, keep=0))
    assert not folder.path.exists()


def test_a_run_that_a_version_was_frozen_from_stays_whole(store: RunStore) -> None:
    frozen, other = finished(store, 1), finished(store, 2)
    TrialLog(store.root).append("freeze", version="mine@1.0.0", lock="0", run=frozen.run_id)
    plan = plan_prune(store, NOWHERE, keep=0)
    assert plan.runs == (other,)
    assert plan.kept == ((frozen.run_id, "mine@1.0.0 was frozen from it"),)
    assert f"{frozen.run_id}  stays: mine@1.0.0 was frozen from it" in str(plan)


def test_the_runs_of_a_walk_stay_or_go_together(store: RunStore) -> None:
    names = [f"20{10 + number}0101-000000-abcdef" for number in (1, 2)]
    first, second = (finished(store, number, walk={"runs": names}) for number in (1, 2))
    assert plan_prune(store, NOWHERE, keep=1).runs == ()
    assert plan_prune(store, NOWHERE, keep=0).runs == (first, second)


def test_a_run_that_is_being_written_stays(store: RunStore) -> None:
    folder = finished(store, 1)
    with folder.locked():
        assert plan_prune(store, NOWHERE, keep=0).kept == ((folder.run_id, "it is being written"),)


def test_artefacts_go_without_a_run(store: RunStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QUINTILE_DATA", str(tmp_path / "data"))
    folder = finished(store, 1)
    (folder.path / "notes.csv").write_text("mine")  # no copy of a frame
    prune(plan_artefacts(store))
    assert store.folders() == [folder]
    names = files_under(folder.path)
    assert {"scores.parquet", "report.html", "notes.csv"} <= names
    assert not [name for name in names if "training" in name or name == "scores.csv"]


def test_pruning_is_asked_for_and_said(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {"monkeypatch": monkeypatch, "capsys": capsys}
    runs = [finished(store, number) for number in range(2)]
    words = ("runs", "prune", "--out", store.root)
    assert "--keep N newest" in refusal(*words, **told)
    assert "--keep must be 0 or more, was -1" in refusal(*words, "--keep", "-1", **told)
    code, _, error = left_with(*words, "--keep", "1", **told)
    assert (code, "give --yes" in error) == (1, True)
    shown = quintile(*words, "--keep", "1", "--dry-run", **told)
    assert runs[0].run_id in shown
    assert "nothing was removed" in shown
    assert store.folders() == runs
    removed = json.loads(quintile("runs", "--out", store.root, "prune", "--keep", "1", "--yes", "--json", **told))
    assert (removed["runs"], removed["removed"]) == ([runs[0].run_id], True)
    listed = json.loads(quintile("runs", "--out", store.root, "--json", **told))
    assert [row["run"] for row in listed] == [runs[1].run_id]
