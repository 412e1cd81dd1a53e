"""Ensembles of forecasters: weights by hand and by laws, halves that do not see each other, and their words."""

import numpy as np
import pytest

from models.forecasters.ensemble_forecaster import Ensemble, combined, ensemble_of, simplex_weights
from models.forecasters.forecaster import SeriesHistory
from models.forecasters.forecasts import Forecasts
from tests.test_models_forecasters import SPLIT, history_of, panel_of

VALIDATION, TEST = SPLIT.validation, SPLIT.test


@pytest.fixture(scope="module")
def history() -> SeriesHistory:
    return history_of(panel_of(np.random.default_rng(5).normal(0.0, 0.01, (500, 2))))


def spans(history: SeriesHistory, said: np.ndarray) -> tuple[Forecasts, Forecasts]:
    """Forecasts of validation and test out of those of every row, (T, N, H)."""
    found = [
        Forecasts(
            sessions=history.sessions[rows], tickers=history.panel.tickers, horizons=history.horizons, mean=said[rows]
        )
        for rows in (VALIDATION, TEST)
    ]
    return found[0], found[1]


def members(history: SeriesHistory, *shares: float) -> dict[str, tuple[Forecasts, Forecasts]]:
    """Forecasters that know a share of what comes, and noise of their own."""
    rng = np.random.default_rng(2)
    known = np.nan_to_num(history.outcomes())
    return {
        f"m{place}": spans(history, share * known + rng.normal(0.0, 0.005, known.shape))
        for place, share in enumerate(shares)
    }


@pytest.mark.parametrize("word", ["mean", "validation", "trimmed:0.3", ".5,.5", ".2,.8"])
def test_a_forecaster_beside_itself_is_the_forecaster(history: SeriesHistory, word: str) -> None:
    one = members(history, 0.3)["m0"]
    found = combined(ensemble_of(word), {"a": one, "b": one}, history)
    for mine, own in ((found.validation, one[0]), (found.test, one[1])):
        assert np.allclose(mine.mean, own.mean, rtol=0.0, atol=1e-12)
        assert mine.quantiles is not None
    assert sum(found.weights) == pytest.approx(1.0)


def test_given_weights_and_means_by_hand(history: SeriesHistory) -> None:
    ones = np.ones((500, 2, 2))
    told = {name: spans(history, value * ones) for name, value in (("a", 0.01), ("b", 0.03), ("c", -0.08))}
    for word, wanted in ((".5,.2,.3", -0.013), ("mean", -0.04 / 3), ("trimmed:0.34", 0.01), ("trimmed:0.3", -0.04 / 3)):
        found = combined(ensemble_of(word), told, history)
        assert np.allclose(found.test.mean, wanted, rtol=0.0, atol=1e-15), word
    assert combined(ensemble_of("trimmed:0.34"), told, history).facts["trimmed"] == "1 of 3 models at either end"
    nothing = combined(ensemble_of("trimmed:0.1"), told, history).facts["trimmed"]
    assert nothing == "nothing: 10% of 3 models are less than one"
    assert combined(ensemble_of(".5,.2,.3"), told, history).facts["weights"] == "a 0.500 · b 0.200 · c 0.300"


def test_weights_by_hand() -> None:
    first, second = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    assert simplex_weights([first, second], np.array([0.25, 0.75])) == pytest.approx((0.25, 0.75))
    y = np.array([0.01, -0.02, 0.03])
    error = np.array([0.002, 0.004, -0.001])
    assert simplex_weights([y + error, y - error], y) == pytest.approx((0.5, 0.5))
    assert simplex_weights([2.0 * y, np.zeros(3)], y) == pytest.approx((0.5, 0.5))
    assert simplex_weights([3.0 * y, -y], y) == pytest.approx((0.5, 0.5))
    assert simplex_weights([0.5 * y, -y], y) == pytest.approx((1.0, 0.0))
    assert simplex_weights([np.full(3, np.nan), y], y) is None


def test_simplex_weights_are_those_of_another_solver() -> None:
    from scipy.optimize import minimize

    rng = np.random.default_rng(0)
    outcome = rng.normal(0.0, 0.02, 300)
    said = [share * outcome + rng.normal(0.0, 0.01, 300) for share in (0.1, 0.3, -0.2)]
    x = np.stack(said, axis=1)
    other = minimize(
        lambda w: 1e3 * float(np.sum((outcome - x @ w) ** 2)),
        np.full(3, 1 / 3),
        bounds=[(0.0, 1.0)] * 3,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1.0},
        tol=1e-14,
    )
    assert simplex_weights(said, outcome) == pytest.approx(tuple(other.x), abs=1e-5)


def test_fitted_weights_find_who_knows_and_serve_test(history: SeriesHistory) -> None:
    told = members(history, 0.9, 0.0, 0.0)
    found = combined(ensemble_of("validation"), told, history)
    assert min(found.weights) >= 0.0
    assert sum(found.weights) == pytest.approx(1.0)
    assert found.weights[0] > 0.8
    wanted = sum(weight * each[1].mean for weight, each in zip(found.weights, told.values(), strict=True))
    assert np.allclose(found.test.mean, wanted, rtol=0.0, atol=1e-15)
    of_training = found.of_training(ensemble_of("validation"), [each[1] for each in told.values()])
    assert np.array_equal(of_training.mean, found.test.mean)


def test_each_half_of_validation_is_judged_with_weights_that_it_did_not_fit(history: SeriesHistory) -> None:
    """One member knows the first half, the other the second: each half trusts the one that knows the other."""
    known = np.nan_to_num(history.outcomes())
    middle = VALIDATION.start + (VALIDATION.stop - VALIDATION.start) // 2
    early = (np.arange(500) < middle)[:, None, None]
    rng = np.random.default_rng(3)
    noise = rng.normal(0.0, 0.05, known.shape)
    told = {
        "early": spans(history, np.where(early, known, noise)),
        "late": spans(history, np.where(early, noise, known)),
    }
    found = combined(ensemble_of("validation"), told, history)
    wrong = spans(history, noise)[0].mean
    n_early = middle - VALIDATION.start
    assert np.allclose(found.validation.mean[:n_early], wrong[:n_early], atol=1e-6)
    assert np.allclose(found.validation.mean[n_early:], wrong[n_early:], atol=1e-6)
    assert found.facts["validation"].endswith("each half is judged with the weights of the other")


def test_labels_of_one_half_are_in_no_weight_of_the_other(history: SeriesHistory) -> None:
    """Outcomes that reach into the other half are left out: changing them moves no forecast of that half."""
    told = members(history, 0.5, 0.2)
    middle = VALIDATION.start + (VALIDATION.stop - VALIDATION.start) // 2
    close = history.panel.close.copy()
    close.iloc[middle + 1 :] *= 1.5  # returns of rows from middle − 3 to middle change, for h up to 3
    moved = history_of(panel_of(np.diff(np.log(close.to_numpy()), axis=0, prepend=np.log(100.0))))
    assert not np.allclose(moved.outcomes()[middle - 2], history.outcomes()[middle - 2])
    late = [combined(ensemble_of("validation"), told, each).validation.mean for each in (history, moved)]
    n_early = middle - VALIDATION.start
    assert np.allclose(late[0][n_early:], late[1][n_early:], rtol=0.0, atol=1e-12)
    assert np.allclose(late[0][:n_early], late[1][:n_early], rtol=0.0, atol=1e-12)


def test_no_outcome_of_test_is_read(history: SeriesHistory) -> None:
    told = members(history, 0.5, 0.2)
    cut = history.until(history.sessions[TEST.start - 1])
    missing = {name: (each[0], each[1].of(each[1].sessions[:0])) for name, each in told.items()}
    whole, early = combined(ensemble_of("validation"), told, history), combined(ensemble_of("validation"), missing, cut)
    assert whole.weights == early.weights
    assert np.array_equal(whole.validation.mean, early.validation.mean)


def test_where_a_member_says_nothing_so_does_the_ensemble(history: SeriesHistory) -> None:
    told = members(history, 0.5, 0.2)
    mean = told["m1"][1].mean.copy()
    mean[3, 0] = np.nan
    told["m1"] = (
        told["m1"][0],
        Forecasts(sessions=told["m1"][1].sessions, tickers=history.panel.tickers, horizons=history.horizons, mean=mean),
    )
    for word in ("mean", "validation", "trimmed:0.4"):
        found = combined(ensemble_of(word), told, history).test.mean
        assert np.isnan(found[3, 0]).all()
        assert np.isfinite(found).sum() == found.size - 2


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("median", "--ensemble takes mean, validation"),
        (".5,.2", r"whose sum is 1, were 0.5, 0.2 \(sum 0.7\)"),
        ("1.5,-.5", "from 0 on"),
        ("nan,1", "from 0 on"),
        ("trimmed", "--ensemble takes"),
        ("trimmed:0.5", "between 0 and 0.5"),
        ("trimmed:0", "between 0 and 0.5"),
        ("mean:2", "mean takes no number"),
    ],
)
def test_words_that_are_no_ensemble_are_one_clear_line(word: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        ensemble_of(word)
    assert "\n" not in str(refused.value)


def test_members_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="two models or more"):
        Ensemble(how="mean").check(["linear"])
    with pytest.raises(ValueError, match="3 weights are given for 2"):
        ensemble_of(".5,.2,.3").check(["linear", "ar"])
