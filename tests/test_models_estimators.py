"""Estimators: lags and columns of a window as samples, and scikit-learn's by a fixed list of names."""

import json
import tomllib
import tracemalloc
from dataclasses import replace
from typing import get_args

import numpy as np
import pandas as pd
import pytest
import torch

from models.calibrate import Calibration
from models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from models.estimators.fourier_features import FourierColumns, FourierRidge
from models.estimators.library_model import WAYS, restored_library_model
from models.estimators.ridge_regression import fit_ridge, moments_of
from models.estimators.samples import samples_of
from models.estimators.sparse_regression import elastic_nets
from models.estimators.window_columns import WindowColumns
from models.kinds.lightgbm import LightgbmSettings
from models.kinds.ridge import RidgeSettings
from models.kinds.sklearn import KNOBS, SklearnSettings
from models.model import FitContext
from models.model_kinds import make_model, settings_of
from models.model_settings import ModelSettings
from models.threads import threads
from strategy.definitions.spec import load_spec, override
from tests.oracles.planted import planted_windows

SMALL = {"trees": 5, "depth": 3, "min_leaf": 20, "leaves": 5, "components": 16}


def settings_for(estimator, **keys):
    knobs = {key: SMALL[key] for key in SMALL if key in KNOBS[estimator]}
    return ModelSettings(model=settings_of({"kind": "sklearn", "estimator": estimator, "lookback": 6, **knobs, **keys}))


def fitted(settings, windows, split):
    return make_model(settings).fit(windows, split, context=FitContext(device="cpu"))


def same(one, other):
    a, b = one.stored(), other.stored()
    return all(torch.equal(a.tensors[name], b.tensors[name]) for name in a.tensors) and json.dumps(
        a.record
    ) == json.dumps(b.record)


def stacked(windows, rows, *, lags, places):
    """Samples, labels and sessions by hand, in float64."""
    xs, ys, sessions = [], [], []
    for row in rows:
        for name in np.flatnonzero(windows.labelled[row].numpy()):
            xs.append(np.concatenate([windows.x[row - lag, name, places].numpy() for lag in range(lags)]))
            ys.append(float(windows.y[row, name]))
            sessions.append(row)
    return np.array(xs, dtype=float), np.array(ys), np.array(sessions)


@pytest.mark.parametrize("estimator", KNOBS)
def test_an_estimator_keeps_the_laws_of_a_kind(estimator, tmp_path):
    windows, split = planted_windows()
    settings = settings_for(estimator, lags=4, columns=["f2", "f0"])
    with threads(1):
        model = fitted(settings, windows, split)
    x, y = windows.x.clone(), windows.y.clone()
    x[split.test], y[split.test] = 9.0, -9.0
    with threads(2):  # neither threads nor test rows decide
        assert same(model, fitted(settings, replace(windows, x=x, y=y), split))
    whole = model.scores(windows, windows.sessions[90:])
    x = windows.x.clone()
    x[101:] = torch.randn(x[101:].shape)
    early = model.scores(replace(windows, x=x), windows.sessions[90:101])
    pd.testing.assert_frame_equal(early, whole.iloc[:11], check_exact=True)
    mask = windows.mask.clone()
    mask[110, 3] = False
    masked = model.scores(replace(windows, mask=mask), windows.sessions[[110]])
    assert np.isnan(masked.iloc[0, 3])
    np.testing.assert_allclose(masked.iloc[0].drop("T003"), whole.iloc[20].drop("T003"), rtol=1e-12)
    asked = model.window_scores().score(windows.x[105:111]).numpy()
    np.testing.assert_allclose(asked, whole.iloc[20], rtol=1e-12)
    calibration = Calibration(level=0.0, level_se=0.1, slope=1.0, slope_se=0.1, measured_slope=1.0, n_sessions=9)
    save_checkpoint(tmp_path / "model", Checkpoint(model=model, calibration=calibration))
    loaded = load_checkpoint(tmp_path / "model").model
    assert same(model, loaded)
    assert loaded.card == model.card
    pd.testing.assert_frame_equal(loaded.scores(windows, windows.sessions[90:]), whole, check_exact=True)


@pytest.mark.parametrize("estimator", KNOBS)
def test_lags_find_what_came_three_sessions_ago(estimator):
    windows, split = planted_windows(n_sessions=160, n_tickers=20)
    one, four = (fitted(settings_for(estimator, lags=lags), windows, split).card for lags in (1, 4))
    assert one.validation_ic > 0.15
    assert four.validation_ic > one.validation_ic + 0.03


def test_samples_hold_lags_and_columns_in_their_order():
    windows, split = planted_windows()
    windows.y[20, 3:8] = torch.nan
    settings = RidgeSettings(lookback=6, lags=3, columns=("f2", "f0"))
    samples = samples_of(windows, split.train, span="training", settings=settings)
    rows = range(windows.lookback - 1, split.train.stop)
    x, _, sessions = stacked(windows, rows, lags=3, places=[2, 0])
    np.testing.assert_array_equal(samples.x, x.astype(np.float32))
    assert samples.x.dtype == np.float32
    np.testing.assert_array_equal(samples.sizes, np.unique(sessions, return_counts=True)[1])
    columns = WindowColumns.of(settings, windows.scaler.names)
    assert columns.labels[:3] == ("f2", "f0", "f2 lag 1")


def test_samples_are_gathered_once():
    windows, _ = planted_windows(n_sessions=400, n_tickers=60)
    columns = WindowColumns.of(RidgeSettings(lookback=6, lags=5), windows.scaler.names)
    rows = np.arange(5, 400)
    tracemalloc.start()
    try:
        samples = columns.gathered(windows, rows, windows.mask[rows].numpy())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.1 * samples.nbytes


@pytest.mark.parametrize("target", ["zscore", "rank"])
def test_ridge_on_lags_equals_a_solver_on_stacked_samples(target):
    from sklearn.linear_model import Ridge

    windows, split = planted_windows()
    x, y, sessions = stacked(windows, range(5, split.train.stop), lags=4, places=[0, 2])
    labels = pd.Series(y).groupby(sessions)
    y = (
        (labels.rank() if target == "rank" else pd.Series(y))
        .groupby(sessions)
        .transform(lambda z: (z - z.mean()) / z.std(ddof=0))
    )
    x = pd.DataFrame(x).groupby(sessions).transform(lambda column: column - column.mean()).to_numpy()
    twin = Ridge(alpha=0.1 * len(y), fit_intercept=False, solver="svd").fit(x, y)
    settings = RidgeSettings(lookback=6, lags=4, columns=("f0", "f2"))
    model = fit_ridge(windows, split, penalties=(0.1,), settings=settings, target=target)
    np.testing.assert_allclose(model.coefficients, twin.coef_, rtol=1e-7)
    assert model.names[-1] == "f2 lag 3"


@pytest.mark.parametrize("l1_share", [0.5, 1.0])
def test_elastic_nets_of_products_equal_those_of_samples(l1_share):
    from sklearn.linear_model import ElasticNet

    windows, split = planted_windows()
    rows = np.arange(5, split.train.stop)
    moments = moments_of(windows, rows, columns=WindowColumns.of(RidgeSettings(), windows.scaler.names))
    x, y, sessions = stacked(windows, rows, lags=1, places=[0, 1, 2])
    y = pd.Series(y).groupby(sessions).transform(lambda z: (z - z.mean()) / z.std(ddof=0)).to_numpy()
    x = pd.DataFrame(x).groupby(sessions).transform(lambda column: column - column.mean()).to_numpy()
    alpha = 0.1 * np.abs(x.T @ y).max() / len(y) / l1_share
    twin = ElasticNet(alpha=alpha, l1_ratio=l1_share, fit_intercept=False, tol=1e-10).fit(x, y)
    found, none = elastic_nets(moments, penalties=(0.1, 1.0), l1_share=l1_share)
    np.testing.assert_allclose(found, twin.coef_, atol=1e-4)
    np.testing.assert_array_equal(none, 0.0)


def test_random_cosines_approach_a_gaussian_kernel():
    columns = WindowColumns(names=("a", "b"), places=(0, 1), n_features=2)
    drawn = FourierColumns.drawn(columns, components=20_000, width=1.0, seed=3)
    x = np.random.default_rng(0).standard_normal((5, 2)).astype(np.float32)
    ridge = FourierRidge(frequencies=drawn.frequencies, offsets=drawn.offsets, coefficients=np.ones(20_000))
    z = np.sqrt(2 / 20_000) * np.cos(x @ drawn.frequencies + drawn.offsets)
    distances = ((x[:, None] - x[None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(z @ z.T, np.exp(-distances / 4.0), atol=0.03)
    np.testing.assert_allclose(ridge.predict(x), z.sum(axis=1), rtol=1e-9)


def test_a_forest_grown_in_parts_is_that_of_one_call():
    from sklearn.ensemble import RandomForestRegressor

    windows, split = planted_windows()
    model = fitted(settings_for("random_forest", trees=13), windows, split)
    samples = samples_of(windows, split.train, span="training", target="rank")
    twin = RandomForestRegressor(
        13, max_depth=3, min_samples_leaf=20, max_features=0.33, max_samples=0.2, random_state=1
    ).fit(samples.x, samples.y)
    np.testing.assert_array_equal(model.predictor.predict(samples.x), twin.predict(samples.x))
    assert model.card.n_parameters == sum(tree.get_n_leaves() for tree in twin.estimators_)


def test_huber_regression_is_that_of_samples_centred_by_hand():
    from sklearn.linear_model import HuberRegressor

    windows, split = planted_windows()
    model = fitted(settings_for("huber_regression", target="zscore"), windows, split)
    x, y, sessions = stacked(windows, range(5, split.train.stop), lags=1, places=[0, 1, 2])
    y = pd.Series(y).groupby(sessions).transform(lambda z: (z - z.mean()) / z.std(ddof=0)).to_numpy()
    x = pd.DataFrame(x).groupby(sessions).transform(lambda column: column - column.mean()).to_numpy()
    twin = HuberRegressor(fit_intercept=False, max_iter=1_000).fit(x, y)
    np.testing.assert_allclose(model.predictor.coefficients, twin.coef_, atol=1e-4)


def test_boosted_trees_read_lags_and_come_back(tmp_path):
    windows, split = planted_windows()
    kind = {"kind": "lightgbm", "lookback": 6, "trees": 10, "min_leaf": 20, "lags": 4}
    model = fitted(ModelSettings(model=settings_of(kind)), windows, split)
    assert model.predictor.booster.num_feature() == 12
    calibration = Calibration(level=0.0, level_se=0.1, slope=1.0, slope_se=0.1, measured_slope=1.0, n_sessions=9)
    save_checkpoint(tmp_path / "model", Checkpoint(model=model, calibration=calibration))
    assert same(load_checkpoint(tmp_path / "model").model, model)


def test_an_estimator_of_another_name_or_width_is_refused():
    windows, split = planted_windows()
    model = fitted(settings_for("random_forest"), windows, split)
    with pytest.raises(ValueError, match="kept is RandomForestRegressor, that of extra_trees is ExtraTreesRegressor"):
        restored_library_model(settings_for("extra_trees"), model.stored())
    with pytest.raises(ValueError, match="fitted on 3 numbers a sample, the card has 6"):
        restored_library_model(settings_for("random_forest", lags=2), model.stored())
    linear = fitted(settings_for("lasso"), windows, split)
    with pytest.raises(ValueError, match="fitted on 3 numbers a sample, the card has 6"):
        restored_library_model(settings_for("lasso", lags=2), linear.stored())


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"estimator": "lasso", "trees": 5}, "trees is no key of estimator lasso, which has penalties"),
        ({"estimator": "lasso", "penalties": [1.0]}, "shares below 1"),
        ({"lags": 7, "lookback": 6}, "lags must be at most lookback 6, was 7"),
        ({"columns": ["a", "a"]}, "each feature once"),
        ({"estimator": "forest"}, "extra_trees"),
    ],
)
def test_settings_name_what_cannot_be(keys, words):
    with pytest.raises(ValueError, match=words):
        settings_of({"kind": "sklearn", **keys})


def test_a_column_that_is_no_feature_is_named():
    windows, split = planted_windows()
    settings = ModelSettings(model=settings_of({"kind": "ridge", "lookback": 6, "columns": ["ret"]}))
    with pytest.raises(ValueError, match=r"model\.columns names ret, no feature of the set: choose from f0, f1, f2"):
        fitted(settings, windows, split)


def test_every_estimator_has_its_knobs_and_a_way():
    assert set(get_args(SklearnSettings.model_fields["estimator"].annotation)) == set(KNOBS) == set(WAYS)


@pytest.mark.parametrize("settings", [RidgeSettings, LightgbmSettings])
def test_keys_that_came_later_decide_nothing_at_their_default(settings):
    assert not {"lags", "columns"} & settings().deciding().keys()
    assert "lags" in settings(lags=2).deciding()


def test_a_strategy_file_gives_an_estimator_back():
    spec = override(load_spec(), ["model.kind=sklearn", "model.estimator=random_forest", "model.depth=4"])
    assert spec.model.knobs["depth"] == 4
    assert type(spec).model_validate(tomllib.loads(spec.to_toml())) == spec
