"""Paper trading: decided before the open, scored after it, never rewritten, and made again from the bars."""

import datetime as dt
import sqlite3
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.errors import DataError, RunError
from market.inputs import load_inputs
from market.panel import Panel
from market.request import BarsRequest
from strategy.frozen.run_version import FrozenStrategy, open_frozen
from strategy.learning import learn
from strategy.learning.decide import decide
from strategy.runs import score_record
from strategy.trading.paper import (
    PaperLog,
    commit_decision,
    open_paper,
    paper_record,
    replay_paper,
    score_fills,
    trade_session,
)
from strategy.trading.paper.decisions import append_decision, decide_session
from strategy.trials.log import TrialLog
from tests.frozen_market import Bench, small_bars

FREEZE = 459  # row of the session on which the version is frozen


@dataclass
class Clock:
    """A clock that a test sets."""

    now: dt.datetime = field(default_factory=lambda: dt.datetime(2000, 1, 1, tzinfo=dt.UTC))

    def __call__(self) -> dt.datetime:
        return self.now

    def after_the_close_of(self, session: pd.Timestamp) -> None:
        self.now = dt.datetime.combine(session.date(), dt.time(22, 0), tzinfo=dt.UTC)


@dataclass(frozen=True)
class Desk:
    """A version frozen in its own past, bars that go on after it, and a store."""

    frozen: FrozenStrategy
    panel: Panel
    store: Path

    def open(self, clock: Clock, name: str) -> PaperLog:
        return open_paper(self.frozen.folder, self.store / name, clock=clock)

    def trade(self, log: PaperLog, clock: Clock, rows: list[int]) -> None:
        for row in rows:
            clock.after_the_close_of(self.panel.sessions[row])
            known = self.panel.until(self.panel.sessions[row])
            commit_decision(log, self.frozen, known)
            score_fills(log, self.frozen, known)


@pytest.fixture(scope="module")
def desk(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("paper")
    made = bench.copied(folder)
    panel = load_inputs(BarsRequest(bars=str(small_bars(folder / "later.parquet", n_sessions=480)))).panel

    class Past(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> "Past":
            day = panel.sessions[FREEZE]
            return cls(day.year, day.month, day.day, 23, tzinfo=tz)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("strategy.frozen.freeze.datetime", Past)
        version = made.freeze("filter_negative@1.0.0")
    return Desk(frozen=open_frozen(version, TrialLog(made.store.root)), panel=panel, store=folder)


def test_each_close_is_decided_once_and_scored_once(desk: Desk) -> None:
    clock = Clock()
    log = desk.open(clock, "once")
    desk.trade(log, clock, [460, 461, 461, 462])
    record = paper_record(log)
    assert list(record.decisions.index) == list(desk.panel.sessions[460:463])
    assert list(record.scores.index) == list(desk.panel.sessions[461:463])
    assert not record.decisions["late"].any()
    assert list(log.problems()) == []
    committed = [entry for entry in log.entries() if entry.kind == "decision"][1].facts["weights"]
    wanted = decide(desk.frozen.spec, desk.panel.until(desk.panel.sessions[461]), desk.frozen.checkpoint)
    assert committed == wanted[wanted != 0].to_dict()


def test_the_first_score_is_the_return_of_the_committed_weights_from_open_to_close(desk: Desk) -> None:
    clock = Clock()
    log = desk.open(clock, "hand")
    desk.trade(log, clock, [460, 461])
    weights = pd.Series(next(entry for entry in log.entries() if entry.kind == "decision").facts["weights"])
    moved = (desk.panel.close.iloc[461] / desk.panel.open.iloc[461] - 1.0)[weights.index]
    fee = desk.frozen.spec.costs.trade_bps / 1e4
    assert paper_record(log).scores["gross"].iloc[0] == pytest.approx((weights * moved).sum(), abs=1e-12)
    assert paper_record(log).scores["cost"].iloc[0] == pytest.approx(fee * weights.abs().sum(), abs=1e-12)


def test_bars_that_end_before_the_freeze_or_the_last_decision_are_refused(desk: Desk) -> None:
    clock = Clock()
    log = desk.open(clock, "old")
    with pytest.raises(DataError, match=r"bars end 2016-\d\d-\d\d, filter_negative@1.0.0 was frozen"):
        commit_decision(log, desk.frozen, desk.panel.until(desk.panel.sessions[FREEZE]))
    desk.trade(log, clock, [462])
    with pytest.raises(DataError, match="the last decision was made"):
        commit_decision(log, desk.frozen, desk.panel.until(desk.panel.sessions[461]))


def test_a_decision_after_the_open_is_kept_and_never_traded(desk: Desk) -> None:
    clock = Clock()
    log = desk.open(clock, "late")
    desk.trade(log, clock, [460])
    fills = pd.Timestamp(log.entries()[-1].facts["fills"])
    next_fills = fills + pd.offsets.BusinessDay()
    clock.now = dt.datetime(next_fills.year, next_fills.month, next_fills.day, 14, 0, tzinfo=dt.UTC)
    commit_decision(log, desk.frozen, desk.panel.until(desk.panel.sessions[461]))
    record = paper_record(log)
    assert record.decisions["late"].tolist() == [False, True]
    score_fills(log, desk.frozen, desk.panel.until(desk.panel.sessions[463]))
    scores = paper_record(log).scores
    assert scores["turnover"].iloc[0] > 0
    assert (scores["turnover"].iloc[1:] == 0).all()


def test_the_log_replays_and_an_edited_bar_is_named(desk: Desk) -> None:
    clock = Clock()
    log = desk.open(clock, "replay")
    desk.trade(log, clock, [460, 461, 462, 463])
    assert replay_paper(log, desk.frozen, desk.panel) == []
    close = desk.panel.close.copy()
    held = next(entry for entry in log.entries() if entry.kind == "decision").facts["weights"]
    close.iloc[461, close.columns.get_loc(max(held, key=lambda name: abs(held[name])))] *= 1.001
    around = {"close": close, "high": np.maximum(desk.panel.high, close), "low": np.minimum(desk.panel.low, close)}
    other = replace(desk.panel, **around).until(desk.panel.sessions[463])
    differences = replay_paper(log, desk.frozen, other)
    assert any(f"score of {desk.panel.sessions[461]:%Y-%m-%d}: net was" in line for line in differences)
    before = paper_record(log).scores
    score_fills(log, desk.frozen, other)
    score_fills(log, desk.frozen, other)
    record = paper_record(log)
    pd.testing.assert_frame_equal(record.scores, before)
    assert record.restated[0] == f"{desk.panel.sessions[461]:%Y-%m-%d}"
    assert len(set(record.restated)) == len(record.restated)


def test_gates_are_measured_after_sixty_sessions_only(desk: Desk) -> None:
    clock = Clock()
    log = desk.open(clock, "gates")
    desk.trade(log, clock, [460, 461])
    assert {gate.status for gate in paper_record(log).gates} == {"NOT MEASURED"}
    rng = np.random.default_rng(1)
    with log.transaction() as held:
        for day, net in enumerate(rng.normal(0.002, 0.005, 70)):
            session = f"{pd.Timestamp('2017-01-02') + pd.Timedelta(days=day):%Y-%m-%d}"
            held.append("score", session=session, net=net, gross=net, turnover=0.0, cost=0.0)
    status = {gate.name: gate.status for gate in paper_record(log).gates}
    assert status["Paper trading: Sharpe ratio"] == "PASS"
    assert status["Paper trading: drawdown"] == "PASS"
    assert "70" in str(paper_record(log)) or "71" in str(paper_record(log))


def test_a_log_of_another_version_is_refused(desk: Desk, tmp_path: Path) -> None:
    home = tmp_path / "paper" / "filter_negative-1.0.0"
    PaperLog(home).append("version", version="filter_negative@1.0.0", lock="0" * 64)
    with pytest.raises(RunError, match=r"begun for another filter_negative@1\.0\.0"):
        open_paper(desk.frozen.folder, tmp_path)


def test_each_close_scores_one_session_and_decides_as_ever(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    scored, score = [], learn.scores_of

    def noted(*words: Any, sessions: pd.DatetimeIndex, **options: Any) -> pd.DataFrame:
        scored.append(len(sessions))
        return score(*words, sessions=sessions, **options)

    monkeypatch.setattr(score_record, "_sources", lambda: "may be edited while tests run")
    monkeypatch.setattr(learn, "scores_of", noted)
    clock = Clock()
    log = desk.open(clock, "kept")
    desk.trade(log, clock, [460, 461, 463])
    assert scored[1:] == [1, 2]
    for entry in (entry for entry in log.entries() if entry.kind == "decision"):
        panel = desk.panel.until(entry.facts["session"])
        whole = decide(desk.frozen.spec, panel, desk.frozen.checkpoint, sectors=desk.frozen.sectors)
        assert entry.facts["weights"] == whole[whole != 0.0].to_dict()


def kinds(log: PaperLog) -> list[str]:
    return [entry.kind for entry in log.entries()]


def cut(log: PaperLog, keep: int) -> None:
    """Cut a log after its first entries, as its owner can."""
    connection = sqlite3.connect(log.path)
    connection.execute("DROP TRIGGER no_cut")
    connection.execute("DELETE FROM entries WHERE sequence > ?", (keep,))
    connection.commit()
    connection.close()


def test_a_session_scores_then_decides_and_the_trial_log_remembers(desk: Desk) -> None:
    clock = Clock()
    log = desk.open(clock, "session")
    for row in (460, 461):
        clock.after_the_close_of(desk.panel.sessions[row])
        made = trade_session(log, desk.frozen, desk.panel.until(desk.panel.sessions[row]))
    assert kinds(log) == ["begin", "version", "decision", "score", "decision"]
    assert str(made).startswith("1 sessions scored\ncommitted the decision of 2016-")
    assert str(trade_session(log, desk.frozen, desk.panel.until(desk.panel.sessions[461]))).endswith("decided before")
    remembered = [entry.facts["chain"]["length"] for entry in log.trials.entries() if entry.kind == "paper"]
    assert remembered == [3, 5]


def test_showing_a_log_writes_nothing(desk: Desk) -> None:
    log = desk.open(Clock(), "shown")
    assert str(paper_record(log)).startswith("filter_negative@1.0.0 on paper: 0 decisions")
    assert not log.store.parents[1].exists()


def test_a_close_has_one_decision_whoever_decided_it_beside(desk: Desk) -> None:
    clock = Clock()
    log = desk.open(clock, "beside")
    clock.after_the_close_of(desk.panel.sessions[460])
    made = [decide_session(log, desk.frozen, desk.panel.until(desk.panel.sessions[460])) for _ in range(3)]
    clock.after_the_close_of(desk.panel.sessions[461])
    later = decide_session(log, desk.frozen, desk.panel.until(desk.panel.sessions[461]))
    for decided in made:
        assert decided is not None
        with log.transaction() as held:
            append_decision(held, log, desk.frozen, decided)
    assert kinds(log) == ["begin", "version", "decision"]
    assert later is not None
    with log.transaction() as held:
        append_decision(held, log, desk.frozen, later)
    with pytest.raises(DataError, match="the last decision was made"), log.transaction() as held:
        append_decision(held, log, desk.frozen, replace(later, facts=later.facts | {"session": "2000-01-03"}))


def test_a_decision_is_late_by_the_moment_of_its_commit(desk: Desk) -> None:
    clock = Clock()
    log = desk.open(clock, "moment")
    clock.after_the_close_of(desk.panel.sessions[460])
    decided = decide_session(log, desk.frozen, desk.panel.until(desk.panel.sessions[460]))
    assert decided is not None
    clock.now = decided.opening.astimezone(dt.UTC)
    with log.transaction() as held:
        entry = append_decision(held, log, desk.frozen, decided)
    assert entry is not None
    assert entry.facts["late"]
    record = paper_record(log)
    assert f"TOO LATE {decided.session} (at {decided.opening:%Y-%m-%d %H:%M} UTC)" in str(record)
    assert record.as_dict()["late_sessions"] == [decided.session]


def test_sessions_without_a_decision_are_named(desk: Desk) -> None:
    clock = Clock()
    log = desk.open(clock, "missed")
    days = [f"{session:%Y-%m-%d}" for session in desk.panel.sessions]
    clock.after_the_close_of(desk.panel.sessions[460])
    trade_session(log, desk.frozen, desk.panel.until(desk.panel.sessions[460]))
    clock.after_the_close_of(desk.panel.sessions[463])
    made = trade_session(log, desk.frozen, desk.panel.until(desk.panel.sessions[463]))
    assert f"MISSED before it: {days[461]}, {days[462]}" in str(made)
    record = paper_record(log)
    assert record.missed == (days[461], days[462])
    assert record.as_dict()["missed"] == [days[461], days[462]]
    assert f"MISSED {days[462]}" in str(record)


def test_a_clock_that_stands_before_the_last_entry_adds_nothing(desk: Desk) -> None:
    clock = Clock()
    log = desk.open(clock, "back")
    desk.trade(log, clock, [460])
    clock.now += dt.timedelta(days=30)
    log.append("version", version="filter_negative@1.0.0", lock=desk.frozen.folder.sha256)
    before = log.entries()
    clock.after_the_close_of(desk.panel.sessions[461])
    with pytest.raises(RunError, match="set the clock right"):
        trade_session(log, desk.frozen, desk.panel.until(desk.panel.sessions[461]))
    assert log.entries() == before


def test_bars_of_a_close_to_come_add_nothing(desk: Desk) -> None:
    clock = Clock()
    log = desk.open(clock, "future")
    clock.after_the_close_of(desk.panel.sessions[460])
    with pytest.raises(DataError, match="wait for the close, set the clock right"):
        trade_session(log, desk.frozen, desk.panel.until(desk.panel.sessions[465]))
    assert log.entries() == []


def test_bars_that_lack_what_was_decided_add_nothing(desk: Desk) -> None:
    clock = Clock()
    log = desk.open(clock, "lacking")
    desk.trade(log, clock, [460])
    clock.after_the_close_of(desk.panel.sessions[462])
    known, before = desk.panel.until(desk.panel.sessions[462]), log.entries()
    without = known.without_sessions(known.sessions[[460]], "one is lost")
    for step in (trade_session, commit_decision, score_fills, replay_paper):
        with pytest.raises(DataError, match="give the whole history"):
            step(log, desk.frozen, without)
    assert log.entries() == before


def test_drift_stays_in_the_record(desk: Desk) -> None:
    clock = Clock()
    log = desk.open(clock, "drift")
    drifted = replace(desk.frozen, stamps=(("DRIFTED", "It ran with other code."),))
    for row, frozen in ((460, desk.frozen), (461, drifted), (462, desk.frozen)):
        clock.after_the_close_of(desk.panel.sessions[row])
        made = trade_session(log, frozen, desk.panel.until(desk.panel.sessions[row]))
        assert str(made).endswith("DRIFTED") == (frozen is drifted)
    record = paper_record(desk.open(clock, "drift"))
    assert record.drifted == (f"{desk.panel.sessions[461]:%Y-%m-%d}",)
    assert f"DRIFTED {record.drifted[0]}: decided or scored with other code" in str(record)
    assert record.as_dict()["drifted"] == list(record.drifted)


def test_a_log_that_was_cut_rewritten_or_begun_anew_is_refused(desk: Desk) -> None:
    clock = Clock()
    log = desk.open(clock, "cut")
    desk.trade(log, clock, [460, 461, 462])
    cut(log, 4)
    with pytest.raises(RunError, match=r"the trial log knew \d entries of the paper log, 4 are left: it was cut"):
        desk.open(clock, "cut")
    log.append("score", session="2016-10-13", net=0.0, gross=0.0, turnover=0.0, cost=0.0)
    with pytest.raises(RunError, match="knew another entry 5 of the paper log: it was rewritten"):
        desk.open(clock, "cut")
    log.path.unlink()
    with pytest.raises(RunError, match="the trial log knew a paper log, and it is gone"):
        desk.open(clock, "cut")
    log.append("version", version="filter_negative@1.0.0", lock=desk.frozen.folder.sha256)
    with pytest.raises(RunError, match="begun anew"):
        desk.open(clock, "cut")


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        ("version", {}),
        ("decision", {"session": "2016-10-12"}),
        ("score", {"session": "12.10.2016", "net": 0.0, "gross": 0.0, "turnover": 0.0, "cost": 0.0}),
        ("score", {"session": "2016-10-12", "net": "0", "gross": 0.0, "turnover": 0.0, "cost": 0.0}),
        ("score", {"session": "2016-10-12", "net": True, "gross": 0.0, "turnover": 0.0, "cost": 0.0}),
        ("restated", {"session": 7}),
        ("restated", {"session": "2016-10-12", "stamps": [7]}),
        ("restated", {"session": "2016-10-12", "missed": None}),
        ("restated", {"session": "2016-10-12", "sessions_per_year": "252"}),
    ],
)
def test_an_entry_of_another_shape_is_one_line(desk: Desk, tmp_path: Path, kind: str, facts: dict[str, Any]) -> None:
    PaperLog(tmp_path / "paper" / "filter_negative-1.0.0").append(kind, **facts)
    with pytest.raises(RunError, match="entry 2 of the paper log has no"):
        open_paper(desk.frozen.folder, tmp_path)
