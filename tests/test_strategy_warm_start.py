"""Warm start: a training begins with the weights of another, and none that saw what it is judged on."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch

import quintile as qt
from core.errors import CheckpointError, DataError, RunError
from core.files import file_sha256
from market.inputs import Inputs
from market.synthetic import SyntheticSettings, synthetic_market
from models.checkpoint import load_checkpoint
from quintile.cli.run_commands import _check_start
from strategy.definitions.spec import load_spec, override
from strategy.learning.given_model import GivenModel, find_model
from strategy.learning.learn import learn
from strategy.learning.training_data import prepare_training_data, prepare_tuning_data
from strategy.learning.warm_start import begins_with, check_start, kept_start
from strategy.pipeline import run
from strategy.proofs.shipped_pipeline import quick_spec
from strategy.runs.context import RunContext
from strategy.runs.store import RunStore

SMALL = (
    "model.hidden=4",
    "model.layers=1",
    "model.lookback=10",
    "training.burn_in=10",
    "training.chunk_sessions=40",
    "training.max_epochs=2",
    "features.set=core11",
)


@pytest.fixture(scope="module")
def wide():
    return synthetic_market(SyntheticSettings(n_tickers=20, n_sessions=480)).panel


@pytest.fixture(scope="module")
def spec():
    return override(load_spec(), SMALL)


@pytest.fixture(scope="module")
def given(wide, spec, tmp_path_factory) -> GivenModel:
    """A model that learned on the first 340 sessions: its last validation label is realised by session 255."""
    panel, folder = wide.until(wide.sessions[339]), tmp_path_factory.mktemp("pretrained")
    learn(spec, prepare_training_data(spec, panel), folder=folder, identity={"panel": panel.fingerprint()})
    return GivenModel(path=folder / "model", origin="run a", checkpoint=load_checkpoint(folder / "model"))


def dated(spec, panel, train_end, validation_end):
    ends = {"train_end": train_end, "validation_end": validation_end}
    return override(spec, {f"split.{key}": panel.sessions[row].date() for key, row in ends.items()})


def test_the_purge_holds_across_both_trainings_to_the_session(wide, spec, given) -> None:
    last = wide.sessions.get_loc(given.checkpoint.learned_until)
    check_start(dated(spec, wide, last, last + 100), wide, given)
    with pytest.raises(DataError, match=f"learned until {given.learned_until}, and validation begins"):
        check_start(dated(spec, wide, last - 1, last + 100), wide, given)


def test_no_label_of_the_first_training_is_realised_after_what_the_purge_reads(wide, spec, given) -> None:
    panel = wide.until(wide.sessions[339])
    made = prepare_training_data(spec, panel)
    known = made.split.validation.stop - 1 + spec.execution.delay + made.horizon
    assert panel.sessions[known] <= given.checkpoint.learned_until


def test_training_begins_with_the_weights_and_on_their_scale(wide, spec, given, tmp_path) -> None:
    last = wide.sessions.get_loc(given.checkpoint.learned_until)
    still = {"training.learning_rate": 1e-30, "training.min_learning_rate": 1e-30, "training.weight_decay": 0.0}
    tuned = begins_with(override(dated(spec, wide, last + 50, last + 100), still), given)
    made = prepare_tuning_data(tuned, wide, given.checkpoint.model)
    assert made.windows.scaler == given.checkpoint.model.scaler
    found = learn(tuned, made, folder=tmp_path, identity={"panel": wide.fingerprint()})
    wanted = given.checkpoint.model.stored().tensors
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in found.model.stored().tensors.items())
    assert ("Began with the weights", tuned.training.start[:12]) in found.model.card.facts
    assert load_checkpoint(tmp_path / "model").model.settings.training.start == tuned.training.start


def test_the_strategy_names_the_weights_and_is_another_trial(spec, given) -> None:
    begun = begins_with(spec, given)
    assert begun.training.start == file_sha256(given.path.with_suffix(".safetensors"))
    assert begun.fingerprint() != spec.fingerprint()
    assert quick_spec(begun).training.start == ""  # a proof fits on other bars, from the seed


def test_another_network_other_features_and_no_network_are_refused(wide, spec, given) -> None:
    later = dated(spec, wide, 350, 400)
    other = override(later, ["model.hidden=8", "features.set=core14"])
    with pytest.raises(CheckpointError, match=r"--set model\.hidden=4 --set features\.set=core11$"):
        check_start(other, wide, given)
    check_start(override(later, ["model.dropout=0.4", "model.scoring=long"]), wide, given)
    with pytest.raises(CheckpointError, match=r"model\.kind ridge is no network"):
        begins_with(override(later, ["model.kind=ridge"]), given)


def test_weights_that_are_named_and_not_given_are_asked_for(wide, spec, given) -> None:
    with pytest.raises(RunError, match="name their run with --from, or unset the key"):
        check_start(begins_with(spec, given), wide, None)


def test_from_goes_with_neither_a_given_model_nor_a_resumed_run() -> None:
    with pytest.raises(ValueError, match="--from does not go with --model"):
        _check_start("a", "b", None)
    with pytest.raises(ValueError, match="--from does not go with --resume"):
        _check_start("a", None, "b")


def test_a_typing_error_in_an_option_of_a_call_is_refused(spec, wide) -> None:
    with pytest.raises(TypeError, match=r"run\(\) got an unexpected keyword argument 'form_run'"):
        qt.run(spec, wide, form_run="latest")
    with pytest.raises(TypeError, match=r"evaluate\(\) got an unexpected keyword argument 'strat'"):
        qt.evaluate(pd.DataFrame(), wide, strat="2020-01-01")


class KilledError(Exception):
    """Stands for a kill."""


@pytest.mark.slow
def test_a_tuned_run_that_was_killed_goes_on_without_the_run_it_began_with(wide, spec, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("backtests.evaluation.N_RANDOM", 2)
    stores = [RunStore(tmp_path / name) for name in ("whole", "killed")]
    short = wide.until(wide.sessions[339])
    tuned, runs = dated(spec, wide, 350, 400), []
    for store in stores:
        run(spec, Inputs(panel=short), context=RunContext(store=store))

    def killed(stage, done, total, note=""):
        if stage == "training" and done == 1:
            raise KilledError

    for store in stores:
        began = find_model("latest", store)
        if store is stores[1]:
            with pytest.raises(KilledError):
                run(tuned, Inputs(panel=wide), context=RunContext(store=store, progress=killed), start=began)
            shutil.rmtree(began.path.parent)
            resumed = RunContext(store=store, resume=store.find("latest"))
            runs.append(run(tuned, Inputs(panel=wide), context=resumed))
        else:
            runs.append(run(tuned, Inputs(panel=wide), context=RunContext(store=store), start=began))
    whole, gone_on = runs
    assert gone_on.scores.equals(whole.scores)
    record = json.loads((gone_on.folder.path / "run.json").read_text())["start"]
    assert record["sha256"] == gone_on.folder.spec.training.start
    assert "Training began with the weights of run" in whole.report.read_text(encoding="utf-8")
    kept = gone_on.folder.path / "start.safetensors"
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    with pytest.raises(RunError):
        kept_start(gone_on.folder)
    assert np.isfinite(whole.scores.to_numpy()).any()
