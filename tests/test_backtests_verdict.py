"""The verdict's rule: what it lets through, what it stops, and how often it errs among 200 trials."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from scipy.special import erfinv

from backtests.statistics.metrics import session_sharpe
from backtests.verdict import Confidence, Grounds, confidence_among, weigh
from core.conventions import SESSIONS_PER_YEAR

SURE = Confidence(n_trials=10, probabilistic=0.99, deflated=0.96, sessions=500, sessions_needed=100.0)


def test_what_survives_everything_is_evidence() -> None:
    assert weigh(Grounds(confidence=SURE)) == "EVIDENCE"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"synthetic": True}, "NOT EVIDENCE"),
        ({"executable": False}, "NOT EVIDENCE"),
        ({"ic_above_zero": False}, "NOT EVIDENCE"),
        ({"survivor_biased": True}, "WEAK"),
        ({"capped": True}, "WEAK"),
        ({"discovered": False}, "WEAK"),
        ({"overfitting": 0.5}, "WEAK"),
        ({"overfitting": 0.49}, "EVIDENCE"),
    ],
)
def test_each_ground_has_its_weight(change: dict[str, object], word: str) -> None:
    assert weigh(dataclasses.replace(Grounds(confidence=SURE), **change)) == word


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"deflated": 0.949}, "WEAK"),
        ({"deflated": math.nan}, "WEAK"),
        ({"probabilistic": 0.949}, "NOT EVIDENCE"),
        ({"probabilistic": math.nan}, "NOT EVIDENCE"),
        ({"n_trials": 4, "deflated": math.nan}, "EVIDENCE"),
        ({"n_trials": 4, "deflated": math.nan, "probabilistic": 0.98}, "WEAK"),
        ({"n_trials": 1, "deflated": math.nan, "probabilistic": 0.951}, "EVIDENCE"),
    ],
)
def test_the_multiple_testing_test_must_be_passed(change: dict[str, float], word: str) -> None:
    assert weigh(Grounds(confidence=dataclasses.replace(SURE, **change))) == word


def test_fewer_than_five_trials_are_not_deflated() -> None:
    returns = pd.Series(np.random.default_rng(0).normal(0.001, 0.01, size=300))
    assert math.isnan(confidence_among(returns, (1.0, 0.5, 0.2, 0.1)).deflated)
    assert 0.0 < confidence_among(returns, (1.0, 0.5, 0.2, 0.1, 0.0)).deflated < 1.0


def test_points_without_a_test_result_count_and_lend_no_variance() -> None:
    """By the formula, the best of 200 null Sharpe ratios is 2.7655 of their standard deviations up, 1 ÷ √299 here."""
    returns = pd.Series(np.random.default_rng(0).normal(0.002, 0.01, size=300))
    found = confidence_among(returns, (3.0, *[math.nan] * 199))
    score = math.sqrt(2.0) * erfinv(2.0 * found.probabilistic - 1.0)
    scale = session_sharpe(returns) * math.sqrt(299) / score
    assert math.sqrt(2.0) * erfinv(2.0 * found.deflated - 1.0) == pytest.approx(score - 2.7655 / scale, abs=1e-4)
    few_known = confidence_among(returns, (3.0, 9.0, -9.0, 4.0, *[math.nan] * 196))
    five_known = confidence_among(returns, (3.0, 9.0, -9.0, 4.0, 0.0, *[math.nan] * 195))
    assert few_known.deflated == found.deflated
    assert five_known.deflated < found.deflated


def share_called_evidence(rng: np.random.Generator, *, true_sharpe: float | None, repetitions: int = 500) -> float:
    """How often, among 200 trials over five years, the best null or the one with skill is called EVIDENCE."""
    n_sessions, n_trials, called = 5 * SESSIONS_PER_YEAR, 200, 0
    for _ in range(repetitions):
        returns = rng.standard_normal((n_trials, n_sessions), dtype=np.float32) * 0.01
        if true_sharpe is not None:
            returns[0] += 0.01 * true_sharpe / math.sqrt(SESSIONS_PER_YEAR)
        sharpes = returns.mean(axis=1) / returns.std(axis=1, ddof=1) * math.sqrt(SESSIONS_PER_YEAR)
        judged = int(sharpes.argmax()) if true_sharpe is None else 0
        found = confidence_among(pd.Series(returns[judged].astype(float)), tuple(sharpes.tolist()))
        called += weigh(Grounds(confidence=found)) == "EVIDENCE"
    return called / repetitions


@pytest.mark.slow
def test_the_best_of_200_null_strategies_is_hardly_ever_evidence() -> None:
    assert share_called_evidence(np.random.default_rng(1), true_sharpe=None) < 0.05


@pytest.mark.slow
@pytest.mark.parametrize(("true_sharpe", "least"), [(3.0, 0.95), (2.5, 0.80)])
def test_skill_among_200_trials_is_called_evidence(true_sharpe: float, least: float) -> None:
    assert share_called_evidence(np.random.default_rng(1), true_sharpe=true_sharpe) >= least
