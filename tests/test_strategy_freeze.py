"""Freeze: what may become a version, what the lock says, and that a kill leaves no version or a whole one."""

import contextlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import RunError
from core.files import read_json, write_json
from quintile.cli import main
from strategy.definitions.render import render_definition
from strategy.definitions.spec import DEFAULT_STRATEGY, load_spec
from strategy.frozen import freeze as freezing
from strategy.frozen.archive import panel_files, read_expected, read_panel
from strategy.frozen.check_log import check_log
from strategy.frozen.freeze import publish
from strategy.frozen.history import DEFINITION, render_newest, render_version
from strategy.frozen.lock_shape import FORMAT
from strategy.frozen.replay import frozen_spec
from strategy.frozen.verify import verify
from strategy.frozen.versions import (
    LOCK,
    SHIPPED,
    VersionFolder,
    list_versions,
    lock_text,
    read_lock,
    read_sealed,
)
from strategy.trials.log import TrialLog
from tests.frozen_market import Bench, small_spec

KILLS = 200
RECOMPUTED: dict[str, Any] = {}
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def own(bench: Bench, tmp_path: Path) -> Bench:
    """Return a copy of the bench that may be changed."""
    return bench.copied(tmp_path)


@pytest.fixture
def recomputed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the stages that the run's weights give from memory: what is asked here is what is held against them."""

    def known(*words: Any, **more: Any) -> Any:
        if "found" not in RECOMPUTED:
            RECOMPUTED["found"] = recompute(*words, **more)
        return RECOMPUTED["found"]

    recompute = freezing.recompute
    monkeypatch.setattr(freezing, "recompute", known)


def test_a_version_holds_what_it_promises(frozen: VersionFolder) -> None:
    body = frozen.body
    promised = {"spec.toml", "model.safetensors", "model.json", DEFINITION, "expected/scores.parquet"}
    promised |= {"expected/weights.parquet", "expected/returns.parquet"}
    assert promised <= body["files"].keys()
    decides = {"strategy/learning/decide.py", "portfolio/book.py", "models/architectures/rank_lstm.py"}
    assert body["closure"].keys() >= decides
    assert not [name for name in body["closure"] if name.startswith(("strategy/versions", "backtests/report"))]
    assert body["dependencies"]["torch"]
    assert body["machine"]["threads"] == "1"
    assert body["seeds"] == {"training": 1}
    assert body["chain"]["length"] >= 2
    assert body["previous"] is None


def test_the_expected_numbers_are_those_of_the_run(bench: Bench, frozen: VersionFolder) -> None:
    kept = read_expected(frozen.path)
    np.testing.assert_allclose(kept["scores"], bench.run.read_frame("scores"), atol=1e-7, equal_nan=True)
    np.testing.assert_allclose(kept["weights"], bench.run.read_frame("weights"), atol=1e-9)
    shown = bench.run.read_frame("returns")["filter_negative net"]
    np.testing.assert_allclose(kept["returns"]["net"], shown, atol=1e-9)


def test_the_definition_is_rendered_from_what_is_hashed(frozen: VersionFolder) -> None:
    rendered = (frozen.path / DEFINITION).read_text(encoding="utf-8")
    spec = frozen_spec(frozen)
    assert rendered == render_version(spec, frozen.body)
    assert rendered.startswith(render_definition(spec))


def test_freezing_is_logged_and_remembered(bench: Bench, frozen: VersionFolder) -> None:
    (entry,) = [entry for entry in TrialLog(bench.store.root).entries() if entry.facts.get("lock") == frozen.sha256]
    assert (entry.kind, entry.facts["version"]) == ("freeze", "filter_negative@1.0.0")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("verdict", "EVIDENCE", "verdict EVIDENCE kept, NOT EVIDENCE found"),
        ("sharpe_net", 3.0, "sharpe_net 3 kept"),
        ("sharpe_standard_error", 0.1, "sharpe_standard_error 0.1 kept"),
        ("comparable_trials", 900, "comparable_trials 900 kept"),
        ("trials", 900, "trials 900 kept"),
        ("source", "CRSP", "source CRSP kept"),
        ("sentence", "EVIDENCE: buy.", "sentence begins EVIDENCE: buy."),
        ("sentence", "NOT EVIDENCE: buy.", "sentence lacks its"),
    ],
)
def test_an_edited_headline_is_not_frozen(
    key: str, value: object, said: str, own: Bench, recomputed_once: None
) -> None:
    metrics = own.run.metrics
    metrics["headline"][key] = value
    write_json(own.run.path / "metrics.json", metrics)
    with pytest.raises(RunError, match=r"metrics\.json does not follow from its numbers \(" + said):
        own.freeze("filter_negative@9.0.0")
    assert not list_versions(own.versions)


@pytest.mark.parametrize("metrics", [{}, {"headline": []}, {"headline": {}}])
def test_a_run_without_a_headline_is_not_frozen(metrics: dict[str, Any], own: Bench, recomputed_once: None) -> None:
    write_json(own.run.path / "metrics.json", metrics)
    with pytest.raises(RunError):
        own.freeze("filter_negative@9.0.0")


def test_versions_rise_and_are_never_replaced(own: Bench) -> None:
    first, second = own.freeze("filter_negative@1.0.0", with_bars=False), own.freeze("filter_negative@1.1.0")
    assert second.body["previous"] == {"version": "1.0.0", "sha256": first.sha256}
    assert verify(second).exit_code == 0
    for number in ("1.0.0", "1.1.0", "1.0.5", "0.9.0"):
        with pytest.raises(RunError, match="does not rise above"):
            own.freeze(f"filter_negative@{number}")
    page = render_newest(own.versions)
    assert page.startswith((second.path / DEFINITION).read_text(encoding="utf-8"))
    assert page.index(second.sha256) < page.index(first.sha256)


def test_a_standing_folder_is_refused_whoever_comes_second(tmp_path: Path) -> None:
    target = tmp_path / "versions" / "any" / "1.0.0"
    publish({"a": b"1"}, target)
    with pytest.raises(RunError, match=r"any@1\.0\.0 is frozen already"):
        publish({"a": b"2"}, target)
    assert (target / "a").read_bytes() == b"1"
    assert [path.name for path in (tmp_path / "versions").iterdir()] == ["any"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"finished": None}, "it has not finished"),
        ({"strategy": "another"}, "its strategy is another"),
        ({"identity": {"spec": "s", "panel": "p", "code": "other"}}, "code changed since"),
        ({"version": {}}, "run of a version already"),
    ],
)
def test_a_run_that_cannot_be_frozen_says_why(change: dict[str, Any], message: str, own: Bench) -> None:
    write_json(own.run.path / "run.json", own.run.record | change)
    with pytest.raises(RunError, match=message):
        own.freeze("filter_negative@1.0.0")
    assert not own.versions.exists()


def test_a_run_that_shows_other_returns_than_its_weights_give_is_refused(own: Bench) -> None:
    shown = own.run.read_frame("returns")
    shown.iloc[40, 0] += 0.01
    own.run.write_frame("returns", shown)
    with pytest.raises(RunError, match="does not recompute: first difference in returns"):
        own.freeze("filter_negative@1.0.0")


def test_a_run_that_the_log_does_not_know_is_refused(own: Bench) -> None:
    claim = read_json(own.run.path / "trials.json")
    write_json(own.run.path / "trials.json", claim | {"length": 99})
    with pytest.raises(RunError, match="it was cut"):
        own.freeze("filter_negative@1.0.0")


def test_bars_come_back_bit_for_bit(frozen: VersionFolder, tmp_path: Path) -> None:
    panel = read_panel(frozen.path)
    assert panel.fingerprint() == frozen.body["panel"]
    for name, content in panel_files(panel).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert read_panel(tmp_path).facts == panel.facts


def write_forever(versions: str, files: dict[str, bytes], ready: Any) -> None:
    ready.set()
    for number in range(1_000_000):
        publish(files, Path(versions) / "any" / f"1.0.{number}")


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_no_version_or_a_whole_one(frozen: VersionFolder, tmp_path: Path) -> None:
    rng, versions = np.random.default_rng(0), tmp_path / "versions"
    files = {name: (frozen.path / name).read_bytes() for name in frozen.body["files"]}
    files[LOCK] = (frozen.path / LOCK).read_bytes()
    context, left_half = multiprocessing.get_context("fork"), 0
    for moment in rng.uniform(0.0, 0.25, size=20):
        ready = context.Event()
        process = context.Process(target=write_forever, args=(str(versions), files, ready))
        process.start()
        ready.wait()
        time.sleep(moment)
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        left_half += len(list(versions.glob(".*.partial")))
        for found in list_versions(versions):
            assert {path.relative_to(found.path).as_posix() for path in found.path.rglob("*") if path.is_file()} == set(
                files
            )
            assert all((found.path / name).read_bytes() == content for name, content in files.items())
        shutil.rmtree(versions, ignore_errors=True)
    assert left_half, "no kill came while a version was being written"


@pytest.mark.slow
def test_the_command_killed_at_twenty_random_moments_leaves_no_version_or_a_whole_one(own: Bench) -> None:
    words = ["freeze", own.run.run_id, "--as", "filter_negative@1.0.0", "--out", str(own.store.root)]
    command = [sys.executable, "-m", "quintile", *words, "--versions", str(own.versions), "--quiet"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    started = time.monotonic()
    subprocess.run(command, env=environment, check=True)
    whole, outcomes = time.monotonic() - started, []
    for moment in np.random.default_rng(1).uniform(0.0, 1.1 * whole, size=20):
        shutil.rmtree(own.versions, ignore_errors=True)
        process = subprocess.Popen(command, env=environment)
        time.sleep(moment)
        process.kill()
        process.wait()
        found = list_versions(own.versions)
        assert all(verify(folder).damage == () for folder in found)
        outcomes.append(len(found))
    print(f"whole command {whole:.1f} s; versions left after each kill: {outcomes}")


def freeze_forever(own: Bench, ready: Any) -> None:
    """Freeze one number after the other; the other process may have taken it."""
    ready.set()
    while True:
        taken = [each.version.number for each in list_versions(own.versions, "filter_negative")]
        major, minor, patch = max(taken, default=(1, 0, -1))
        with contextlib.suppress(RunError):
            own.freeze(f"filter_negative@{major}.{minor}.{patch + 1}", with_bars=False)


@pytest.mark.slow
def test_two_that_freeze_at_once_and_are_killed_two_hundred_times_leave_whole_versions(
    own: Bench, recomputed_once: None
) -> None:
    own.freeze("filter_negative@1.0.0", with_bars=False)  # what is computed once is known from here on
    began = time.monotonic()
    own.freeze("filter_negative@1.0.1", with_bars=False)
    whole = time.monotonic() - began
    rng, context, kept = np.random.default_rng(0), multiprocessing.get_context("fork"), 0
    log = TrialLog(own.store.root)
    for pair in range(KILLS // 2):
        started = [context.Event(), context.Event()]
        processes = [context.Process(target=freeze_forever, args=(own, ready)) for ready in started]
        for process, ready in zip(processes, started, strict=True):
            process.start()
            ready.wait()
        time.sleep(rng.uniform(0.3, 2.5) * whole)
        for process in processes:
            os.kill(process.pid or 0, signal.SIGKILL)
            process.join()
        found = list_versions(own.versions)
        for folder in found[kept:]:
            assert verify(folder).damage == ()
        kept = max(len(found) - 1, 0)
        logged = {entry.facts["lock"] for entry in log.entries() if entry.kind == "freeze"}
        unlogged = [folder for folder in found if folder.sha256 not in logged]
        if pair % 10 == 0:  # it reads every version there is
            assert check_log(log, own.versions, own_versions=True)[0] == []
    assert check_log(log, own.versions, own_versions=True)[0] == []
    after = own.freeze("filter_negative@2.0.0", with_bars=False)
    assert verify(after).exit_code == 0
    assert not list(own.versions.glob(".*.partial"))
    print(f"{KILLS} kills, a freeze in {whole:.2f} s, {len(found)} versions, {len(unlogged)} not logged")
    assert len(found) > KILLS // 10, "no freeze was ever finished"


@pytest.mark.parametrize(
    ("content", "said"), [(b"\xff\xfe", "is no UTF-8 text: give a text file"), (b"a" * 300_000, "300,000 bytes")]
)
def test_notes_that_are_no_text_are_refused(
    content: bytes,
    said: str,
    own: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "notes.md").write_bytes(content)
    words = ["freeze", "latest", "--as", "mine@1.0.0", "--notes", str(tmp_path / "notes.md")]
    monkeypatch.setattr(sys, "argv", ["quintile", *words, "--out", str(own.store.root)])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 1
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_damaged_version_is_left_out_of_the_history_with_a_word(own: Bench) -> None:
    first, _ = own.freeze("filter_negative@1.0.0"), own.freeze("filter_negative@1.1.0")
    (first.path / LOCK).write_text("{}")
    page = render_newest(own.versions)
    assert "| 1.0.0 | cannot be read, see `quintile verify filter_negative@1.0.0` | | | |" in page
    assert page.count("| 1.1.0 |") == 1


def test_what_a_kill_left_behind_is_cleared_by_the_next_freezing(own: Bench) -> None:
    left = own.versions / ".filter_negative-1.0.0-abc.partial"
    left.mkdir(parents=True)
    assert list_versions(own.versions) == []
    own.freeze("filter_negative@1.0.0")
    assert not left.exists()


def test_the_definition_at_the_root_is_the_newest_version_with_its_history() -> None:
    rendered = (ROOT / "STRATEGY_DEFINITION.md").read_text(encoding="utf-8")
    assert rendered == render_newest(), "run `make definition`"


@pytest.mark.parametrize("folder", list_versions(SHIPPED), ids=str)
def test_every_shipped_version_is_intact(folder: VersionFolder) -> None:
    assert verify(folder).damage == ()


def test_a_lock_in_its_one_form_reads_back(tmp_path: Path) -> None:
    body = {"format": FORMAT, "name": "any", "version": "1.0.0", "files": {}, "closure": {}, "dependencies": {}}
    (tmp_path / LOCK).write_text(lock_text(body))
    assert read_sealed(tmp_path / LOCK, max_bytes=1000) == body
    with pytest.raises(ValueError, match=r"lock\.json has no previous"):
        read_lock(tmp_path)


def test_the_resolved_spec_names_its_dates(frozen: VersionFolder) -> None:
    spec = frozen_spec(frozen)
    assert spec.split.train_end is not None
    assert spec.model_copy(update={"split": small_spec().split}) == small_spec()
    assert frozen.body["spec"]["run"] == small_spec().fingerprint() != spec.fingerprint()
    assert load_spec(DEFAULT_STRATEGY).holdout is None
