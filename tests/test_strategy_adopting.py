"""A trained model judged on bars that it is given with: nothing is trained, and everything says whose model it is."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from market.errors import CheckpointError, DataError, RunError
from market.synthetic import SyntheticMarket, SyntheticSettings, synthetic_market
from strategy.adopting import adopted_spec, find_model, run_adopted
from strategy.cli import main
from strategy.finished import Run
from strategy.freeze import _check_run
from strategy.inputs import Inputs
from strategy.pipeline import RunOptions, run
from strategy.runs import RunStore
from strategy.spec import StrategySpec, load_spec, override
from strategy.trials import TrialLog
from strategy.versions import Version

SMALL = ("model.hidden=4", "model.layers=1", "model.lookback=30", "training.burn_in=30", "training.max_epochs=1")


@pytest.fixture(autouse=True)
def _few_random_books(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strategy.outcome.N_RANDOM", 2)


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    return synthetic_market(SyntheticSettings(n_tickers=30, n_sessions=420))


@pytest.fixture(scope="module")
def spec() -> StrategySpec:
    return override(load_spec("filter_negative"), SMALL)


@pytest.fixture(scope="module")
def trained(market: SyntheticMarket, spec: StrategySpec, tmp_path_factory: pytest.TempPathFactory) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("strategy.outcome.N_RANDOM", 2)
        return run(spec, market.panel, options=RunOptions(store=RunStore(tmp_path_factory.mktemp("runs"))))


def _trial(finished: Run) -> dict[str, Any]:
    return TrialLog(finished.folder.path.parent.parent).entries()[-1].facts


def _store(trained: Run) -> RunStore:
    return RunStore(trained.folder.path.parent.parent)


@pytest.fixture(scope="module")
def adopted(trained: Run, market: SyntheticMarket, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The model of ``trained`` under the default strategy, on the same bars, in a store of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("strategy.outcome.N_RANDOM", 2)
        patch.setattr("models.train.train_network", None)
        given = find_model(trained.folder.run_id, _store(trained))
        options = RunOptions(store=RunStore(tmp_path_factory.mktemp("adopted")))
        return run_adopted(load_spec("filter_negative"), Inputs(panel=market.panel), given, options=options)


def test_a_given_model_gives_every_number_that_its_own_run_gave(trained: Run, adopted: Run) -> None:
    pd.testing.assert_frame_equal(adopted.scores, trained.scores, check_exact=True)
    pd.testing.assert_frame_equal(adopted.weights, trained.weights, check_exact=True)
    pd.testing.assert_frame_equal(adopted.returns, trained.returns, check_exact=True)
    assert adopted.folder.spec.model == trained.folder.spec.model


def test_report_record_and_trial_say_whose_model_it_was(trained: Run, adopted: Run) -> None:
    origin = f"run {trained.folder.run_id}"
    assert adopted.folder.record["model"]["origin"] == origin
    assert f"the model is that of {origin}, which learned until" in adopted.report.read_text(encoding="utf-8")
    assert _trial(adopted)["model"] == origin


def test_another_model_under_the_same_book_is_another_trial(adopted: Run) -> None:
    assert _trial(adopted)["key"]["spec"].endswith(adopted.folder.record["identity"]["model"])


def test_bars_that_the_model_has_seen_are_refused_and_leave_nothing(
    trained: Run, market: SyntheticMarket, spec: StrategySpec, tmp_path: Path
) -> None:
    given = find_model("latest", _store(trained))
    seen = market.panel.until(pd.Timestamp(given.learned_until))
    with pytest.raises(DataError, match=f"learned until {given.learned_until}: it can only be judged on later"):
        run_adopted(spec, Inputs(panel=seen), given, options=RunOptions(store=RunStore(tmp_path)))
    assert not list(tmp_path.iterdir())


def test_a_model_of_another_clock_is_refused(trained: Run, spec: StrategySpec) -> None:
    given = find_model(str(trained.folder.path / "model.safetensors"), RunStore(Path("nowhere")))
    with pytest.raises(CheckpointError, match="another clock"):
        adopted_spec(override(spec, ["execution.fill=next_close"]), given)


def test_a_name_without_a_model_is_refused(trained: Run, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="0 runs match"):
        find_model("1999", _store(trained))
    with pytest.raises(CheckpointError, match="has no trained model"):
        find_model(str(tmp_path / "none.safetensors"), _store(trained))


@pytest.mark.parametrize(
    "words", [["--split", "2016-06-30,2016-12-31"], ["--set", "model.hidden=8"], ["--resume", "x"]]
)
def test_options_that_a_model_brings_itself_are_refused(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["quintile", "run", "--model", "latest", *words])
    with pytest.raises(SystemExit):
        main()
    assert "does not go with --model" in capsys.readouterr().err


def test_a_run_of_a_given_model_is_not_frozen(adopted: Run) -> None:
    with pytest.raises(RunError, match="freeze the run that trained it"):
        _check_run(adopted.folder, Version.parse("filter_negative@1.0.0"))
