"""A frozen version on unseen sessions: the path it is scored by, the rule, and what is said of bars that do not fit."""

import html
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.report.monitor.live_measure import Coverage, Finding, SwitchState
from backtests.report.monitor.monitor_figures import course_figure
from backtests.report.monitor.monitor_page import monitor_page
from backtests.report.monitor.monitored_version import MonitoredVersion
from backtests.statistics.confidence_sequence import difference_confidence_sequence
from backtests.statistics.drift_tests import FeatureDrift
from core.errors import DataError, RunError
from live.monitor.measures import made_measures, score_numbers
from live.monitor.monitor_rule import decline_of, looks, rule_findings
from live.monitor.watched_version import monitor_version
from live.rescored import rescored
from live.unseen import last_seen_session, unseen_sessions
from market.holdout import HoldoutSettings
from market.inputs import Inputs
from market.panel import Panel, aligned_frame
from market.request import BarsRequest
from market.returns import forward_returns
from market.universe import choose_universe
from signals.score_metrics import information_coefficient
from strategy.frozen.run_version import FrozenStrategy, open_frozen, run_version
from strategy.frozen.versions import VersionFolder
from strategy.learning.decide import recompute
from strategy.runs.context import RunContext
from strategy.runs.store import RunStore
from strategy.trials.log import TrialLog
from tests.browser import faults_of, open_browser
from tests.later_market import later_inputs_at

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def opened(frozen: VersionFolder, tmp_path_factory: pytest.TempPathFactory) -> FrozenStrategy:
    return open_frozen(frozen, TrialLog(tmp_path_factory.mktemp("log")))


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return later_inputs_at(tmp_path_factory.mktemp("later") / "bars.parquet")


@pytest.fixture(scope="module")
def found(opened: FrozenStrategy, later: Inputs) -> MonitoredVersion:
    return monitor_version(opened, later)


def with_bars(panel: Panel, **frames: pd.DataFrame) -> Inputs:
    return Inputs(panel=replace(panel, **frames))


def test_unseen_sessions_begin_after_the_last_one_of_the_versions_bars(frozen: VersionFolder, later: Inputs) -> None:
    unseen = unseen_sessions(frozen, later.panel)
    assert len(unseen) == 160
    assert later.panel.sessions[459] == last_seen_session(frozen) < unseen[0]
    assert unseen_sessions(frozen, later.panel.until(later.panel.sessions[459])).empty


def test_live_numbers_are_those_of_every_replay(opened: FrozenStrategy, later: Inputs, found: MonitoredVersion) -> None:
    spec, panel = opened.spec, later.panel
    made = recompute(spec, panel, opened.checkpoint)
    forward = forward_returns(panel, spec.execution, horizon=spec.label.horizon)
    ic = information_coefficient(made.scores, forward).loc[found.sessions]
    np.testing.assert_array_equal(found.measures["rank_ic"].live.to_numpy(), ic.to_numpy())
    np.testing.assert_array_equal(
        found.measures["net"].live.to_numpy(), made.result.net_returns.loc[found.sessions].to_numpy()
    )
    assert found.n_judged == 158  # two decisions whose returns have not ended
    assert found.coverage.n_live == 160


@pytest.mark.slow
def test_live_numbers_are_those_of_a_run_on_the_same_bars(
    opened: FrozenStrategy, later: Inputs, found: MonitoredVersion, tmp_path: Path, few_random_books: None
) -> None:
    store = RunStore(tmp_path / "runs")
    made = run_version(opened, later, context=RunContext(store=store, request=BarsRequest()))
    net = made.returns[f"{opened.spec.name} net"]
    np.testing.assert_array_equal(found.measures["net"].live.dropna(), net.reindex(found.sessions).dropna())


def test_the_test_span_is_measured_as_it_was_frozen(opened: FrozenStrategy, found: MonitoredVersion) -> None:
    assert found.measures["rank_ic"].test.mean() == pytest.approx(opened.folder.body["figures"]["rank_ic"], rel=1e-6)
    assert found.measures["rank_ic"].test.index[-1] <= found.seen_until


@pytest.mark.slow
def test_a_later_session_moves_no_earlier_number(
    opened: FrozenStrategy, later: Inputs, found: MonitoredVersion
) -> None:
    panel = later.panel.until(later.panel.sessions[540])
    shorter = monitor_version(opened, replace(later, panel=panel))
    for name in ("rank_ic", "slope", "turnover"):
        part = shorter.measures[name].sequence.iloc[:75]
        pd.testing.assert_frame_equal(part, found.measures[name].sequence.iloc[:75])


def test_a_value_prints_and_is_one_line_of_json(found: MonitoredVersion) -> None:
    assert found.sentence in str(found)
    line = json.dumps(found.as_record(), allow_nan=False)
    assert "\n" not in line
    assert json.loads(line)["verdict"] == found.verdict
    assert "<svg" in found._repr_html_()


def test_a_test_span_that_other_names_score_otherwise_is_told() -> None:
    kept, _ = scores_and_returns(1.0, n_sessions=4, n_names=5)
    assert rescored(kept, kept + 1e-9) == ()
    beside = kept.assign(other=[np.nan, np.nan, 0.1, np.nan])
    moved = kept.copy()
    moved.iloc[3, 0] += 1e-5
    for scores, session in ((beside, 2), (moved, 3), (kept.drop(columns="T00"), 0), (kept.iloc[1:], 0)):
        ((label, words),) = rescored(kept, scores)
        assert (label, f"first {kept.index[session]:%Y-%m-%d}" in words) == ("RESCORED", True)


@pytest.mark.slow
def test_bars_of_a_narrower_universe_are_watched(
    opened: FrozenStrategy, later: Inputs, found: MonitoredVersion
) -> None:
    assert [each for each in found.findings if each.about == "rescored"] == []
    part = monitor_version(opened, replace(later, panel=choose_universe(later.panel, "top28")))
    assert ("WATCH", "rescored") in [(each.grade, each.about) for each in part.findings]


def test_too_few_judged_sessions_are_too_early(found: MonitoredVersion) -> None:
    ic = found.measures["rank_ic"]
    few = replace(found, measures={"rank_ic": replace(ic, live=ic.live.iloc[:19])}, findings=())
    assert (few.verdict, few.exit_code, few.n_judged) == ("TOO EARLY", 0, 19)
    assert "NOT EVIDENCE" in few.sentence
    assert replace(few, measures={"rank_ic": replace(ic, live=ic.live.iloc[:20])}).verdict == "HOLDING"


def test_bars_that_a_seal_ends_say_so(opened: FrozenStrategy, later: Inputs) -> None:
    spec = opened.spec.model_copy(update={"holdout": HoldoutSettings(start=later.panel.sessions[460])})
    ended = replace(later, panel=later.panel.until(later.panel.sessions[459]))
    with pytest.raises(DataError, match=r"sealed hold-out, `quintile holdout open filter_negative@1\.0\.0` opens it"):
        monitor_version(replace(opened, spec=spec), ended)


@pytest.mark.slow
def test_few_sessions_are_too_early_and_no_alarm(opened: FrozenStrategy, later: Inputs) -> None:
    few = monitor_version(opened, replace(later, panel=later.panel.until(later.panel.sessions[475])))
    assert (few.verdict, few.exit_code, few.n_judged) == ("TOO EARLY", 0, 14)
    assert "NOT EVIDENCE" in few.sentence
    assert few.measures["rank_ic"].sequence["lower"].isna().all()


def test_bars_that_end_before_the_freeze_are_named(opened: FrozenStrategy, later: Inputs) -> None:
    ended = replace(later, panel=later.panel.until(later.panel.sessions[459]))
    with pytest.raises(DataError, match=r"bars end .*, filter_negative@1\.0\.0 saw sessions until .*: load later bars"):
        monitor_version(opened, ended)


def test_bars_of_other_names_are_named(opened: FrozenStrategy, later: Inputs) -> None:
    panel = later.panel
    renamed = {
        name: getattr(panel, name).rename(columns=lambda ticker: f"X{ticker}")
        for name in ("open", "high", "low", "close", "volume", "dollar_volume", "universe")
    }
    gone = panel.delistings.rename(index=lambda ticker: f"X{ticker}")
    with pytest.raises(DataError, match=r"the bars hold 0 of the \d+ names .*another universe"):
        monitor_version(opened, with_bars(panel, delistings=gone, **renamed))


def test_bars_without_the_test_span_are_named(opened: FrozenStrategy, later: Inputs) -> None:
    late = later.panel.between(later.panel.sessions[420], None)
    with pytest.raises(DataError, match="load bars with its history"):
        monitor_version(opened, Inputs(panel=late))


@pytest.mark.slow
def test_a_restated_past_is_watched_and_held_against_what_was_frozen(
    opened: FrozenStrategy, later: Inputs, found: MonitoredVersion
) -> None:
    close = later.panel.close.copy()
    for row in (100, 430):  # a training session, a test session
        close.iloc[row] = later.panel.low.iloc[row]
    restated = monitor_version(opened, with_bars(later.panel, close=close))
    assert restated.verdict in ("WATCH", "BROKEN")
    assert [each.words for each in restated.findings if each.about == "restated"]
    pd.testing.assert_series_equal(restated.measures["rank_ic"].test, found.measures["rank_ic"].test)
    assert restated.drift is not None
    assert found.drift is not None
    pd.testing.assert_frame_equal(restated.drift.features, found.drift.features)


@pytest.mark.slow
def test_a_session_without_prices_is_told(opened: FrozenStrategy, later: Inputs) -> None:
    empty = {
        name: getattr(later.panel, name).copy() for name in ("open", "high", "low", "close", "volume", "dollar_volume")
    }
    for frame in empty.values():
        frame.iloc[-1] = np.nan
    universe = later.panel.universe.copy()
    universe.iloc[-1] = False
    blank = monitor_version(opened, with_bars(later.panel, universe=universe, **empty))
    last = f"{later.panel.sessions[-1]:%Y-%m-%d}"
    assert any(each.about == "coverage" and last in each.words for each in blank.findings)
    assert blank.verdict in ("WATCH", "BROKEN")


@pytest.mark.slow
def test_names_that_vanish_break_the_version(opened: FrozenStrategy, later: Inputs) -> None:
    universe = later.panel.universe.copy()
    universe.iloc[-25:, 8:] = False
    thin = monitor_version(opened, with_bars(later.panel, universe=universe))
    assert thin.verdict == "BROKEN"
    assert thin.exit_code == 5
    assert thin.findings[0].about == "coverage"


def test_a_damaged_version_is_not_opened(frozen: VersionFolder, tmp_path: Path) -> None:
    path = tmp_path / "filter_negative" / "1.0.0"
    shutil.copytree(frozen.path, path)
    (path / "expected" / "scores.parquet").write_bytes(b"PAR1")
    with pytest.raises(RunError, match="NOT INTACT"):
        open_frozen(VersionFolder(path, frozen.version), TrialLog(tmp_path / "log"))


def hostile(found: MonitoredVersion) -> MonitoredVersion:
    assert found.drift is not None
    renamed = found.drift.features.rename(index={"momentum": HOSTILE})
    drift = replace(found.drift, features=renamed, blocks=found.drift.blocks.rename(columns={"momentum": HOSTILE}))
    finding = Finding(grade="WATCH", about=HOSTILE, words=HOSTILE)
    return replace(found, drift=drift, bars=HOSTILE, drift_words=HOSTILE, findings=(finding,), remarks=(HOSTILE,))


def test_hostile_names_are_only_words_on_the_page(found: MonitoredVersion) -> None:
    page = monitor_page(hostile(found))
    assert HOSTILE not in page
    assert html.escape(HOSTILE) in page


def test_costs_are_drawn_in_basis_points(found: MonitoredVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = list[tuple[float, str]]()

    def kept(test: pd.Series, live: pd.Series, *, y_format: str) -> Any:
        drawn.append((float(live.mean()), y_format))
        return course_figure(test, live, y_format=y_format)

    monkeypatch.setattr("backtests.report.monitor.monitor_page.course_figure", kept)
    page = monitor_page(found)
    turnover, cost = (float(found.measures[name].live.mean()) for name in ("turnover", "cost"))
    assert drawn == [(pytest.approx(turnover), ".1%"), (pytest.approx(1e4 * cost), ".2f")]
    assert "Cost a session, bps" in page


@pytest.mark.slow
def test_the_page_has_no_fault_in_a_browser(found: MonitoredVersion, tmp_path: Path) -> None:
    path = tmp_path / "monitor.html"
    path.write_text(monitor_page(hostile(found)))
    with open_browser() as browser:
        assert faults_of(browser, path) == []


def scores_and_returns(skill: float, n_sessions: int = 400, n_names: int = 60) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng, sessions = np.random.default_rng(7), pd.bdate_range("2020-01-01", periods=n_sessions)
    tickers = pd.Index([f"T{number:02d}" for number in range(n_names)])
    scores = 0.001 * rng.standard_normal((n_sessions, n_names))
    returns = skill * scores + 0.02 * rng.standard_normal((n_sessions, n_names))
    return aligned_frame(scores, sessions, tickers), aligned_frame(returns, sessions, tickers)


def test_a_slope_of_one_is_a_return_as_promised() -> None:
    scores, returns = scores_and_returns(1.0)
    numbers = score_numbers(scores, scores + 0.01)
    np.testing.assert_allclose(numbers["slope"], 1.0)
    np.testing.assert_allclose(numbers["level"], 0.01)
    np.testing.assert_allclose(numbers["error"], 0.0, atol=1e-12)
    np.testing.assert_allclose(numbers["rmse"], 0.01)
    doubled = score_numbers(2.0 * scores, returns)
    np.testing.assert_allclose(doubled["slope"], score_numbers(scores, returns)["slope"] / 2.0)


def test_a_session_without_returns_has_no_numbers() -> None:
    scores, returns = scores_and_returns(1.0, n_sessions=3)
    returns.iloc[2] = np.nan
    assert score_numbers(scores, returns).iloc[2].isna().all()
    assert score_numbers(scores, returns * np.nan).isna().all(axis=None)
    weighed = score_numbers(scores, returns, are_returns=False)
    assert weighed["slope"].isna().all()
    assert weighed["rank_ic"].notna().sum() == 2


def ic_stream(n: int, mean: float, seed: int, start: str = "2020-01-01") -> pd.Series:
    values = mean + 0.05 * np.random.default_rng(seed).standard_normal(n)
    return pd.Series(values, index=pd.bdate_range(start, periods=n))


def test_a_fall_is_called_and_stays_called() -> None:
    test, live = ic_stream(300, 0.03, 1), ic_stream(200, 0.0, 2, "2021-06-01")
    call = decline_of(live, test)
    assert call is not None
    assert call.since == live.index[0]
    recovered = pd.concat([live, ic_stream(300, 0.06, 3, "2022-06-01")])
    assert decline_of(recovered, test) == call


def test_a_fall_in_a_later_quarter_is_called_from_there() -> None:
    test, good = ic_stream(300, 0.03, 1), ic_stream(252, 0.03, 2, "2021-06-01")
    late = pd.concat([good, ic_stream(120, -0.03, 3, "2022-06-01")])
    assert decline_of(good, test) is None
    call = decline_of(late, test)
    assert call is not None
    assert call.since > live_quarter(late, 3)


def test_each_quarter_is_held_against_all_that_came_before_it_at_its_share() -> None:
    test, good = ic_stream(100, 0.03, 1), ic_stream(252, 0.04, 2, "2021-06-01")
    live, crossings = pd.concat([good, ic_stream(150, -0.01, 3, "2022-06-01")]), []
    for place in range(7):
        level = 0.025 / (1 if place == 0 else place * (place + 1))
        before = pd.concat([test, live.iloc[: 63 * place]])
        found = difference_confidence_sequence(live.iloc[63 * place :], before, alpha=level, side="upper")
        crossings += list(found.index[found["upper"] < 0.0][:1])
    call = decline_of(live, test)
    assert call is not None
    assert call.session == min(crossings)
    assert sum(level for _, level in looks(63 * 500, 0.05)) == pytest.approx(0.05, abs=1e-4)


def live_quarter(live: pd.Series, place: int) -> pd.Timestamp:
    return pd.Timestamp(live.index[63 * place])


def test_better_than_the_test_span_is_no_decline() -> None:
    assert decline_of(ic_stream(300, 0.09, 2, "2021-06-01"), ic_stream(300, 0.03, 1)) is None


def test_too_short_a_test_span_calls_nothing() -> None:
    assert decline_of(ic_stream(100, -0.2, 2, "2021-06-01"), ic_stream(19, 0.03, 1)) is None


STEADY = Coverage(test_scored=100, live_scored=100, test_eligible=100, live_eligible=100, n_live=200)


def verdicts(*, live_ic: float = 0.03, n: int = 200, turnover: float = 0.05, **facts: Any) -> list[tuple[str, str]]:
    names = ("slope", "level", "error", "rmse", "turnover", "cost", "net")
    level = {"slope": 1.0, "level": 0.0, "error": 1.0, "rmse": 0.02, "turnover": 0.05, "cost": 0.0005, "net": 0.0005}
    frames = []
    for seed, (length, ic, start) in enumerate(((300, 0.03, "2020-01-01"), (n, live_ic, "2021-06-01"))):
        series = {
            name: level[name] * (1.0 + ic_stream(length, 0.0, 10 * seed + place, start))
            for place, name in enumerate(names)
        }
        series["turnover"] *= turnover / 0.05 if seed else 1.0
        frames.append(pd.DataFrame({"rank_ic": ic_stream(length, ic, seed, start), **series}))
    measures = made_measures(*frames, horizon=1)
    told = {"coverage": STEADY, "switches": SwitchState(is_out=None), "drift": None, "stamps": ()} | facts
    return [(each.grade, each.about) for each in rule_findings(measures, last=frames[1].index[-1], **told)]


def test_a_version_as_it_was_has_no_finding() -> None:
    assert verdicts() == []


def test_only_the_rank_ic_and_coverage_break_a_version() -> None:
    assert verdicts(live_ic=-0.02) == [("BROKEN", "rank IC")]
    assert verdicts(coverage=replace(STEADY, live_scored=49)) == [("BROKEN", "coverage")]
    assert verdicts(coverage=replace(STEADY, live_scored=0, n_live=1)) == [("WATCH", "coverage")]


def test_what_else_is_wrong_is_watched() -> None:
    assert verdicts(turnover=0.08) == [("WATCH", "book")]
    assert verdicts(turnover=0.055) == []  # told apart by the range, and not by a quarter
    assert verdicts(coverage=replace(STEADY, live_scored=89)) == [("WATCH", "coverage")]
    assert verdicts(switches=SwitchState(is_out=True, sessions_out=3)) == [("WATCH", "risk overlays")]
    assert verdicts(stamps=(("RESTATED", "the past moved"),)) == [("WATCH", "restated")]


def test_a_feature_beyond_every_earlier_window_is_watched_from_a_quarter_of_psi_on() -> None:
    table = pd.DataFrame(
        {"psi": [0.4, 0.01], "ks": [0.3, 0.1], "usual_psi": 0.05, "usual_ks": 0.05, "ratio": [8.0, 1.0]},
        index=pd.Index(["momentum", "volatility"], name="feature"),
    )
    drift = FeatureDrift(features=table, blocks=table[[]], limit=3.0, p_value=0.02, n_windows=49, n_sessions=20)
    assert verdicts(drift=drift) == [("WATCH", "features")]
    assert verdicts(drift=replace(drift, features=table.assign(psi=[0.2, 0.01]))) == []
    assert verdicts(drift=replace(drift, limit=9.0)) == []


def test_the_gravest_finding_comes_first() -> None:
    grades = [grade for grade, _ in verdicts(live_ic=-0.02, turnover=0.08, switches=SwitchState(is_out=True))]
    assert grades == ["BROKEN", "WATCH", "WATCH"]
