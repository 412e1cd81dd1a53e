"""Conformal quantiles: what part of past residuals a range must hold, by a rule that is right in small samples.

Of n residuals and one more, each in any order equally likely, the new one lies at or below the ⌈(n + 1)·p⌉-th smallest
of the n with a probability of at least p. That is split conformal prediction with the residuals of the validation
span, which trained nothing.

Returns are not exchangeable. Names of one session move together, so that n counts far more than there is; volatility
comes in spells, so that a calm validation makes ranges that are too narrow for a wild test; and labels of several
sessions overlap. So the share that is held out of sample is measured and reported, never assumed.

References
----------
V. Vovk, A. Gammerman, G. Shafer (2005), "Algorithmic learning in a random world", chapter 2: the rank. J. Lei et al.
(2018), "Distribution-free predictive inference for regression", section 5.2: residuals over a spread of their own.
"""

import math

import numpy as np

from core.errors import DataError

__all__ = ["MIN_RESIDUALS", "NINETY", "ONE_SIGMA", "QUANTILE_LEVELS", "conformal_quantile"]

ONE_SIGMA = 0.6827  # of a normal distribution, within one standard deviation
NINETY = 0.90
QUANTILE_LEVELS = tuple((2 * k + 1) / 100 for k in range(50))  # 0.01, 0.03, … 0.99: the middles of fifty equal parts
MIN_RESIDUALS = 99  # so that every level has its rank


def conformal_quantile(residuals: np.ndarray, level: float) -> float:
    """The ⌈(n + 1)·level⌉-th smallest of n residuals.

    Parameters
    ----------
    residuals : ndarray of float, shape (n,)
        Finite, in any order; sizes for a range that is symmetric, signed ones for a quantile.
    level : float
        In (0, 1).

    Raises
    ------
    DataError
        If there are too few for the level: the rank would be n + 1.

    Examples
    --------
    >>> conformal_quantile(np.array([0.3, 0.1, 0.2]), 0.5)  # the second of three, ⌈4 · ½⌉
    0.2
    """
    n = len(residuals)
    rank = math.ceil(round((n + 1) * level, 9))  # a product such as 10 × 0.9 may lie above its whole number
    if rank > n:
        raise DataError(f"{n} residuals of validation are too few for a range of {level:.2%}: give more validation")
    return float(np.partition(residuals, rank - 1)[rank - 1])
