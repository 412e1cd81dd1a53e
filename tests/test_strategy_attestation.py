"""Attestations: a replay with the same numbers turns changed code green, and a forged one is found by replaying."""

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from market.inputs import Inputs
from quintile import load_version
from quintile.cli import main
from strategy.frozen import attestation as attesting
from strategy.frozen import verify as verifying
from strategy.frozen.archive import read_panel
from strategy.frozen.attestation import Attestation, attestation_path, read_attestation, write_attestation
from strategy.frozen.lock_shape import TEXT_FORMAT
from strategy.frozen.replay import Replay, attest
from strategy.frozen.run_version import open_frozen, run_version
from strategy.frozen.stage_comparison import StageDifference
from strategy.frozen.verify import verify
from strategy.frozen.versions import LOCK, VersionFolder, list_versions, lock_text
from strategy.runs import closure as walking
from strategy.runs import provenance
from strategy.runs.closure import Closure, frozen_closure
from strategy.runs.context import RunContext
from strategy.runs.store import RunStore
from strategy.trials.log import TrialLog

Cli = Callable[..., tuple[int, str]]
FOUND = Replay(exact=True, difference=None, figures={"sharpe_net": 1.0, "rank_ic": None}, why="the same machine")


@pytest.fixture(autouse=True)
def running(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever edits sources while the tests run does not matter to them."""
    monkeypatch.setattr(walking, "STARTED", float("inf"))


@pytest.fixture
def copy(frozen: VersionFolder, tmp_path: Path) -> VersionFolder:
    path = tmp_path / "versions" / frozen.version.name / frozen.version.semver
    shutil.copytree(frozen.path, path)
    return VersionFolder(path, frozen.version)


def other_code(monkeypatch: pytest.MonkeyPatch, digit: str = "0") -> Closure:
    now = frozen_closure()
    changed = Closure(modules={**now.modules, "portfolio/book.py": digit * 64}, definitions=now.definitions)
    monkeypatch.setattr(verifying, "frozen_closure", lambda kind: changed)
    return changed


def rewrite(folder: VersionFolder, change: Callable[[dict[str, Any]], object]) -> None:
    """Change an attestation as one who knows its form would."""
    path = attestation_path(folder)
    body = json.loads(path.read_text())["body"]
    change(body)
    path.write_text(lock_text(body))


def test_a_replay_that_gives_the_same_numbers_turns_changed_code_green(
    copy: VersionFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = other_code(monkeypatch)
    assert verify(copy).exit_code == 3
    attested = attest(copy, FOUND)
    found = verify(copy)
    assert (found.exit_code, found.answer) == (0, "CHANGED, REPLAYED SAME NUMBERS")
    assert found.modules == ("module portfolio/book.py changed",)
    assert (found.code, found.attestation) == (changed.sha256, attested.attestation)
    assert "CHANGED, REPLAYED SAME NUMBERS with this code, bit for bit, 20" in str(found)
    assert not attested.notes


def test_an_attestation_says_what_was_replayed_where_and_how(copy: VersionFolder) -> None:
    attest(copy, replace(FOUND, exact=False, n_threads=2))
    made = read_attestation(copy)
    assert made is not None
    assert (made.lock, made.version, made.exact) == (copy.sha256, "filter_negative@1.0.0", False)
    assert made.code == frozen_closure().sha256
    assert made.dependencies == provenance.dependencies()
    assert made.machine == provenance.machine() | {"threads": "2"}
    assert made.figures == FOUND.figures
    assert Attestation.of(made.body) == made


def test_it_lies_beside_the_version_which_stays_intact(copy: VersionFolder) -> None:
    attest(copy, FOUND)
    assert attestation_path(copy) == copy.path.parent / "1.0.0.replayed.json"
    assert verify(copy).exit_code == 0
    assert list_versions(copy.path.parents[1]) == [copy]


def test_code_and_libraries_must_be_exactly_those_replayed(
    copy: VersionFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_code(monkeypatch, "1")
    attest(copy, FOUND)
    other_code(monkeypatch, "2")
    found = verify(copy)
    assert (found.exit_code, found.notes) == (3, ("1.0.0.replayed.json is not believed: it is of other code",))
    other_code(monkeypatch, "1")
    known = provenance._version
    monkeypatch.setattr(provenance, "_version", lambda name: "0.0.1" if name == "pandas" else known(name))
    found = verify(copy)
    assert (found.exit_code, found.notes) == (3, ("1.0.0.replayed.json is not believed: it is of other libraries",))
    attest(copy, FOUND)
    assert verify(copy).exit_code == 0


def test_another_library_alone_turns_green_as_well(copy: VersionFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    known = provenance._version
    monkeypatch.setattr(provenance, "_version", lambda name: "0.0.1" if name == "pandas" else known(name))
    assert verify(copy).exit_code == 3
    attest(copy, FOUND)
    assert verify(copy).exit_code == 0


def test_an_attestation_of_another_lock_is_not_believed(copy: VersionFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    other_code(monkeypatch)
    attest(copy, FOUND)
    body = copy.body
    body["run"] = "another"
    (copy.path / LOCK).write_text(lock_text(body))
    found = verify(copy)
    assert (found.exit_code, found.notes) == (3, ("1.0.0.replayed.json is not believed: it is of another version",))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"\xff\xfe",
        b'{"body": {}, "sha256": NaN}',
        b"[" * 90_000,
        b" " * 100_001,
        lock_text({}).encode(),
        lock_text({"format": "quintile replay 1", "result": "SAME NUMBERS"}).encode(),
        b'{"body": {"a": "\x1b[2J"}, "sha256": ""}',
    ],
)
def test_what_is_no_attestation_is_not_believed_and_no_crash(
    content: bytes, copy: VersionFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_code(monkeypatch)
    attestation_path(copy).write_bytes(content)
    found = verify(copy)
    assert found.exit_code == 3
    (note,) = found.notes
    assert note.startswith("1.0.0.replayed.json is not believed: ")
    assert "\x1b" not in note


@pytest.mark.parametrize(
    "change",
    [
        {"code": 3},
        {"exact": "yes"},
        {"figures": []},
        {"result": "OTHER NUMBERS"},
        {"format": "quintile replay 2"},
        {"more": 1},
    ],
)
def test_an_attestation_of_another_shape_is_not_believed(
    change: dict[str, Any], copy: VersionFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_code(monkeypatch)
    attest(copy, FOUND)
    rewrite(copy, lambda body: body.update(change))
    assert verify(copy).exit_code == 3


def test_no_byte_of_an_attestation_can_be_flipped(copy: VersionFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    other_code(monkeypatch)
    attest(copy, FOUND)
    path, before = attestation_path(copy), attestation_path(copy).read_bytes()
    for place in range(0, len(before), 37):
        content = bytearray(before)
        content[place] ^= 1
        path.write_bytes(content)
        assert verify(copy).exit_code == 3, before[place - 20 : place + 20]


def test_links_and_pipes_are_not_followed(copy: VersionFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other_code(monkeypatch)
    attest(copy, FOUND)
    kept = attestation_path(copy).rename(tmp_path / "kept.json")
    attestation_path(copy).symlink_to(kept)
    found = verify(copy)
    assert (found.exit_code, found.notes[0][-24:]) == (3, "missing or no plain file")
    attest(copy, FOUND)
    assert not attestation_path(copy).is_symlink(), "the link is replaced, what it points to is not written"
    attestation_path(copy).unlink()
    if hasattr(os, "mkfifo"):
        os.mkfifo(attestation_path(copy))
        assert verify(copy).exit_code == 3


def test_a_version_of_the_first_form_is_attested_as_well(copy: VersionFolder) -> None:
    body = copy.body
    del body["definitions"], body["kind"]
    body |= {"format": TEXT_FORMAT, "closure": {"market/long_gone.py": "0" * 64}}
    (copy.path / LOCK).write_text(lock_text(body))
    assert verify(copy).exit_code == 3
    attested = attest(copy, FOUND)
    assert attested.attestation is not None
    assert attested.attestation.code == frozen_closure().sha256
    assert verify(copy).exit_code == 0


def test_a_forged_attestation_is_believed_until_a_replay_finds_it_out(
    copy: VersionFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_code(monkeypatch)
    attest(copy, FOUND)
    rewrite(copy, lambda body: body.update(replayed="2026-01-01T00:00:00+00:00"))
    assert verify(copy).exit_code == 0
    moved = replace(FOUND, difference=StageDifference(stage="scores"))
    found = attest(copy, moved)
    assert "of 2026-01-01T00:00:00+00:00 said the same numbers of this code: it was false, and is removed" in str(found)
    assert not attestation_path(copy).exists()
    assert verify(copy).exit_code == 3
    assert not attest(copy, moved).notes


def test_other_numbers_leave_the_attestation_of_other_code(
    copy: VersionFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_code(monkeypatch, "1")
    attest(copy, FOUND)
    other_code(monkeypatch, "2")
    assert not attest(copy, replace(FOUND, difference=StageDifference(stage="scores"))).notes
    other_code(monkeypatch, "1")
    assert verify(copy).exit_code == 0


def test_other_bars_than_the_versions_say_nothing_of_the_code(copy: VersionFolder) -> None:
    attest(copy, FOUND)
    others = replace(FOUND, difference=StageDifference(stage="bars"))
    assert not attest(copy, others, bars_given=True).notes
    assert attestation_path(copy).exists()
    assert attest(copy, others).notes
    assert not attestation_path(copy).exists()


def test_a_judgement_within_tolerance_does_not_take_the_place_of_one_bit_for_bit(copy: VersionFolder) -> None:
    attest(copy, replace(FOUND, exact=False))
    first = attest(copy, FOUND).attestation
    assert first is not None
    assert first.exact
    assert attest(copy, replace(FOUND, exact=False)).attestation == first == read_attestation(copy)


def test_a_folder_that_cannot_be_written_is_one_note(copy: VersionFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(attesting, "write_text", refuse)
    found = attest(copy, FOUND)
    assert (found.same, found.notes) == (True, ("not attested: 1.0.0.replayed.json: Permission denied",))


def test_sources_changed_under_a_running_process_are_not_attested(
    copy: VersionFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walking, "STARTED", 0.0)
    found = attest(copy, FOUND)
    assert found.notes == ("not attested: sources were changed after this process began; replay again",)
    assert not attestation_path(copy).exists()


def test_an_attestation_is_written_in_one_form(copy: VersionFolder) -> None:
    made = attest(copy, FOUND).attestation
    assert made is not None
    before = attestation_path(copy).read_bytes()
    write_attestation(copy, made)
    assert attestation_path(copy).read_bytes() == before == lock_text(made.body).encode()


@pytest.mark.usefixtures("few_random_books")
def test_an_attested_version_runs_without_drift_and_says_so(
    copy: VersionFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other_code(monkeypatch)
    attest(copy, FOUND)
    store = RunStore(tmp_path / "runs")
    opened = open_frozen(copy, TrialLog(store.root))
    made = run_version(opened, Inputs(panel=read_panel(copy.path)), context=RunContext(store=store))
    assert made.metrics["headline"]["stamps"] == []
    assert "a replay with this code gave the same numbers, bit for bit" in made.report.read_text(encoding="utf-8")


@pytest.fixture
def quintile(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Cli:
    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["quintile", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        told = capsys.readouterr()
        return int(left.value.code or 0), told.out + told.err

    return call


def test_the_commands_attest_verify_and_find_a_forgery(
    copy: VersionFolder, quintile: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed, versions = other_code(monkeypatch), ("--versions", copy.path.parents[1])
    assert quintile("verify", copy.version, *versions)[0] == 3
    code, told = quintile("replay", copy.version, *versions, "--json")
    replayed = json.loads(told)
    assert (code, replayed["same"], replayed["notes"]) == (0, True, [])
    assert replayed["attestation"]["code"] == changed.sha256
    code, told = quintile("verify", copy.version, *versions, "--json")
    facts = json.loads(told)
    assert (code, facts["intact"], facts["answer"]) == (0, True, "CHANGED, REPLAYED SAME NUMBERS")
    assert (facts["code"], facts["attestation"]) == (changed.sha256, replayed["attestation"])
    body = copy.body
    body["figures"]["sharpe_net"] += 0.5
    (copy.path / LOCK).write_text(lock_text(body))
    rewrite(copy, lambda forged: forged.update(lock=copy.sha256))
    assert quintile("verify", copy.version, *versions)[0] == 0
    code, told = quintile("replay", copy.version, *versions, "--json")
    replayed = json.loads(told)
    assert (code, replayed["same"], replayed["attestation"]) == (1, False, None)
    assert "it was false, and is removed" in replayed["notes"][0]
    assert quintile("verify", copy.version, *versions)[0] == 3


def test_the_face_attests_as_the_command_does(copy: VersionFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    other_code(monkeypatch)
    version = load_version(str(copy.version), versions=copy.path.parents[1])
    assert version.verify().exit_code == 3
    assert version.replay(quiet=True).attestation is not None
    assert version.verify().exit_code == 0
