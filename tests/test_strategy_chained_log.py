"""Chained log: what a kill leaves is rolled back by every door, and whatever else lies there is one line."""

import datetime as dt
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from strategy.runs.closure import ROOT
from strategy.trials import chained_log
from strategy.trials.chained_log import Chain, turned_back
from strategy.trials.log import TrialLog

N_KILLS = int(os.environ.get("QUINTILE_KILLS", "40"))
WRITER = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from strategy.trials.log import TrialLog
log = TrialLog(Path(sys.argv[1]))
for n in range(int(sys.argv[3]), 100_000):
    with log.transaction() as held:
        held.append("trial", who=sys.argv[2], n=n, load="x" * 300)
        held.append("companion", who=sys.argv[2], n=n)
    print(n, flush=True)
"""


def half_written(folder: Path, n_entries: int = 3) -> TrialLog:
    """A log and the hot journal of a writer that was killed while it wrote the database file."""
    log = TrialLog(folder / "whole")
    for n in range(n_entries):
        log.append("trial", n=n)
    left = TrialLog(folder / "left")
    left.store.mkdir()
    writer = sqlite3.connect(log.path, isolation_level=None)
    writer.execute("PRAGMA cache_size = 1")
    writer.execute("BEGIN IMMEDIATE")
    for n in range(200):
        writer.execute("INSERT INTO entries VALUES (?, ?, '')", (100 + n, "half an entry " * 100))
    for suffix in ("", "-journal"):
        shutil.copyfile(f"{log.path}{suffix}", f"{left.path}{suffix}")
    writer.close()
    return left


def test_a_hot_journal_is_one(tmp_path: Path) -> None:
    log = half_written(tmp_path)
    with (
        closing(sqlite3.connect(f"file:{log.path}?mode=ro", uri=True)) as connection,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        connection.execute("SELECT * FROM entries")


def test_a_reader_rolls_back_what_a_killed_writer_left(tmp_path: Path) -> None:
    log = half_written(tmp_path)
    assert [entry.facts.get("n") for entry in log.entries()] == [None, 0, 1, 2]
    assert list(log.problems()) == []
    assert not Path(f"{log.path}-journal").exists()


def test_a_writer_rolls_back_what_a_killed_writer_left(tmp_path: Path) -> None:
    log = half_written(tmp_path)
    assert log.append("trial", n=3).length == 5
    assert list(log.problems()) == []


def test_a_log_that_may_not_be_written_is_read_from_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = half_written(tmp_path)
    files = [log.path, Path(f"{log.path}-journal")]
    before, read_file = [file.read_bytes() for file in files], chained_log._read_file

    def read_only(path: Path, noun: str) -> list[chained_log.Entry]:
        if path != log.path:
            return read_file(path, noun)
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return chained_log._read(connection, noun)

    monkeypatch.setattr(chained_log, "_read_file", read_only)
    assert [entry.facts.get("n") for entry in log.entries()] == [None, 0, 1, 2]
    assert [file.read_bytes() for file in files] == before


def test_a_first_writer_that_was_killed_leaves_an_empty_log(tmp_path: Path) -> None:
    log = TrialLog(tmp_path)
    log.path.touch()
    assert (log.entries(), log.chain()) == ([], None)
    assert log.append("trial").length == 2


def append_all(log: TrialLog, *numbers: float) -> None:
    with log.transaction() as held:
        for n in numbers:
            held.append("trial", n=n)


def test_a_transaction_is_there_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    log = TrialLog(tmp_path)
    with log.transaction() as held:
        held.append("trial", n=1)
        held.append("trial", n=2)
        assert held.chain_at(held.entries[-1]).length == 3
    with pytest.raises(ValueError, match="JSON"):
        append_all(log, 3, float("nan"))
    assert [entry.facts.get("n") for entry in log.entries()] == [None, 1, 2]


def test_a_transaction_reads_on_from_what_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, other = TrialLog(tmp_path / "a"), TrialLog(tmp_path / "b")
    append_all(log, 1, 2)
    append_all(other, 1, 2, 3)
    known, parsed, entry = log.entries(), list[int](), chained_log._entry
    log.append("trial", n=3)
    monkeypatch.setattr(chained_log, "_entry", lambda noun, *row: parsed.append(row[0]) or entry(noun, *row))
    with log.transaction(known) as held:
        assert parsed == [3, 4], "the last known one, and what came since"
        held.append("trial", n=4)
    for stranger in (known, other.entries()):
        with log.transaction(stranger) as held:
            assert held.entries == log.entries()
    assert [each.facts.get("n") for each in log.entries()] == [None, 1, 2, 3, 4]
    assert list(log.problems()) == []


@pytest.mark.parametrize(
    "body",
    [
        "[" * 100_000,
        "{}",
        "[]",
        "7" * 5000,
        '{"kind": "trial", "facts": []}',
        '{"kind": "trial", "facts": {}}',
        '{"kind": "trial", "facts": {"time": 7}}',
        '{"kind": "trial", "facts": {"time": "yesterday"}}',
        '{"kind": "trial", "facts": {"time": "2026-01-01"}}',
        '"' + "x" * (chained_log.MAX_BODY + 10) + '"',
        None,
        b"\xff\x00",
    ],
)
def test_a_body_of_another_shape_is_one_line(tmp_path: Path, body: object) -> None:
    log = TrialLog(tmp_path)
    log.append("trial")
    connection = sqlite3.connect(log.path)
    connection.executescript("DROP TABLE entries; CREATE TABLE entries (sequence INTEGER PRIMARY KEY, body, sha256)")
    connection.execute("INSERT INTO entries VALUES (1, ?, '')", (body,))
    connection.commit()
    connection.close()
    with pytest.raises(ValueError, match="entry 1 of the trial log was edited") as raised:
        log.entries()
    assert len(str(raised.value)) < 200


def test_damage_that_the_database_quotes_is_one_line(tmp_path: Path) -> None:
    log = TrialLog(tmp_path)
    log.append("trial")
    whole = log.path.read_bytes()
    for spoilt in (
        whole.replace(b"BEFORE UPDATE ON", b"BEFORE\x60UPDATE ON"),
        whole.replace(b"entries", b"entr\xff\xfes"),
    ):
        log.path.write_bytes(spoilt)
        for door in (log.entries, lambda: log.append("trial")):
            with pytest.raises(ValueError, match=r"trials\.sqlite") as raised:
                door()
            assert not isinstance(raised.value, UnicodeDecodeError)
            assert len(str(raised.value).splitlines()) == 1


def test_a_database_of_something_else_is_one_line(tmp_path: Path) -> None:
    log = TrialLog(tmp_path)
    connection = sqlite3.connect(log.path)
    connection.execute("CREATE VIEW entries AS SELECT 1 AS sequence, '{}' AS body, '' AS sha256")
    connection.close()
    with pytest.raises(ValueError, match="holds no trial log"):
        log.entries()
    with pytest.raises(ValueError, match="cannot write"):
        log.append("trial")
    log.path.unlink()
    log.path.mkdir()
    for door in (log.entries, lambda: log.append("trial")):
        with pytest.raises(ValueError, match=r"trials\.sqlite"):
            door()


@pytest.mark.parametrize(
    "claim",
    [
        None,
        [],
        {},
        {"log": "x", "length": 1},
        {"log": "x", "length": -(10**9), "head": "x"},
        {"log": "x", "length": 0, "head": "x"},
        {"log": "x", "length": True, "head": "x"},
        {"log": "x", "length": 1.0, "head": "x"},
        {"log": "x", "length": "1", "head": "x"},
        {"log": 1, "length": 1, "head": "x"},
        {"log": "x", "length": 1, "head": ["x"]},
    ],
)
def test_a_claim_of_another_shape_says_nothing(tmp_path: Path, claim: object) -> None:
    log = TrialLog(tmp_path)
    log.append("trial")
    assert Chain.claimed(claim) is None
    assert log.contradicts(claim) == "does not say where the trial log stood"


def test_time_that_runs_backwards_or_ahead_is_told(tmp_path: Path) -> None:
    start = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
    moments = [start, start + dt.timedelta(hours=1), start.replace(year=1970), start + dt.timedelta(hours=2)]
    for now in moments:
        TrialLog(tmp_path, lambda now=now: now).append("trial")
    entries = TrialLog(tmp_path).entries()
    (told,) = turned_back(entries, "trial log", now=start + dt.timedelta(days=1))
    assert told.startswith("entry 4 of the trial log is dated 1970-01-01 12:00, the one before it 2026-01-01 13:00")
    assert len(list(turned_back(entries, "trial log", now=start))) == 2


def test_clocks_that_differ_by_seconds_are_not_told(tmp_path: Path) -> None:
    start = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
    for second in (30, 0, 59, 10):
        TrialLog(tmp_path, lambda second=second: start.replace(second=second)).append("trial")
    assert list(turned_back(TrialLog(tmp_path).entries(), "trial log", now=start)) == []


def killed_writers(folder: Path, n_kills: int, rng: np.random.Generator, look: Callable[[], object]) -> dict[str, int]:
    """Kill one of two writers at a time, and look at the log after each kill; the last number that each had said."""
    said = {"a": -1, "b": -1}

    def started(who: str) -> subprocess.Popen[str]:
        words = [sys.executable, "-c", WRITER, str(folder), who, str(said[who] + 1)]
        return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)

    def ended(who: str, process: subprocess.Popen[str]) -> None:
        heard = process.communicate()[0].splitlines(keepends=True)
        said[who] = max([said[who], *(int(line) for line in heard if line.endswith("\n"))])

    running = {who: started(who) for who in said}
    for n in range(n_kills):
        who = "ab"[n % 2]
        process = running[who]
        assert process.stdout is not None
        said[who] = max(said[who], int(process.stdout.readline()))
        time.sleep(rng.uniform(0.0, 0.03))
        process.kill()
        look()
        ended(who, process)
        running[who] = started(who)
    for who, process in running.items():
        process.kill()
        ended(who, process)
    return said


@pytest.mark.slow
def test_no_kill_leaves_a_log_that_does_not_open_or_that_lost_an_entry(tmp_path: Path) -> None:
    log = TrialLog(tmp_path)
    said = killed_writers(tmp_path, N_KILLS, np.random.default_rng(7), log.entries)
    entries = log.entries()
    assert list(log.problems()) == []
    for who, last in said.items():
        own = [(entry.kind, entry.facts["n"]) for entry in entries if entry.facts.get("who") == who]
        assert {("trial", n) for n in range(last + 1)} <= set(own), "what was said to be written is there"
        assert sorted(n for kind, n in own if kind == "trial") == sorted(n for kind, n in own if kind == "companion")
    assert json.loads(entries[-1].body)
