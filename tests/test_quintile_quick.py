"""Quick answers: the same numbers as a whole evaluation, less work and small files, and nothing claimed beyond them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import quintile as qt
from backtests.quick_evaluation import LEFT_OUT
from core.errors import RunError
from strategy.runs.store import RunStore
from strategy.trials.log import TrialLog, distinct
from tests.oracles.small_runs import files_under, long_bars, quintile, refusal, small_market

pytestmark = pytest.mark.usefixtures("few_random_books")

SAME = (
    "sharpe_net",
    "sharpe_gross",
    "annual_return",
    "volatility",
    "max_drawdown",
    "turnover",
    "rank_ic",
    "rank_ic_standard_error",
    "period",
    "sessions",
    "probabilistic_sharpe",
    "sessions_needed",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bars of no built-in market, and scores that know a little of the next day: the book would be WEAK or better."""
    place = tmp_path_factory.mktemp("quick")
    panel = small_market(300).panel
    long_bars(panel).to_parquet(place / "bars.parquet")
    ahead = panel.close.pct_change(fill_method=None).shift(-2).fillna(0.0)
    noise = np.random.default_rng(3).normal(scale=0.02, size=ahead.shape)
    (ahead + noise).iloc[40:].to_parquet(place / "scores.parquet")
    return place


@pytest.mark.slow
def test_a_quick_evaluation_says_the_numbers_of_a_whole_one(place: Path) -> None:
    bars = qt.load_bars(place / "bars.parquet")
    scores = pd.read_parquet(place / "scores.parquet")
    quick = qt.evaluate(scores, bars, store=place / "a", quick=True)
    whole = qt.evaluate(scores, bars, store=place / "b", quiet=True)
    ours, theirs = quick.metrics["headline"], whole.metrics["headline"]
    assert {key: ours[key] for key in SAME} == {key: theirs[key] for key in SAME}
    own = list(quick.returns)[:2]
    pd.testing.assert_frame_equal(quick.returns[own], whole.returns[own])
    pd.testing.assert_series_equal(quick.ic["model"], whole.ic["model"])


def test_a_quick_verdict_claims_nothing_that_was_not_computed(place: Path) -> None:
    bars = qt.load_bars(place / "bars.parquet", point_in_time=True)
    quick = qt.evaluate(pd.read_parquet(place / "scores.parquet"), bars, store=place / "c", quick=True)
    assert quick.metrics["headline"]["sharpe_net"] > 3
    assert quick.verdict.word == "WEAK"
    assert "QUICK" in quick.stamps
    assert "random" not in quick.verdict.sentence
    assert quick.metrics["headline"]["parity"] is None
    assert quick.metrics["headline"]["engine"] == "ledger only: not compared"
    assert quick.metrics["wall"] is None
    assert quick.left_out == LEFT_OUT
    assert str(quick).splitlines()[-1].startswith("quick   left out: companion books")
    assert "left out" in quick._repr_html_()
    with pytest.raises(RunError, match="was quick and has no report"):
        _ = quick.report
    with pytest.raises(RunError, match="was quick and kept no trades"):
        _ = quick.trades


def test_a_quick_run_says_what_a_page_says_of_its_inputs(place: Path) -> None:
    bars = pd.read_parquet(place / "bars.parquet")
    gone = bars["date"] > bars["date"].unique()[200]
    bars[~(gone & (bars["ticker"] == "SYN003"))].to_parquet(place / "ended.parquet")
    panel = qt.load_bars(place / "ended.parquet")
    quick = qt.evaluate(pd.read_parquet(place / "scores.parquet"), panel, store=place / "n", quick=True)
    told = " ".join(quick.metrics["notes"])
    assert "whether it was known then is the giver's word" in told
    assert "The bars of 2 names end in the middle of their scores: 159 scores after that fall away, SYN003" in told


def test_a_quick_run_says_that_its_bars_are_weekly(place: Path, tmp_path: Path) -> None:
    bars, scores = pd.read_parquet(place / "bars.parquet"), pd.read_parquet(place / "scores.parquet")
    weeks = pd.date_range("2010-01-01", periods=bars["date"].nunique(), freq="W-FRI")
    moved = dict(zip(sorted(bars["date"].unique()), weeks, strict=True))
    bars.assign(date=bars["date"].map(moved)).to_parquet(tmp_path / "weekly.parquet")
    scores.index = pd.DatetimeIndex([moved[day] for day in scores.index])
    quick = qt.evaluate(scores, qt.load_bars(tmp_path / "weekly.parquet"), store=tmp_path / "w", quick=True)
    told = "These bars are not daily but weekly, 52 a year: what is called a session is one of them."
    assert told in quick.metrics["notes"]


def test_a_quick_run_is_small_and_logged_as_a_trial(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {"monkeypatch": monkeypatch, "capsys": capsys}
    words = ("evaluate", place / "scores.parquet", "--bars", place / "bars.parquet", "--out", tmp_path)
    shown = json.loads(quintile(*words, "--quick", "--json", **told))
    folder = RunStore(tmp_path).find("latest")
    assert shown["run"] == folder.run_id
    kept = {"ic.parquet", "metrics.json", "returns.parquet", "run.json", "run.log", "spec.toml", "trials.json"}
    assert files_under(folder.path) == kept
    assert "was quick and has no report" in refusal("report", "latest", "--out", tmp_path, **told)
    assert "was quick and kept no" in refusal("compare-books", "latest", "--out", tmp_path, **told)
    assert "left out" in quintile("show", "latest", "--out", tmp_path, **told)
    quintile(*words, "--quick", **told)
    entries = TrialLog(tmp_path).entries()
    assert [entry.kind for entry in entries].count("trial") == 2
    assert len(distinct(entries)) == 1  # the same scores on the same bars, asked twice
    assert "baseline" in {entry.kind for entry in entries}
    assert "5 entries, no edit" in quintile("trials", "--check", "--quiet", "--out", tmp_path, **told)
