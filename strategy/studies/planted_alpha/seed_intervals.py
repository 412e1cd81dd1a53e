"""Seed intervals: Student's t for a mean, Fieller's for a ratio of two means.

Seeds are independent markets, so an interval over them counts everything that differs between markets. They are few:
with three, a 95 % interval is 4.3 standard errors to either side.
"""

import math
from collections.abc import Sequence

import numpy as np

from core.intervals import Interval

__all__ = ["ratio_interval", "seed_interval"]

CONFIDENCE = 0.95


def seed_interval(values: Sequence[float]) -> Interval:
    """The mean over seeds with its 95 % t interval; NaN bounds with fewer than two seeds.

    Parameters
    ----------
    values : sequence of float
        One number a seed.
    """
    numbers = np.asarray(values, dtype=float)
    mean = float(numbers.mean())
    if len(numbers) < 2:
        return Interval(mean, math.nan, math.nan)
    reach = _quantile(len(numbers)) * float(numbers.std(ddof=1)) / math.sqrt(len(numbers))
    return Interval(mean, mean - reach, mean + reach)


def ratio_interval(numerators: Sequence[float], denominators: Sequence[float]) -> Interval:
    """The ratio of two paired means with its 95 % interval.

    Parameters
    ----------
    numerators, denominators : sequence of float
        One pair a seed.

    Returns
    -------
    Interval
        Without bounds (NaN) where the mean of the denominators is not significantly different from zero.

    References
    ----------
    Fieller, E. C., "Some Problems in Interval Estimation", Journal of the Royal Statistical Society B, 1954.
    """
    above, below = np.asarray(numerators, dtype=float), np.asarray(denominators, dtype=float)
    a, b, seeds = float(above.mean()), float(below.mean()), len(above)
    if seeds < 2:
        return Interval(a / b, math.nan, math.nan)
    spread = np.cov(above, below, ddof=1) * _quantile(seeds) ** 2 / seeds
    leading = b * b - spread[1, 1]
    if leading <= 0.0:
        return Interval(a / b, math.nan, math.nan)
    middle = a * b - spread[0, 1]
    root = math.sqrt(max(middle * middle - leading * (a * a - spread[0, 0]), 0.0))  # rounding may fall below 0
    return Interval(a / b, (middle - root) / leading, (middle + root) / leading)


def _quantile(seeds: int) -> float:
    from scipy import stats

    return float(stats.t.ppf(0.5 + CONFIDENCE / 2, seeds - 1))
