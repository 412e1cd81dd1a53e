"""Validation looks and the log's sequence of tests: what is counted, what is told, and that a kill changes neither."""

import math
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.statistics.inference import probabilistic_sharpe_ratio
from backtests.statistics.metrics import session_sharpe, shape
from backtests.statistics.online_error import OnlineTest, spending
from core.errors import LooksSpentError
from strategy.runs.closure import ROOT
from strategy.trials.log import TrialKey, TrialLog, distinct
from strategy.trials.validation_looks import Guard, LookAnswer, Measured, look, looks_taken
from strategy.trials.verdict_sequence import logged_p_value, place_in_sequence

AGREEING = Measured(validation=0.021, training=0.030, standard_error=0.005, sessions=8)
APART = Measured(validation=0.001, training=0.080, standard_error=0.005, sessions=8)
GUARDED = Guard(looks=2, protect=True, noise=0.05, disagreements=8)  # a log is random: noise that decides nothing


def span(spec: str, *, panel: str = "p", first: str = "2020-01-01", last: str = "2020-12-31") -> TrialKey:
    return TrialKey(spec=spec, panel=panel, first=first, last=last)


def asked(log: TrialLog, key: TrialKey, measured: Measured = AGREEING, guard: Guard = GUARDED) -> LookAnswer:
    with log.transaction() as held:
        return look(held, key, measured, guard)


def test_a_look_is_a_distinct_strategy_on_bars_and_a_span_that_overlaps(tmp_path: Path) -> None:
    log = TrialLog(tmp_path)
    shown = [
        span("a"),
        span("b"),
        span("a"),
        span("b", first="2020-12-31", last="2021-06-30"),
        span("c", panel="other bars"),
        span("d", first="2021-01-01", last="2021-02-01"),
    ]
    numbers = [asked(log, key).number for key in shown]
    assert numbers == [1, 2, 1, 2, 1, 1]
    assert len(log.entries()) == 1 + 4
    assert looks_taken(log.entries(), span("x")) == 2
    assert distinct(log.entries()) == {}


def test_a_plain_answer_is_the_validation_number(tmp_path: Path) -> None:
    assert asked(TrialLog(tmp_path), span("a")) == LookAnswer(number=1, budget=2, rank_ic=0.021, how="plain")
    assert asked(TrialLog(tmp_path), span("a"), APART).rank_ic == 0.021  # the same look, whatever is measured now


def test_there_are_as_many_looks_as_sessions_and_a_quarter_as_many_disagreements() -> None:
    assert (Guard().budget(250), Guard().told(250)) == (250, 62)
    assert (Guard(looks=40).budget(250), Guard(looks=40, disagreements=3).told(250)) == (40, 3)


def test_once_the_looks_are_spent_there_is_one_clear_error_and_no_entry(tmp_path: Path) -> None:
    log, guard = TrialLog(tmp_path), Guard(looks=2)
    for spec in "ab":
        asked(log, span(spec), guard=guard)
    with pytest.raises(LooksSpentError, match=r"^2 looks at this validation span are spent: judge .* \(--guard\)$"):
        asked(log, span("c"), guard=guard)
    assert asked(log, span("a"), guard=guard).is_plain
    assert len(log.entries()) == 3


def test_past_the_budget_the_training_number_is_told_while_it_agrees(tmp_path: Path) -> None:
    log, exact = TrialLog(tmp_path), Guard(looks=1, protect=True, noise=0.0, disagreements=1)
    answers = [
        asked(log, span(spec), measured, exact) for spec, measured in zip("abcd", [AGREEING] * 3 + [APART], strict=True)
    ]
    assert [(each.how, each.rank_ic) for each in answers] == [
        ("plain", 0.021),
        ("training", 0.030),
        ("training", 0.030),
        ("protected", 0.001),
    ]
    assert [each.is_plain for each in answers] == [True, False, False, False]
    said = "1 looks at this validation span and 1 protected answers about it are spent"
    with pytest.raises(LooksSpentError, match=said):
        asked(log, span("e"), AGREEING, exact)


def test_a_point_without_a_rank_ic_opens_nothing_past_the_budget(tmp_path: Path) -> None:
    log, nothing = TrialLog(tmp_path), Measured(validation=math.nan, training=0.03, standard_error=math.nan, sessions=8)
    assert math.isnan(asked(log, span("a"), nothing).rank_ic)
    asked(log, span("b"))
    assert math.isnan(asked(log, span("a")).rank_ic)
    assert asked(log, span("c"), nothing) == LookAnswer(number=3, budget=2, rank_ic=0.03, how="training")
    certain = Measured(validation=0.5, training=0.03, standard_error=0.0, sessions=8)
    assert asked(log, span("d"), certain) == LookAnswer(number=4, budget=2, rank_ic=0.03, how="training")


def killed_before_it_is_kept(log: TrialLog, key: TrialKey, measured: Measured) -> None:
    with log.transaction() as held:
        look(held, key, measured, GUARDED)
        raise KeyboardInterrupt


def test_a_killed_search_is_told_the_same_when_it_resumes(tmp_path: Path) -> None:
    questions = list(zip("abcdefgh", [AGREEING, APART] * 4, strict=True))
    whole, killed = TrialLog(tmp_path / "whole"), TrialLog(tmp_path / "killed")
    told = []
    for place, (spec, measured) in enumerate(questions):
        if place == 5:
            shutil.copytree(whole.store, killed.store)
        told.append(asked(whole, span(spec), measured))
    with pytest.raises(KeyboardInterrupt):
        killed_before_it_is_kept(killed, span(questions[5][0]), questions[5][1])
    assert looks_taken(killed.entries(), span("x")) == 5
    assert [asked(killed, span(spec), measured) for spec, measured in questions] == told
    assert {each.how for each in told} == {"plain", "training", "protected"}


def test_another_log_and_another_look_have_other_noise(tmp_path: Path) -> None:
    told = []
    for name in ("one", "two"):
        log = TrialLog(tmp_path / name)
        told.append([asked(log, span(spec), APART).rank_ic for spec in "abcd"])
    assert told[0][:2] == told[1][:2] == [0.001, 0.001]
    assert len({*told[0][2:], *told[1][2:]}) == 4


SEARCH = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from tests.test_strategy_validation_looks import APART, TrialLog, asked, span, Guard
log = TrialLog(Path(sys.argv[1]))
for n in range(120):
    print(n, asked(log, span(str(n)), APART, Guard(looks=5, protect=True, disagreements=200)).rank_ic.hex(), flush=True)
"""


@pytest.mark.slow
def test_looks_survive_kills_at_any_moment(tmp_path: Path) -> None:
    log, rng = TrialLog(tmp_path / "killed"), np.random.default_rng(0)
    log.append("paper", note="a first entry, which both logs share")
    shutil.copytree(log.store, tmp_path / "whole")
    for _ in range(4):
        command = [sys.executable, "-c", SEARCH, str(log.store)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(int(rng.integers(5, 60))):
                process.stdout.readline()
            os.kill(process.pid, signal.SIGKILL)
    told = [
        subprocess.run([sys.executable, "-c", SEARCH, str(store)], capture_output=True, text=True, check=True).stdout
        for store in (log.store, tmp_path / "whole")
    ]
    assert told[0] == told[1]
    assert not list(log.problems())
    assert len(log.entries()) == len(TrialLog(tmp_path / "whole").entries()) == 2 + 120


NET = pd.Series(np.random.default_rng(0).standard_t(4, 300) * 0.01 + 0.002)


def logged(log: TrialLog, spec: str, *, kind: str = "trial", year: int = 2020, **facts: object) -> TrialKey:
    """A test result of Sharpe ratio 0 in the log."""
    key = span(spec, first=f"{year}-01-01", last=f"{year}-12-31")
    log.append(kind, **{"key": asdict(key), "sharpe": 0.0, "sessions": 300} | facts)
    return key


def placed(log: TrialLog, key: TrialKey, *, synthetic: bool = False) -> OnlineTest:
    return place_in_sequence(log.entries(), key, NET, synthetic=synthetic)


def test_a_logged_p_value_is_that_of_the_probabilistic_sharpe_ratio(tmp_path: Path) -> None:
    law, log = shape(NET.to_numpy()), TrialLog(tmp_path)
    annual = session_sharpe(NET.to_numpy()) * math.sqrt(365)
    logged(log, "a", sharpe=annual, sessions_per_year=365, skew=law.skewness, kurtosis=law.kurtosis)
    logged(log, "b", sharpe=annual, sessions_per_year=365)
    logged(log, "c", sharpe=None)
    full, older, none = (logged_p_value(entry) for entry in log.entries()[1:])
    assert full == pytest.approx(1.0 - probabilistic_sharpe_ratio(NET), rel=1e-9)
    ratio = annual / math.sqrt(365)
    score = ratio * math.sqrt(299) / math.sqrt(1.0 + ratio**2 / 2.0)
    assert older == pytest.approx(0.5 * math.erfc(score / math.sqrt(2.0)), rel=1e-9)
    assert math.isnan(none)


def test_tests_are_numbered_in_the_order_in_which_they_were_shown(tmp_path: Path) -> None:
    log = TrialLog(tmp_path)
    keys = [logged(log, spec) for spec in "abc"]
    logged(log, "a")
    logged(log, "d", kind="point", judged=["2020-01-01", "2020-12-31"])
    logged(log, "e", kind="companion")
    logged(log, "f", synthetic=True)
    assert [placed(log, key).number for key in keys] == [1, 2, 3]
    assert placed(log, span("new")).number == 5
    assert placed(log, span("new"), synthetic=True).number == 2
    assert placed(log, keys[1]).allowed == pytest.approx(0.025 * spending(2))
    assert placed(log, keys[1]).p_value == pytest.approx(1.0 - probabilistic_sharpe_ratio(NET))


def test_a_discovery_pays_for_tests_of_other_days_alone(tmp_path: Path) -> None:
    log = TrialLog(tmp_path)
    logged(log, "found", year=2019, sharpe=6.0)
    same, later = (placed(log, span("new", first=day, last="2020-12-31")) for day in ("2019-12-31", "2020-01-01"))
    assert same.allowed == pytest.approx(0.025 * spending(2))
    assert later.allowed == pytest.approx(0.025 * spending(2) + 0.025 * spending(1))
