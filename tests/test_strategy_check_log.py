"""Check of the log: whatever a run, a version, a paper log or the clock remembers is held against it."""

import datetime as dt
import json
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backtests.verdict import CAPPING_STAMPS
from core.errors import RunError
from core.files import read_json, write_json
from quintile.cli import main
from strategy.frozen.check_log import check_log
from strategy.frozen.versions import LOCK, VersionFolder, list_versions, lock_text
from strategy.runs.store import RunStore
from strategy.trials.log import TrialLog
from strategy.trials.paper_log import PaperLog
from strategy.trials.trial_record import _claims, _doubts
from tests.frozen_market import Bench
from tests.test_strategy_trials import rebuilt

NOWHERE = Path("no versions here")


def run_folder(log: TrialLog, run_id: str, *, finished: bool = True, logged: bool = True) -> Path:
    """A run with its record, and where it was logged its place in the log."""
    folder = log.store / "s" / run_id
    folder.mkdir(parents=True)
    write_json(folder / "run.json", {"run": run_id, "finished": "2026-01-01" if finished else None})
    if logged:
        write_json(folder / "trials.json", log.append("trial", run=run_id).as_dict())
    return folder


def found(log: TrialLog, versions: Path = NOWHERE, *, own: bool = False) -> tuple[list[str], list[str]]:
    return check_log(log, versions, own_versions=own)


def relocked(folder: VersionFolder, **changes: Any) -> None:
    """Write a version's lock anew with other facts and its own hash."""
    (folder.path / LOCK).write_text(lock_text(folder.body | changes))


def test_a_finished_run_without_its_place_in_the_log_is_told(tmp_path: Path) -> None:
    log = TrialLog(tmp_path)
    run_folder(log, "unfinished", finished=False, logged=False)
    folder = run_folder(log, "counted")
    assert found(log) == ([], [])
    (folder / "trials.json").unlink()
    assert found(log) == (["run counted is finished, and its trials.json is gone: restore it"], [])
    run_folder(log, "unknown", logged=False)
    assert found(log)[1] == [
        "run unknown is finished, and neither its folder nor the trial log says that it was counted"
    ]


def test_a_copied_run_is_told_and_a_renamed_one_is_none(tmp_path: Path) -> None:
    log = TrialLog(tmp_path)
    folder = run_folder(log, "first")
    run_folder(log, "second")
    shutil.copytree(folder, folder.with_name("third"))
    assert found(log)[0] == ["run third has the place of run first in the trial log: one of the two is a copy"]
    shutil.rmtree(folder)
    assert found(log) == ([], [])


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "[" * 100_000, '{"log": "x", "length": -1000000000, "head": "x"}', '{"length": ' + "9" * 5000],
)
def test_a_claim_that_cannot_be_read_is_one_line(tmp_path: Path, text: str) -> None:
    log = TrialLog(tmp_path)
    (run_folder(log, "first") / "trials.json").write_text(text)
    assert found(log)[0] == ["run first does not say where the trial log stood"]


def test_a_run_that_cannot_be_read_stops_nothing(tmp_path: Path) -> None:
    log = TrialLog(tmp_path)
    for place, text in enumerate(("", "[]", "[" * 100_000)):
        (run_folder(log, f"damaged-{place}", logged=False) / "run.json").write_text(text)
    run_folder(log, "whole")
    problems, notes = found(log)
    assert (problems, len(notes)) == ([], 3)


def test_a_rewritten_version_is_told_by_the_lock_that_was_logged(bench: Bench, frozen: Any, tmp_path: Path) -> None:
    own = bench.copied(tmp_path)
    version, log = own.freeze("filter_negative@1.0.0"), TrialLog(own.store.root)
    assert found(log, own.versions, own=True) == ([], [])
    relocked(version, headline=version.body["headline"] | {"verdict": "EVIDENCE"})
    place = len(log.entries())
    told = [
        f"filter_negative@1.0.0 does not have the lock that entry {place} of the trial log gave it: it was rewritten"
    ]
    assert found(log, own.versions, own=True)[0] == told
    assert found(log)[0] == told, "the log knows where it was frozen"
    shutil.rmtree(version.path)
    (gone,) = found(log)[0]
    assert gone.startswith(f"filter_negative@1.0.0, frozen by entry {place} of the trial log, is not in {own.versions}")
    shutil.rmtree(own.versions)
    assert found(log) == ([], [gone]), "a folder that moved away as a whole is noted"


def test_a_version_that_moved_with_its_folder_is_held_against_the_log(
    bench: Bench, frozen: Any, tmp_path: Path
) -> None:
    own = bench.copied(tmp_path)
    version, log = own.freeze("filter_negative@1.0.0"), TrialLog(own.store.root)
    moved = own.versions.rename(tmp_path / "moved")
    assert found(log, moved, own=True) == ([], [])
    version = replace(version, path=moved / version.path.relative_to(own.versions))
    relocked(version, headline=version.body["headline"] | {"verdict": "EVIDENCE"})
    assert "it was rewritten" in found(log, moved, own=True)[0][-1]
    assert "it was rewritten" in found(log, moved)[0][-1], "its lock names this log"


def test_a_copy_of_a_version_under_another_number_is_told(bench: Bench, frozen: Any, tmp_path: Path) -> None:
    own = bench.copied(tmp_path)
    version, log = own.freeze("filter_negative@1.0.0"), TrialLog(own.store.root)
    shutil.copytree(version.path, version.path.with_name("1.0.9"))
    assert found(log, own.versions, own=True)[0] == [
        "filter_negative@1.0.9 has the lock of filter_negative@1.0.0: one of the two is a copy"
    ]


def test_a_copied_project_is_held_against_its_own_versions(bench: Bench, frozen: Any, tmp_path: Path) -> None:
    own = bench.copied(tmp_path / "project")
    version = own.freeze("filter_negative@1.0.0")
    copy = shutil.copytree(tmp_path / "project", tmp_path / "copy")
    log, versions = (TrialLog(copy / own.store.root.name), copy / own.versions.name)
    assert found(log, versions, own=True) == ([], [])
    shutil.rmtree(versions / version.path.relative_to(own.versions))
    assert f"is not in {versions}" in found(log, versions, own=True)[0][0], "the original still has it"
    assert found(TrialLog(own.store.root), own.versions, own=True) == ([], [])


def test_a_freeze_that_says_no_folder_is_looked_for_in_the_given_one(bench: Bench, frozen: Any, tmp_path: Path) -> None:
    log, version = TrialLog(tmp_path), list_versions(bench.versions)[0]
    log.append("freeze", version=str(version.version), lock="0" * 64, run="r")
    assert "does not have the lock that entry 2" in found(log, bench.versions, own=True)[0][-1]
    assert found(log, bench.versions, own=False)[0] == [], "another store's version of that name"
    assert "is not in" in found(log, NOWHERE, own=True)[0][0]
    assert "is not in" in found(log, NOWHERE)[1][0]


def test_a_version_that_no_entry_froze_is_noted(bench: Bench, frozen: Any, tmp_path: Path) -> None:
    own = bench.copied(tmp_path)
    own.freeze("filter_negative@1.0.0")
    log = rebuilt(TrialLog(own.store.root), len(TrialLog(own.store.root).entries()) - 1, tmp_path / "killed")
    problems, notes = found(log, own.versions, own=True)
    assert problems == []
    assert notes == ["filter_negative@1.0.0 was frozen from these runs, and no entry of the trial log says so"]


def test_time_that_runs_backwards_is_noted(tmp_path: Path) -> None:
    for year in (2026, 1970):
        TrialLog(tmp_path, lambda year=year: dt.datetime(year, 1, 1, tzinfo=dt.UTC)).append("trial")
    problems, (note,) = found(TrialLog(tmp_path))
    assert problems == []
    assert "time runs backwards" in note


def paper_log(store: Path) -> PaperLog:
    log = PaperLog(store / "paper" / "mine-1.0.0")
    log.append("version", version="mine@1.0.0", lock="0" * 64)
    log.remember()
    return log


def test_a_paper_log_that_is_not_the_remembered_one_is_told(tmp_path: Path) -> None:
    paper = paper_log(tmp_path)
    for day in ("2026-01-02", "2026-01-05"):
        paper.append("restated", session=day)
        paper.remember()
    log = TrialLog(tmp_path)
    assert found(log) == ([], [])
    paper.remember()
    assert len(log.entries()) == 4, "what is known is not remembered again"
    whole = paper.path.read_bytes()
    connection = sqlite3.connect(paper.path)
    connection.executescript("DROP TRIGGER no_cut; DELETE FROM entries WHERE sequence = 4")
    connection.close()
    assert found(log)[0] == [
        "paper log of mine@1.0.0: the trial log knew 4 entries of the paper log, 3 are left: it was cut"
    ]
    paper.append("restated", session="2026-01-06")
    assert "it was rewritten" in found(log)[0][0]
    paper.path.unlink()
    assert found(log)[0] == ["paper log of mine@1.0.0: the trial log knew a paper log, and it is gone"]
    paper_log(tmp_path)
    assert "this one was begun anew" in found(log)[0][0]
    paper.path.write_bytes(whole[:5000])
    assert found(log)[0][0].startswith("paper log of mine@1.0.0: ")


def test_a_paper_log_that_is_longer_than_the_trial_log_knows_is_noted(tmp_path: Path) -> None:
    paper = paper_log(tmp_path)
    assert found(TrialLog(tmp_path)) == ([], [])
    paper.append("restated", session="2026-01-02")
    problems, (note,) = found(TrialLog(tmp_path))
    assert problems == []
    assert note.startswith("paper log of mine@1.0.0: it is longer than the trial log knows")


def test_a_decision_remembers_the_trial_log(tmp_path: Path) -> None:
    log, paper = TrialLog(tmp_path / "runs"), PaperLog(tmp_path / "runs" / "paper" / "mine-1.0.0")
    for n in range(3):
        chain = log.append("trial", n=n)
    facts = {"session": "2026-01-02", "fills": "2026-01-05", "late": False, "flat": False, "weights": {}}
    paper.append("decision", **facts, trials=chain.as_dict())
    paper.remember()
    assert found(log) == ([], [])
    cut = rebuilt(log, 2, tmp_path / "cut")
    shutil.copytree(paper.store, cut.store / "paper" / "mine-1.0.0")
    assert found(cut)[0] == [
        "paper log of mine@1.0.0: its entry 2 knew 4 entries of the trial log, 2 are left: it was cut"
    ]


def test_entries_of_another_shape_are_one_line(tmp_path: Path) -> None:
    for place, (kind, facts) in enumerate([("paper", {}), ("paper", {"paper": "../x", "chain": {}}), ("freeze", {})]):
        log = TrialLog(tmp_path / str(place))
        log.append(kind, **facts)
        problems, notes = found(log)
        assert len(problems) + len(notes) == (0 if kind == "freeze" else 1)


@pytest.mark.parametrize("words", [("--check", "--json"), ("--check",), ("--json",)])
def test_an_unreadable_log_is_told_in_the_form_that_was_asked_for(
    tmp_path: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    TrialLog(tmp_path).append("trial")
    path = TrialLog(tmp_path).path
    path.write_bytes(path.read_bytes()[:5000])
    monkeypatch.setattr("sys.argv", ["quintile", "trials", *words, "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as left:
        main()
    told = capsys.readouterr()
    assert left.value.code == 1
    if words == ("--check", "--json"):
        assert "trial" in json.loads(told.out)["problems"][0]
        assert told.err == ""
    else:
        assert len((told.out + told.err).splitlines()) == 1


def test_reading_leaves_the_claims_alone(tmp_path: Path) -> None:
    log = TrialLog(tmp_path)
    folder = run_folder(log, "first")
    before = read_json(folder / "trials.json"), log.path.read_bytes()
    found(log)
    assert (read_json(folder / "trials.json"), log.path.read_bytes()) == before


def test_an_edited_log_is_told_by_every_door(
    bench: Bench, frozen: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = bench.copied(tmp_path)
    log = TrialLog(own.store.root)
    connection = sqlite3.connect(log.path)
    connection.executescript("DROP TRIGGER no_edit; UPDATE entries SET body = replace(body, '2026', '2025')")
    connection.close()
    with pytest.raises(RunError, match="cannot be frozen: it cannot be looked up: entry 1 of the trial log was edited"):
        own.freeze("filter_negative@1.0.0")
    monkeypatch.setattr("sys.argv", ["quintile", "trials", "--out", str(own.store.root)])
    with pytest.raises(SystemExit):
        main()
    assert "entry 1 of the trial log was edited" in capsys.readouterr().out
    (doubt,) = _doubts({}, log.entries())
    assert doubt[0] == "LOG EDITED"
    assert doubt[0] in CAPPING_STAMPS, "WEAK at best"
    assert doubt[1].startswith("entry 1 of the trial log was edited")


def test_a_result_counted_by_another_log_than_its_neighbours_is_stamped(tmp_path: Path) -> None:
    log = TrialLog(tmp_path)
    for name in ("first", "second", "third"):
        run_folder(log, name)
    write_json(tmp_path / "s" / "second" / "trials.json", {})
    assert _doubts(_claims(RunStore(tmp_path)), log.entries()) == ()
    ((label, sentence),) = _doubts(_claims(RunStore(tmp_path)), log.entries()[:3])
    assert (label, sentence) == (
        "LOG EDITED",
        "Run third knew 4 entries of the trial log, 3 are left: it was cut.",
    )
    log.path.unlink()
    log.append("trial")
    ((label, sentence),) = _doubts(_claims(RunStore(tmp_path)), log.entries())
    assert (label, sentence) == (
        "ANOTHER LOG",
        "Run first was counted by another trial log: its trials are not among these.",
    )
