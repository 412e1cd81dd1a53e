"""Trial log: counts what the definition counts, only grows, tells every edit and every cut that something remembers."""

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from backtests.verdict import TrialStanding
from strategy.epilogue import _damaged_trials
from strategy.frozen.check_log import check_log
from strategy.runs.closure import ROOT
from strategy.runs.store import RunStore
from strategy.trials.chained_log import Entry
from strategy.trials.log import TrialKey, TrialLog, comparable, distinct, trial_kind
from strategy.trials.trial_record import _kept_paths, _kept_returns

NOWHERE = Path("no versions here")


def key(spec: str = "s", panel: str = "p", first: str = "2020-01-01", last: str = "2020-12-31") -> dict[str, str]:
    return {"spec": spec, "panel": panel, "first": first, "last": last}


def log_with(folder: Path, *entries: tuple[str, dict[str, Any]]) -> TrialLog:
    log = TrialLog(folder)
    for kind, facts in entries:
        log.append(kind, **facts)
    return log


def test_distinct_strategies_bars_and_spans_count_and_nothing_else_does(tmp_path: Path) -> None:
    shown = [key(), key(), key(spec="t"), key(panel="q"), key(first="2020-02-01")]
    entries = [("trial", {"key": each}) for each in shown]
    others = [(kind, {"key": key(spec=kind)}) for kind in ("replay", "baseline", "stress", "ci", "freeze", "opening")]
    log = log_with(tmp_path, *entries, *others)
    assert len(log.entries()) == 1 + len(entries) + len(others)
    assert len(distinct(log.entries())) == 4


def test_given_scores_and_a_given_model_are_part_of_the_strategy_and_the_code_is_not() -> None:
    sessions = pd.DatetimeIndex(["2020-01-01", "2020-06-01", "2020-12-31"])
    plain = {"spec": "s", "panel": "p", "code": "c"}
    assert TrialKey.of(plain, sessions) == TrialKey(**key())
    assert TrialKey.of(plain | {"scores": "f"}, sessions).spec == "s:f"
    assert TrialKey.of(plain | {"model": "w"}, sessions).spec == "s:w"
    assert TrialKey.of(plain | {"scores": "f", "model": "w"}, sessions) == TrialKey(**key(spec="s:f:w"))


def test_trials_compare_on_the_same_bars_and_overlapping_spans_only(tmp_path: Path) -> None:
    shown = [
        key(spec="same"),
        key(spec="from the last day", first="2020-12-31", last="2021-06-30"),
        key(spec="to the first day", first="2019-01-01", last="2020-01-01"),
        key(spec="after", first="2021-01-01", last="2021-02-01"),
        key(spec="before", first="2019-01-01", last="2019-12-31"),
        key(spec="other bars", panel="q"),
    ]
    log = log_with(tmp_path, *[("trial", {"key": each}) for each in shown])
    found = comparable(log.entries(), TrialKey(**key()))
    assert {each.spec for each in found} == {"same", "from the last day", "to the first day"}


def test_continuous_integration_is_logged_under_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    assert trial_kind() == "ci"
    monkeypatch.setenv("CI", "")
    assert trial_kind() == "trial"


def test_the_log_refuses_edits_and_cuts(tmp_path: Path) -> None:
    log = log_with(tmp_path, ("trial", {"key": key()}))
    with sqlite3.connect(log.path) as connection:
        for statement in ("DELETE FROM entries", "UPDATE entries SET body = ''"):
            with pytest.raises(sqlite3.IntegrityError, match="only grows"):
                connection.execute(statement)
    connection.close()


def test_any_flipped_byte_of_a_record_is_found(tmp_path: Path) -> None:
    log = log_with(tmp_path, *[("trial", {"key": key(spec=str(n)), "sharpe": 0.5}) for n in range(4)])
    assert check_log(log, NOWHERE, own_versions=False) == ([], [])
    before = log.path.read_bytes()
    for entry in log.entries():
        for text in (entry.body, entry.sha256):
            place = before.index(text.encode())
            for offset in range(0, len(text), 7):
                changed = bytearray(before)
                changed[place + offset] ^= 1
                log.path.write_bytes(changed)
                problems, _ = check_log(log, NOWHERE, own_versions=False)
                assert problems, (text, offset)
                assert "trial log" in problems[0]
    log.path.write_bytes(before)


def rebuilt(log: TrialLog, keep: int, target: Path) -> TrialLog:
    """Return a log that somebody rebuilt from the first entries of another."""
    target.mkdir()
    shutil.copyfile(log.path, target / log.path.name)
    connection = sqlite3.connect(target / log.path.name)
    connection.execute("DROP TRIGGER no_cut")
    connection.execute("DELETE FROM entries WHERE sequence > ?", (keep,))
    connection.commit()
    connection.close()
    return TrialLog(target)


def remember(store: Path, run: str, claim: dict[str, Any]) -> None:
    (store / "s" / run).mkdir(parents=True)
    (store / "s" / run / "trials.json").write_text(json.dumps(claim))


def test_a_cut_that_a_surviving_run_contradicts_is_found_and_no_other(tmp_path: Path) -> None:
    log = TrialLog(tmp_path / "runs")
    claims = [log.append("trial", key=key(spec=str(n))).as_dict() for n in range(5)]
    remember(log.store, "run-2", claims[2])
    assert check_log(log, NOWHERE, own_versions=False) == ([], [])
    cut = rebuilt(log, 3, tmp_path / "cut")
    assert list(cut.problems()) == []
    assert check_log(cut, NOWHERE, own_versions=False) == ([], []), "nothing that survives remembers more"
    remember(cut.store, "run-2", claims[2])
    problems, _ = check_log(cut, NOWHERE, own_versions=False)
    assert problems == ["run run-2 knew 4 entries of the trial log, 3 are left: it was cut"]


def test_a_log_rewritten_or_begun_anew_contradicts_its_runs(tmp_path: Path) -> None:
    log = TrialLog(tmp_path / "runs")
    claims = [log.append("trial", key=key(spec=str(n))).as_dict() for n in range(3)]
    grown = rebuilt(log, 2, tmp_path / "grown")
    for _ in range(3):
        grown.append("trial", key=key(spec="other"))
    remember(grown.store, "run-2", claims[2])
    assert "it was rewritten" in check_log(grown, NOWHERE, own_versions=False)[0][0]
    anew = log_with(tmp_path / "anew", ("trial", {"key": key()}))
    remember(anew.store, "run-0", claims[0])
    assert "begun anew" in check_log(anew, NOWHERE, own_versions=False)[0][0]
    gone = TrialLog(tmp_path / "gone")
    remember(gone.store, "run-0", claims[0])
    assert check_log(gone, NOWHERE, own_versions=False)[0]


def test_a_broken_claim_is_told(tmp_path: Path) -> None:
    log = log_with(tmp_path, ("trial", {"key": key()}))
    remember(log.store, "run-0", {"log": "x"})
    assert check_log(log, NOWHERE, own_versions=False)[0] == ["run run-0 does not say where the trial log stood"]


def test_a_version_remembers_the_log(bench: Any, frozen: Any, tmp_path: Path) -> None:
    log = TrialLog(bench.store.root)
    assert check_log(log, bench.versions, own_versions=True) == ([], [])
    cut = rebuilt(log, 1, tmp_path / "cut")
    problems, notes = check_log(cut, bench.versions, own_versions=False)
    assert "filter_negative@1.0.0 knew" in problems[0]
    foreign = log_with(tmp_path / "foreign", ("trial", {"key": key()}))
    problems, notes = check_log(foreign, bench.versions, own_versions=False)
    assert (problems, len(notes)) == ([], 1)
    assert check_log(foreign, bench.versions, own_versions=True)[0]


def test_two_processes_append_without_losing_an_entry(tmp_path: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from pathlib import Path\nfrom strategy.trials.log import TrialLog\n"
        f"log = TrialLog(Path({str(tmp_path / 'runs')!r}))\n"
        "for n in range(40): log.append('trial', who=sys.argv[1], n=n)"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, who]) for who in ("a", "b", "c")]
    assert [process.wait() for process in running] == [0, 0, 0]
    log = TrialLog(tmp_path / "runs")
    assert list(log.problems()) == []
    entries = log.entries()
    assert len(entries) == 121
    for who in ("a", "b", "c"):
        assert [entry.facts["n"] for entry in entries if entry.facts.get("who") == who] == list(range(40))


def test_a_file_that_is_no_log_is_one_clear_line(tmp_path: Path) -> None:
    log = TrialLog(tmp_path)
    log.path.write_bytes(b"no database at all" * 100)
    with pytest.raises(ValueError, match="restore it from a backup"):
        log.entries()
    with pytest.raises(ValueError, match="cannot write"):
        log.append("trial")


def test_a_run_counts_once_however_often_it_goes_on(bench: Any) -> None:
    trials = [entry for entry in TrialLog(bench.store.root).entries() if entry.kind == "trial"]
    assert len(trials) == 1
    assert trials[0].facts["run"] == bench.run.run_id
    assert trials[0].facts["sharpe"] == bench.run.metrics["headline"]["sharpe_net"]
    assert bench.run.metrics["headline"]["trials"] == 2  # the companion's among them


def test_every_book_of_the_page_is_logged_under_its_own_key_and_counts(bench: Any) -> None:
    entries = TrialLog(bench.store.root).entries()
    (trial,) = [entry for entry in entries if entry.kind == "trial"]
    companions = [entry for entry in entries if entry.kind == "companion"]
    books = bench.run.metrics["books"]
    assert {entry.facts["book"] for entry in companions} == set(books) - {bench.run.spec.name} != set()
    for entry in companions:
        assert entry.facts["sharpe"] == books[entry.facts["book"]]["sharpe"]
        assert entry.facts["key"]["spec"] != trial.facts["key"]["spec"]
        assert entry.facts["key"]["panel"] == trial.facts["key"]["panel"]
        assert entry.sequence < trial.sequence, "logged before the chain that the run remembers"
    assert len(distinct(entries)) == len(books)


def test_every_other_row_of_the_page_is_logged_by_its_kind(bench: Any) -> None:
    entries = TrialLog(bench.store.root).entries()
    (baseline,) = [entry for entry in entries if entry.kind == "baseline"]
    for name, row in bench.run.metrics["wall"]["rivals"].items():
        assert baseline.facts["sharpes"][name] == row["sharpe"]
    assert any(name.startswith("random ranks") for name in baseline.facts["sharpes"])
    (stress,) = [entry for entry in entries if entry.kind == "stress"]
    assert {f"short filter: {name}" for name in bench.run.metrics["shorts"]} <= set(stress.facts["sharpes"])
    assert sum(len(entry.body) for entry in entries if "run" in entry.facts) < 10_000, "a page's entries stay small"


def test_a_companion_in_continuous_integration_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    assert trial_kind("companion") == "companion"
    monkeypatch.setenv("CI", "1")
    assert trial_kind("companion") == "ci"


def test_what_ifs_are_logged_as_stress_and_not_counted(bench: Any) -> None:
    entries = TrialLog(bench.store.root).entries()
    (stress,) = [entry for entry in entries if entry.kind == "stress"]
    assert stress.facts["run"] == bench.run.run_id
    rows = bench.run.metrics["what_if"]["stress"]
    assert len(rows) == 15
    for row in rows:
        assert stress.facts["sharpes"][f"{row['legs']} {row['stress']}"] == row["sharpe"]
    assert len(distinct(entries)) == 2


def test_returns_of_an_old_run_that_are_damaged_or_of_other_books_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "returns.parquet"
    assert _kept_returns(file, "book") is None
    pd.DataFrame({"book net": [0.01, None, 0.02]}).to_parquet(file)
    assert _kept_returns(file, "book").tolist() == [0.01, 0.02]
    assert _kept_returns(file, "other") is None
    for spoiled in (["a", "b"], [0.1, float("inf")]):
        pd.DataFrame({"book net": spoiled}).to_parquet(file)
        assert _kept_returns(file, "book") is None
    file.write_bytes(file.read_bytes()[:40])
    assert _kept_returns(file, "book") is None


def test_trials_whose_returns_are_damaged_are_named_and_those_that_are_gone_are_not(tmp_path: Path) -> None:
    facts = [{"strategy": "s", "run": run} for run in ("whole", "gone")] + [
        {"strategy": "s", "run": "cut", "book": "b"}
    ]
    (tmp_path / "s" / "whole").mkdir(parents=True)
    pd.DataFrame({"s net": [0.1]}).to_parquet(tmp_path / "s" / "whole" / "returns.parquet")
    (tmp_path / "s" / "cut").mkdir()
    (tmp_path / "s" / "cut" / "returns.parquet").write_bytes(b"PAR1")
    entries = [Entry(sequence=1, kind="trial", body=json.dumps({"facts": each}), sha256="") for each in facts]
    found, damaged = _kept_paths(RunStore(tmp_path), entries)
    assert list(found) == ["whole s"]
    assert damaged == ["b of run cut"]
    (said,) = _damaged_trials(TrialStanding(left_out=(*damaged, "x", "y", "z")))
    assert said.endswith("measured without: b of run cut, x, y and 1 more.")
    assert _damaged_trials(TrialStanding()) == ()
