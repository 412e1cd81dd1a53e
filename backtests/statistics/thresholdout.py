"""Thresholdout: answers about a held-out span that many adaptive questions may not wear out.

A question has a number on the training span and one on the held-out span. While they agree, the answer is the training
number, which tells nothing of the held-out span; where they differ by more than a noisy threshold, it is the held-out
number with noise, and only that is paid for. Units are standard errors of the held-out number.
"""

import math
from dataclasses import dataclass

import numpy as np

__all__ = ["Protected", "Thresholdout"]

THRESHOLD_DRAW, QUESTION_DRAW = 0, 1  # streams of one seed


@dataclass(frozen=True, slots=True, kw_only=True)
class Protected:
    """One answer.

    Parameters
    ----------
    answer : float
        In the unit of the question's numbers.
    disagrees : bool
        Training and held-out number differ by more than the noisy threshold: the answer is the held-out one with noise,
        and one of the disagreements that may be told is used up.
    """

    answer: float
    disagrees: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholdout:
    """The mechanism; it keeps no state, so that an answer can be computed again.

    Parameters
    ----------
    threshold : float
        T, the difference that is no disagreement yet, in standard errors.
    noise : float
        σ, scale of the Laplace noise, in standard errors; the threshold has Laplace noise of scale 2 σ, drawn anew
        after each disagreement, each comparison of scale 4 σ, each held-out number of scale σ. 0 is none.
    seed : int
        Of all draws. Whoever knows it can take the noise off.

    References
    ----------
    Dwork, C., Feldman, V., Hardt, M., Pitassi, T., Reingold, O. and Roth, A., "The reusable holdout: Preserving
    validity in adaptive data analysis", Science, 2015; the same, "Generalization in Adaptive Data Analysis and Holdout
    Reuse", NeurIPS 2015, algorithm 1.

    Examples
    --------
    >>> from backtests.statistics.thresholdout import Thresholdout
    >>> exact = Thresholdout(threshold=4.0, noise=0.0, seed=0)
    >>> exact.ask(0.030, 0.028, error=0.005, question=1, disagreements=0)
    Protected(answer=0.03, disagrees=False)
    >>> exact.ask(0.060, 0.028, error=0.005, question=2, disagreements=0)
    Protected(answer=0.028, disagrees=True)
    """

    threshold: float
    noise: float
    seed: int

    def __post_init__(self) -> None:
        if not (0.0 <= self.threshold < math.inf and 0.0 <= self.noise < math.inf):
            raise ValueError(
                f"threshold and noise must be finite and at least 0, were {self.threshold} and {self.noise}"
            )

    def ask(self, training: float, held_out: float, *, error: float, question: int, disagreements: int) -> Protected:
        """Answer one question.

        Parameters
        ----------
        training, held_out : float
            The same measure on both spans.
        error : float
            Standard error of the held-out one, above 0.
        question : int
            Which question it is; the same one has the same noise.
        disagreements : int
            How many were told before; the threshold's noise is theirs.
        """
        if not (math.isfinite(training) and math.isfinite(held_out) and 0.0 < error < math.inf):
            raise ValueError(f"numbers must be finite and error above 0, were {training}, {held_out} and {error}")
        bar = self.threshold + self._laplace(2.0, THRESHOLD_DRAW, disagreements)[0]
        compared, told = self._laplace(1.0, QUESTION_DRAW, question, size=2)
        if abs(held_out - training) / error > bar + 4.0 * compared:
            return Protected(answer=held_out + error * told, disagrees=True)
        return Protected(answer=training, disagrees=False)

    def _laplace(self, scales: float, stream: int, number: int, *, size: int = 1) -> list[float]:
        """Draws of scale ``scales`` × the noise, the same for the same stream and number."""
        draws = np.random.default_rng([self.seed, stream, number]).laplace(size=size)
        return [float(draw) * scales * self.noise for draw in draws]
