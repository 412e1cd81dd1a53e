"""Store faults: what is lost or damaged is told and heals, the rest stays whole, nothing passes for another."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet

from core.errors import SourceError
from market.sources import load_bars
from market.store import data_folder, find_version, import_bars, restore_manifest, stored_names, update_bars
from market.store import folder as store_folder
from market.store import parts as store_parts
from market.store.data_versions import Version
from market.store.folder import DataFolder


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QUINTILE_DATA", str(tmp_path / "home"))
    return tmp_path / "home"


def source(tmp_path: Path, days: int, *, factor: float = 1.0) -> Path:
    """Bars of two names over the turn of a year."""
    dates = pd.bdate_range("2019-12-16", periods=days)
    close = np.r_[20.0 + np.arange(days) * 0.25, 50.0 + np.arange(days) * 0.5] * factor
    frame = pd.DataFrame({"date": [*dates, *dates], "ticker": ["A"] * days + ["B"] * days, "open": close - 0.1})
    frame = frame.assign(high=close + 1, low=close - 1, close=close, volume=1000.0 + np.arange(2 * days))
    path = tmp_path / f"{days}-{factor}.parquet"
    frame.to_parquet(path, index=False)
    return path


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    import_bars(source(folder, 20), name="us", home=folder)
    for days in (21, 22):
        update_bars(source(folder, days), name="us", home=folder)
    return folder / "us"


@pytest.fixture
def us(template: Path, home: Path) -> DataFolder:
    """Three versions: 20, 21 and 22 sessions."""
    shutil.copytree(template, home / "us")
    return data_folder("us")


def files_of(folder: DataFolder) -> set[str]:
    return {
        str(path.relative_to(folder.path)) for path in folder.path.rglob("*") if path.suffix in (".json", ".parquet")
    }


def manifest(folder: DataFolder) -> Path:
    return folder.path / "manifest.json"


def version_path(folder: DataFolder, place: int) -> Path:
    return folder.path / "versions" / f"{folder.fingerprints[place]}.json"


def part_path(folder: DataFolder, version: Version, field: str = "close", year: int = 0) -> Path:
    return folder.files / f"{version.parts[year].files[field].content}.parquet"


def test_a_lost_manifest_is_told_and_made_again_from_the_versions(us: DataFolder) -> None:
    before, panels = us.fingerprints, [load_bars(f"us@{one}").fingerprint() for one in us.fingerprints]
    manifest(us).unlink()
    with pytest.raises(
        SourceError, match=r"us has lost its manifest.json, 3 versions are there: `quintile data info us`"
    ):
        load_bars("us")
    assert stored_names() == ("us",)
    assert restore_manifest("us") == (
        "us has lost its manifest.json, 3 versions are there: made again from 3 versions",
    )
    assert us.fingerprints == before
    assert [load_bars(f"us@{one}").fingerprint() for one in before] == panels
    assert restore_manifest("us") == restore_manifest("eu") == restore_manifest("./us") == ()


@pytest.mark.parametrize("text", [None, "{", "[]", '{"format": 1, "name": "us", "versions": [1]}', '"' + "[" * 999])
def test_an_import_after_a_lost_or_damaged_manifest_keeps_every_version(
    us: DataFolder, tmp_path: Path, text: str | None
) -> None:
    before, files = us.fingerprints, files_of(us)
    manifest(us).unlink() if text is None else manifest(us).write_text(text)
    kept = import_bars(source(tmp_path, 23), name="us")
    assert us.fingerprints == (*before, kept.version.fingerprint)
    assert kept.version.parent == before[-1]
    assert files <= files_of(us)
    assert "made again from 3 versions" in kept.notes[0]


@pytest.mark.parametrize("versions", [[1], [], {}, ["../manifest"], ["a" * 63 + "/"], None])
def test_a_manifest_of_another_shape_is_refused_and_names_what_helps(us: DataFolder, versions: object) -> None:
    manifest(us).write_text(json.dumps({"format": 1, "name": "us", "versions": versions}))
    with pytest.raises(SourceError, match="is not a manifest of format 1: restore it, or import again"):
        load_bars("us")
    manifest(us).unlink()  # the message's other remedy
    restore_manifest("us")
    assert len(us.versions()) == 3


def test_the_manifest_of_a_newer_quintile_is_left_alone(us: DataFolder, tmp_path: Path) -> None:
    manifest(us).write_text(text := '{"format": 2, "versions": {}}')
    for act in (lambda: load_bars("us"), lambda: import_bars(source(tmp_path, 23), name="us")):
        with pytest.raises(SourceError, match=r"manifest.json is of format 2, of a newer Quintile: upgrade"):
            act()
    assert manifest(us).read_text() == text


def test_versions_find_their_order_again_where_content_came_back(us: DataFolder, tmp_path: Path) -> None:
    first, *_ = us.fingerprints
    import_bars(source(tmp_path, 20), name="us")  # the first content again: it is the newest now
    before = us.fingerprints
    assert before[-1] == first
    for place in range(3):  # times as they would be if a second lay between
        version = Version.read(version_path(us, place)).model_copy(update={"made_at": f"2026-01-0{place + 1}"})
        version_path(us, place).write_text(version.sealed().model_dump_json())
    manifest(us).unlink()
    restore_manifest("us")
    assert us.fingerprints == before


def test_an_older_manifest_put_back_loses_no_version(us: DataFolder, tmp_path: Path) -> None:
    before, files = us.fingerprints, files_of(us)
    value = json.loads(manifest(us).read_text())
    manifest(us).write_text(json.dumps(value | {"versions": value["versions"][:1]}))
    update_bars(source(tmp_path, 23), name="us")
    assert us.fingerprints[:-1] == before
    assert files <= files_of(us)


@pytest.mark.parametrize("damage", ["{", "[]", '{"format": 1}', None])
def test_one_damaged_version_stops_no_other_and_nothing_is_swept(
    us: DataFolder, tmp_path: Path, damage: str | None
) -> None:
    old, files = version_path(us, 0), files_of(us)
    old.unlink() if damage is None else old.write_text(damage)
    assert load_bars("us").fingerprint() == us.find().panel
    kept = update_bars(source(tmp_path, 23), name="us")
    assert [one.fingerprint for one in us.versions()] == list(us.fingerprints[1:])
    assert len(us.damaged()) == 1
    with pytest.raises(SourceError, match=r"is not a version|is gone"):
        load_bars(f"us@{us.fingerprints[0]}")
    assert files - {f"versions/{old.name}"} <= files_of(us)
    assert load_bars("us").fingerprint() == kept.version.panel


@pytest.mark.parametrize("damage", ["{", None])
def test_importing_the_same_bars_writes_a_damaged_newest_version_again(
    us: DataFolder, tmp_path: Path, damage: str | None
) -> None:
    path, before = version_path(us, -1), us.fingerprints
    path.unlink() if damage is None else path.write_text(damage)
    with pytest.raises(SourceError):
        update_bars(source(tmp_path, 23), name="us")
    import_bars(source(tmp_path, 22), name="us")
    assert us.fingerprints == before
    assert [one.parent for one in us.versions()] == [None, *before[:-1]]
    assert load_bars("us").fingerprint() == load_bars(source(tmp_path, 22)).fingerprint()


def test_other_bars_are_imported_though_the_version_before_cannot_be_read(us: DataFolder, tmp_path: Path) -> None:
    part_path(us, us.find()).write_bytes(b"PAR1")
    kept = import_bars(source(tmp_path, 30, factor=2.0), name="us")
    assert kept.notes[-1].startswith("not compared with the version before: ")
    assert load_bars("us").fingerprint() == load_bars(source(tmp_path, 30, factor=2.0)).fingerprint()


def swapped(value: dict[str, object]) -> None:
    for part in value["parts"]:
        part["files"]["open"], part["files"]["close"] = part["files"]["close"], part["files"]["open"]


EDITS: dict[str, Callable[[dict], object]] = {
    "open and close swapped": swapped,
    "a year left out": lambda value: value["parts"].pop(0),
    "declared point in time": lambda value: value["provenance"].update(point_in_time=True),
    "another basis": lambda value: value["provenance"].update(split_adjusted=True),
    "a first date later": lambda value: value["parts"][0].update(first="2019-12-20"),
    "a change left out": lambda value: value.update(kind="import"),
}


@pytest.mark.parametrize("edit", list(EDITS))
def test_a_version_that_was_edited_is_refused(us: DataFolder, edit: str) -> None:
    value = json.loads(version_path(us, -1).read_text())
    EDITS[edit](value)
    version_path(us, -1).write_text(json.dumps(value))
    with pytest.raises(SourceError, match=r"is not what it was when it was made: restore it, or import the data again"):
        load_bars("us")


@pytest.mark.parametrize("edit", ["open and close swapped", "a year left out", "another basis"])
def test_the_fingerprint_alone_tells_where_no_checksum_was_kept(us: DataFolder, edit: str) -> None:
    value = json.loads(version_path(us, -1).read_text())
    del value["checksum"]
    version_path(us, -1).write_text(json.dumps(value))
    assert load_bars("us").fingerprint() == value["panel"]  # as versions before it were
    EDITS[edit](value)
    version_path(us, -1).write_text(json.dumps(value))
    with pytest.raises(SourceError, match="is not what it was when it was made"):
        load_bars("us")


def test_a_version_under_another_name_is_not_that_version(us: DataFolder) -> None:
    shutil.copy(version_path(us, 0), version_path(us, -1))
    with pytest.raises(SourceError, match="is not what it was when it was made"):
        load_bars("us")


@pytest.mark.parametrize(
    "edit",
    [
        lambda value: value.update(parts=[]),
        lambda value: value["parts"].reverse(),
        lambda value: value["parts"][0]["files"].pop("keys"),
        lambda value: value["parts"][0]["files"].pop("low"),
        lambda value: value["parts"][0]["files"]["low"].update(content="../../../etc/passwd"),
        lambda value: value["parts"][0]["files"]["low"].update(size=-1),
        lambda value: value["parts"][0].update(first="yesterday"),
        lambda value: value.update(parent="\x1b[2J"),
        lambda value: value.update(newer=1),
    ],
)
def test_a_version_of_another_shape_is_refused(us: DataFolder, edit: Callable[[dict], object]) -> None:
    value = json.loads(version_path(us, -1).read_text())
    edit(value)
    version_path(us, -1).write_text(json.dumps(value))
    with pytest.raises(SourceError, match="is not a version of a data set"):
        load_bars("us")


def test_other_numbers_under_the_old_name_are_told_even_with_a_new_sum(us: DataFolder) -> None:
    version = us.find()
    path, file = part_path(us, version), version.parts[0].files["close"]
    table = parquet.read_table(path)
    parquet.write_table(table.set_column(0, "value", [np.array(table["value"]) * 2]), path)
    forged = json.loads(version_path(us, -1).read_text())
    sums = {"sha256": store_parts.file_sha256(path), "size": path.stat().st_size}
    for part in forged["parts"]:
        for one in part["files"].values():
            one.update(sums if one["content"] == file.content else {})
    again = Version.model_validate(forged).sealed()
    version_path(us, -1).write_text(again.model_dump_json())
    with pytest.raises(SourceError, match=f"{path.name} of the store is damaged"):
        load_bars("us")


def test_a_field_of_another_year_is_told(us: DataFolder) -> None:
    part_path(us, us.find(), year=0).write_bytes(part_path(us, us.find(), year=1).read_bytes())
    with pytest.raises(SourceError, match="of the store is damaged"):
        load_bars("us")


@pytest.mark.parametrize("place", ["newest", "oldest"])
@pytest.mark.parametrize("field", ["close", "keys"])
def test_importing_the_same_bars_heals_a_flipped_bit(us: DataFolder, tmp_path: Path, place: str, field: str) -> None:
    days, version = (22, us.find()) if place == "newest" else (20, us.versions()[0])
    path = part_path(us, version, field, year=1)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 3] ^= 4
    path.write_bytes(raw)
    with pytest.raises(SourceError, match="damaged"):
        load_bars(f"us@{version.fingerprint}")
    kept = import_bars(source(tmp_path, days), name="us")
    assert kept.notes == ("1 lost or damaged files of us written again",)
    assert load_bars(f"us@{version.fingerprint}").fingerprint() == version.panel
    assert import_bars(source(tmp_path, days), name="us").notes == ()


def test_a_lost_file_written_by_another_release_serves_the_old_versions_too(
    us: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest, oldest = us.find(), us.versions()[0]
    part_path(us, newest).unlink()
    monkeypatch.setattr(store_parts, "ENCODINGS", ({"compression": "none"},))
    import_bars(source(tmp_path, 22), name="us")
    assert [load_bars(f"us@{one.fingerprint}").fingerprint() for one in (oldest, newest)] == [
        oldest.panel,
        newest.panel,
    ]


def test_a_commit_that_fails_before_it_is_listed_leaves_the_old_state(
    us: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, files, write = us.fingerprints, files_of(us), store_folder.write_json

    def interrupted(path: Path, value: object) -> None:
        if path.name == "manifest.json":
            raise KeyboardInterrupt
        write(path, value)

    monkeypatch.setattr(store_folder, "write_json", interrupted)
    with pytest.raises(KeyboardInterrupt):
        update_bars(source(tmp_path, 23), name="us")
    assert (us.fingerprints, files_of(us)) == (before, files)


def test_a_version_whose_writer_was_killed_before_it_was_listed_is_listed_by_the_next(
    us: DataFolder, tmp_path: Path
) -> None:
    text, kept = manifest(us).read_text(), update_bars(source(tmp_path, 23), name="us")
    manifest(us).write_text(text)  # as it was when the writer died
    assert us.find().fingerprint != kept.version.fingerprint
    assert not update_bars(source(tmp_path, 23), name="us").is_new
    assert us.find().fingerprint == kept.version.fingerprint


def test_the_sweep_leaves_what_is_not_the_stores(us: DataFolder, tmp_path: Path) -> None:
    others = [us.path / "notes.txt", us.path / "versions" / "mine.json", us.files / "README", us.path / "x.parquet"]
    for path in others:
        path.write_text("mine")
    for path in (us.path / ".x.partial", us.files / "x.parquet"):
        path.mkdir()
    update_bars(source(tmp_path, 23), name="us")
    assert all(path.read_text() == "mine" for path in others)


def test_a_pipe_in_place_of_a_file_is_not_waited_for(us: DataFolder) -> None:
    path = part_path(us, us.find())
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(SourceError, match="of the store is gone: restore it, or import the data again"):
        load_bars("us")


def test_an_update_onto_a_basis_that_changed_meanwhile_is_refused(
    us: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = us.find()
    import_bars(source(tmp_path, 22), name="us", point_in_time=True, exchange="XNYS")
    real = DataFolder.find
    answers = iter([stale])
    monkeypatch.setattr(DataFolder, "find", lambda self, version=None: next(answers, None) or real(self, version))
    with pytest.raises(SourceError, match="us was given another basis by another process meanwhile: repeat"):
        update_bars(source(tmp_path, 23), name="us")


def test_a_copied_data_set_goes_by_its_new_name(us: DataFolder, home: Path) -> None:
    shutil.copytree(us.path, home / "eu")
    stored = find_version("eu")
    assert stored is not None
    assert stored[1].name == "eu"
    assert load_bars("eu").facts.source.startswith("eu@")
