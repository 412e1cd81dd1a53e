"""Confidence: the probability that a true Sharpe ratio is above zero, and above what its trials show by chance."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from backtests.statistics.deflation import (
    deflated_sharpe_ratio,
    expected_maximum_sharpe,
    minimum_track_record_length,
    sharpe_confidence,
)
from backtests.statistics.inference import probabilistic_sharpe_ratio
from backtests.statistics.metrics import session_sharpe, shape
from core.conventions import FEW_TRIALS, SESSIONS_PER_YEAR

__all__ = ["CONFIDENCE", "Confidence", "confidence_among"]

CONFIDENCE = 0.95  # probability at which a Sharpe ratio counts as above its benchmark


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidence:
    """Probabilistic and deflated Sharpe ratio of net returns, and the track record they need.

    Parameters
    ----------
    n_trials : int
        Distinct trials on the same bars and an overlapping test span, this one included.
    probabilistic : float
        Probability that the true Sharpe ratio is above 0 (PSR).
    deflated : float
        Probability that it is above the expected maximum of as many trials without skill (DSR); NaN for fewer than
        five.
    sessions : int
        Sessions with a return.
    sessions_needed : float
        Minimum track record length at 95 %.
    """

    n_trials: int
    probabilistic: float
    deflated: float
    sessions: int
    sessions_needed: float

    @property
    def passes_multiple_testing(self) -> bool:
        """Whether it passes the multiple-testing test: deflated Sharpe ratio, Bonferroni below five trials."""
        if self.n_trials < FEW_TRIALS:
            return self.probabilistic >= 1.0 - (1.0 - CONFIDENCE) / self.n_trials
        return self.deflated >= CONFIDENCE


def confidence_among(
    net_returns: pd.Series, sharpes: tuple[float, ...], *, sessions_per_year: float = SESSIONS_PER_YEAR
) -> Confidence:
    """PSR and DSR of net returns among all comparable trials, their own included.

    Parameters
    ----------
    net_returns : Series of float
        Simple net return of each judged session.
    sharpes : tuple of float
        Annual net Sharpe ratio of every trial; NaN where it is not known on test, as of a sweep's point. All count; the
        deflation takes the variance of those known where they are five or more, else that of trials without skill over
        as many sessions.
    sessions_per_year : float
        By which they are annual.
    """
    trials = np.array(sharpes)
    few = len(trials) < FEW_TRIALS
    return Confidence(
        n_trials=len(trials),
        probabilistic=probabilistic_sharpe_ratio(net_returns),
        deflated=math.nan if few else _deflated(net_returns, trials, sessions_per_year),
        sessions=len(net_returns.dropna()),
        sessions_needed=minimum_track_record_length(net_returns, confidence=CONFIDENCE),
    )


def _deflated(net_returns: pd.Series, trials: np.ndarray, sessions_per_year: float) -> float:
    """DSR; a few known ratios say too little of the spread of all, and those on validation nothing of that on test."""
    if np.isfinite(trials).sum() >= FEW_TRIALS:
        return deflated_sharpe_ratio(net_returns, trials, sessions_per_year=sessions_per_year)
    observed = net_returns.dropna().to_numpy(dtype=float)
    if len(observed) < 2:
        return math.nan
    best = expected_maximum_sharpe(1.0 / (len(observed) - 1), len(trials))
    return sharpe_confidence(session_sharpe(observed), len(observed), shape(observed), benchmark=best)
