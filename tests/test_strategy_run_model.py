"""A trained model judged on bars that it is given with: nothing is trained, and everything says whose model it is."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from core.errors import CheckpointError, DataError, RunError
from market.inputs import Inputs
from market.synthetic import SyntheticSettings, synthetic_market
from quintile.cli import main
from strategy.definitions.spec import load_spec, override
from strategy.frozen.freeze import _check_run
from strategy.frozen.versions import SHIPPED, Version
from strategy.learning.decide import frozen_scores
from strategy.learning.given_model import GivenModel, find_model
from strategy.learning.learn import own_checkpoint
from strategy.pipeline import decide, run
from strategy.run_model import run_model, spec_with_model
from strategy.runs.context import RunContext
from strategy.runs.result import Run
from strategy.runs.store import RunFolder, RunStore
from strategy.trials.log import TrialLog

SMALL = ("model.hidden=4", "model.layers=1", "model.lookback=30", "training.burn_in=30", "training.max_epochs=1")
WEIGHTS = SHIPPED / "filter_negative" / "1.0.0" / "model.safetensors"


@pytest.fixture(scope="module")
def shipped() -> GivenModel:
    return find_model(str(WEIGHTS), RunStore(Path("nowhere")))


def test_a_strategy_takes_over_what_the_model_learned_with(shipped: GivenModel) -> None:
    asked = override(load_spec("filter_negative"), ["model.hidden=7", "training.seed=99", "portfolio.k=0.1"])
    found, card = spec_with_model(asked, shipped), shipped.checkpoint.provenance.spec
    assert found.model.hidden == card["model"]["hidden"] != 7
    assert found.training.seed == card["training"]["seed"] != 99
    assert f"{found.split.validation_end}" == shipped.learned_until
    assert (found.portfolio, found.costs) == (asked.portfolio, asked.costs)


def test_the_strategy_says_how_a_given_model_is_scored(shipped: GivenModel) -> None:
    asked = override(load_spec("filter_negative"), ["model.scoring=long", "model.hidden=7"])
    found = spec_with_model(asked, shipped)
    assert found.model == shipped.checkpoint.model.settings.model.model_copy(update={"scoring": "long"})
    assert found.fingerprint() != spec_with_model(load_spec("filter_negative"), shipped).fingerprint()


def test_a_model_belongs_to_its_strategy_however_it_is_scored(shipped: GivenModel) -> None:
    spec = spec_with_model(override(load_spec("filter_negative"), ["model.scoring=long"]), shipped)
    panel = shipped.checkpoint.provenance.data_fingerprint
    assert own_checkpoint(shipped.path, spec, panel=panel).calibration == shipped.checkpoint.calibration
    with pytest.raises(CheckpointError, match="other model"):
        own_checkpoint(shipped.path, override(spec, ["model.hidden=7"]), panel=panel)


def test_bars_that_the_model_has_seen_are_refused_and_leave_nothing(shipped: GivenModel, tmp_path: Path) -> None:
    panel = synthetic_market(SyntheticSettings(n_tickers=30, n_sessions=420)).panel
    seen = panel.until(min(pd.Timestamp(shipped.learned_until), panel.sessions[-1]))
    spec = load_spec("filter_negative")
    with pytest.raises(DataError, match=f"learned until {shipped.learned_until}: it can only be judged on later"):
        run_model(spec, Inputs(panel=seen), shipped, context=RunContext(store=RunStore(tmp_path)))
    assert not list(tmp_path.iterdir())


def test_a_model_of_another_clock_is_refused(shipped: GivenModel) -> None:
    with pytest.raises(CheckpointError, match="another clock"):
        spec_with_model(override(load_spec("filter_negative"), ['execution.fill="next_close"']), shipped)


def test_a_name_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no runs in"):
        find_model("latest", RunStore(tmp_path))
    with pytest.raises(CheckpointError, match="there is no file"):
        find_model(str(tmp_path / "none.safetensors"), RunStore(tmp_path))


@pytest.mark.parametrize(
    "words",
    [
        ["--split", "2016-06-30,2016-12-31"],
        ["--set", "model.scoring=long", "--set", "model.hidden=8"],
        ["--resume", "x"],
    ],
)
def test_options_that_a_model_brings_itself_are_refused(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["quintile", "run", "--model", "latest", *words])
    with pytest.raises(SystemExit):
        main()
    assert "does not go with --model" in capsys.readouterr().err


@pytest.fixture(scope="module")
def trained_and_adopted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """A small run, and the default strategy on the same bars with its model, in a store of its own."""
    inputs = Inputs(panel=synthetic_market(SyntheticSettings(n_tickers=30, n_sessions=420)).panel)
    stores = [RunStore(tmp_path_factory.mktemp(name)) for name in ("trained", "adopted")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("backtests.evaluation.N_RANDOM", 2)
        spec = load_spec("filter_negative")
        trained = run(override(spec, SMALL), inputs, context=RunContext(store=stores[0]))
        patch.setattr("models.networks.network_model.train_network", None)
        adopted = run_model(spec, inputs, find_model("latest", stores[0]), context=RunContext(store=stores[1]))
    return trained, adopted


@pytest.mark.slow
def test_a_given_model_gives_every_number_that_its_own_run_gave(trained_and_adopted: tuple[Run, Run]) -> None:
    trained, adopted = trained_and_adopted
    for name in ("scores", "weights", "returns"):
        pd.testing.assert_frame_equal(getattr(adopted, name), getattr(trained, name), check_exact=True)
    assert adopted.folder.spec.model == trained.folder.spec.model


@pytest.mark.slow
def test_a_given_model_is_scored_as_the_strategy_says_to_the_last_bit(
    trained_and_adopted: tuple[Run, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained, panel = trained_and_adopted[0], synthetic_market(SyntheticSettings(n_tickers=30, n_sessions=420)).panel
    store = RunStore(trained.folder.path.parent.parent)
    monkeypatch.setattr("backtests.evaluation.N_RANDOM", 2)
    asked, given = override(load_spec("filter_negative"), ["model.scoring=long"]), find_model("latest", store)
    carried = run_model(asked, Inputs(panel=panel), given, context=RunContext(store=RunStore(tmp_path)))
    assert carried.folder.spec.model.scoring == "long"
    assert "level and slope were calibrated on exact ones" in carried.report.read_text(encoding="utf-8")
    assert carried.scores.isna().equals(trained.scores.isna())
    assert not carried.scores.equals(trained.scores)
    for session in panel.sessions[[-1, -40]]:  # what paper trading decides is what the backtest held
        seen = panel.until(session)
        scores = frozen_scores(carried.folder.spec, seen, given.checkpoint)
        assert scores.iloc[-1].equals(carried.scores.loc[session])
        assert decide(carried.folder.spec, seen, given.checkpoint).equals(carried.weights.loc[session])


@pytest.mark.slow
@pytest.mark.parametrize("end", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_run_of_a_given_model_that_ends_early_leaves_nothing_to_resume(
    end: BaseException, trained_and_adopted: tuple[Run, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise end

    trained, panel = trained_and_adopted[0], synthetic_market(SyntheticSettings(n_tickers=30, n_sessions=420)).panel
    shutil.copytree(trained.folder.path, tmp_path / "filter_negative" / trained.folder.run_id)
    store = RunStore(tmp_path)
    monkeypatch.setattr("backtests.evaluation.N_RANDOM", 2)
    given, inputs = find_model("latest", store), Inputs(panel=panel)
    with monkeypatch.context() as broken:
        broken.setattr(RunFolder, "write_metrics", stopped)
        with pytest.raises(type(end)):
            run_model(load_spec("filter_negative"), inputs, given, context=RunContext(store=store))
    assert store.find("latest").run_id == trained.folder.run_id
    assert not list(tmp_path.glob(".evaluating/*/*"))
    again = run_model(
        load_spec("filter_negative"), inputs, find_model("latest", store), context=RunContext(store=store)
    )
    assert store.find("latest") == again.folder
    pd.testing.assert_frame_equal(again.scores, trained.scores, check_exact=True)


@pytest.mark.slow
def test_report_record_and_trial_say_whose_model_it_was(trained_and_adopted: tuple[Run, Run]) -> None:
    trained, adopted = trained_and_adopted
    origin = f"run {trained.folder.run_id}"
    assert adopted.folder.record["model"]["origin"] == _trial(adopted)["model"] == origin
    report = adopted.report.read_text(encoding="utf-8")
    assert f"the model is that of {origin}, which learned until" in report
    assert "level and slope were calibrated on" not in report
    assert _trial(adopted)["key"]["spec"].endswith(adopted.folder.record["identity"]["model"])


@pytest.mark.slow
def test_a_run_of_a_given_model_is_not_frozen(trained_and_adopted: tuple[Run, Run]) -> None:
    with pytest.raises(RunError, match="freeze the run that trained it"):
        _check_run(trained_and_adopted[1].folder, Version.parse("filter_negative@1.0.0"))


def _trial(finished: Run) -> dict[str, Any]:
    return TrialLog(finished.folder.path.parent.parent).entries()[-1].facts
