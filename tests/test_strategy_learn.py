"""What is learned from: labels over their horizon, spans purged for it, and a checkpoint that remembers the label."""

import numpy as np
import pandas as pd
import pytest

from core.errors import CheckpointError
from market.returns import forward_returns
from market.synthetic import SyntheticSettings, synthetic_market
from models.checkpoint import load_checkpoint
from strategy.definitions.spec import load_spec, override
from strategy.learning.learn import own_checkpoint
from strategy.learning.training_data import prepare_training_data
from strategy.walk_forward.plan import plan_folds
from strategy.walk_forward.walk_settings import WalkSettings

HORIZON = 5


@pytest.fixture(scope="module")
def panel():
    return synthetic_market(SyntheticSettings(n_tickers=20, n_sessions=320)).panel


@pytest.fixture(scope="module")
def spec():
    return override(load_spec(), ["model.kind=ridge", "model.lookback=5", f"label.horizon={HORIZON}"])


def test_labels_and_calibration_span_the_horizon(spec, panel) -> None:
    found = prepare_training_data(spec, panel)
    bought, sold = panel.open.shift(-1), panel.open.shift(-1 - HORIZON)
    expected = (sold / bought - 1.0).to_numpy()
    np.testing.assert_allclose(found.forward.to_numpy(), expected, rtol=1e-12)
    np.testing.assert_allclose(found.windows.y.numpy(), expected, rtol=1e-6)
    assert found.horizon == HORIZON


def test_only_the_label_is_taken_relative_to_the_market(spec, panel) -> None:
    relative = override(spec, {"label.kind": "market_relative"})
    found = prepare_training_data(relative, panel)
    pd.testing.assert_frame_equal(found.forward, forward_returns(panel, spec.execution, horizon=HORIZON))
    labels = pd.DataFrame(found.windows.y.numpy()).where(found.windows.present.numpy())
    assert labels.mean(axis=1).abs().max() < 0.1 * found.forward.mean(axis=1).abs().max()


def test_no_label_of_a_span_is_realised_in_the_next(spec, panel) -> None:
    split = prepare_training_data(spec, panel).split
    known = spec.execution.delay + HORIZON  # rows after a decision until its label is known
    assert split.train.stop - 1 + known < split.validation.start
    assert split.validation.stop - 1 + known < split.test.start
    assert split.train.stop + known == split.validation.start  # and not a row more is given up


def test_a_walk_is_purged_for_the_horizon(spec, panel) -> None:
    folds = plan_folds(spec, panel.sessions, WalkSettings.of({"retraining": {"train": 150, "test": 40}}))
    known = spec.execution.delay + HORIZON
    assert len(folds) > 1
    for fold in folds:
        assert fold.split.train.stop + known == fold.split.validation.start
        assert fold.split.validation.stop + known == fold.split.test.start


def test_a_model_of_another_label_is_foreign(bench) -> None:
    path, spec = bench.run.path / "model", bench.run.spec
    bars = bench.run.record["identity"]["panel"]
    assert own_checkpoint(path, spec, panel=bars).model.settings == load_checkpoint(path).model.settings
    for change in ("label.horizon=2", "label.kind=market_relative"):
        with pytest.raises(CheckpointError, match=r"belongs to another run \(other label\)"):
            own_checkpoint(path, override(spec, [change]), panel=bars)


def test_a_model_with_other_ranges_is_foreign(bench) -> None:
    path, spec = bench.run.path / "model", bench.run.spec
    bars = bench.run.record["identity"]["panel"]
    with pytest.raises(CheckpointError, match=r"belongs to another run \(other uncertainty\)"):
        own_checkpoint(path, override(spec, ["uncertainty.method=session"]), panel=bars)
