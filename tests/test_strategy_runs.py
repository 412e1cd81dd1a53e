"""Run store: folders that are found again, refuse to mix, and appear whole."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from core.errors import RunError
from core.files import atomic_path, write_json
from market.inputs import Inputs
from market.request import BarsRequest
from strategy.definitions.spec import load_spec
from strategy.proofs.run_proof import prove_run
from strategy.runs.beside import beside_fingerprint
from strategy.runs.store import RunFolder, RunOrigin, RunStore
from strategy.studies.book_comparison import compare_books
from strategy.trading.decision import model_of
from tests.oracles.small_panels import random_panel


def new_run(store: RunStore, panel: str = "p" * 64, overrides: str = "filter_negative") -> RunFolder:
    return store.create(load_spec(overrides), BarsRequest(), panel=panel)


def test_a_run_is_found_by_id_by_its_beginning_and_as_the_latest(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    folder = new_run(store)
    assert store.find(folder.run_id) == store.find(folder.run_id[:10]) == store.find("latest") == folder


def test_an_ambiguous_or_unknown_id_is_refused(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    with pytest.raises(RunError, match="no runs in"):
        store.find("latest")
    new_run(store), new_run(store)
    with pytest.raises(RunError, match="2 runs match"):
        store.find("2")
    with pytest.raises(RunError, match="0 runs match"):
        store.find("../../etc")


def test_a_run_reads_back_its_spec_and_request(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    request = BarsRequest(bars="x.parquet", universe="top400", start="2015-01-02")
    folder = store.create(load_spec(), request, panel="p")
    assert folder.spec == load_spec()
    assert folder.request == request


@pytest.mark.parametrize("part", ["spec", "panel", "code"])
def test_a_changed_identity_cannot_resume(part: str, tmp_path: Path) -> None:
    folder = new_run(RunStore(tmp_path / "runs"))
    identity = folder.record["identity"]
    folder.check_identity(identity)
    with pytest.raises(RunError, match=f"its {part} changed"):
        folder.check_identity(identity | {part: "other"})


def test_other_files_beside_the_bars_or_other_libraries_cannot_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = random_panel(3, n_tickers=5)
    sectors = pd.Series("a", index=panel.tickers)
    given = [
        Inputs(panel=panel),
        Inputs(panel=panel, sectors=sectors),
        Inputs(panel=panel, sectors=sectors.replace("a", "b")),
    ]
    bare, known, moved = map(beside_fingerprint, given)
    assert len({bare, known, moved}) == 3
    assert beside_fingerprint(Inputs(panel=panel, sectors=sectors.copy())) == known
    store = RunStore(tmp_path / "runs")
    folder = store.create(load_spec(), BarsRequest(), panel="p", origin=RunOrigin(record={"beside": known}))
    identity = folder.record["identity"]
    folder.check_same(identity, beside=known)
    for other in (bare, moved):
        with pytest.raises(RunError, match="cannot resume: benchmark, sectors, VIX, factors or oracle are not those"):
            folder.check_same(identity, beside=other)
    monkeypatch.setattr(
        "strategy.runs.run_folder.dependencies", lambda _: folder.record["libraries"] | {"torch": "0.1"}
    )
    with pytest.raises(RunError, match=r"cannot resume: torch is 0\.1, was "):
        folder.check_same(identity, beside=known)


def test_a_second_process_cannot_write_a_run(tmp_path: Path) -> None:
    folder = new_run(RunStore(tmp_path / "runs"))
    with folder.locked(), pytest.raises(RunError, match="another process"), RunFolder(folder.path).locked():
        pass


def test_an_unfinished_run_says_how_to_go_on(tmp_path: Path) -> None:
    folder = new_run(RunStore(tmp_path / "runs"))
    with pytest.raises(RunError, match="--resume"):
        _ = folder.metrics


@pytest.mark.parametrize("command", ["run", "walk"])
@pytest.mark.parametrize(
    "asked", [lambda folder: compare_books(folder, store=RunStore(folder.path.parent.parent)), prove_run, model_of]
)
def test_whatever_needs_a_finished_run_says_how_this_one_goes_on(
    asked: Callable[[RunFolder], object], command: str, tmp_path: Path
) -> None:
    folder = new_run(RunStore(tmp_path / "runs"))
    if command == "walk":
        write_json(folder.path / "run.json", folder.record | {"walk": {"runs": [folder.run_id]}})
    with pytest.raises(RunError, match=f"has not finished: continue it with `quintile {command} --resume"):
        asked(folder)


def test_a_frame_comes_back_as_it_was_written(tmp_path: Path) -> None:
    folder = new_run(RunStore(tmp_path / "runs", csv=True))
    frame = pd.DataFrame({"a": [0.1, float("nan")]}, index=pd.date_range("2020-01-01", periods=2, name="session"))
    folder.write_frame("scores", frame, for_people=True)
    pd.testing.assert_frame_equal(folder.read_frame("scores"), frame, check_freq=False)
    assert (folder.path / "scores.csv").is_file()


def test_copies_for_people_are_written_on_request_alone(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [0.1]}, index=pd.date_range("2020-01-01", periods=1, name="session"))
    for store in (RunStore(tmp_path / "a"), RunStore(tmp_path / "b", csv=True)):
        folder = new_run(store)
        folder.write_frame("scores", frame, for_people=store.csv)
        store.find("latest").write_frame("weights", frame, for_people=True)
        copies = ["scores.csv", "weights.csv"] if store.csv else []
        assert sorted(path.name for path in folder.path.glob("*.csv")) == copies


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "kept.json"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_path(target) as temporary:
        temporary.write_text(f"half {1 / 0}")
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["kept.json"]


def test_an_unwritable_store_is_one_clear_line(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(RunError, match="choose a folder with --out"):
        new_run(RunStore(blocked))


@pytest.mark.parametrize("content", [[], {}, {"finished": None, "strategy": "x"}, "text"])
def test_a_file_that_is_no_record_of_a_run_is_one_clear_line(content: object, tmp_path: Path) -> None:
    folder = new_run(RunStore(tmp_path / "runs"))
    write_json(folder.path / "run.json", content)
    with pytest.raises(RunError, match=r"run\.json is no record of a run \(no "):
        _ = folder.request


def test_a_tearsheet_stands_beside_the_benchmark_of_its_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from strategy.runs.artefacts import draw_tearsheet

    drawn: list[str] = []
    monkeypatch.setattr(
        "backtests.tearsheet.write_tearsheet", lambda returns, path, *, market, **words: drawn.append(str(market.name))
    )
    folder = new_run(RunStore(tmp_path / "runs"))
    folder.write_metrics({"strategy": "filter_negative", "synthetic": False, "headline": {}})
    sessions = pd.date_range("2020-01-01", periods=2, name="session")
    own = pd.DataFrame({"filter_negative net": [0.0, 0.1], "market": [0.0, 0.1]}, index=sessions)
    for frame in (own, own.assign(benchmark=[0.1, 0.2]), own.assign(benchmark=[0.1, float("nan")])):
        folder.write_frame("returns", frame)
        draw_tearsheet(folder)
    assert drawn == ["market", "benchmark", "market"]


def named(root: Path, run_id: str, **beside: int) -> None:
    """A run of a name, with a number, and a place in the trial log."""
    folder = root / "s" / run_id
    folder.mkdir(parents=True)
    number = {key: value for key, value in beside.items() if key == "number"}
    write_json(folder / "run.json", {"strategy": "s", "request": {}, "identity": {}, "finished": None} | number)
    if "length" in beside:
        write_json(folder / "trials.json", {"log": "x", "length": beside["length"], "head": "x"})


def test_the_latest_run_is_the_one_begun_last_whatever_the_clock_said(tmp_path: Path) -> None:
    named(tmp_path, "20261101-000000-aaaaaa", number=1)
    named(tmp_path, "20200101-000000-bbbbbb", number=2)
    store = RunStore(tmp_path)
    assert store.find("latest").run_id == "20200101-000000-bbbbbb"
    made = store.create(load_spec("filter_negative"), BarsRequest(), panel="p")
    assert made.record["number"] == 3
    assert store.folders()[-1] == made


def test_runs_that_were_begun_at_once_stand_as_in_the_trial_log(tmp_path: Path) -> None:
    named(tmp_path, "20261101-000000-aaaaaa", number=1, length=9)
    named(tmp_path, "20261101-000000-bbbbbb", number=1, length=5)
    named(tmp_path, "20200101-000000-cccccc", number=1)
    assert [folder.run_id[-6:] for folder in RunStore(tmp_path).folders()] == ["bbbbbb", "aaaaaa", "cccccc"]


def test_a_number_that_was_edited_moves_no_finished_run(tmp_path: Path) -> None:
    named(tmp_path, "20261101-000000-aaaaaa", number=10**9, length=3)
    named(tmp_path, "20261102-000000-bbbbbb", number=2, length=6)
    named(tmp_path, "20200101-000000-cccccc", number=3)
    named(tmp_path, "20190101-000000-dddddd", number=4)
    assert [folder.run_id[-6:] for folder in RunStore(tmp_path).folders()] == ["aaaaaa", "bbbbbb", "cccccc", "dddddd"]


def test_runs_without_a_number_follow_the_trial_log(tmp_path: Path) -> None:
    named(tmp_path, "20261101-000000-aaaaaa", length=3)
    named(tmp_path, "20261102-000000-bbbbbb")
    named(tmp_path, "20200101-000000-cccccc", length=9)
    named(tmp_path, "20261103-000000-dddddd", length=6)
    assert [folder.run_id[-6:] for folder in RunStore(tmp_path).folders()] == ["aaaaaa", "bbbbbb", "dddddd", "cccccc"]
    named(tmp_path, "19990101-000000-eeeeee", number=1)
    assert RunStore(tmp_path).find("latest").run_id[-6:] == "eeeeee"


def test_a_damaged_record_has_no_number_and_stops_no_run(tmp_path: Path) -> None:
    named(tmp_path, "20261101-000000-aaaaaa", number=4)
    for place, text in enumerate(("", "[]", "{", '{"number": true}', '{"number": "9"}', '{"number": -1}')):
        (tmp_path / "s" / f"damaged-{place}").mkdir()
        (tmp_path / "s" / f"damaged-{place}" / "run.json").write_text(text)
    made = RunStore(tmp_path).create(load_spec("filter_negative"), BarsRequest(), panel="p")
    assert made.record["number"] == 5
