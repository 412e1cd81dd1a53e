"""Paper commits under fire: killed at any moment, beside each other, a close has one decision and nothing is lost."""

import datetime as dt
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from strategy.frozen.check_log import check_log
from strategy.runs.closure import ROOT
from strategy.trading.paper.decisions import Decided, append_decision
from strategy.trading.paper.paper_scores import append_scores
from strategy.trials.log import TrialLog
from strategy.trials.paper_log import PaperLog
from tests.test_strategy_paper import Desk, desk

__all__ = ["desk"]

pytestmark = pytest.mark.slow

N_KILLS = int(os.environ.get("QUINTILE_KILLS", "40"))
FIRST = dt.date(2000, 1, 3)
WHO: Any = SimpleNamespace(folder=SimpleNamespace(sha256="0" * 64, version="mine@1.0.0"), stamps=())


def day(n: int) -> str:
    return f"{FIRST + dt.timedelta(days=n)}"


def committed(log: PaperLog, said: Connection) -> None:
    """Commit one session after the other, as a paper session does, and say each that is written."""
    while True:
        known = sum(entry.kind == "decision" for entry in log.entries())
        facts = {
            "session": day(known),
            "fills": day(known + 1),
            "flat": False,
            "panel": "p",
            "weights": {},
            "missed": [],
        }
        decided = Decided(facts=facts, opening=dt.datetime.max.replace(tzinfo=dt.UTC))
        score = {"session": day(known), "net": 0.0, "gross": 0.0, "turnover": 0.0, "cost": 0.0}
        try:
            with log.transaction() as held:
                append_scores(held, [score] if known else [])
                entry = append_decision(held, log, WHO, decided)
            log.remember()
        except Exception as error:  # the other process decided a later close meanwhile
            if "load later bars" not in str(error):
                said.send(str(error))
                raise
            continue
        if entry is not None:
            said.send(day(known))


def test_no_kill_costs_a_decision_and_no_close_has_two(tmp_path: Path) -> None:
    log, rng, said = PaperLog(tmp_path / "paper" / "mine-1.0.0"), np.random.default_rng(3), set()
    fork = multiprocessing.get_context("fork")
    running: list[tuple[BaseProcess, Connection]] = []
    for n in range(N_KILLS + 2):
        ours, theirs = fork.Pipe(duplex=False)
        process = fork.Process(target=committed, args=(log, theirs), daemon=True)
        process.start()
        theirs.close()
        running.append((process, ours))
        if len(running) < 2:
            continue
        time.sleep(rng.uniform(0.01, 0.06))
        process, heard = running.pop(0)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert list(log.faults()) == [], n
        while heard.poll():
            try:
                said.add(heard.recv())
            except EOFError:
                break
        heard.close()
    for process, heard in running:
        process.kill()
        process.join()
        heard.close()
    entries = log.entries()
    decided = Counter(entry.facts["session"] for entry in entries if entry.kind == "decision")
    assert set(decided.values()) == {1}
    assert said <= set(decided), "what was said to be written is there"
    assert Counter(entry.facts["session"] for entry in entries if entry.kind == "score").most_common(1)[0][1] == 1
    assert [entry.kind for entry in entries].count("version") == 1
    assert check_log(TrialLog(tmp_path), tmp_path / "none", own_versions=True)[0] == []


def test_three_first_commands_at_once_begin_one_log_with_one_decision(desk: Desk, tmp_path: Path) -> None:
    from tests.frozen_market import small_bars

    bars, versions = small_bars(tmp_path / "later.parquet", n_sessions=465), desk.frozen.folder.path.parents[1]
    words = ("paper", "filter_negative@1.0.0", "--versions", versions, "--bars", bars, "--out", tmp_path / "runs")
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "quintile", *map(str, words), "--quiet"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for _ in range(3)
    ]
    told = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], told
    log = PaperLog(tmp_path / "runs" / "paper" / "filter_negative-1.0.0")
    assert [entry.kind for entry in log.entries()] == ["begin", "version", "decision"]
    assert sum("committed the decision of" in out for out, _ in told) == 1
    assert sum("this close was decided before" in out for out, _ in told) == 2
