"""Forecast ranges: whether quantiles hold what they promise, and how narrow they are.

Quantiles are (T, N, H, Q) at ``LEVELS``; outcomes (T, N, H). A cell counts where the quantiles asked for and the
outcome are there.
"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from backtests.statistics.pinball import mean_pinball
from models.forecasters.forecasts import DECILES, LEVELS, ONE_SIGMA

__all__ = ["covered", "crps_of_deciles", "one_sigma", "pinball", "reached", "width"]


def covered(quantiles: np.ndarray, outcome: np.ndarray, *, low: float, high: float) -> np.ndarray:
    """1 where the outcome lies between two quantiles, bounds included, else 0; NaN where either is missing."""
    bottom, top = (quantiles[..., LEVELS.index(level)] for level in (low, high))
    known = np.isfinite(bottom) & np.isfinite(top) & np.isfinite(outcome)
    return np.where(known, (bottom <= outcome) & (outcome <= top), np.nan)


def width(quantiles: np.ndarray, *, low: float, high: float) -> float:
    """Mean distance of two quantiles: the sharpness of a range."""
    spread = quantiles[..., LEVELS.index(high)] - quantiles[..., LEVELS.index(low)]
    return float(np.nanmean(spread)) if np.isfinite(spread).any() else math.nan


def pinball(quantiles: np.ndarray, outcome: np.ndarray, *, levels: Sequence[float] = DECILES) -> np.ndarray:
    """``mean_pinball`` of the quantiles at ``levels`` in every cell, (T, N, H); NaN where one is missing."""
    return mean_pinball(outcome, [quantiles[..., LEVELS.index(level)] for level in levels], levels)


def crps_of_deciles(quantiles: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    """Continuous ranked probability score in every cell, by the deciles: twice their mean pinball loss.

    The score of the whole distribution is twice the integral of the pinball loss over all levels (Gneiting and Raftery,
    2007); nine levels that every forecaster gives make all comparable.
    """
    return 2.0 * pinball(quantiles, outcome)


def reached(quantiles: np.ndarray, outcome: np.ndarray) -> pd.Series:
    """The calibration curve: how often the outcome lay at or below each quantile, by level."""
    known = np.isfinite(quantiles) & np.isfinite(outcome)[..., None]
    below = (outcome[..., None] <= quantiles) & known
    axes = tuple(range(known.ndim - 1))
    with np.errstate(invalid="ignore"):
        shares = below.sum(axis=axes) / known.sum(axis=axes)
    return pd.Series(shares, index=pd.Index(LEVELS, name="level"), name="observed")


def one_sigma(quantiles: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    """``covered`` between one sigma below and one above."""
    return covered(quantiles, outcome, low=ONE_SIGMA[0], high=ONE_SIGMA[1])
