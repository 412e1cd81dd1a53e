"""Rounding: deviations that are nothing but the rounding of arithmetic, which no ratio may have below it."""

import numpy as np

__all__ = ["ROUNDING", "is_rounding", "never_moves"]

ROUNDING = 1e-12  # of the size of the mean: a smaller deviation is rounding
LEVEL_ROUNDING = 1e-14  # of 1: returns are differences of levels that are rounded to 2e-16 of themselves


def is_rounding(deviation: np.ndarray | float, mean: np.ndarray | float) -> np.ndarray:
    """Whether deviations are rounding beside their means: below 1e-12 of the mean's size, or 1e-14.

    Parameters
    ----------
    deviation, mean : ndarray of float or float
        Of the same numbers, which are returns, correlations or the like, of a size up to 1; NaN is no rounding.

    Examples
    --------
    >>> bool(is_rounding(1.4e-17, 0.1)), bool(is_rounding(0.01, 0.0005))
    (True, False)
    """
    return np.asarray(deviation) <= np.maximum(ROUNDING * np.abs(mean), LEVEL_ROUNDING)


def never_moves(values: np.ndarray) -> bool:
    """Whether numbers are one constant up to rounding; so is a single one.

    Examples
    --------
    >>> level = 100.0 * 1.0001 ** np.arange(500)
    >>> never_moves(level[1:] / level[:-1] - 1.0)
    True
    """
    return len(values) < 2 or bool(is_rounding(values.std(ddof=1), values.mean()))
