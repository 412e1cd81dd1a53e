"""Registry of best forecasters: nothing is lost or half-written, any moment comes back, and what was edited is told."""

import datetime as dt
import json
import multiprocessing
import os
import pickle
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from core.errors import SourceError
from strategy.forecasts import best_log
from strategy.forecasts.best_log import BestLog, Configuration, changes
from strategy.trials.chained_log import ChainedLog

N_KILLS = int(os.environ.get("QUINTILE_KILLS", "40"))
NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


def configuration(forecaster: str = "ar:p=1", error: float = 0.01) -> Configuration:
    return Configuration(forecaster=forecaster, error=error, study="s-1", bars="b", code="c", horizons=(1, 5))


def at(folder: Path, minutes: int) -> BestLog:
    return BestLog(folder, lambda: NOON + dt.timedelta(minutes=minutes))


def applied_thrice(folder: Path) -> BestLog:
    """AAA and BBB by ar, then AAA by smoothing, then AAA by ar of other orders."""
    at(folder, 0).apply({"BBB": configuration(), "AAA": configuration()}, why="study s-1")
    at(folder, 1).apply({"AAA": configuration("smoothing")})
    at(folder, 2).apply({"AAA": configuration("ar:p=3")})
    return at(folder, 3)


def test_what_is_applied_stands_beside_what_other_symbols_have(tmp_path: Path) -> None:
    log = applied_thrice(tmp_path)
    assert {name: each.forecaster for name, each in log.state().items()} == {"AAA": "ar:p=3", "BBB": "ar:p=1"}
    assert json.loads((tmp_path / "best.json").read_text())["best"]["AAA"]["forecaster"] == "ar:p=3"


def test_every_moment_comes_back_and_a_restoration_is_one_more_entry(tmp_path: Path) -> None:
    log = applied_thrice(tmp_path)
    second = log.state(NOON + dt.timedelta(minutes=1, seconds=30))
    assert second["AAA"].forecaster == "smoothing"
    (change,) = log.restore(NOON + dt.timedelta(minutes=1))
    assert (change.symbol, change.before.forecaster, change.after.forecaster) == ("AAA", "ar:p=3", "smoothing")
    assert log.state() == second
    assert [entry.kind for entry in log.entries()] == ["begin", "applied", "applied", "applied", "restored"]
    assert log.state(NOON + dt.timedelta(minutes=2))["AAA"].forecaster == "ar:p=3"


def test_before_the_first_there_is_nothing_to_restore(tmp_path: Path) -> None:
    log = applied_thrice(tmp_path)
    before = files(tmp_path)
    with pytest.raises(ValueError, match="nothing was applied by 2026-01-01 11:59 UTC: `quintile forecast best --hi"):
        log.restore(NOON - dt.timedelta(minutes=1))
    with pytest.raises(ValueError, match="nothing was applied by"):
        BestLog(tmp_path / "none").restore(NOON)
    assert files(tmp_path) == before


def test_each_replaced_state_is_backed_up_and_a_backup_comes_back(tmp_path: Path) -> None:
    log = applied_thrice(tmp_path)
    backups = sorted((tmp_path / "backups").iterdir())
    assert [path.name for path in backups] == ["best-20260101T120100Z-2.json", "best-20260101T120200Z-3.json"]
    log.restore_backup(backups[0])
    assert log.state() == log.state(NOON)


def test_the_same_again_changes_nothing(tmp_path: Path) -> None:
    log = applied_thrice(tmp_path)
    before = files(tmp_path)
    assert log.apply({"AAA": configuration("ar:p=3")}) == []
    assert files(tmp_path) == before


def test_changes_name_what_came_what_went_and_what_is_another() -> None:
    old, new = {"A": configuration(), "B": configuration()}, {"B": configuration("ema"), "C": configuration()}
    found = [(each.symbol, each.before is None, each.after is None) for each in changes(old, new)]
    assert found == [("A", False, True), ("B", False, False), ("C", True, False)]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class Killed(BaseException):
    """What ends a process without any more of its code, as far as a test in this process can tell."""


@pytest.mark.parametrize("survived", [0, 1, 2])
def test_a_process_that_ends_before_any_write_leaves_one_whole_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, survived: int
) -> None:
    applied_thrice(tmp_path)
    written, write = [], best_log.write_json

    def end(path: Path, value: object) -> None:
        if len(written) == survived:
            raise Killed
        written.append(path)
        write(path, value)

    monkeypatch.setattr(best_log, "write_json", end)
    if survived < 2:  # a backup, then the copy
        with pytest.raises(Killed):
            at(tmp_path, 4).apply({"AAA": configuration("ema")})
    else:
        at(tmp_path, 4).apply({"AAA": configuration("ema")})
    monkeypatch.undo()
    log = at(tmp_path, 5)
    assert log.state()["AAA"].forecaster == ("ar:p=3" if survived == 0 else "ema")
    log.apply({"AAA": configuration("ema")})
    assert log.state() == best_log._copy_of(tmp_path / "best.json")[1]


def apply_all(folder: Path, symbol: str, count: int) -> None:
    for n in range(count):
        BestLog(folder).apply({symbol: configuration(error=float(n))})


def test_two_processes_at_once_lose_nothing_of_each_other(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    running = [fork.Process(target=apply_all, args=(tmp_path, symbol, 8)) for symbol in ("AAA", "BBB")]
    for process in running:
        process.start()
    for process in running:
        process.join()
    assert [process.exitcode for process in running] == [0, 0]
    log = BestLog(tmp_path)
    assert {name: each.error for name, each in log.state().items()} == {"AAA": 7.0, "BBB": 7.0}
    assert len(log.entries()) == 17
    assert len(list((tmp_path / "backups").iterdir())) == 15


def apply_for_ever(folder: Path, symbol: str, first: int) -> None:
    for n in range(first, 100_000):
        BestLog(folder).apply({symbol: configuration(error=float(n))})
        with (folder.parent / symbol).open("a") as said:
            said.write(f"{n}\n")


@pytest.mark.slow
def test_no_kill_leaves_a_registry_that_cannot_be_read_or_that_lost_what_was_said(tmp_path: Path) -> None:
    folder, rng, fork = tmp_path / "forecasts", np.random.default_rng(5), multiprocessing.get_context("fork")

    def last(symbol: str) -> int:
        path = tmp_path / symbol
        whole = [int(line) for line in path.read_text().splitlines(keepends=True)] if path.exists() else []
        return max(whole, default=-1)

    def started(symbol: str) -> multiprocessing.process.BaseProcess:
        process = fork.Process(target=apply_for_ever, args=(folder, symbol, last(symbol) + 1), daemon=True)
        process.start()
        return process

    running = {symbol: started(symbol) for symbol in ("AAA", "BBB")}
    for n in range(N_KILLS):
        symbol = ("AAA", "BBB")[n % 2]
        time.sleep(rng.uniform(0.01, 0.06))
        os.kill(running[symbol].pid, signal.SIGKILL)
        running[symbol].join()
        state = BestLog(folder).state()
        for name in state:
            assert state[name].error >= last(name), "what was said to be in force is"
        assert all(json.loads(path.read_text())["best"] for path in folder.rglob("*.json"))
        running[symbol] = started(symbol)
    for process in running.values():
        process.kill()
        process.join()
    assert {"AAA", "BBB"} == BestLog(folder).state().keys()


def test_an_edited_entry_is_told_and_nothing_is_applied_on_top_of_it(tmp_path: Path) -> None:
    log = applied_thrice(tmp_path)
    with closing(sqlite3.connect(log.path)) as connection:
        connection.executescript("DROP TRIGGER no_edit; UPDATE entries SET body = replace(body, '0.01', '0.001')")
    before = files(tmp_path)
    for door in (log.state, log.verified, lambda: log.apply({"AAA": configuration("ema")}), lambda: log.restore(NOON)):
        with pytest.raises(
            ValueError, match=r"entry 2 of the log of best forecasters was edited.*--restore` a file of"
        ):
            door()
    assert files(tmp_path) == before


def test_the_remedy_for_an_edited_log_brings_its_last_backup_back(tmp_path: Path) -> None:
    log = applied_thrice(tmp_path)
    for name in ("best.sqlite", "best.json"):
        (tmp_path / name).rename(tmp_path / f"away-{name}")
    log.restore_backup(tmp_path / "backups" / "best-20260101T120200Z-3.json")
    assert log.state()["AAA"].forecaster == "smoothing"


def test_a_cut_log_an_edited_copy_and_an_edited_backup_are_told(tmp_path: Path) -> None:
    log = applied_thrice(tmp_path)
    copy, backup = tmp_path / "best.json", tmp_path / "backups" / "best-20260101T120100Z-2.json"
    whole = copy.read_text()
    with closing(sqlite3.connect(log.path)) as connection:
        connection.executescript("DROP TRIGGER no_cut; DELETE FROM entries WHERE sequence = 4")
    with pytest.raises(ValueError, match=r"best\.json knew 4 entries of the log of best forecasters, 3 are left"):
        log.state()
    copy.write_text(whole.replace("ar:p=3", "ar:p=2"))
    with pytest.raises(SourceError, match="a configuration was changed after it was written"):
        log.state()
    backup.write_text(backup.read_text().replace("0.01", "0.002"))
    copy.unlink()
    with pytest.raises(SourceError, match="a configuration was changed after it was written"):
        log.restore_backup(backup)


def test_a_copy_whose_hashes_were_made_anew_is_held_against_the_log(tmp_path: Path) -> None:
    log = applied_thrice(tmp_path)
    path = tmp_path / "best.json"
    forged = json.loads(path.read_text())
    forged["best"]["AAA"] = configuration("ema").as_record()
    path.write_text(json.dumps(forged))
    with pytest.raises(ValueError, match=r"best\.json was changed after it was written: the log counts"):
        log.state()


class OtherLog(ChainedLog):
    FILE, NOUN = "best.sqlite", "other log"


def test_a_registry_of_something_else_is_one_line(tmp_path: Path) -> None:
    for n, content in enumerate((pickle.dumps({"AAA": 1}), b"{", b'{"AAPL": {"model": "toto"}}', b"[1, 2]")):
        folder = tmp_path / f"json-{n}"
        folder.mkdir()
        (folder / "best.json").write_bytes(content)
        for door in (BestLog(folder).state, lambda folder=folder: BestLog(folder).apply({"A": configuration()})):
            with pytest.raises(SourceError, match=r"best\.json is no") as raised:
                door()
            assert len(str(raised.value).splitlines()) == 1
        assert (folder / "best.json").read_bytes() == content
    (tmp_path / "best.sqlite").write_bytes(pickle.dumps(list(range(1000))))
    with pytest.raises(ValueError, match=r"best\.sqlite cannot be read .*: restore it from a backup"):
        BestLog(tmp_path).state()
    (tmp_path / "best.sqlite").unlink()
    with closing(sqlite3.connect(tmp_path / "best.sqlite")) as connection:
        connection.execute("CREATE TABLE runs (id)")
    with pytest.raises(ValueError, match="holds no log of best forecasters"):
        BestLog(tmp_path).state()


def test_a_chained_log_of_another_kind_is_no_registry(tmp_path: Path) -> None:
    OtherLog(tmp_path).append("trial", n=1)
    with pytest.raises(
        ValueError, match="entry 2 of the log of best forecasters is of kind 'trial': it is another log"
    ):
        BestLog(tmp_path).state()
