"""The list of runs and what it keeps: entries, their cache, settings in which runs differ, curves and conditions."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.report.boards.equity_curve import MAX_POINTS, curve_of_file, curve_text, sparkline
from backtests.report.boards.flat_settings import FlatSpecs, deviations, flat, unlike
from core.bounded_text import toml_value
from core.errors import RunError
from core.files import write_json
from market.request import BarsRequest
from quintile.cli.desk.run_filter import Condition, kept_entries, sorted_entries
from strategy.definitions.spec import load_spec, override
from strategy.desk import run_index
from strategy.desk.run_entry import RunEntry
from strategy.desk.run_index import CACHE, run_entries
from strategy.runs.store import RunFolder, RunOrigin, RunStore
from tests.oracles.small_runs import left_with, quintile, refusal

SESSIONS = pd.bdate_range("2020-01-01", periods=40, name="session")
GIVEN = {"sharpe_net": 0.5, "rank_ic": 0.01, "verdict": "WEAK", "sentence": "WEAK: a test", "period": ["a", "b"]}


def finished(store: RunStore, *assignments: str, strategy: str = "filter_negative", **headline: Any) -> RunFolder:
    folder = store.create(override(load_spec(strategy), assignments), BarsRequest(), panel="p" * 64)
    name = folder.record["strategy"]
    folder.write_metrics({"headline": GIVEN | headline, "strategy": name, "synthetic": True})
    net = np.random.default_rng(0).normal(0.001, 0.01, 40)
    folder.write_frame("returns", pd.DataFrame({f"{name} net": net, "market": 0.0}, index=SESSIONS))
    folder.finish()
    return folder


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def by_run(entries: list[RunEntry]) -> dict[str, RunEntry]:
    return {entry.run: entry for entry in entries}


def test_entries_say_what_the_files_say_in_the_order_of_the_store(store: RunStore) -> None:
    folders = [finished(store, sharpe_net=number) for number in (0.1, 0.2, 0.3)]
    entries = run_entries(store.root, curves=True)
    assert [entry.run for entry in entries] == [folder.run_id for folder in store.folders()]
    found = by_run(entries)
    for folder in folders:
        entry = found[folder.run_id]
        assert entry.headline == folder.metrics["headline"]
        assert entry.status == "complete"
        assert entry.panel == folder.record["identity"]["panel"]
        assert entry.settings["portfolio.k"] == str(folder.spec.portfolio.k)
        assert entry.stamps[0] == "SYNTHETIC"
        assert entry.curve == curve_of_file(folder.path / "returns.parquet", "filter_negative net")


@pytest.mark.parametrize("file", ["run.json", "metrics.json"])
@pytest.mark.parametrize("damage", [b"", b"{", b"[1]", b"\xff", b'{"headline": {"sharpe_net": NaN}}', b"[" * 10_000])
def test_a_damaged_run_is_an_entry_that_says_why(file: str, damage: bytes, store: RunStore) -> None:
    whole, spoiled = finished(store), finished(store)
    (spoiled.path / file).write_bytes(damage)
    found = by_run(run_entries(store.root, curves=True))
    assert found[whole.run_id].status == "complete"
    assert found[spoiled.run_id].status == "damaged"
    assert file in found[spoiled.run_id].problem
    assert "DAMAGED" in found[spoiled.run_id].stamps


def test_unfinished_quick_pruned_and_given_runs_are_called_so(store: RunStore) -> None:
    begun = store.create(load_spec(), BarsRequest(), panel="p")
    quick, pruned, model = finished(store), finished(store), finished(store)
    write_json(quick.path / "run.json", quick.record | {"quick": True})
    write_json(model.path / "run.json", model.record | {"model": {"origin": "run x"}})
    (pruned.path / "run.json").rename(pruned.path / "pruned.json")
    found = by_run(run_entries(store.root))
    assert [found[each.run_id].status for each in (begun, quick, pruned, model)] == [
        "unfinished",
        "quick",
        "pruned",
        "complete",
    ]
    assert (found[model.run_id].kind, found[model.run_id].origin) == ("model", "run x")
    origin = RunOrigin(record={"walk": {"runs": ["x", "y"], "settings": {}}, "scores": "walk-forward"})
    walked = store.create(load_spec(), BarsRequest(), panel="p", origin=origin)
    entry = by_run(run_entries(store.root))[walked.run_id]
    assert (entry.kind, entry.walk) == ("walk", ("x", "y"))


def test_the_cache_is_never_stale_and_never_needed(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_index, "MIN_KEPT", 1)
    folders = [finished(store) for _ in range(3)]
    first = run_entries(store.root, curves=True)
    cache = store.root / CACHE
    assert cache.is_file()
    kept = cache.read_bytes()
    read: list[Path] = []
    whole = run_index.entry_of
    monkeypatch.setattr(run_index, "entry_of", lambda folder, specs: read.append(folder) or whole(folder, specs))
    assert run_entries(store.root, curves=True) == first
    assert read == []
    before = (folders[1].path / "metrics.json").stat()
    changed = json.loads((folders[1].path / "metrics.json").read_text())
    folders[1].write_metrics(changed | {"headline": changed["headline"] | {"sharpe_net": 0.7}})  # as many bytes
    os.utime(folders[1].path / "metrics.json", ns=(before.st_atime_ns, before.st_mtime_ns))  # as rsync -t would
    again = by_run(run_entries(store.root, curves=True))
    assert again[folders[1].run_id].headline["sharpe_net"] == 0.7
    assert [path.name for path in read] == [folders[1].run_id]
    for damage in (b"", b"{", b"[]", b'{"form": 1, "runs": {"a/b": [[], {"run": 1}]}}', b'{"form": 9, "runs": {}}'):
        cache.write_bytes(damage)
        assert by_run(run_entries(store.root, curves=True)) == again
    hostile = json.loads(kept)
    for _, entry in hostile["runs"].values():
        entry["headline"], entry["settings"] = [], {"a": 1}
    cache.write_text(json.dumps(hostile))
    assert by_run(run_entries(store.root, curves=True)) == again
    cache.unlink()
    assert by_run(run_entries(store.root, curves=True)) == again


def test_a_small_store_gets_no_cache_and_a_store_that_cannot_be_written_is_listed(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(store)
    assert len(run_entries(store.root)) == 1
    assert not (store.root / CACHE).exists()
    monkeypatch.setattr(run_index, "MIN_KEPT", 1)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(run_index, "write_text", refuse)
    assert len(run_entries(store.root)) == 1


@pytest.mark.parametrize("name", ["filter_negative", "quintile_long_short", "lstm_gru_transformer"])
def test_flat_settings_are_those_of_the_whole_document(name: str) -> None:
    text = load_spec(name).to_toml()
    whole = {key: value for key, value in flat(toml_value(text)).items() if key not in ("name", "title", "summary")}
    specs = FlatSpecs()
    assert specs.read(text) == whole
    assert specs.read(text) == whole  # from what was kept


def test_a_line_within_words_is_no_heading() -> None:
    text = 'name = "x"\nnote = """\n[portfolio]\nk = 1\n"""\n[model]\nkind = "lstm"\n'
    assert FlatSpecs().read(text) == {"note": "[portfolio]\nk = 1\n", "model.kind": "lstm"}


def test_runs_differ_in_what_is_unlike_the_most_common_value() -> None:
    runs = [{"k": "1", "s": "a"}, {"k": "1", "s": "b"}, {"k": "2", "s": "a", "new": "x"}]
    assert unlike(runs) == ["k", "s", "new"]
    assert deviations(runs) == [{}, {"s": "b"}, {"k": "2", "new": "x"}]
    assert deviations([{"k": "1"}, {"k": "2"}]) == [{}, {"k": "2"}]  # of values as common the first stands
    assert deviations([]) == []


def test_a_curve_holds_its_ends_and_extremes_and_is_read_back() -> None:
    net = np.random.default_rng(1).normal(0.0, 0.01, 2520)
    days = np.arange(2520) + 16_000
    first, gaps, levels = curve_text(days, net).split("|")
    wealth = np.cumprod(1.0 + net)
    numbers = [int(level) for level in levels.split(",")]
    assert first == str(np.datetime64(16_000, "D"))
    assert len(numbers) == len(gaps.split(",")) <= MAX_POINTS
    assert (numbers[0], numbers[-1]) == (round(wealth[0] * 1e4), round(wealth[-1] * 1e4))
    assert (min(numbers), max(numbers)) == (round(wealth.min() * 1e4), round(wealth.max() * 1e4))
    assert sparkline(curve_text(days, net)).startswith("M0 ")
    assert curve_text(days[:1], net[:1]) == curve_text(days, np.full(2520, 1e6)) == ""
    for damaged in ("", "a|b|c", "2020-01-01|0,1|1", "2020-01-01|0,0|1,2", "2020-01-01|x,1|1,2", "<script>"):
        assert sparkline(damaged) == ""


def test_a_file_without_the_curve_is_one_line(store: RunStore, tmp_path: Path) -> None:
    folder = finished(store)
    with pytest.raises(RunError, match="has no column other net"):
        curve_of_file(folder.path / "returns.parquet", "other net")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1PAR1")
    for path in (tmp_path / "bad.parquet", tmp_path / "gone.parquet"):
        with pytest.raises(RunError, match="cannot be read"):
            curve_of_file(path, "x net")


def entry(**facts: Any) -> RunEntry:
    return RunEntry(**({"run": "r", "strategy": "s", "home": "s", "status": "complete"} | facts))


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("sharpe_net>0.5", ["b"]),
        ("sharpe_net >= 0.5", ["a", "b"]),
        ("sharpe_net<1", ["a"]),
        ("sharpe_net!=0.5", ["b"]),
        ("portfolio.k=0.1", ["a"]),
        ("k==0.10", ["a"]),
        ("verdict~evidence", ["a", "b"]),
        ("verdict=EVIDENCE", ["b"]),
        ("run=c", ["c"]),
        ("status!=complete", ["c"]),
        ("kind=lstm", ["a"]),
        ("started>2026-02", ["b"]),
        ("verdict>1", []),
        ("sharpe_net>nan", []),
    ],
)
def test_conditions_hold_for_the_runs_that_meet_them(text: str, runs: list[str]) -> None:
    entries = [
        entry(run="a", headline={"sharpe_net": 0.5, "verdict": "NOT EVIDENCE"}, started="2026-01-05",
              settings={"portfolio.k": "0.1", "model.kind": "lstm"}),
        entry(run="b", headline={"sharpe_net": 1.5, "verdict": "EVIDENCE"}, started="2026-03-05",
              settings={"portfolio.k": "0.2", "model.kind": "ridge"}),
        entry(run="c", status="damaged"),
    ]  # fmt: skip
    if text.startswith("kind"):
        entries = [each for each in entries if each.settings]
        text = f"model.{text}"
    assert [each.run for each in kept_entries(entries, [Condition.parse(text)])] == runs


@pytest.mark.parametrize("text", ["", "sharpe", ">1", "sharpe_net>", "__import__('os')=1", "a b=1"])
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no condition: write KEY OP VALUE"):
        Condition.parse(text)


def test_an_unknown_key_names_near_ones() -> None:
    entries = [entry(headline={"sharpe_net": 1.0})]
    with pytest.raises(ValueError, match=r"no run has the key 'sharpe': did you mean sharpe_net"):
        kept_entries(entries, [Condition.parse("sharpe>1")])
    with pytest.raises(ValueError, match="no run has the key 'zzz'"):
        sorted_entries(entries, "zzz")
    assert kept_entries([], [Condition.parse("zzz=1")]) == []
    several = [entry(settings={"first.size": "1", "second.size": "2"})]
    with pytest.raises(ValueError, match=r"'size' ends several keys: write one of first.size, second.size"):
        kept_entries(several, [Condition.parse("size=1")])


def test_a_period_is_read_as_its_two_ends() -> None:
    entries = [entry(headline={"period": ["2016-01-04", "2017-06-16"], "stamps": []})]
    assert kept_entries(entries, [Condition.parse("period~2016-01-04 to")]) == entries
    assert kept_entries(entries, [Condition.parse("stamps~QUICK")]) == []


def test_runs_are_sorted_by_number_with_the_unknown_last_either_way() -> None:
    entries = [entry(run=name, headline={} if value is None else {"sharpe_net": value}) for name, value in
               (("a", 10.0), ("b", None), ("c", 9.0), ("d", -1.0))]  # fmt: skip
    assert [each.run for each in sorted_entries(entries, "sharpe_net")] == ["d", "c", "a", "b"]
    assert [each.run for each in sorted_entries(entries, "sharpe_net", reverse=True)] == ["a", "c", "d", "b"]


def test_runs_lists_filters_sorts_and_names_what_differs(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {"monkeypatch": monkeypatch, "capsys": capsys}
    one, two = finished(store, sharpe_net=0.2), finished(store, "portfolio.k=0.1", sharpe_net=0.9)
    third = finished(store, strategy="quintile_long_short", sharpe_net=0.5)
    rows = json.loads(quintile("runs", "--out", store.root, "--json", **told))
    assert {row["run"]: row["differs"] for row in rows} == {
        one.run_id: {},
        two.run_id: {"portfolio.k": "0.1"},
        third.run_id: {},
    }
    monkeypatch.setenv("COLUMNS", "200")
    lines = quintile("runs", "--out", store.root, "--sort", "sharpe_net", "--reverse", **told).splitlines()
    assert [line.split()[0] for line in lines] == ["run", two.run_id, third.run_id, one.run_id]
    assert lines[1].endswith("k=0.1")
    own = json.loads(
        quintile("runs", "--out", store.root, "--strategy", "filter_negative", "--where", "k=0.1", "--json", **told)
    )
    assert [row["run"] for row in own] == [two.run_id]
    newest = json.loads(quintile("runs", "--out", store.root, "--limit", "1", "--json", **told))
    assert [row["run"] for row in newest] == [third.run_id]
    assert "no run meets" in quintile("runs", "--out", store.root, "--where", "sharpe_net>9", **told)
    assert "there are runs of" in refusal("runs", "--out", store.root, "--strategy", "none", **told)
    assert "is no condition" in refusal("runs", "--out", store.root, "--where", "sharpe", **told)


def test_hostile_names_are_listed_and_steer_no_terminal(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = finished(store)
    write_json(folder.path / "run.json", folder.record | {"strategy": "\x1b[31m<b>東京\u202e"})
    code, printed, _ = left_with("runs", "--out", store.root, monkeypatch=monkeypatch, capsys=capsys)
    assert code in (0, None)
    assert "\x1b" not in printed
    assert "\\u001b[31m<b>東京" in printed


def test_the_list_of_runs_needs_no_pandas(store: RunStore) -> None:
    import subprocess
    import sys

    finished(store)
    code = (
        f"import sys; sys.argv = ['quintile', 'runs', '--out', {str(store.root)!r}]\n"
        "from quintile.cli import main\ntry:\n    main()\n"
        "finally:\n    print(sorted({'numpy', 'pandas', 'torch', 'pyarrow'} & set(sys.modules)), file=sys.stderr)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "filter_negative" in told.stdout
    assert told.stderr == "[]\n"
