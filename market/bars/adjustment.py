"""Adjustment: one factor per name and session for prices, and one split basis for volume.

factor = adj_close / close. Open, high, low and close are multiplied by it; dollar volume = close × volume is taken
before. Files of prices as traded also hold volume as traded: the factor then jumps by the exact ratio of each split,
and shares traded before it are multiplied by that ratio, so that they count in shares of the last session.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

__all__ = ["SplitEvents", "find_splits", "nearest_simple_ratio", "on_last_split_basis"]

MIN_JUMP = 1.2  # smaller moves of the factor are dividends
TOLERANCE = 3e-4  # relative; adj_close is written with six digits, and spin-offs come close to simple ratios
SHARE_OF_JUMPS = 1 / 3  # where fewer of the jumps are simple ratios, they are large dividends and spin-offs
REVERSAL_SESSIONS = 5  # a split undone within a week is a bad print

_FORWARD = np.unique(np.r_[np.arange(2, 201), [6 / 5, 5 / 4, 4 / 3, 7 / 5, 3 / 2, 8 / 5, 5 / 3, 5 / 2, 7 / 2]])
SIMPLE_RATIOS = np.unique(np.r_[_FORWARD, 1 / _FORWARD])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SplitEvents:
    """Splits by row (first session on the new basis), column and ratio (new shares for one old share)."""

    rows: np.ndarray
    columns: np.ndarray
    ratios: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)


def find_splits(factor: np.ndarray) -> SplitEvents:
    """Infer splits from the factor adj_close / close.

    Parameters
    ----------
    factor : array of float, shape (n_sessions, n_tickers)
        NaN without a print.

    Returns
    -------
    SplitEvents
        Jumps of at least 20 % between consecutive prints that lie on a simple ratio and are not undone within five
        sessions. None at all if most jumps lie on no simple ratio: prices of such a file are split adjusted already,
        and its jumps are large dividends and spin-offs.
    """
    before = pd.DataFrame(factor).ffill().shift(1).to_numpy()
    jump = factor / before
    columns, rows = np.nonzero(((jump >= MIN_JUMP) | (jump <= 1 / MIN_JUMP)).T)  # by ticker, then by session
    jumps = jump[rows, columns]
    ratios = nearest_simple_ratio(jumps)
    simple = np.abs(jumps / ratios - 1) <= TOLERANCE
    if simple.sum() < SHARE_OF_JUMPS * len(jumps):
        simple[:] = False
    splits = simple & ~_undone(rows, columns, jumps)
    return SplitEvents(rows=rows[splits], columns=columns[splits], ratios=ratios[splits])


def nearest_simple_ratio(jumps: np.ndarray) -> np.ndarray:
    """Round each jump to the nearest split ratio (2, 3/2, 1/10 …)."""
    above = np.clip(np.searchsorted(SIMPLE_RATIOS, jumps), 1, len(SIMPLE_RATIOS) - 1)
    low, high = SIMPLE_RATIOS[above - 1], SIMPLE_RATIOS[above]
    nearest: np.ndarray = np.where(jumps - low < high - jumps, low, high)
    return nearest


def on_last_split_basis(volume: np.ndarray, splits: SplitEvents) -> np.ndarray:
    """Express volume in shares of the last session: what traded before a split, times its ratio."""
    ratios = np.ones(volume.shape)
    ratios[splits.rows, splits.columns] = splits.ratios
    later = np.ones(volume.shape)
    later[:-1] = np.cumprod(ratios[:0:-1], axis=0)[::-1]
    on_basis: np.ndarray = volume * later
    return on_basis


def _undone(rows: np.ndarray, columns: np.ndarray, jumps: np.ndarray) -> np.ndarray:
    """Jumps that cancel with the ticker's next or previous one within a few sessions."""
    pair = (columns[1:] == columns[:-1]) & (rows[1:] - rows[:-1] <= REVERSAL_SESSIONS)
    pair &= np.abs(jumps[1:] * jumps[:-1] - 1) < 0.05
    either: np.ndarray = np.r_[False, pair] | np.r_[pair, False]
    return either
