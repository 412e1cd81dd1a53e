from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from models.networks.predict import predict_scores
from models.networks.train import train_network
from models.networks.trained import resolve_device
from models.windows import build_windows
from tests.oracles.planted import planted_features, planted_windows, small_settings


@pytest.fixture(scope="module")
def trained():
    windows, split = planted_windows()
    return train_network(windows, split, settings=small_settings()), windows, split


def test_scores_equal_the_network_on_hand_stacked_windows(trained):
    model, windows, split = trained
    scores = predict_scores(model, windows, sessions=windows.sessions[split.test])
    network = model.network(torch.device("cpu"))
    for k, row in enumerate(range(split.test.start, split.test.stop)):
        with torch.no_grad():
            wanted = [network(windows.x[row - 5 : row + 1, [name]])[-1].item() for name in range(12)]
        np.testing.assert_allclose(scores.iloc[k], wanted, rtol=0, atol=1e-6)


def test_a_sessions_scores_do_not_depend_on_the_other_sessions(trained):
    model, windows, _ = trained
    together = predict_scores(model, windows, sessions=windows.sessions[90:])
    alone = predict_scores(model, windows, sessions=windows.sessions[[101]])
    pd.testing.assert_frame_equal(together.iloc[[11]], alone, check_exact=True, check_freq=False)


def test_scores_hardly_depend_on_the_other_tickers(trained):
    model, windows, _ = trained
    mask = windows.mask.clone()
    mask[:, 3:] = False
    few = predict_scores(model, replace(windows, mask=mask), sessions=windows.sessions[100:])
    full = predict_scores(model, windows, sessions=windows.sessions[100:])
    np.testing.assert_allclose(few.iloc[:, :3], full.iloc[:, :3], rtol=0, atol=1e-6)
    assert few.iloc[:, 3:].isna().all(axis=None)


def test_permuting_tickers_permutes_scores(trained):
    model, windows, _ = trained
    features, targets, universe = planted_features()
    order = list(targets.columns[::-1])
    turned = build_windows(
        {name: values[order] for name, values in features.items()},
        targets=targets[order],
        universe=universe[order],
        scaler=windows.scaler,
        lookback=6,
    )
    found = predict_scores(model, turned, sessions=windows.sessions[100:])
    wanted = predict_scores(model, windows, sessions=windows.sessions[100:])[order]
    pd.testing.assert_frame_equal(found, wanted, check_exact=False, atol=1e-6, rtol=0)


def test_cutting_the_future_changes_no_score(trained):
    model, windows, _ = trained
    features, targets, universe = planted_features()
    cut = build_windows(
        {name: values.iloc[:101] for name, values in features.items()},
        targets=targets.iloc[:101] * np.nan,
        universe=universe.iloc[:101],
        scaler=windows.scaler,
        lookback=6,
    )
    found = predict_scores(model, cut, sessions=cut.sessions[95:])
    wanted = predict_scores(model, windows, sessions=windows.sessions[95:101])
    pd.testing.assert_frame_equal(found, wanted, check_exact=True, check_freq=False)


def test_masked_names_and_sessions_have_no_score(trained):
    model, windows, _ = trained
    scores = predict_scores(model, windows, sessions=windows.sessions)
    assert scores.iloc[:5].isna().all(axis=None)
    assert scores.iloc[5:].notna().all(axis=None)
    assert scores.index.name == "session"
    assert scores.columns.name == "ticker"


def test_progress_counts_sessions(trained):
    model, windows, _ = trained
    seen = []
    predict_scores(model, windows, sessions=windows.sessions[-3:], progress=lambda *x: seen.append(x))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_windows_made_otherwise_are_refused(trained):
    model, windows, _ = trained
    some = windows.sessions[-2:]
    with pytest.raises(ValueError, match="lookback of 7 sessions, the model 6"):
        predict_scores(model, replace(windows, lookback=7), sessions=some)
    with pytest.raises(ValueError, match="another scaler"):
        predict_scores(model, replace(windows, scaler=replace(windows.scaler, target_sd=1.0)), sessions=some)
    with pytest.raises(ValueError, match="no windows for session 1999-01-04"):
        predict_scores(model, windows, sessions=pd.DatetimeIndex(["1999-01-04"]))


def test_devices_are_resolved_by_name():
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
