"""Block bootstrap: draws of the stationary bootstrap, and its optimal block length."""

import math
from typing import NamedTuple

import numpy as np

from core.rounding_error import never_moves

__all__ = ["Blocks", "draw_blocks", "optimal_block_length"]


class Blocks(NamedTuple):
    """Blocks of stationary bootstrap samples, one after the other, resample by resample.

    Parameters
    ----------
    first : ndarray of int, shape (n_resamples,)
        Place of each resample's first block in the two others.
    row : ndarray of int, shape (n_blocks,)
        Session at which each block begins; it runs on from there, around the end.
    length : ndarray of int, shape (n_blocks,)
        Sessions in each block.
    """

    first: np.ndarray
    row: np.ndarray
    length: np.ndarray

    def sums(self, series: np.ndarray) -> np.ndarray:
        """Sum of (n_series, n_sessions) numbers over each block, shape (n_series, n_blocks)."""
        around = np.hstack([np.zeros((len(series), 1)), series, series])
        running = around.cumsum(axis=1)
        total: np.ndarray = running.take(self.row + self.length, axis=1) - running.take(self.row, axis=1)
        return total

    def resample(self) -> np.ndarray:
        """Resample that each block belongs to, shape (n_blocks,)."""
        return np.repeat(np.arange(len(self.first)), np.diff(self.first, append=len(self.row)))


def draw_blocks(n_sessions: int, n_resamples: int, *, mean_block: float, rng: np.random.Generator) -> Blocks:
    """Draw the blocks of stationary bootstrap samples: geometric lengths, every first session equally likely.

    Parameters
    ----------
    n_sessions, n_resamples : int
        Rows of the sample and number of resamples.
    mean_block : float
        Mean block length in sessions, at least 1; 1 is the bootstrap of independent sessions. The last block of a
        resample is cut where the sample is full.
    rng : Generator
        Source of randomness.

    References
    ----------
    Politis, D. N. and Romano, J. P., "The Stationary Bootstrap", Journal of the American Statistical Association, 1994.
    """
    if mean_block < 1:
        raise ValueError(f"mean_block must be at least 1 session, was {mean_block}")
    starts = rng.random((n_resamples, n_sessions)) < 1.0 / mean_block
    starts[:, 0] = True
    drawn = rng.integers(n_sessions, size=(n_resamples, n_sessions))
    begins = np.flatnonzero(starts)
    first = np.searchsorted(begins, np.arange(n_resamples) * n_sessions)
    return Blocks(first=first, row=drawn.ravel()[begins], length=np.diff(begins, append=starts.size))


def optimal_block_length(values: np.ndarray) -> float:
    """Mean block length with the least error in the variance of a mean, from the autocovariances of ``values``.

    Autocovariances count up to twice the first lag that begins a run of insignificant ones, with a flat-top window.

    Parameters
    ----------
    values : ndarray of float, shape (n_sessions,)
        One number per session, none missing.

    Returns
    -------
    float
        Between 1 and the smaller of 3 √n and n ÷ 3 sessions; 1 for a constant or fewer than nine sessions.

    References
    ----------
    Politis, D. N. and White, H., "Automatic Block-Length Selection for the Dependent Bootstrap", Econometric Reviews,
    2004, section 3.2; D of the stationary bootstrap as in Patton, A., Politis, D. N. and White, H., "Correction to …",
    Econometric Reviews, 2009.
    """
    n = len(values)
    if n < 9 or never_moves(values):
        return 1.0
    covariance = _autocovariances(values, n_lags=min(math.ceil(math.sqrt(n)) + _run(n), n - 1))
    lags = np.arange(1, _counted_lags(np.abs(covariance[1:]) / covariance[0], n) + 1)
    window = np.minimum(1.0, 2.0 * (1.0 - lags / len(lags)))
    weighted = window * covariance[lags]
    curvature, long_run = 2.0 * (weighted @ lags), covariance[0] + 2.0 * weighted.sum()
    length = abs(curvature / long_run) ** (2.0 / 3.0) * n ** (1.0 / 3.0)  # (2G²/D)^⅓ n^⅓ with D = 2 g(0)²
    return float(np.clip(length, 1.0, math.ceil(min(3.0 * math.sqrt(n), n / 3.0))))


def _run(n_sessions: int) -> int:
    return max(5, int(math.log10(n_sessions)))


def _autocovariances(values: np.ndarray, *, n_lags: int) -> np.ndarray:
    deviations, n = values - values.mean(), len(values)
    return np.array([deviations[lag:] @ deviations[: n - lag] / n for lag in range(n_lags + 1)])


def _counted_lags(correlation: np.ndarray, n_sessions: int) -> int:
    """Twice the first lag that begins a run of insignificant correlations; all lags where none does."""
    quiet = correlation < 2.0 * math.sqrt(math.log10(n_sessions) / n_sessions)
    runs = np.lib.stride_tricks.sliding_window_view(quiet, min(_run(n_sessions), len(quiet))).all(axis=1)
    return min(2 * (int(runs.argmax()) + 1), len(quiet)) if runs.any() else len(quiet)
