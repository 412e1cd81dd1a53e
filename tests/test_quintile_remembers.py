"""A run remembers what it was made of: later commands take its bars, universe and strategy unless told otherwise."""

import json
from pathlib import Path

import pandas as pd
import pytest

import quintile as qt
from core.errors import RunError
from core.files import write_json
from strategy.runs.context import RunContext
from strategy.runs.own_bars import decision_request, own_request, same_request
from strategy.runs.store import RunFolder, RunStore
from tests.oracles.small_runs import (
    SMALL,
    assignments,
    files_under,
    left_with,
    long_bars,
    quintile,
    refusal,
    small_market,
)

pytestmark = pytest.mark.usefixtures("few_random_books")

TINY = ("model.hidden=2", "training.max_epochs=1", "training.patience=1")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with bars of names that no built-in market has, and a run of 12 of them."""
    place = tmp_path_factory.mktemp("remembers")
    rows = long_bars(small_market(360).panel)
    rows["ticker"] = "R" + rows["ticker"].astype(str)
    rows.to_parquet(place / "bars.parquet")
    pd.DataFrame({"ticker": rows["ticker"].unique()[:12], "start": "2000-01-01", "end": "2099-01-01"}).to_csv(
        place / "members.csv", index=False
    )
    return place


@pytest.fixture(scope="module")
def run(place: Path, few_random_books: None) -> qt.Run:
    bars = qt.load_bars(place / "bars.parquet", universe=str(place / "members.csv"))
    spec = qt.load_strategy("filter_negative", dict(word.split("=") for word in (*SMALL, *TINY)))
    return qt.run(spec, bars, store=place / "runs", quiet=True)


def test_decide_takes_the_bars_and_the_universe_of_its_run(
    run: qt.Run, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("decide", run.folder.run_id, "--as-of", "2016-06-01", "--out", place / "runs", "--json")
    told = {"monkeypatch": monkeypatch, "capsys": capsys}
    remembered = json.loads(quintile(*words, **told))
    named = json.loads(quintile(*words, "--bars", place / "bars.parquet", **told))
    assert remembered == named
    last = run.weights.iloc[-1]
    decided = {row["ticker"]: row["target_weight"] for row in remembered["orders"]}
    assert {name for name, weight in decided.items() if weight} == set(last.index[last != 0])
    assert all(name.startswith("R") for name in decided)


def test_the_face_decides_on_the_bars_of_the_run(run: qt.Run, place: Path) -> None:
    remembered = qt.decide(run, as_of="2016-06-01")
    given = qt.decide(run, qt.load_bars(place / "bars.parquet"), as_of="2016-06-01")
    pd.testing.assert_frame_equal(remembered.orders, given.orders)


def test_bars_of_another_source_are_named_with_the_names_that_differ(run: qt.Run, place: Path) -> None:
    rows = pd.read_parquet(place / "bars.parquet")
    names = sorted(rows["ticker"].unique())
    fewer = rows[rows["ticker"] != names[-1]].replace({"ticker": {names[-2]: "NEW"}})
    fewer.to_parquet(place / "others.parquet")
    decision = qt.decide(run, qt.load_bars(place / "others.parquet"), as_of="2016-06-01")
    note = next(line for line in str(decision).splitlines() if line.startswith("bars are"))
    assert note == (
        "bars are others.parquet, the run was made of bars.parquet; 1 of their 39 names were not in the run: NEW; "
        f"2 names of the run are not in them: {names[-2]}, {names[-1]}"
    )
    assert note in decision.as_dict()["notes"]


def test_bars_without_a_name_of_the_run_are_refused(
    run: qt.Run, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files_under(run.folder.path)
    words = ("decide", run.folder.run_id, "--bars", "builtin", "--universe", "all", "--out", place / "runs")
    told = refusal(*words, monkeypatch=monkeypatch, capsys=capsys)
    assert "built-in synthetic market" in told
    assert "holds none of the 40 names" in told
    with pytest.raises(RunError, match="holds none of the 40 names"):
        qt.decide(run, qt.load_bars("builtin"))
    assert files_under(run.folder.path) == before


@pytest.mark.slow
def test_a_given_model_is_judged_on_the_bars_and_by_the_strategy_of_its_run(
    run: qt.Run, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("run", "--model", run.folder.run_id, "--out", place / "runs", "--quiet", "--json")
    made = json.loads(quintile(*words, monkeypatch=monkeypatch, capsys=capsys))
    again = RunStore(place / "runs").find(made["run"])
    assert again.request == run.folder.request
    assert again.spec.rules == run.folder.spec.rules
    pd.testing.assert_frame_equal(again.read_frame("weights"), run.weights)


@pytest.mark.slow
def test_the_books_of_a_run_are_compared_without_naming_its_strategy(
    run: qt.Run, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {"monkeypatch": monkeypatch, "capsys": capsys}
    words, others = ("--out", place / "runs", "--quiet"), ("--bars", "builtin", "--universe", "all")
    shown = json.loads(quintile("compare-books", run.folder.run_id, *words, "--json", **told))
    assert shown["run"] == run.folder.run_id
    assert "have changed" in refusal("compare-books", run.folder.run_id, *others, *words, **told)
    changed = refusal("compare-books", run.folder.run_id, "--set", "portfolio.k=0.1", *words, **told)
    assert "do not go with a run" in changed


@pytest.mark.parametrize(
    ("command", "words", "option"),
    [
        ("run", ("--set", "portfolio.k=0.1"), "--set portfolio.k=0.1"),
        ("walk", ("--set", "portfolio.k=0.1"), "--set portfolio.k=0.1"),
        ("run", ("--split", "2016-01-04,2016-02-01"), "--split"),
        ("run", ("--bars", "builtin"), "--bars"),
        ("walk", ("--bars", "builtin"), "--bars"),
        ("run", ("--universe", "top5"), "--universe"),
        ("walk", ("--start", "2015-03-02"), "--start"),
        ("run", ("--end", "2015-03-02"), "--end"),
        ("walk", ("--point-in-time",), "--point-in-time"),
        ("run", ("--hedge", "bars.parquet"), "--hedge"),
    ],
)
def test_a_resumed_run_refuses_what_it_cannot_honour(
    command: str,
    words: tuple[str, ...],
    option: str,
    run: qt.Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = unfinished(run, tmp_path, walk=command == "walk")
    told = refusal(command, "--resume", "latest", *words, "--out", tmp_path, monkeypatch=monkeypatch, capsys=capsys)
    assert folder.run_id in told
    assert f"{option} would change it" in told


def test_a_resumed_walk_refuses_other_spans_and_seeds(
    run: qt.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    unfinished(run, tmp_path, walk=True)
    for words in (("--train", "300"), ("--seeds", "1,2"), ("--expanding",), ("--combinatorial", "6,2")):
        told = refusal("walk", "--resume", "latest", *words, "--out", tmp_path, monkeypatch=monkeypatch, capsys=capsys)
        assert f"{words[0]} would change it" in told


@pytest.mark.slow
def test_what_a_run_began_with_may_be_said_again(
    run: qt.Run, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    unfinished(run, tmp_path)
    words = ["run", "filter_negative", "--bars", place / "bars.parquet", "--universe", place / "members.csv"]
    words += [*assignments((*SMALL, *TINY)), "--resume", "latest", "--out", tmp_path, "--quiet", "--json"]
    made = json.loads(quintile(*words, monkeypatch=monkeypatch, capsys=capsys))
    assert made["run"] == run.folder.run_id
    pd.testing.assert_frame_equal(RunStore(tmp_path).find("latest").read_frame("scores"), run.scores)


def test_a_run_of_a_given_model_is_not_resumed_as_a_training(
    run: qt.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = unfinished(run, tmp_path)
    given = {"model": {"origin": "run x", "sha256": "0", "bars": "0"}, "command": "quintile run --model x"}
    write_json(folder.path / "run.json", folder.record | given)
    told = refusal("run", "--resume", "latest", "--out", tmp_path, monkeypatch=monkeypatch, capsys=capsys)
    assert "was made of a given model" in told
    assert "`quintile run --model x`" in told
    with pytest.raises(RunError, match="was made of a given model"):
        qt.run(folder.spec, qt.load_bars("builtin"), resume="latest", store=tmp_path)
    with pytest.raises(ValueError, match="resume does not go with model"):
        qt.run(folder.spec, qt.load_bars("builtin"), resume="latest", model="latest", store=tmp_path)


def test_bars_that_are_gone_or_were_in_memory_are_one_line_with_the_remedy(run: qt.Run, tmp_path: Path) -> None:
    folder = unfinished(run, tmp_path)
    request = folder.record["request"]
    lost = request | {"bars": str(tmp_path / "gone.parquet")}
    write_json(folder.path / "run.json", folder.record | {"request": lost})
    with pytest.raises(
        RunError, match=r"bars .*gone\.parquet, which is gone: put it back, or name another with --bars"
    ):
        own_request(folder)
    assert own_request(folder, {"bars": request["bars"]}).universe == request["universe"]
    write_json(folder.path / "run.json", folder.record | {"request": request | {"bars": "nothing_stored@3f2a"}})
    with pytest.raises(RunError, match="nothing_stored@3f2a, which is gone"):
        own_request(folder)
    write_json(folder.path / "run.json", folder.record | {"request": request | {"sectors": str(tmp_path / "s.csv")}})
    with pytest.raises(RunError, match=r"sectors .*s\.csv, which is gone"):
        decision_request(folder)
    write_json(folder.path / "run.json", folder.record | {"request": request | {"vix": str(tmp_path / "v.csv")}})
    assert decision_request(folder).vix is None
    write_json(folder.path / "run.json", folder.record | {"request": {"bars": "given in Python"}})
    with pytest.raises(RunError, match="bars in memory, which nothing loads again: name bars with --bars"):
        own_request(folder)


def test_other_bars_run_to_their_own_end(run: qt.Run, tmp_path: Path) -> None:
    folder = unfinished(run, tmp_path)
    cut = folder.record["request"] | {"start": "2015-02-02", "end": "2016-03-31", "point_in_time": True}
    write_json(folder.path / "run.json", folder.record | {"request": cut})
    newer = decision_request(folder, {"bars": "builtin"})
    assert (newer.start, newer.end, newer.universe) == ("2015-02-02", None, cut["universe"])
    assert own_request(folder).end == "2016-03-31"
    assert same_request(folder, {"bars": "builtin"}).end == "2016-03-31"
    assert not own_request(folder, {"bars": "builtin"}).point_in_time


def unfinished(run: qt.Run, root: Path, *, walk: bool = False) -> RunFolder:
    """The record of a run, or of a walk, that was killed before anything was computed."""
    origin, request = run.folder, run.folder.request
    folder = RunFolder(root / origin.spec.name / origin.run_id)
    folder.path.mkdir(parents=True)
    folder.begin(origin.spec, request, panel=origin.record["identity"]["panel"], command=RunContext().command)
    if walk:
        walked = {"settings": {"retraining": {}}, "runs": [folder.run_id]}
        write_json(folder.path / "run.json", folder.record | {"scores": "walk-forward", "walk": walked})
    return folder


def test_a_run_without_the_file_of_a_model_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, error = left_with(
        "run", "--model", "x.safetensors", "--out", tmp_path, monkeypatch=monkeypatch, capsys=capsys
    )
    assert code == 1
    assert "there is no file x.safetensors" in error
