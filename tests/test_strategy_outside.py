"""Outside tables through a strategy: trained on, recorded, frozen, replayed, decided on and proved."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import quintile as qt
from core.errors import DataError, RunError
from market.inputs import load_inputs
from market.outside.outside_table import OutsideTable
from market.panel import Panel
from market.request import BarsRequest
from models.checkpoint import load_checkpoint
from strategy.definitions.spec import load_spec, override
from strategy.frozen.freeze import FreezeOptions, freeze
from strategy.frozen.replay import replay
from strategy.frozen.versions import Version
from strategy.learning.training_data import model_features
from strategy.pipeline import run
from strategy.proofs import ProveOptions, prove
from strategy.proofs.futures import older_periods_restated, restated
from strategy.proofs.pipeline_under_test import Features, PipelineUnderTest
from strategy.proofs.run_proof import prove_run
from strategy.runs.context import RunContext
from strategy.runs.own_bars import own_request
from strategy.runs.store import RunFolder, RunStore
from tests.frozen_market import small_bars
from tests.oracles.small_runs import quintile, refusal

RIDGE = override(load_spec(), ["model.kind=ridge", "model.lookback=20"])
SPEC = override(RIDGE, ["features.outside.news=60", "features.outside.vix=10"])


def news_rows(panel: Panel, *, seed: int = 0) -> pd.DataFrame:
    """A figure of each name for each month, known some days after its end, some of it revised."""
    rng, ends = np.random.default_rng(seed), panel.sessions[20::21]
    grid = pd.MultiIndex.from_product([panel.tickers, ends], names=["ticker", "date"]).to_frame(index=False)
    delay = pd.to_timedelta(rng.integers(1, 15, len(grid)), unit="D")
    first = grid.assign(known_at=grid["date"] + delay, news=rng.normal(size=len(grid)))
    again = first.sample(frac=0.3, random_state=seed)
    again = again.assign(known_at=again["known_at"] + pd.Timedelta(days=45), news=again["news"] + 1.0)
    return pd.concat([first, again], ignore_index=True)


class Desk:
    """Bars, two outside files and a store with one run on them."""

    def __init__(self, folder: Path) -> None:
        self.bars = small_bars(folder / "bars.parquet")
        panel = load_inputs(BarsRequest(bars=str(self.bars))).panel
        self.news, self.vix = folder / "news.parquet", folder / "vix.csv"
        news_rows(panel).to_parquet(self.news)
        levels = pd.Series(15.0 + np.sin(np.arange(len(panel.sessions)) / 9.0), index=panel.sessions, name="VIXCLS")
        levels.rename_axis("DATE").to_csv(self.vix)
        self.store = RunStore(folder / "runs")
        self.request = BarsRequest(bars=str(self.bars), outside={"news": str(self.news), "vix": str(self.vix)})
        self.panel = load_inputs(self.request).panel
        self.run: RunFolder = run(
            SPEC, load_inputs(self.request), context=RunContext(store=self.store, request=self.request)
        ).folder


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("backtests.evaluation.N_RANDOM", 5)
        return Desk(tmp_path_factory.mktemp("outside"))


def test_a_run_learns_from_its_tables_and_says_so(desk: Desk) -> None:
    names = load_checkpoint(desk.run.path / "model").model.scaler.names
    assert names[-2:] == ("news", "vix")
    assert desk.run.record["request"]["outside"] == desk.request.outside
    assert desk.run.request == replace(desk.request, exchange=desk.run.request.exchange)
    assert "vix.csv has no known_at" in (desk.run.path / "report.html").read_text()


def test_other_news_are_other_bars(desk: Desk, tmp_path: Path) -> None:
    other = tmp_path / "news.parquet"
    news_rows(desk.panel, seed=1).to_parquet(other)
    changed = load_inputs(replace(desk.request, outside={**desk.request.outside, "news": str(other)})).panel
    assert changed.fingerprint() != desk.panel.fingerprint()
    assert desk.run.record["identity"]["panel"] == desk.panel.fingerprint()


def test_bars_without_tables_record_what_they_did_before() -> None:
    assert "outside" not in BarsRequest(bars="us").as_record()
    assert BarsRequest.recorded({"bars": "us"}) == BarsRequest(bars="us", keep_thin_sessions=True)


def test_a_version_keeps_its_tables_and_replays_without_their_files(desk: Desk, tmp_path: Path) -> None:
    options = FreezeOptions(versions=tmp_path / "versions")
    folder = freeze(desk.run, Version.parse("filter_negative@3.0.0"), store=desk.store, options=options)
    assert (folder.path / "bars" / "outside.parquet").is_file()
    assert folder.body["request"]["outside"] == {"news": "news.parquet", "vix": "vix.csv"}
    found = replay(folder)
    assert (found.same, found.exact) == (True, True)


def test_a_decision_on_bars_that_end_there_is_the_backtests_row(desk: Desk) -> None:
    decision = qt.decide(qt.Run(desk.run))
    held = desk.run.read_frame("weights").iloc[-1]
    found = decision.orders["target_weight"].reindex(held.index).fillna(0.0)
    np.testing.assert_allclose(found, held.fillna(0.0), atol=1e-12)


def test_bars_given_without_their_tables_take_those_of_the_run(desk: Desk) -> None:
    bare = qt.load_bars(desk.bars)
    own, given = qt.decide(qt.Run(desk.run)), qt.decide(qt.Run(desk.run), bare)
    pd.testing.assert_frame_equal(given.orders, own.orders)


@pytest.mark.slow
def test_a_walk_hands_its_tables_to_its_workers(desk: Desk, tmp_path: Path) -> None:
    bars = qt.load_inputs(desk.request).panel
    walk = qt.walk_forward(SPEC, bars, train=300, test=160, workers=1, store=tmp_path / "runs", quiet=True)
    assert walk.runs[0].folder.request.outside == desk.request.outside


def test_a_run_whose_table_is_gone_says_which(desk: Desk, tmp_path: Path) -> None:
    moved = {"news": str(tmp_path / "gone.parquet"), "vix": str(desk.vix)}
    record = desk.run.record
    folder = RunStore(tmp_path).create(SPEC, replace(desk.request, outside=moved), panel=record["identity"]["panel"])
    with pytest.raises(RunError, match=r"outside table news of .*gone\.parquet, which is gone.*--outside news=FILE"):
        own_request(folder)
    assert own_request(folder, {"outside": {"news": str(desk.news)}}).outside == desk.request.outside


# --- what must not move ---


@pytest.mark.slow
def test_a_proof_attacks_the_tables_and_an_honest_run_passes(desk: Desk) -> None:
    proof = prove_run(desk.run, options=ProveOptions(sessions=2))
    assert proof.verdict == "PASS", str(proof)
    assert [check.status for check in proof.checks if check.check == "restatement"] == ["PASS"]


def by_its_own_date(table: OutsideTable) -> OutsideTable:
    """The filing date dropped: a period counts from the day after its end."""
    rows = table.rows.assign(since=table.rows["date"] + pd.Timedelta(days=1))
    return OutsideTable.of(rows.drop_duplicates(["ticker", "date", "since"], keep="last"))


def final_revision(table: OutsideTable) -> OutsideTable:
    """Each period by its last revision, told from the day on which the first became known."""
    rows = table.rows.sort_values("since")
    last = rows.groupby(["ticker", "date"])["value"].transform("last")
    return OutsideTable.of(rows.assign(value=last).drop_duplicates(["ticker", "date"]))


def last_filing(table: OutsideTable) -> OutsideTable:
    """Whatever was filed last, of whichever period: a late restatement hides the newer period."""
    return OutsideTable.of(table.rows.assign(date=table.rows["since"]).drop_duplicates(["ticker", "since"]))


def reading(desk: Desk, reads: Callable[[OutsideTable], OutsideTable]) -> PipelineUnderTest:
    """Features alone, of the table as it is read."""

    def features(panel: Panel) -> Features:
        table = reads(panel.outside["news"])
        return {"news": table.values_at(panel.sessions, panel.tickers, days=60)}

    def scores(features: Features, panel: Panel, sessions: pd.DatetimeIndex) -> pd.DataFrame:
        return features["news"].loc[sessions]

    def weights(scores: pd.DataFrame, panel: Panel) -> pd.DataFrame:
        centred = scores.sub(scores.mean(axis=1), axis=0).fillna(0.0)
        return centred.div(centred.abs().sum(axis=1).replace(0.0, 1.0), axis=0).reindex(panel.sessions)

    return PipelineUnderTest(
        name="news", features=features, scores=scores, weights=weights, first_decision=desk.panel.sessions[300]
    )


@pytest.mark.parametrize(
    ("reads", "is_honest"),
    [
        (lambda table: table, True),
        pytest.param(by_its_own_date, False, marks=pytest.mark.slow),
        pytest.param(final_revision, False, marks=pytest.mark.slow),
        (last_filing, False),
    ],
)
def test_a_table_read_in_a_wrong_way_is_caught(
    desk: Desk, reads: Callable[[OutsideTable], OutsideTable], is_honest: bool
) -> None:
    proof = prove(reading(desk, reads), desk.panel, options=ProveOptions(sessions=4))
    caught = [check.check for check in proof.failures]
    assert ("restatement" not in caught) == is_honest, str(proof)
    assert not is_honest or caught == []


@pytest.mark.parametrize("row", [0, 200, 459])
def test_a_restated_table_is_the_true_one_up_to_the_session(desk: Desk, row: int) -> None:
    other, session = restated(desk.panel, row, rng=np.random.default_rng(row)), desk.panel.sessions[row]
    for name, table in desk.panel.outside.items():
        assert other.outside[name].until(session).sha256 == table.until(session).sha256
        assert (other.outside[name].sha256 != table.sha256) == (row < 459)


def test_older_periods_restated_leave_the_latest_ones(desk: Desk) -> None:
    other = older_periods_restated(desk.panel, rng=np.random.default_rng(0))
    assert len(other.outside["news"].rows) > len(desk.panel.outside["news"].rows)
    pd.testing.assert_frame_equal(other.outside_values("news", days=60), desk.panel.outside_values("news", days=60))


def test_a_table_of_which_nothing_counts_yet_is_restated_to_nothing(desk: Desk) -> None:
    early = desk.panel.until(desk.panel.sessions[5])
    assert early.outside["news"].rows.empty
    assert restated(early, 2, rng=np.random.default_rng(0)).outside["news"].rows.empty
    assert older_periods_restated(early, rng=np.random.default_rng(0)).outside["news"].rows.empty


# --- what is refused ---


def test_a_table_that_is_not_given_or_has_a_features_name_is_one_line(desk: Desk) -> None:
    bare = load_inputs(BarsRequest(bars=str(desk.bars))).panel
    with pytest.raises(DataError, match="bring no outside table news: give it with --outside news=FILE"):
        model_features(SPEC, bare)
    taken = override(SPEC, {"features.outside.ret_1d": 5})
    with pytest.raises(ValueError, match=r"features\.outside names ret_1d, which is a feature of core14 already"):
        model_features(taken, bare)
    with pytest.raises(ValueError, match=r"features\.outside\.News"):
        override(SPEC, {"features.outside.News": 5})


def test_the_order_of_a_file_decides_nothing() -> None:
    one, other = (override(RIDGE, [f"features.outside.{n}=5" for n in names]) for names in ("ab", "ba"))
    assert one.fingerprint() == other.fingerprint()
    assert list(other.features.outside) == ["a", "b"]
    assert "outside" not in RIDGE.to_toml()


def test_a_table_in_memory_and_its_file_say_the_same(desk: Desk) -> None:
    bars = qt.load_bars(desk.bars)
    files = qt.with_outside(bars, {"news": desk.news, "vix": desk.vix})
    memory = qt.with_outside(bars, {"news": pd.read_parquet(desk.news), "vix": str(desk.vix)})
    assert files.fingerprint() == memory.fingerprint() == desk.panel.fingerprint()
    assert files.request is not None
    assert dict(files.request.outside) == desk.request.outside
    assert memory.request is None
    with pytest.raises(ValueError, match="--outside takes NAME=FILE"):
        qt.with_outside(bars, {"My table": desk.news})


@pytest.mark.slow
@pytest.mark.usefixtures("few_random_books")
def test_the_command_line_names_a_table_and_its_feature(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.toml").write_text(RIDGE.to_toml())
    words = ("run", tmp_path / "mine.toml", "--bars", desk.bars, "--outside", f"news={desk.news}")
    told = json.loads(quintile(*words, "--out", tmp_path / "runs", "--json", monkeypatch=monkeypatch, capsys=capsys))
    folder = RunFolder(Path(told["folder"]))
    assert dict(folder.spec.features.outside) == {"news": 130}
    said = refusal(*words[:-1], "news", "--out", tmp_path / "runs", monkeypatch=monkeypatch, capsys=capsys)
    assert "--outside takes NAME=FILE" in said
