"""Verify: every change of a version is named, a stranger's folder can do no harm, and code and libraries are told."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from strategy.frozen.lock_shape import TEXT_FORMAT
from strategy.frozen.verify import verify
from strategy.frozen.versions import (
    LINE_ENDS,
    LOCK,
    SHIPPED,
    Version,
    VersionFolder,
    body_hash,
    find_version,
    lock_text,
    plain,
)
from strategy.runs import provenance
from strategy.runs.closure import ROOT, frozen_closure, source_hash
from strategy.runs.source_tree import SourceTree
from tests.edited_tree import EditedTree


@pytest.fixture
def copy(frozen: VersionFolder, tmp_path: Path) -> VersionFolder:
    path = tmp_path / frozen.version.name / frozen.version.semver
    shutil.copytree(frozen.path, path)
    return VersionFolder(path, frozen.version)


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def rewrite_lock(folder: VersionFolder, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a lock as a stranger would who knows how it is made."""
    body = folder.body
    change(body)
    (folder.path / LOCK).write_text(lock_text(body))


def test_a_clean_copy_elsewhere_passes(copy: VersionFolder) -> None:
    found = verify(copy, closure=frozen_closure(tree=SourceTree(ROOT)))
    assert (found.exit_code, found.damage, found.changes, found.notes) == (0, (), (), ())
    assert found.sha256 == body_hash(copy.body)


def test_one_flipped_byte_in_any_file_is_caught_and_named(copy: VersionFolder) -> None:
    files = [path for path in sorted(copy.path.rglob("*")) if path.is_file()]
    assert len(files) > 12
    for path in files:
        before = path.read_bytes()
        for place in {0, len(before) // 2, len(before) - 1}:
            flip(path, place)
            found = verify(copy)
            assert found.exit_code == 1, (path.name, place)
            assert path.relative_to(copy.path).as_posix() in found.damage[0]
            path.write_bytes(before)
    assert verify(copy).is_intact


def test_no_byte_of_the_lock_can_be_flipped(copy: VersionFolder) -> None:
    lock = copy.path / LOCK
    before = lock.read_bytes()
    for place in range(0, len(before), 211):
        flip(lock, place)
        assert not verify(copy).is_intact, before[place - 20 : place + 20]
        lock.write_bytes(before)


@pytest.mark.parametrize("name", ["spec.toml", "expected/scores.parquet", LOCK])
def test_a_missing_file_is_named(name: str, copy: VersionFolder) -> None:
    (copy.path / name).unlink()
    assert name in verify(copy).damage[0]


def test_a_file_that_the_lock_does_not_know_is_named(copy: VersionFolder) -> None:
    (copy.path / "expected" / "more.py").write_text("raise SystemExit('this ran')")
    assert verify(copy).damage == ("expected/more.py is not in the lock",)


def test_links_are_refused(copy: VersionFolder, tmp_path: Path) -> None:
    kept = tmp_path / "kept.toml"
    (copy.path / "spec.toml").rename(kept)
    (copy.path / "spec.toml").symlink_to(kept)
    assert "is a link" in verify(copy).damage[0]
    other = VersionFolder(tmp_path / "linked", copy.version)
    other.path.symlink_to(copy.path)
    assert "is a link" in verify(other).damage[0]
    kept.unlink()
    (copy.path / LOCK).rename(kept)
    (copy.path / LOCK).symlink_to(kept)
    assert "no plain file" in verify(copy).damage[0]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_does_not_make_it_wait(copy: VersionFolder) -> None:
    (copy.path / "spec.toml").unlink()
    os.mkfifo(copy.path / "spec.toml")
    assert verify(copy).damage == ("spec.toml is no plain file",)


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname", "a/../../outside", "..\\outside", "\x1b[2Jx"])
def test_no_name_in_a_lock_leads_out_of_the_folder(name: str, copy: VersionFolder) -> None:
    outside = copy.path.parent / "outside"
    outside.write_text("secret")
    entry = {"sha256": hashlib.sha256(b"secret").hexdigest(), "bytes": 6}
    rewrite_lock(copy, lambda body: body["files"].update({name: entry}))
    found = verify(copy)
    assert found.damage == (f"{plain(name)} is missing",)
    assert "\x1b" not in found.damage[0]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b'{"body": {}, "sha256": NaN}',
        b"[" * 100_000,
        b'{"body": {"a": 1e999}, "sha256": ""}',
        b" " * 4_000_001,
        b'{"body": {"files": []}}',
    ],
)
def test_a_lock_that_is_none_is_damage_and_no_crash(content: bytes, copy: VersionFolder) -> None:
    (copy.path / LOCK).write_bytes(content)
    found = verify(copy)
    assert found.exit_code == 1
    assert LOCK in found.damage[0]


def test_a_lock_has_one_form_and_states_its_own_hash(copy: VersionFolder) -> None:
    lock = copy.path / LOCK
    written = json.loads(lock.read_text())
    lock.write_text(json.dumps(written))
    assert verify(copy).damage == ("lock.json is not in the form in which it was written",)
    lock.write_text(json.dumps({**written, "sha256": "0" * 64}))
    assert verify(copy).damage == ("lock.json does not have the hash that it states of itself",)


@pytest.mark.parametrize("files", [None, [], {"spec.toml": 3}, {"spec.toml": {"sha256": 1, "bytes": "x"}}])
def test_a_lock_with_other_shapes_is_damage_and_no_crash(files: object, copy: VersionFolder) -> None:
    rewrite_lock(copy, lambda body: body.update(files=files))
    assert verify(copy).exit_code == 1


def test_a_lock_of_another_version_is_told(copy: VersionFolder) -> None:
    moved = copy.path.with_name("2.0.0")
    copy.path.rename(moved)
    found = verify(VersionFolder(moved, Version.parse("filter_negative@2.0.0")))
    assert "is of filter_negative@1.0.0, not of filter_negative@2.0.0" in found.damage[0]


def test_a_version_before_that_was_rewritten_breaks_the_chain(copy: VersionFolder) -> None:
    second = VersionFolder(copy.path.with_name("1.1.0"), Version.parse("filter_negative@1.1.0"))
    shutil.copytree(copy.path, second.path)
    previous = {"version": "1.0.0", "sha256": copy.sha256}
    rewrite_lock(second, lambda body: body.update(version="1.1.0", previous=previous))
    assert verify(second).is_intact
    rewrite_lock(copy, lambda body: body.update(run="another"))
    assert verify(copy).is_intact, "a whole rewriting is whole in itself"
    assert "1.0.0, is not the one that this one follows" in verify(second).damage[0]
    shutil.rmtree(copy.path)
    assert verify(second).exit_code == 0
    assert "chain not followed" in verify(second).notes[0]


@pytest.fixture(scope="module")
def ours() -> SourceTree:
    return SourceTree(ROOT)


@pytest.mark.parametrize("name", ["portfolio/book.py", "models/windows.py", "market/panel.py"])
def test_what_only_documents_or_formats_is_no_change(name: str, copy: VersionFolder, ours: SourceTree) -> None:
    source = (ROOT / name).read_bytes()
    place = source.index(b'"""') + 3
    for edited in (
        source[:place] + b"Other words. " + source[place:],
        source + b"\n\n# the end\n",
        source.replace(b"\n", b"\r\n"),
    ):
        assert verify(copy, closure=frozen_closure(tree=EditedTree(ours, {name: edited}))).exit_code == 0


def test_what_decides_differently_is_named_by_module_and_definition(copy: VersionFolder, ours: SourceTree) -> None:
    name, before = "portfolio/ewma.py", (ROOT / "portfolio/ewma.py").read_bytes()
    (definition,) = frozen_closure(tree=ours).definitions[name]
    place = before.index(b"return")
    edited = before[:place] + b"print()\n    " + before[place:] + b"\n\ndef unreached() -> None: ...\n"
    found = verify(copy, closure=frozen_closure(tree=EditedTree(ours, {name: edited})))
    assert (found.exit_code, found.changes) == (3, (f"module {name} changed: {definition}",))
    assert found.answer == "CHANGED: REPLAY NEEDED"


def test_a_definition_that_came_and_one_that_went_are_named(copy: VersionFolder, ours: SourceTree) -> None:
    name = "market/returns.py"
    edited = (
        (ROOT / name).read_bytes().replace(b"def fill_prices", b"def filled", 1).replace(b" fill_prices(", b" filled(")
    )
    assert edited != (ROOT / name).read_bytes()
    found = verify(copy, closure=frozen_closure(tree=EditedTree(ours, {name: edited})))
    (line,) = [line for line in found.modules if name in line]
    assert "fill_prices is gone" in line
    assert "filled is new" in line


def test_another_kind_of_model_decides_nothing(copy: VersionFolder, ours: SourceTree) -> None:
    names = ("models/kinds/gru.py", "models/kinds/ridge.py", "models/architectures/rank_gru.py")
    edited = EditedTree(ours, dict.fromkeys(names, b"raise SystemExit"))
    assert copy.body["kind"] == "lstm"
    assert verify(copy, closure=frozen_closure(tree=edited)).exit_code == 0
    edited = EditedTree(ours, {"models/kinds/lstm.py": b"raise SystemExit"})
    found = verify(copy, closure=frozen_closure(tree=edited)).modules
    assert any(line.startswith("module models/kinds/lstm.py") for line in found)


def test_a_report_decides_nothing(copy: VersionFolder, ours: SourceTree) -> None:
    names = (
        "backtests/report/report_page.py",
        "strategy/runs/artefacts.py",
        "quintile/cli/view_commands.py",
        "backtests/verdict.py",
    )
    edited = EditedTree(ours, dict.fromkeys(names, b"raise SystemExit"))
    assert verify(copy, closure=frozen_closure(tree=edited)).exit_code == 0


def as_first_form(body: dict[str, Any]) -> None:
    """Make a lock what the first release wrote: texts of whole sources are hashed."""
    del body["definitions"], body["kind"]
    body["closure"] = {name: source_hash((ROOT / name).read_bytes()) for name in body["closure"]}
    body["format"] = TEXT_FORMAT


def test_a_lock_of_the_first_form_compares_texts_as_before(copy: VersionFolder) -> None:
    rewrite_lock(copy, as_first_form)
    assert verify(copy).exit_code == 0
    rewrite_lock(copy, lambda body: body["closure"].update({"market/panel.py": "0" * 64, "market/lost.py": "1" * 64}))
    found = verify(copy)
    assert (found.exit_code, found.modules) == (3, ("module market/lost.py is gone", "module market/panel.py changed"))


@pytest.mark.parametrize(
    "name", ["../outside.py", "/etc/hostname", "market/../../outside.py", "market/a\x1b.py", "a.py"]
)
def test_no_source_that_a_first_lock_names_is_sought_elsewhere(
    name: str, copy: VersionFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    rewrite_lock(copy, as_first_form)
    rewrite_lock(copy, lambda body: body.update(closure={name: "0" * 64}))
    monkeypatch.setattr(Path, "is_file", lambda path: pytest.fail(str(path)) if path.name in name else path.exists())
    found = verify(copy)
    assert found.modules == (f"module {plain(name)} is gone",)


def test_a_lock_of_a_form_to_come_is_refused(copy: VersionFolder) -> None:
    rewrite_lock(copy, lambda body: body.update(format="quintile version 3"))
    known = "this Quintile reads quintile version 1 and quintile version 2"
    assert verify(copy).damage == (f"lock.json is of another form (quintile version 3): {known}",)


@pytest.mark.parametrize("kind", ["", "../lstm", "nothing"])
def test_a_kind_that_is_none_is_a_change_and_no_crash(kind: str, copy: VersionFolder) -> None:
    rewrite_lock(copy, lambda body: body.update(kind=kind))
    assert verify(copy).exit_code == 3


@pytest.mark.parametrize("name", [LOCK, "spec.toml", "model.json", "STRATEGY_DEFINITION.md"])
def test_windows_line_ends_are_named_as_what_they_are(name: str, copy: VersionFolder) -> None:
    text = (copy.path / name).read_bytes()
    (copy.path / name).write_bytes(text.replace(b"\n", b"\r\n"))
    assert verify(copy).damage == (f"{name} has other {LINE_ENDS}",)
    (copy.path / name).write_bytes(text.replace(b"\n", b"\r\n").replace(b"1", b"2", 1))
    assert "line ends" not in verify(copy).damage[0]


def test_git_is_told_to_leave_the_files_of_versions_as_they_are() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("no checkout")
    names = [path.relative_to(ROOT).as_posix() for path in SHIPPED.rglob("*") if path.is_file()]
    command = ["git", "check-attr", "text", *names]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(told) > 20
    assert [line for line in told if not line.endswith(": text: unset")] == []


def test_another_library_is_named(copy: VersionFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    known = provenance._version
    monkeypatch.setattr(provenance, "_version", lambda name: "0.0.1" if name == "pandas" else known(name))
    found = verify(copy)
    assert found.exit_code == 3
    assert found.libraries == (f"library pandas: {known('pandas')} then, 0.0.1 now",)


def test_only_the_standard_library_is_needed(copy: VersionFolder) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from strategy.frozen.verify import verify\nfrom strategy.frozen.versions import find_version\n"
        f"found = verify(find_version('{copy.version}', Path({str(copy.path.parents[1])!r})))\n"
        "ours = {'core', 'market', 'signals', 'models', 'portfolio', 'backtests', 'strategy'}\n"
        "foreign = {name.split('.')[0] for name in sys.modules} - sys.stdlib_module_names - ours\n"
        "foreign = {name for name in foreign if not name.startswith(('_', 'sitecustomize', 'usercustomize'))}\n"
        "print(sorted(foreign), found.exit_code)"
    )
    command = [sys.executable, "-c", code]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    told = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert told.stdout == "[] 0\n"


@pytest.mark.parametrize(
    "text", ["a", "a@1", "a@1.0", "a@01.0.0", "A@1.0.0", "../a@1.0.0", "a@1.0.0/..", "a@1.0.0-rc1"]
)
def test_what_is_no_version_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not a version"):
        find_version(text, tmp_path)


def test_versions_sort_by_number() -> None:
    texts = ["a@1.10.0", "a@1.9.0", "a@1.2.10", "a@1.2.9"]
    assert [str(version) for version in sorted(map(Version.parse, texts))] == [
        "a@1.2.9",
        "a@1.2.10",
        "a@1.9.0",
        "a@1.10.0",
    ]


def test_the_lock_holds_no_path_of_this_machine(frozen: VersionFolder) -> None:
    for path in frozen.path.rglob("*"):
        if path.suffix in (".json", ".md", ".toml"):
            assert str(frozen.path.parents[2]) not in path.read_text(encoding="utf-8"), path.name
    assert json.loads((frozen.path / LOCK).read_text())["body"]["request"]["bars"] == "bars.parquet"
