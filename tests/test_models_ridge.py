import numpy as np
import pytest
import torch

from models.estimators.ridge_regression import fit_ridge, ridge_scores
from tests.oracles.planted import planted_windows


def test_ridge_recovers_a_planted_linear_signal():
    windows, split = planted_windows(n_sessions=300, n_tickers=30)
    model = fit_ridge(windows, split)
    assert model.coefficients[0] == pytest.approx(0.6 / 2**0.5, abs=0.05)
    assert np.abs(model.coefficients[1:]).max() < 0.05
    assert model.validation_ic > 0.35


def test_ridge_equals_a_solver_on_stacked_samples():
    from sklearn.linear_model import Ridge

    windows, split = planted_windows()
    windows.y[20, 3:] = torch.nan
    xs, ys = [], []
    for row in range(split.train.stop):
        known = windows.labelled[row].numpy()
        if known.sum() >= 5:
            x, y = windows.x[row, known].double().numpy(), windows.y[row, known].double().numpy()
            xs.append(x - x.mean(axis=0))
            ys.append((y - y.mean()) / y.std())
    x, y = np.vstack(xs), np.concatenate(ys)
    twin = Ridge(alpha=0.1 * len(y), fit_intercept=False, solver="svd").fit(x, y)
    model = fit_ridge(windows, split, penalties=(0.1,))
    np.testing.assert_allclose(model.coefficients, twin.coef_, rtol=1e-8)


def test_rows_after_training_choose_the_penalty_only():
    windows, split = planted_windows()
    one = fit_ridge(windows, split, penalties=(0.1,))
    windows.y[split.train.stop :] *= -1
    assert fit_ridge(windows, split, penalties=(0.1,)).coefficients == one.coefficients
    assert fit_ridge(windows, split, penalties=(0.1,)).validation_ic == pytest.approx(-one.validation_ic)


def test_ridge_scores_exist_where_the_sessions_own_features_do():
    windows, split = planted_windows()
    windows.present[50, 2] = False
    scores = ridge_scores(fit_ridge(windows, split), windows)
    assert np.isnan(scores.iloc[50, 2])
    assert scores.notna().sum().sum() == 120 * 12 - 1


def test_penalties_must_be_positive():
    windows, split = planted_windows()
    with pytest.raises(ValueError, match="penalties must be positive"):
        fit_ridge(windows, split, penalties=(0.0,))
