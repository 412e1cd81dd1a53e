"""A strategy whose expected returns have ranges is run, proved, frozen, replayed and walked, and they are reported."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from core.errors import CheckpointError, RunError
from market.inputs import load_inputs
from market.request import BarsRequest
from market.returns import forward_returns
from models.checkpoint import load_checkpoint
from models.model import ScoreContext
from models.uncertainty import session_spread as session_module
from models.uncertainty.checkpoint_spread import spread_of
from strategy.definitions.scaffold import strategy_text
from strategy.definitions.spec import StrategySpec, load_spec, override
from strategy.frozen.freeze import FreezeOptions, freeze
from strategy.frozen.replay import replay
from strategy.frozen.run_version import open_frozen, run_version
from strategy.frozen.versions import Version
from strategy.learning.decide import decide, frozen_windows
from strategy.learning.given_model import find_model
from strategy.pipeline import run
from strategy.proofs.checks import ProveOptions
from strategy.proofs.run_proof import prove_run
from strategy.run_model import run_model
from strategy.runs.context import RunContext
from strategy.runs.run_files import RANGE_FRAMES, read_run_frame
from strategy.runs.store import RunStore
from strategy.trading.decision import next_decision, scorer_of
from strategy.trials.log import TrialLog
from strategy.walk_forward.walk import walk
from strategy.walk_forward.walk_settings import WalkSettings
from tests.frozen_market import SMALL, small_bars

WEIGHED = ("portfolio.builder=confidence", "uncertainty.weigh=true")
DROPOUT = ("uncertainty.method=dropout", "uncertainty.passes=3", "model.layers=2", *WEIGHED)
HEAD = ('model.heads=["score", "log_variance"]', "loss.terms.gaussian=1.0", "uncertainty.method=head", *WEIGHED)
METHODS = {"session": ("uncertainty.method=session",), "dropout": DROPOUT, "head": HEAD}


def spec_of(*changes: str) -> StrategySpec:
    return override(load_spec(), [*SMALL, *changes])


def trained(folder, bars, *changes):
    store, request = RunStore(folder / "runs"), BarsRequest(bars=str(bars))
    inputs = load_inputs(request)
    return run(spec_of(*changes), inputs, context=RunContext(store=store, request=request)), inputs, store


@pytest.fixture(scope="module")
def bars(tmp_path_factory):
    return small_bars(tmp_path_factory.mktemp("bars") / "bars.parquet", n_sessions=440)


@pytest.mark.slow
@pytest.mark.usefixtures("few_random_books")
@pytest.mark.parametrize("method", METHODS)
def test_a_strategy_with_ranges_runs_proves_freezes_and_replays(tmp_path, bars, method):
    made, inputs, store = trained(tmp_path, bars, *METHODS[method])
    told, page = made.folder.metrics["uncertainty"], (made.folder.path / "report.html").read_text(encoding="utf-8")
    assert told["method"] == method
    assert told["sessions"] > 80
    assert 'id="uncertainty"' in page
    assert ("UNCALIBRATED" in page) == told["uncalibrated"]
    ranges, forward = made.ranges, forward_returns(inputs.panel, made.folder.spec.execution)
    held = (ranges["low"] <= forward.loc[ranges.index]) & (ranges["high"] >= forward.loc[ranges.index])
    known = ranges["low"].notna() & forward.loc[ranges.index].notna()
    shares = (held & known).sum(axis=1) / known.sum(axis=1)
    assert shares.mean() == pytest.approx(told["coverage"]["0.9000"]["estimate"])
    checkpoint = load_checkpoint(made.folder.path / "model")
    weights = made.folder.read_frame("weights")
    known = inputs.panel.until(weights.index[40])
    decided = decide(made.folder.spec, known, checkpoint)
    assert decided.reindex(weights.columns).equals(weights.iloc[40].rename(decided.name))
    held = next_decision(made.folder.spec, inputs.panel, scorer_of(made.folder)).weights
    assert held.equals(weights.iloc[-1][held.index].rename(held.name))
    proof = prove_run(made.folder, options=ProveOptions())
    assert proof.verdict == "PASS", [each for each in proof.checks if each.status == "FAIL"]
    options = FreezeOptions(versions=tmp_path / "versions", with_bars=True)
    version = freeze(made.folder, Version.parse("mine@1.0.0"), store=store, options=options)
    again = replay(version)
    assert again.same, str(again)
    assert again.exact
    if method != "dropout":
        return
    frozen = run_version(open_frozen(version, TrialLog(store.root)), inputs, context=RunContext(store=store))
    for level, found in frozen.folder.metrics["uncertainty"]["coverage"].items():
        assert found == pytest.approx(told["coverage"][level], abs=1e-6)
    judged = run_model(made.folder.spec, inputs, find_model(made.folder.run_id, store), context=RunContext(store=store))
    assert judged.folder.metrics["uncertainty"] == told


@pytest.mark.slow
@pytest.mark.usefixtures("few_random_books")
def test_a_session_spread_that_looks_ahead_is_caught_by_the_proof(tmp_path, bars, monkeypatch):
    earned = session_module.forward_returns
    monkeypatch.setattr(session_module, "forward_returns", lambda *a, **k: earned(*a, **k).shift(-1))
    made, _, _ = trained(tmp_path, bars, "uncertainty.method=session")
    proof = prove_run(made.folder, options=ProveOptions())
    found = [check.finding for check in proof.checks if check.status == "FAIL"]
    assert found
    assert {each.stage for each in found} == {"spread"}


@pytest.mark.slow
@pytest.mark.usefixtures("few_random_books")
def test_a_walk_judges_the_ranges_of_every_fold(tmp_path, bars):
    inputs, store = load_inputs(BarsRequest(bars=str(bars))), RunStore(tmp_path / "runs")
    settings = WalkSettings.of({"retraining": {"train": 240, "test": 110}})
    found = walk(spec_of("uncertainty.method=session"), inputs, settings=settings, context=RunContext(store=store))
    folder = found.folders[0]
    records = [json.loads(path.read_text()) for path in sorted(folder.path.glob("folds/*/fold.json"))]
    assert len(records) > 1
    told = folder.metrics["uncertainty"]
    assert told["validation_residuals"] == sum(each["uncertainty"]["n_residuals"] for each in records)
    assert told["sessions"] > 70
    with pytest.raises(ValueError, match=r"uncertainty\.weigh needs the model's own spread and ridge has none"):
        walk(spec_of(*DROPOUT), inputs, settings=settings.model_copy(update={"learner": "ridge"}))


@pytest.mark.slow
@pytest.mark.usefixtures("few_random_books")
def test_weighing_is_the_books_choice_and_the_method_the_models(tmp_path, bars):
    made, inputs, store = trained(tmp_path, bars, *DROPOUT)
    given, context = find_model(made.folder.run_id, store), RunContext(store=store)
    plain = run_model(spec_of(), inputs, given, context=context)
    assert plain.folder.spec.uncertainty.method == "dropout"
    assert not plain.folder.spec.uncertainty.weigh
    scores, weighed = (each.folder.read_frame("scores") for each in (plain, made))
    checkpoint = given.checkpoint
    windows = frozen_windows(made.folder.spec, inputs.panel, checkpoint)
    settings = made.folder.spec.uncertainty
    spread = spread_of(
        checkpoint, windows, pd.DatetimeIndex(scores.index), settings=settings, context=ScoreContext(device="cpu")
    )
    ratio = (weighed / scores * spread).to_numpy()  # the session's median, for every name
    medians = spread.where(scores.notna()).median(axis=1).to_numpy()[:, None]
    np.testing.assert_allclose(ratio[np.isfinite(ratio)], np.broadcast_to(medians, ratio.shape)[np.isfinite(ratio)])
    other, _, _ = trained(tmp_path / "other", bars, "uncertainty.method=constant")
    constant = find_model(other.folder.run_id, RunStore(tmp_path / "other" / "runs"))
    told = re.escape("has one spread for all names of a session (uncertainty.method constant)")
    with pytest.raises(CheckpointError, match=told):
        run_model(made.folder.spec, inputs, constant, context=context)


def test_a_spec_with_ranges_is_written_and_read_back(tmp_path):
    spec = spec_of(*DROPOUT)
    (tmp_path / "mine.toml").write_text(spec.to_toml(), encoding="utf-8")
    (tmp_path / "commented.toml").write_text(strategy_text(spec), encoding="utf-8")
    assert load_spec(tmp_path / "mine.toml") == load_spec(tmp_path / "commented.toml") == spec
    assert StrategySpec.recorded(spec.model_dump(mode="json")) == spec


@pytest.mark.parametrize("name", RANGE_FRAMES.values())
def test_ends_of_ranges_without_sessions_are_a_damaged_file(tmp_path, name):
    path = tmp_path / f"{name}.parquet"
    pd.DataFrame({"A": [0.01]}, index=pd.DatetimeIndex(["2020-01-02"], name="session")).to_parquet(path)
    assert read_run_frame(path).shape == (1, 1)
    pd.DataFrame({"A": [0.01]}).to_parquet(path)
    with pytest.raises(RunError, match="cannot be read"):
        read_run_frame(path)
