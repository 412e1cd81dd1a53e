"""Thresholdout: silent while training and held-out number agree, noisy where not, and the same when asked again."""

import numpy as np
import pytest

from backtests.statistics.thresholdout import Protected, Thresholdout

EXACT = Thresholdout(threshold=4.0, noise=0.0, seed=1)
NOISY = Thresholdout(threshold=4.0, noise=0.5, seed=1)


def asked(mechanism: Thresholdout, held_out: float, *, question: int = 1, disagreements: int = 0) -> Protected:
    return mechanism.ask(0.03, held_out, error=0.005, question=question, disagreements=disagreements)


@pytest.mark.parametrize(
    ("held_out", "answer", "disagrees"),
    [(0.030, 0.03, False), (0.049, 0.03, False), (0.011, 0.03, False), (0.051, 0.051, True), (0.009, 0.009, True)],
)
def test_without_noise_it_is_a_threshold_of_four_errors(held_out: float, answer: float, disagrees: bool) -> None:
    assert asked(EXACT, held_out) == Protected(answer=answer, disagrees=disagrees)


def test_while_they_agree_the_answer_tells_nothing_of_the_held_out_span() -> None:
    answers = {asked(NOISY, 0.03 + shift, question=7) for shift in (0.0, 1e-4, -1e-4)}
    assert answers == {Protected(answer=0.03, disagrees=False)}


def test_the_same_question_has_the_same_noise_and_another_has_its_own() -> None:
    first, again = (asked(NOISY, 0.2, question=3, disagreements=2) for _ in range(2))
    assert first == again
    assert first.disagrees
    others = [asked(NOISY, 0.2, question=each, disagreements=2).answer for each in range(50)]
    assert len(set(others)) == 50
    assert asked(Thresholdout(threshold=4.0, noise=0.5, seed=2), 0.2, question=3).answer != first.answer


def test_the_noise_has_the_scales_of_the_paper() -> None:
    """σ = ½ of the answer; 4σ and 2σ of the comparison: at a gap of 4 errors above the threshold, by simulation."""
    told = np.array([asked(NOISY, 0.5, question=each).answer - 0.5 for each in range(4_000)]) / 0.005
    assert np.abs(told).mean() == pytest.approx(0.5, abs=0.03)  # the mean size of a Laplace draw is its scale
    missed = [not asked(NOISY, 0.07, question=each, disagreements=each).disagrees for each in range(4_000)]
    rng = np.random.default_rng(0)
    bar = 4.0 + rng.laplace(scale=1.0, size=400_000) + rng.laplace(scale=2.0, size=400_000)
    assert np.mean(missed) == pytest.approx((bar >= 8.0).mean(), abs=0.015)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="numbers must be finite and error above 0"):
        asked(EXACT, np.nan)
    with pytest.raises(ValueError, match="threshold and noise must be finite and at least 0"):
        Thresholdout(threshold=-1.0, noise=0.0, seed=0)
