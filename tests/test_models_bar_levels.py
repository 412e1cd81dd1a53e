"""Bar levels: a window is read as quotients of its last close and volume, by networks and estimators alike."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from models.bar_levels import BAR_LEVELS, Divided, divisor_places, quotients
from models.estimators.window_columns import WindowColumns
from models.model import FitContext, ScoreContext
from models.model_kinds import make_model, settings_of
from models.model_settings import KindSettings, SplitSettings
from models.sample_splits import resolve_split
from models.windows import build_windows, fit_scaler
from tests.oracles.planted import frame, small_settings

LOOKBACK = 6
NAMES = tuple(BAR_LEVELS)


def levels(*, n_sessions: int = 120, n_tickers: int = 12, unit: float = 1.0):
    """Bars whose next return follows how far the close stands above that of three sessions before."""
    rng = np.random.default_rng(3)
    moves = 0.02 * rng.standard_normal((n_sessions, n_tickers))
    closes = np.cumsum(moves, axis=0) + rng.uniform(1.0, 6.0, n_tickers)
    features = {
        name: frame(closes + 0.01 * rng.standard_normal(closes.shape) * (name != "bar_close")) for name in NAMES
    }
    features["bar_volume"] = frame(rng.normal(12.0, 1.0, closes.shape))
    features = {name: each + np.log(unit) for name, each in features.items()}
    trend = np.vstack([np.zeros((3, n_tickers)), closes[3:] - closes[:-3]])
    targets = frame(0.5 * trend + 0.01 * rng.standard_normal(closes.shape))
    return features, targets, frame(np.ones(closes.shape, dtype=bool))


def windowed(**options):
    features, targets, universe = levels(**options)
    split = resolve_split(pd.DatetimeIndex(targets.index), SplitSettings(), delay=1, horizon=1)
    scaler = fit_scaler(features, targets=targets, universe=universe, rows=split.train)
    windows = build_windows(features, targets=targets, universe=universe, scaler=scaler, lookback=LOOKBACK)
    return features, windows, split


def settings_for(kind: str, **changes):
    base = small_settings()
    model = settings_of({"kind": kind, "lookback": LOOKBACK, **changes})
    training = base.training if model.learns_by_epochs else type(base.training)()
    return base.model_copy(update={"model": model, "training": training})


def test_a_window_is_divided_by_its_last_close_and_volume():
    features, windows, _ = windowed()
    given = []

    class Spy(torch.nn.Module):
        reads = "sequences"

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            given.append(x)
            return x.sum(dim=2)

    network = Divided(Spy(), divisor_places(NAMES))
    assert network.reads == "windows"
    scores = network(windows.x[45:51])
    close, volume = (features[name].to_numpy() for name in ("bar_close", "bar_volume"))
    for k, name in enumerate(NAMES):
        divisor = volume if name == "bar_volume" else close
        quotient = np.exp(features[name].to_numpy()[45:51]) / np.exp(divisor[50])
        np.testing.assert_allclose(np.exp(given[0][..., k].numpy() * windows.scaler.sd[k]), quotient, rtol=1e-5)
    torch.testing.assert_close(scores, given[0][-1].sum(dim=1))


def test_prices_share_one_scale_that_test_rows_do_not_move():
    features, windows, split = windowed()
    scaler = windows.scaler
    assert len({scaler.sd[NAMES.index(name)] for name in NAMES if name != "bar_volume"}) == 1
    assert set(scaler.mean) == {0.0}
    changed = {name: each.copy() for name, each in features.items()}
    for each in changed.values():
        each.iloc[split.validation.start :] = 9.0
    targets, universe = levels()[1:]
    assert fit_scaler(changed, targets=targets, universe=universe, rows=split.train) == scaler


@pytest.mark.parametrize("kind", ["ridge", "tcn"])
def test_the_unit_of_a_price_decides_nothing(kind):
    """A split or another currency multiplies a name's whole history."""
    _, windows, split = windowed()
    _, other, _ = windowed(unit=4.0)
    model = make_model(settings_for(kind)).fit(windows, split, context=FitContext(device="cpu"))
    sessions = windows.sessions[100:]
    moved = replace(other, scaler=windows.scaler)
    np.testing.assert_allclose(model.scores(moved, sessions), model.scores(windows, sessions), rtol=1e-3, atol=1e-4)


def test_a_later_dividend_leaves_the_windows_as_they_were():
    features, targets, universe = levels()
    features["bar_close"].iloc[:4, 2] = np.nan
    factors = np.random.default_rng(5).uniform(-1.0, 0.0, 12)
    restated = {name: each + (0.0 if name == "bar_volume" else factors) for name, each in features.items()}
    scaler = fit_scaler(features, targets=targets, universe=universe, rows=slice(0, 80))
    one, other = (
        build_windows(each, targets=targets, universe=universe, scaler=scaler, lookback=LOOKBACK).x
        for each in (features, restated)
    )
    torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-7)
    before, after = quotients(features), quotients(restated)
    assert list(before) == list(features)
    for name, each in before.items():
        pd.testing.assert_frame_equal(each, after[name], rtol=1e-9, atol=1e-12)
    assert quotients({"ret_1d": targets})["ret_1d"] is targets


@pytest.mark.parametrize(
    ("kind", "changes"),
    [pytest.param("gru", {"hidden": 8, "layers": 1}, marks=pytest.mark.slow), ("ridge", {"lags": LOOKBACK})],
)
def test_what_only_the_window_tells_is_learned(kind, changes):
    _, windows, split = windowed(n_sessions=200, n_tickers=20)
    settings = settings_for(kind, **changes)
    training = settings.training
    if settings.model.learns_by_epochs:
        training = training.model_copy(update={"max_epochs": 6})
    fitted = make_model(settings.model_copy(update={"training": training})).fit(
        windows, split, context=FitContext(device="cpu")
    )
    assert fitted.card.validation_ic > 0.3


def test_samples_hold_the_quotients():
    features, windows, _ = windowed()
    columns = WindowColumns.of(settings_of({"kind": "ridge", "lags": 3}), NAMES)
    rows, chosen = np.array([50, 60]), np.ones((2, 12), dtype=bool)
    samples = columns.gathered(windows, rows, chosen).reshape(2, 12, 3, 6)
    k, close = NAMES.index("bar_high"), features["bar_close"].to_numpy()
    quotient = (features["bar_high"].to_numpy()[58] - close[60]) / windows.scaler.sd[k]
    np.testing.assert_allclose(samples[1, :, 2, k], quotient, atol=2e-4)
    alone = columns.of_session(windows.x.numpy(), 60, slice(None))
    np.testing.assert_array_equal(alone, samples[1].reshape(12, -1))
    block = columns.block(windows, torch.from_numpy(rows))
    np.testing.assert_array_equal(block.numpy(), samples.reshape(2, 12, -1))


def test_features_without_bars_are_read_as_they_are():
    assert divisor_places(("ret_1d", "bar_close")) == (-1, -1)
    assert WindowColumns.of(KindSettings(kind=""), ("ret_1d", "bar_close")).divisors == ()
    assert divisor_places((*NAMES, "vix")) == (3, 3, 3, 3, 4, 3, -1)


def test_quotients_are_not_carried_from_session_to_session():
    _, windows, split = windowed()
    model = make_model(settings_for("lstm", hidden=4, layers=1)).fit(windows, split, context=FitContext(device="cpu"))
    with pytest.raises(ValueError, match="cannot be scored long: score it exact"):
        model.scores(windows, windows.sessions[100:], context=ScoreContext(scoring="long"))
