"""A strategy whose model is an ensemble is run, proved, frozen and replayed, and its members are reported."""

import numpy as np
import pandas as pd
import pytest

from backtests.breakdown.ensemble_study import MemberScores, ensemble_study
from market.inputs import load_inputs
from market.request import BarsRequest
from models.checkpoint import load_checkpoint
from models.estimators.estimator_model import FittedEstimator
from signals.score_metrics import information_coefficient
from strategy.definitions.scaffold import strategy_text
from strategy.definitions.spec import StrategySpec, load_spec, override, shipped_strategies
from strategy.frozen.freeze import FreezeOptions, freeze
from strategy.frozen.replay import replay
from strategy.frozen.verify import verify
from strategy.frozen.versions import Version
from strategy.learning.decide import decide
from strategy.pipeline import run
from strategy.proofs.checks import ProveOptions
from strategy.proofs.run_proof import prove_run, prove_version
from strategy.runs.closure import frozen_closure
from strategy.runs.context import RunContext
from strategy.runs.store import RunStore
from tests.frozen_market import small_bars
from tests.oracles.planted import frame
from tests.test_strategy_kinds import one_session_ahead

LSTM = {"model": {"kind": "lstm", "hidden": 6, "layers": 1}}
MEMBERS = {"lstm": LSTM, "ridge": {"model": {"kind": "ridge"}}}
COMBINED = ("mean", "rank_mean", "trimmed_mean", "weighted", "stacked")


def spec_of(**keys) -> StrategySpec:
    chosen = {"kind": "ensemble", "lookback": 20, "members": MEMBERS, "folds": 2, **keys}
    model = {f"model.{key}": value for key, value in chosen.items()}
    return override(load_spec(), {**model, "training.max_epochs": 1, "training.batch_sessions": 64})


def trained(folder, bars, **keys):
    store, request = RunStore(folder / "runs"), BarsRequest(bars=str(bars))
    inputs = load_inputs(request)
    return run(spec_of(**keys), inputs, context=RunContext(store=store, request=request)), inputs, store


@pytest.fixture(scope="module")
def bars(tmp_path_factory):
    return small_bars(tmp_path_factory.mktemp("bars") / "bars.parquet", n_sessions=440)


@pytest.mark.slow
@pytest.mark.usefixtures("few_random_books")
@pytest.mark.parametrize("combine", COMBINED)
def test_an_ensemble_runs_freezes_replays_and_proves(tmp_path, bars, combine):
    made, inputs, store = trained(tmp_path, bars, combine=combine)
    told = made.folder.metrics["ensemble"]
    assert set(told["members"]) == {"lstm", "ridge"}
    assert told["best_on_validation"] in told["members"]
    assert "its best member on validation" in (made.folder.path / "report.html").read_text(encoding="utf-8")
    checkpoint = load_checkpoint(made.folder.path / "model")
    weights = made.folder.read_frame("weights")
    decided = decide(made.folder.spec, inputs.panel.until(weights.index[40]), checkpoint)
    assert decided.reindex(weights.columns).equals(weights.iloc[40].rename(decided.name))
    proof = prove_run(made.folder, options=ProveOptions())
    assert proof.verdict == "PASS", [each for each in proof.checks if each.status == "FAIL"]
    if combine != "stacked":
        return
    options = FreezeOptions(versions=tmp_path / "versions", with_bars=True)
    version = freeze(made.folder, Version.parse("mine@1.0.0"), store=store, options=options)
    assert version.body["kind"] == "ensemble+lstm+ridge"
    found = verify(version)
    assert found.is_intact
    assert found.exit_code == 0
    again = replay(version)
    assert again.same
    assert again.exact
    kept, _ = prove_version(version, out=tmp_path / "proofs")
    assert kept.verdict == "PASS"


@pytest.mark.slow
@pytest.mark.usefixtures("few_random_books")
def test_a_leaky_member_is_caught(tmp_path, bars, monkeypatch):
    monkeypatch.setattr(FittedEstimator, "scores", one_session_ahead(FittedEstimator.scores))
    made, _, _ = trained(tmp_path, bars)
    proof = prove_run(made.folder, options=ProveOptions())
    assert proof.verdict == "FAIL"
    assert "truncation" in {check.check for check in proof.checks if check.status == "FAIL"}


def test_an_ensemble_is_written_and_read_back_with_the_same_fingerprint(tmp_path):
    spec = spec_of(seeds=2, combine="weighted")
    (tmp_path / "mine.toml").write_text(spec.to_toml(), encoding="utf-8")
    (tmp_path / "commented.toml").write_text(strategy_text(spec), encoding="utf-8")
    assert load_spec(tmp_path / "mine.toml") == load_spec(tmp_path / "commented.toml") == spec
    assert load_spec(tmp_path / "mine.toml").fingerprint() == spec.fingerprint()
    assert override(spec, ["model.members.lstm.model.hidden=7"]).fingerprint() != spec.fingerprint()
    other = override(spec, ["model.scoring=long", "model.lookback=30"]).model
    assert {member.model.lookback for member in other.members.values()} == {30}
    assert other.members["lstm"].model.scored == "long"
    assert StrategySpec.recorded(spec.model_dump(mode="json")) == spec


def test_what_restores_each_member_decides_a_frozen_ensemble():
    modules = set(frozen_closure("ensemble+lstm+ridge").modules)
    assert {"models/kinds/ensemble.py", "models/kinds/lstm.py", "models/kinds/ridge.py"} <= modules
    assert "models/ensembles/combination.py" in modules
    assert "models/kinds/lightgbm.py" not in modules
    assert "models/ensembles/ensemble_model.py" not in modules


def test_the_ensembles_of_the_references_are_shipped():
    found = {name: load_spec(name).model for name in shipped_strategies() if load_spec(name).model.kind == "ensemble"}
    assert set(found["lstm_gru_transformer"].members) == {"gru", "lstm", "transformer"}
    assert set(found["lstm_linear_autoregression"].members) == {"autoregression", "linear", "lstm"}
    past = found["lstm_linear_autoregression"].members["autoregression"].model
    assert (past.kind, past.columns, past.lags) == ("ridge", ("ret_1d",), 10)


def test_a_study_of_members_is_paired_with_the_best_on_validation():
    rng = np.random.default_rng(0)
    forward = frame(rng.standard_normal((80, 40)))
    noise = [frame(rng.standard_normal((80, 40))) for _ in range(2)]
    one, two = (0.5 * forward + each for each in noise)
    whole = one + two
    members = MemberScores(
        scores={"one": one, "two": two},
        kinds={"one": "lstm", "two": "ridge"},
        weights={"one": 0.5, "two": 0.5},
        validation_ics={"one": 0.1, "two": 0.2},
        combine="mean",
        best="two",
    )
    study = ensemble_study(whole.iloc[:60], forward, members, overlap=1)
    gap = information_coefficient(whole.iloc[:60], forward) - information_coefficient(two.iloc[:60], forward)
    assert study.lead.mean == pytest.approx(gap.mean())
    assert study.lead.n_sessions == 60
    assert study.lead.interval.low > 0.0
    assert study.members.loc["one", "ic"] == pytest.approx(information_coefficient(one.iloc[:60], forward).mean())
    by_hand = np.mean([one.iloc[row].corr(two.iloc[row]) for row in range(60)])
    assert study.score_correlation.loc["one", "two"] == pytest.approx(by_hand)
    assert np.diag(study.error_correlation) == pytest.approx([1.0, 1.0])
    z = [each.iloc[:60].sub(each.iloc[:60].mean(axis=1), axis=0) for each in (forward, one, two)]
    z = [each.div(each.std(axis=1, ddof=0), axis=0) for each in z]
    errors = np.mean([(z[0] - z[1]).iloc[row].corr((z[0] - z[2]).iloc[row]) for row in range(60)])
    assert study.error_correlation.loc["one", "two"] == pytest.approx(errors)


def test_a_member_without_spread_or_score_is_left_out_of_the_correlations():
    forward = frame(np.random.default_rng(1).standard_normal((30, 12)))
    flat = forward * 0.0
    members = MemberScores(
        scores={"flat": flat, "other": -forward},
        kinds={"flat": "ridge", "other": "ridge"},
        weights={"flat": 0.5, "other": 0.5},
        validation_ics={"flat": np.nan, "other": 0.0},
        combine="mean",
        best="other",
    )
    study = ensemble_study(-forward, forward, members, overlap=1)
    assert np.isnan(study.score_correlation.loc["flat", "other"])
    assert study.lead.mean == 0.0
    assert pd.notna(study.members.loc["other", "ic"])
