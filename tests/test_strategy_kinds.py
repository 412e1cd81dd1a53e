"""Every shipped kind of model goes through run, freeze, verify, replay, decide and prove."""

from dataclasses import replace

import pytest

from market.inputs import load_inputs
from market.request import BarsRequest
from models.checkpoint import load_checkpoint
from models.estimators.estimator_model import FittedEstimator
from models.networks.fitted_network import FittedNetwork
from models.threads import threads
from strategy.definitions.spec import load_spec, override
from strategy.frozen.freeze import FreezeOptions, freeze
from strategy.frozen.replay import replay
from strategy.frozen.verify import verify
from strategy.frozen.versions import Version
from strategy.learning.decide import decide
from strategy.pipeline import run
from strategy.proofs.checks import ProveOptions
from strategy.proofs.run_proof import prove_run, prove_version
from strategy.runs.context import RunContext
from strategy.runs.store import RunStore
from tests.frozen_market import small_bars

ONE_EPOCH = ("training.max_epochs=1", "training.batch_sessions=64")
EPOCHS = ("model.hidden=6", "model.layers=1", *ONE_EPOCH)
KINDS = {
    "ridge": (),
    "gru": EPOCHS,
    "alstm": EPOCHS,
    "transformer": ("model.attention_heads=2", *EPOCHS),
    "tcn": EPOCHS,
    "dlinear": ONE_EPOCH,
    "mlp": ("model.hidden=[6]", *ONE_EPOCH),
    "cross_attention": ("model.attention_heads=2", *EPOCHS),
    "lightgbm": ("model.trees=20", "model.min_leaf=20"),
    "sklearn": ("model.estimator=hist_gradient_boosting", "model.trees=10", "model.min_leaf=20", "model.lags=2"),
}


@pytest.fixture(scope="module")
def bars(tmp_path_factory):
    return small_bars(tmp_path_factory.mktemp("bars") / "bars.parquet", n_sessions=440)


def trained(folder, bars, kind, *assignments):
    spec = override(load_spec(), [f"model.kind={kind}", "model.lookback=20", *KINDS.get(kind, EPOCHS), *assignments])
    store, request = RunStore(folder / "runs"), BarsRequest(bars=str(bars))
    inputs = load_inputs(request)
    return run(spec, inputs, context=RunContext(store=store, request=request)), inputs, store


@pytest.mark.slow
@pytest.mark.usefixtures("few_random_books")
@pytest.mark.parametrize("kind", ["gru", "cross_attention", "lightgbm"])
def test_raw_bars_are_run_explained_and_proved(tmp_path, bars, kind):
    made, _, _ = trained(tmp_path, bars, kind, "features.set=bars60")
    proof = prove_run(made.folder, options=ProveOptions())
    assert proof.verdict == "PASS", [each for each in proof.checks if each.status == "FAIL"]


def one_session_ahead(honest):
    """A way to score that reads each session's window one session late."""

    def scores(self, windows, sessions, *, context=None):
        return honest(self, replace(windows, x=windows.x.roll(-1, dims=0)), sessions, context=context)

    return scores


@pytest.mark.usefixtures("few_random_books")
@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_runs_freezes_replays_and_proves(tmp_path, bars, kind):
    made, inputs, store = trained(tmp_path, bars, kind)
    assert made.folder.metrics["training"]["kind"] == kind
    assert ("ridge" in made.ic) == (kind != "ridge")
    checkpoint = load_checkpoint(made.folder.path / "model")
    weights = made.folder.read_frame("weights")
    for session in (weights.index[40], weights.index[-1]):
        decided = decide(made.folder.spec, inputs.panel.until(session), checkpoint)
        assert decided.reindex(weights.columns).equals(weights.loc[session].rename(decided.name))
    proof = prove_run(made.folder, options=ProveOptions())
    assert proof.verdict == "PASS", [each for each in proof.checks if each.status == "FAIL"]
    options = FreezeOptions(versions=tmp_path / "versions", with_bars=True)
    version = freeze(made.folder, Version.parse("mine@1.0.0"), store=store, options=options)
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
@pytest.mark.parametrize("kind", ["ridge", "gru", "tcn", "mlp", "cross_attention"])
def test_the_leaky_twin_of_a_family_is_caught(tmp_path, bars, kind, monkeypatch):
    """Features that are off by one session, as a join on the wrong date makes them."""
    for fitted in (FittedNetwork, FittedEstimator):
        monkeypatch.setattr(fitted, "scores", one_session_ahead(fitted.scores))
    made, _, _ = trained(tmp_path, bars, kind)
    proof = prove_run(made.folder, options=ProveOptions())
    assert proof.verdict == "FAIL"
    assert "truncation" in {check.check for check in proof.checks if check.status == "FAIL"}


@pytest.mark.slow
@pytest.mark.usefixtures("few_random_books")
@pytest.mark.parametrize("kind", ["return", "market_relative", "volatility_scaled"])
def test_a_label_of_five_sessions_is_purged_held_and_proved(tmp_path, bars, kind):
    made, inputs, _ = trained(tmp_path, bars, "ridge", "label.horizon=5", f"label.kind={kind}")
    split = load_checkpoint(made.folder.path / "model").provenance.spec["split"]
    sessions = inputs.panel.sessions
    first_tested = made.scores.index[0]
    assert sessions[sessions.get_loc(split["validation_end"]) + 1] == first_tested
    proof = prove_run(made.folder, options=ProveOptions())
    assert proof.verdict == "PASS", [each for each in proof.checks if each.status == "FAIL"]
    purge = next(check for check in proof.checks if check.check == "purge and embargo")
    assert purge.note == "3 pairs of spans, purge 6"


@pytest.mark.slow
@pytest.mark.usefixtures("few_random_books")
def test_one_and_two_threads_make_the_same_run(tmp_path, bars):
    def made_with(count):
        with threads(count):
            return trained(tmp_path / str(count), bars, "lstm", "model.layers=2")[0].folder

    one, two = made_with(1), made_with(2)
    assert (one.path / "model.safetensors").read_bytes() == (two.path / "model.safetensors").read_bytes()
    for name in ("scores", "weights", "returns", "ic"):
        assert one.read_frame(name).equals(two.read_frame(name)), name
    assert one.metrics == two.metrics
