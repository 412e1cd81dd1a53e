"""Runs side by side: laws of the paired differences, a case by hand, a plain bootstrap as a twin, and the page."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import quintile as qt
from backtests.report.boards.compare_page import Chart, render_compare_page
from backtests.report.boards.compared_run import ComparedRun
from backtests.report.boards.comparison import compare
from backtests.report.boards.comparison_page import comparison_page, page_name
from backtests.report.boards.paired_gaps import p_value
from core.errors import RunError
from core.intervals import Interval
from strategy.desk.desk_subject import compared_run
from strategy.runs.store import RunStore
from tests.browser import faults_of, open_browser
from tests.frozen_market import Bench
from tests.oracles.many_runs import copied_run
from tests.oracles.small_runs import quintile, refusal

SESSIONS = pd.bdate_range("2020-01-01", periods=400, name="session")
HOSTILE = "<script>alert('x')</script>\"'&"


def made(seed: int, *, drift: float = 0.0004, sessions: pd.DatetimeIndex = SESSIONS, **other: Any) -> ComparedRun:
    """A run of synthetic returns and ICs."""
    rng = np.random.default_rng(seed)
    net = pd.Series(rng.normal(drift, 0.01, len(sessions)), index=sessions, name="net")
    ic = pd.Series(rng.normal(0.02, 0.1, len(sessions)), index=sessions, name="model")
    known = {"name": f"run-{seed}", "strategy": "momentum", "headline": {"universe": "all", "source": "bars"}}
    known |= {"settings": {"portfolio.k": str(seed)}, "panel": "p" * 64, "stamps": (), "net": net, "ic": ic}
    return ComparedRun(**(known | other))


def gaps(*runs: ComparedRun) -> list[Any]:
    return list(compare(runs).gaps)


def test_a_run_differs_from_itself_by_exactly_nothing() -> None:
    sharpe, ic = gaps(made(1), made(1))
    assert sharpe.interval == (0.0, 0.0, 0.0)
    assert ic.interval == (0.0, 0.0, 0.0)
    assert not sharpe.apart
    assert not ic.apart
    assert sharpe.sentence() == "A and B cannot be told apart by Sharpe ratio: the difference is 0.00 [0.00 to 0.00]."


@pytest.mark.parametrize("seed", range(4))
def test_swapping_two_runs_flips_every_sign(seed: int) -> None:
    forth, back = gaps(made(seed), made(seed + 9)), gaps(made(seed + 9), made(seed))
    for there, here in zip(forth, back, strict=True):
        assert there.interval.estimate == pytest.approx(-here.interval.estimate, abs=1e-12)
        assert there.interval.low == pytest.approx(-here.interval.high, abs=1e-9)
        assert there.interval.high == pytest.approx(-here.interval.low, abs=1e-9)
        assert there.apart == here.apart


def test_a_better_run_is_told_apart_and_named_whichever_comes_first() -> None:
    run = made(1)
    better = replace(run, net=run.net + 0.002, ic=run.ic + 0.05)
    for pair, winner, loser in (((better, run), "A", "B"), ((run, better), "B", "A")):
        sharpe, ic = gaps(*pair)
        assert sharpe.apart
        assert ic.apart
        assert sharpe.sentence().startswith(f"{winner}'s Sharpe ratio is higher than {loser}'s by ")
        assert ic.sentence().startswith(f"{winner}'s rank IC is higher than {loser}'s by 0.0500 [")


def test_scaling_returns_changes_no_sharpe_difference() -> None:
    one, other = made(1), made(2)
    plain = gaps(one, other)[0].interval
    scaled = gaps(one, replace(other, net=other.net * 0.5))[0].interval
    assert scaled == pytest.approx(plain, rel=1e-9)


def test_the_differences_by_hand_on_the_sessions_that_both_have() -> None:
    one, other = made(1, sessions=SESSIONS[:300]), made(2, sessions=SESSIONS[50:])
    comparison = compare((one, other))
    a, b = one.net.loc[SESSIONS[50:300]].to_numpy(), other.net.loc[SESSIONS[50:300]].to_numpy()
    by_hand = math.sqrt(252) * (a.mean() / a.std(ddof=1) - b.mean() / b.std(ddof=1))
    assert len(comparison.common) == 250
    assert comparison.gaps[0].interval.estimate == pytest.approx(by_hand, rel=1e-12)
    ics = (one.ic.loc[SESSIONS[50:300]] - other.ic.loc[SESSIONS[50:300]]).to_numpy()
    assert comparison.gaps[1].interval.estimate == pytest.approx(ics.mean(), rel=1e-12)
    assert comparison.gaps[0].n_sessions == comparison.gaps[1].n_sessions == 250
    assert "The spans differ (A 2020-01-01 to 2021-02-23, 300 sessions; B 2020-03-11 to" in comparison.remarks[-1]
    assert comparison.shared_sharpes["A"][0] - comparison.shared_sharpes["B"][0] == pytest.approx(by_hand)


def test_ranges_agree_with_a_plain_bootstrap_of_independent_sessions() -> None:
    one, other = made(3), made(4)
    rng, both = np.random.default_rng(0), np.column_stack([one.net, other.net])
    drawn = both[rng.integers(len(both), size=(4000, len(both)))]
    ratios = math.sqrt(252) * drawn.mean(axis=1) / drawn.std(axis=1, ddof=1)
    plain = np.diff(np.quantile(ratios[:, 0] - ratios[:, 1], [0.025, 0.975]))[0]
    sharpe, ic = gaps(one, other)
    assert sharpe.interval.high - sharpe.interval.low == pytest.approx(plain, rel=0.12)
    apart = (one.ic - other.ic).to_numpy()
    means = apart[rng.integers(len(apart), size=(4000, len(apart)))].mean(axis=1)
    plain = np.diff(np.quantile(means, [0.025, 0.975]))[0]
    assert ic.interval.high - ic.interval.low == pytest.approx(plain, rel=0.12)


def test_several_runs_are_held_against_the_first_under_holms_correction() -> None:
    run = made(1)
    slightly = replace(run, net=run.net + 0.00085 + 0.006 * np.random.default_rng(0).standard_normal(400))
    alone = gaps(run, slightly)[0]
    among = compare((run, slightly, *(made(seed) for seed in range(20, 30))))
    assert alone.apart
    assert among.gaps[0].interval == pytest.approx(alone.interval)
    assert not among.gaps[0].apart
    assert "once all comparisons with the first are counted" in among.gaps[0].sentence()
    assert "Holm's correction for 11" in among.sentences[-1]


def test_what_cannot_be_paired_is_said_and_not_guessed() -> None:
    run = made(1)
    other_clock = replace(run, headline=dict(run.headline) | {"sessions_per_year": 365.0})
    other_label = replace(run, headline=dict(run.headline) | {"horizon": 5})
    assert "annual by 252 and 365 sessions a year" in gaps(run, other_clock)[0].sentence()
    assert "look 1 and 5 sessions ahead" in gaps(run, other_label)[1].sentence()
    assert "kept no rank IC" in gaps(run, replace(run, ic=None))[1].sentence()
    short = made(2, sessions=SESSIONS[:15])
    assert "they share 15 sessions, fewer than 20" in gaps(run, short)[0].sentence()
    apart = compare((run, made(2, sessions=pd.bdate_range("2030-01-01", periods=30, name="session"))))
    assert "no session in common" in apart.remarks[-1]
    assert "Nothing is drawn" in render_compare_page(comparison_page(apart))
    assert all(math.isnan(gap.interval.estimate) and not gap.apart for gap in apart.gaps)
    with pytest.raises(ValueError, match="takes two runs or more"):
        compare([run])


def test_other_bars_and_universes_are_said_first() -> None:
    other = made(2, panel="q" * 64, headline={"universe": "top400", "source": "others"})
    remarks = compare((made(1), other)).remarks
    assert remarks[0].startswith("The bars differ: A bars (pppppppppppp), B others (qqqqqqqqqqqq)")
    assert remarks[1] == "The universes differ: A all; B top400."


def test_only_keys_that_differ_are_shown_beside_each_other() -> None:
    one, other = ({"a.x": "1", "a.y": "2"}, {"a.x": "1", "a.y": "3", "b.z": "4"})
    table = compare((made(1, settings=one), made(2, settings=other))).settings
    assert table.to_dict(orient="index") == {"a.y": {"A": "2", "B": "3"}, "b.z": {"A": "unset", "B": "4"}}


def test_a_page_holds_hostile_words_as_words_and_is_drawn_to_the_same_bytes() -> None:
    bad = made(2, name=HOSTILE, strategy=HOSTILE, settings={HOSTILE: HOSTILE}, report=f"{HOSTILE}/report.html")
    comparison = compare((made(1), bad))
    html = render_compare_page(comparison_page(comparison))
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(&#39;x&#39;)" in html
    assert html == render_compare_page(comparison_page(comparison))
    assert page_name(comparison).endswith(".html")
    assert set(page_name(comparison)) <= set("0123456789abcdef.html")


def test_a_chart_keeps_the_extremes_of_a_long_line() -> None:
    values = np.zeros(5000)
    values[1234], values[4321] = 7.0, -7.0
    lines = pd.DataFrame({"A": values, "B": np.nan}, index=pd.bdate_range("2000-01-03", periods=5000))
    drawn = json.loads(Chart(title="t", summary="s", lines=lines, form="ratio").as_json())
    first, second = drawn["series"]
    assert max(first["values"]) == 7.0
    assert min(first["values"]) == -7.0
    assert len(drawn["days"]) <= 1010
    assert set(second["values"]) == {None}


@pytest.fixture(scope="module")
def store(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    """A store of two runs that differ in one setting, in returns and in ICs."""
    root = tmp_path_factory.mktemp("compared") / "runs"
    copied_run(bench.run, root, number=1)
    copied_run(bench.run, root, number=2, seed=5, settings={"portfolio.k": 0.3})
    return RunStore(root)


def test_compare_prints_what_can_be_told_apart_and_writes_its_page(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {"monkeypatch": monkeypatch, "capsys": capsys}
    one, other = (folder.run_id for folder in store.folders())
    shown = quintile("compare", one, "latest", "--out", store.root, **told)
    assert "All runs are judged on the same sessions" in shown
    assert "by Sharpe ratio" in shown
    assert "portfolio.k" in shown
    page = store.root / "compare" / f"{one}_{other}.html"
    html = page.read_text(encoding="utf-8")
    assert f"../filter_negative/{one}/report.html" in html
    value = json.loads(quintile("compare", one, other, "--out", store.root, "--json", **told))
    assert value["page"] == str(page)
    assert value["settings"] == {"portfolio.k": {"A": "0.2", "B": "0.3"}}
    assert [gap["measure"] for gap in value["differences"]] == ["Sharpe ratio", "rank IC"]
    assert "takes two runs" in refusal("compare", one, "--out", store.root, **told)
    assert "0 runs match 'nothing'" in refusal("compare", one, "nothing", "--out", store.root, **told)


def test_a_page_of_somebody_else_is_not_written_over(
    store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.html").write_text("mine")
    words = ("compare", "latest", "latest", "--out", store.root, "--page", tmp_path / "notes.html")
    assert "is there already" in refusal(*words, monkeypatch=monkeypatch, capsys=capsys)
    assert (tmp_path / "notes.html").read_text() == "mine"


def test_the_face_compares_runs_and_the_numbers_of_a_version(frozen: Any, bench: Bench, tmp_path: Path) -> None:
    made = bench.copied(tmp_path)
    run = qt.Run(made.run)
    found = qt.compare(run, "filter_negative@1.0.0", store=made.store.root, versions=bench.versions)
    assert found.gaps[0].interval == (0.0, 0.0, 0.0)
    assert "keeps no rank IC by session" in " ".join(found.remarks)
    assert str(found).endswith(f"page  {found.page}")
    assert found.page is not None
    assert found.page.name in found._repr_html_()
    own = compared_run("latest", made.store)
    assert own.turnover is not None
    assert own.turnover.mean() == pytest.approx(own.headline["turnover"], rel=0.01)
    with pytest.raises(TypeError, match=r"qt\.load_run"):
        qt.compare(run, 3)  # type: ignore[arg-type]


def test_a_run_that_has_not_finished_or_is_damaged_is_one_line(store: RunStore, tmp_path: Path, bench: Bench) -> None:
    folder = copied_run(bench.run, tmp_path, number=1)
    copied_run(bench.run, tmp_path, number=2)
    (folder.path / "returns.parquet").write_bytes(b"PAR1")
    with pytest.raises(RunError, match=r"returns\.parquet cannot be read"):
        compared_run(folder.run_id, RunStore(tmp_path))
    record = json.loads((folder.path / "run.json").read_text())
    (folder.path / "run.json").write_text(json.dumps(record | {"finished": None}))
    with pytest.raises(RunError, match="has not finished"):
        compared_run(folder.run_id, RunStore(tmp_path))


def test_p_values_are_a_twentieth_where_the_range_ends_at_nothing() -> None:
    assert p_value(Interval(1.0, 0.0, 2.0)) == pytest.approx(0.05, abs=1e-12)
    assert p_value(Interval(-3.0, -4.0, -2.0)) < 1e-6
    assert p_value(Interval(0.0, 0.0, 0.0)) == 1.0
    assert math.isnan(p_value(Interval(math.nan, math.nan, math.nan)))


@pytest.mark.slow
def test_the_page_is_quiet_and_usable_in_a_browser(store: RunStore) -> None:
    one, other = (folder.run_id for folder in store.folders())
    page = qt.compare(one, other, one, store=store.root).page
    assert page is not None
    with open_browser() as browser:
        assert faults_of(browser, page) == []
