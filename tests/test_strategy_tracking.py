"""Exports of a run: what they hold, read back by other code, made once, and refused where they would touch a run."""

import errno
import itertools
import json
import struct
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboardX.record_writer import RecordWriter

from core.errors import MissingExtraError, RunError
from strategy.runs.log.log_lines import LOG_FILE, epochs_of, read_log
from strategy.runs.result import Run
from strategy.tracking import mlflow_store
from strategy.tracking.mlflow_store import require_mlflow, store_address, store_run
from strategy.tracking.tensorboard_files import write_events
from strategy.tracking.tracked_run import TrackedRun, cut_text, tracked_run
from tests.frozen_market import Bench
from tests.oracles.small_runs import quintile, refusal


@pytest.fixture(scope="module")
def tracked(bench: Bench) -> TrackedRun:
    return tracked_run(bench.run)


def events_of(folder: Path) -> Iterator[Any]:
    """Events of the one file of a folder: length, its checksum, the bytes and theirs, as TensorFlow writes records."""
    from tensorboardX.proto import event_pb2

    (path,) = folder.glob("events.out.tfevents.*")
    content = path.read_bytes()
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        yield event_pb2.Event.FromString(content[12 : 12 + length])
        content = content[16 + length :]


def scalars_of(folder: Path) -> dict[str, list[tuple[int, float, float]]]:
    found: dict[str, list[tuple[int, float, float]]] = {}
    for event in events_of(folder):
        for value in event.summary.value:
            if value.HasField("simple_value"):
                found.setdefault(value.tag, []).append((event.step, event.wall_time, value.simple_value))
    return found


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_tracked_run_says_what_the_run_says(bench: Bench, tracked: TrackedRun) -> None:
    headline, run = bench.run.metrics["headline"], Run(bench.run)
    assert tracked.metrics["headline/sharpe_net"] == headline["sharpe_net"]
    assert "headline/deflated_sharpe" in tracked.metrics or headline["deflated_sharpe"] is None
    assert tracked.params["model.hidden"] == "8"
    assert tracked.params["training.betas"].startswith("[")
    identity = bench.run.record["identity"]
    tags = {name: tracked.tags[f"quintile.{name}"] for name in ("run", "verdict", "data", "spec", "code", "seeds")}
    assert tags == {
        "run": bench.run.run_id,
        "verdict": headline["verdict"],
        "data": identity["panel"],
        "spec": identity["spec"],
        "code": identity["code"],
        "seeds": "1",
    }
    assert tracked.tags["quintile.hardware"].endswith("device cpu")
    assert tracked.tags["quintile.comparable_trials"] == str(headline["comparable_trials"])
    assert {path.name for path in tracked.artefacts} >= {"report.html", "spec.toml", "metrics.json", LOG_FILE}
    epochs = epochs_of(read_log(bench.run.path / LOG_FILE))
    assert [point.value for point in tracked.curves["epoch/train_ic"]] == [seen.train_ic for seen in epochs]
    assert [point.step for point in tracked.curves["epoch/train_ic"]] == [1, 2]
    sessions = tracked.curves["session/rank_ic"]
    assert np.mean([point.value for point in sessions]) == pytest.approx(run.ic["model"].mean())
    assert tracked.curves["session/equity"][-1].value == pytest.approx(run.equity.iloc[-1])
    assert sessions[0].time == run.ic.index[run.ic["model"].notna()][0].timestamp()


def test_an_unfinished_run_is_not_exported(bench: Bench, tmp_path: Path) -> None:
    folder = bench.copied(tmp_path).run
    record = folder.record | {"finished": None}
    (folder.path / "run.json").write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(RunError, match="has not finished: continue it with"):
        tracked_run(folder)


def test_event_files_hold_every_point_and_are_made_once(tracked: TrackedRun, bench: Bench, tmp_path: Path) -> None:
    before = files_of(bench.run.path)
    assert write_events(tracked, tmp_path)
    folder = tmp_path / "filter_negative" / tracked.run
    found = scalars_of(folder)
    for name, points in tracked.curves.items():
        told = [(point.step, point.time, float(np.float32(point.value))) for point in points]
        assert found[name] == told
    assert {name: values[0][2] for name, values in found.items() if name in tracked.metrics} == {
        name: float(np.float32(value)) for name, value in tracked.metrics.items()
    }
    first = files_of(tmp_path)
    assert not write_events(tracked, tmp_path)
    assert files_of(tmp_path) == first
    changed = replace(tracked, metrics=tracked.metrics | {"headline/sharpe_net": 9.0})
    assert write_events(changed, tmp_path)
    assert len(list(folder.glob("events*"))) == 1, "the former events are replaced"
    assert scalars_of(folder)["headline/sharpe_net"][0][2] == 9.0
    assert files_of(bench.run.path) == before
    assert [path.name for path in folder.parent.iterdir()] == [tracked.run]


def test_a_folder_of_something_else_is_not_replaced(tracked: TrackedRun, tmp_path: Path) -> None:
    own = tmp_path / "filter_negative" / tracked.run / "thesis.txt"
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    with pytest.raises(RunError, match="holds something else than events of run"):
        write_events(tracked, tmp_path)
    assert own.read_text() == "mine"


def test_a_text_beyond_the_limit_is_cut_and_says_so() -> None:
    assert cut_text("a" * 6_000, 6_000) == "a" * 6_000
    assert len(cut_text("a" * 6_001, 6_000)) == 6_000
    assert cut_text("a" * 7_000, 6_000).endswith(" … (7,000 characters, whole in spec.toml or run.json)")
    assert mlflow_store._name("fold 003/a$b:c " + "x" * 300) == ("fold 003/a_b:c " + "x" * 300)[:250]


def test_a_library_that_is_not_there_is_named_with_the_line_that_installs_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    told: dict[str, Any] = {"monkeypatch": monkeypatch, "capsys": capsys}
    for library, to in (("tensorboardX", "tensorboard"), ("mlflow", "mlflow")):
        monkeypatch.setitem(sys.modules, library, None)
        line = refusal("track", "latest", "--to", to, "--out", bench.store.root, "--into", tmp_path, **told)
        assert f"`pip install 'quintile[{to}]'`" in line
    with pytest.raises(MissingExtraError):
        require_mlflow()


def test_runs_are_exported_by_the_command_once_each(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    told: dict[str, Any] = {"monkeypatch": monkeypatch, "capsys": capsys}
    run, words = bench.run.run_id, ("--to", "tensorboard", "--out", bench.store.root)
    first = quintile("track", "latest", run, *words, "--into", tmp_path / "a b", **told)
    assert first.splitlines() == [f"{run}  exported", f"look at them with `tensorboard --logdir '{tmp_path}/a b'`"]
    again = json.loads(quintile("track", run, *words, "--into", tmp_path / "a b", "--json", **told))
    assert again["exported"] == {run: False}
    assert "--to must be tensorboard or mlflow" in refusal("track", run, "--to", "wandb", *words[2:], **told)
    inside = bench.run.path / "events"
    assert "which is not touched" in refusal("track", run, *words, "--into", inside, **told)
    assert not inside.exists()


def test_a_full_disk_ends_an_export_and_leaves_nothing(
    tracked: TrackedRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    records = itertools.count()

    def filling(writer: RecordWriter, record: bytes) -> None:
        if next(records):
            raise OSError(errno.ENOSPC, f"no space left for {len(record)} bytes in {writer.path}")

    monkeypatch.setattr(RecordWriter, "write", filling)
    with pytest.raises(OSError, match="no space left"):
        write_events(tracked, tmp_path)
    assert not list((tmp_path / "filter_negative").iterdir())


def test_an_address_says_where_the_store_is(tmp_path: Path) -> None:
    assert store_address(tmp_path) == f"sqlite:///{tmp_path.resolve()}/mlflow.db"
    with pytest.raises(ValueError, match="without"):
        store_address(tmp_path / "50%")


@pytest.mark.slow
def test_event_files_are_read_by_tensorboard_itself(tracked: TrackedRun, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    write_events(tracked, tmp_path)
    read = accumulators.EventAccumulator(str(tmp_path / "filter_negative" / tracked.run), {"scalars": 0})
    read.Reload()
    for name, points in tracked.curves.items():
        assert [(each.step, each.value) for each in read.Scalars(name)] == [
            (point.step, float(np.float32(point.value))) for point in points
        ]
    assert "verdict/text_summary" in read.Tags()["tensors"]
    assert read.SummaryMetadata("_hparams_/session_start_info").plugin_data.plugin_name == "hparams"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_store_is_read_by_mlflow_itself(tracked: TrackedRun, bench: Bench, tmp_path: Path) -> None:
    library = pytest.importorskip("mlflow", exc_type=ImportError)
    before = files_of(bench.run.path)
    long = replace(tracked, params=tracked.params | {"own.note": "x" * 7_000, "own.$": "1"})
    assert store_run(long, tmp_path)
    assert not store_run(long, tmp_path)
    client = library.MlflowClient(tracking_uri=store_address(tmp_path))
    experiment = client.get_experiment_by_name("filter_negative")
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.run_name == tracked.run
    assert found.info.status == "FINISHED"
    assert found.data.params["own._"] == "1"
    assert len(found.data.params["own.note"]) == 6_000
    assert {k: v for k, v in found.data.params.items() if not k.startswith("own.")} == dict(tracked.params)
    for name, value in tracked.metrics.items():
        assert found.data.metrics[name] == value
    assert {name: found.data.tags[name] for name in tracked.tags} == dict(tracked.tags)
    for name, points in tracked.curves.items():
        history = client.get_metric_history(found.info.run_id, name)
        assert sorted((each.step, each.value) for each in history) == [(point.step, point.value) for point in points]
    kept = {each.path for each in client.list_artifacts(found.info.run_id)}
    assert kept == {path.name for path in tracked.artefacts}
    assert files_of(bench.run.path) == before
    changed = replace(long, metrics=long.metrics | {"headline/sharpe_net": 9.0})
    assert store_run(changed, tmp_path)
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.data.metrics["headline/sharpe_net"] == 9.0
    client.delete_experiment(experiment.experiment_id)
    with pytest.raises(RunError, match="restore it with `mlflow experiments restore"):
        store_run(tracked, tmp_path)
