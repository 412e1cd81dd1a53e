"""Problem: the optimisation at one close, as arrays over the names that may be held."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

__all__ = ["Problem"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """One rebalance; everything was known at its close.

    Parameters
    ----------
    returns : ndarray of float, shape (n_window, n_names)
        Simple returns of the past, this session last.
    scores : ndarray of float, shape (n_names,)
        Expected next-session returns.
    signs : ndarray of int, shape (n_names,)
        +1 for a name that may be long, −1 for one that may be short.
    legs : Mapping of int to float
        Gross of each side, by sign.
    limits : ndarray of float, shape (n_names,)
        Largest size of each weight.
    exposures : ndarray of float, shape (n_rules, n_names)
        Exposures that are bounded: sector membership, beta.
    bounds : ndarray of float, shape (n_rules,)
        Largest size of each.
    before : ndarray of float, shape (n_names,)
        Weights of the target before.
    traded : float or None
        Largest sum of the sizes of all changes; None for no limit.
    """

    returns: np.ndarray
    scores: np.ndarray
    signs: np.ndarray
    legs: Mapping[int, float]
    limits: np.ndarray
    exposures: np.ndarray
    bounds: np.ndarray
    before: np.ndarray
    traded: float | None = None
