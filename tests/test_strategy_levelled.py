"""Runs that are level in sectors, overlaid, or hedged with a file of its own: every later command decides alike."""

from pathlib import Path

import pandas as pd
import pytest

from market.inputs import Inputs, load_inputs
from market.request import BarsRequest
from market.synthetic import SyntheticSettings, synthetic_market
from portfolio.book_settings import BookSettings
from strategy.frozen.archive import read_expected, read_sectors
from strategy.frozen.replay import replay
from strategy.frozen.run_version import open_frozen, run_version
from strategy.frozen.verify import verify
from strategy.frozen.versions import VersionFolder
from strategy.learning.decide import decided_book
from strategy.proofs.checks import ProveOptions
from strategy.proofs.run_proof import prove_run, prove_version
from strategy.runs.context import RunContext
from strategy.runs.store import RunStore
from strategy.trading.paper import commit_decision, open_paper, replay_paper
from strategy.trials.log import TrialLog
from tests.frozen_market import Bench, bench, long_bars, small_bars

pytestmark = pytest.mark.slow

RULES = (
    'portfolio.neutral="sector"',
    "risk.volatility_target=0.08",
    "risk.loss_sigmas=1.5",
    "risk.drawdown_limit=0.02",
    "risk.drawdown_reentry=0.01",
)
FEW = ProveOptions(sessions=2)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("levelled")
    known = synthetic_market(SyntheticSettings(n_tickers=30, n_sessions=480)).sectors
    known.rename("sector").rename_axis("ticker").to_csv(folder / "sectors.csv")
    return bench(folder, *RULES, sectors=str(folder / "sectors.csv"))


@pytest.fixture(scope="module")
def version(made: Bench) -> VersionFolder:
    folder = made.freeze("filter_negative@1.0.0", with_bars=False)
    sectors = Path(made.run.request.sectors or "")
    sectors.rename(sectors.with_suffix(".gone"))
    return folder


def test_a_run_with_overlays_and_sectors_is_proven(made: Bench) -> None:
    assert len(made.run.read_frame("events")), "no switch turned: the proof would prove nothing of them"
    assert prove_run(made.run, options=FEW).verdict == "PASS"


def test_a_version_keeps_the_sectors_that_decide(made: Bench, version: VersionFolder) -> None:
    kept = read_sectors(version.path)
    assert kept is not None
    assert kept.nunique() > 1
    assert verify(version).is_intact
    found = replay(version, panel=load_inputs(BarsRequest(bars=str(made.bars))).panel)
    assert (found.exact, found.difference) == (True, None)


def test_other_sectors_in_the_version_are_damage(version: VersionFolder) -> None:
    path = version.path / "sectors.parquet"
    before = path.read_bytes()
    pd.read_parquet(path).assign(sector="one").to_parquet(path)
    try:
        assert verify(version).damage[0].startswith("sectors.parquet")
    finally:
        path.write_bytes(before)


def test_a_frozen_version_is_proven_by_its_own_sectors(made: Bench, version: VersionFolder, tmp_path: Path) -> None:
    proof, _ = prove_version(version, out=tmp_path, request=BarsRequest(bars=str(made.bars)), options=FEW)
    assert proof.verdict == "PASS"


def test_a_version_on_later_bars_and_on_paper_decides_with_its_own_sectors(
    version: VersionFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = load_inputs(BarsRequest(bars=str(small_bars(tmp_path / "later.parquet", n_sessions=470)))).panel
    store = RunStore(tmp_path / "runs")
    frozen = open_frozen(version, TrialLog(store.root))
    ran = run_version(frozen, Inputs(panel=panel), context=RunContext(store=store))
    kept = read_expected(version.path)["weights"]
    pd.testing.assert_frame_equal(ran.folder.read_frame("weights").loc[kept.index], kept, atol=1e-12, check_freq=False)
    monkeypatch.setattr(
        "strategy.trading.paper.decisions._check_fresh", lambda *_: None
    )  # frozen today, bars of the past
    log = open_paper(version, tmp_path / "paper")
    assert commit_decision(log, frozen, panel) is not None
    assert replay_paper(log, frozen, panel) == []
    levelled = decided_book(frozen.spec, panel, frozen.checkpoint, sectors=frozen.sectors)
    one = decided_book(frozen.spec, panel, frozen.checkpoint, sectors=pd.Series("one", index=panel.tickers))
    assert not levelled.weights.equals(one.weights), "sectors decide"


def test_a_run_with_a_hedge_file_is_proven_frozen_and_replayed(tmp_path: Path) -> None:
    panel = synthetic_market(SyntheticSettings(n_tickers=30, n_sessions=480)).panel
    index = long_bars(panel).groupby("date")[["open", "high", "low", "close", "volume"]].mean().reset_index()
    index.assign(ticker="INDEX").to_parquet(tmp_path / "index.parquet")
    rules = ('portfolio.builder="index_hedged"', 'portfolio.hedge="INDEX"')
    made = bench(tmp_path, *rules, hedge=str(tmp_path / "index.parquet"))
    weights = made.run.read_frame("weights")
    assert (weights["INDEX"].dropna() < 0).all()
    assert prove_run(made.run, options=FEW).verdict == "PASS"
    version = made.freeze("filter_negative@1.0.0", with_bars=False)
    (tmp_path / "index.parquet").unlink()
    assert replay(version).difference is None


def test_only_books_that_read_sectors_say_so() -> None:
    assert BookSettings(neutral="sector").reads_sectors
    assert not BookSettings().reads_sectors
