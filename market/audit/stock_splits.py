"""Stock splits: those that adj_close accounts for, those that nothing accounts for, and volume adjusted too early.

An unadjusted split moves the opening price by a simple ratio and the shares traded by its inverse; what is traded in
money, and how far prices move within the session, stay as they were. A crash does neither.
"""

import numpy as np
import pandas as pd

from market.bars.adjustment import find_splits, nearest_simple_ratio
from market.panel import Panel

__all__ = ["Splits", "adjusted_splits", "early_volume", "split_words", "unadjusted_splits"]

WINDOW_SESSIONS = 20
LIKELY = np.array([4 / 3, 3 / 2, 2, 5 / 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 100])
RATIOS = np.sort(np.r_[LIKELY, 1 / LIKELY])
OPEN_TOLERANCE = 0.06  # relative distance of the open from the ratio
MAX_RANGE = 0.20  # high over low of the session, less one
MAX_MONEY_RATIO = 2.5  # money traded over its median, at most and at least its inverse

Splits = list[tuple[int, int, float]]


def adjusted_splits(factor: np.ndarray) -> Splits:
    """Find the splits that adj_close / close shows: (column, row, new shares for one old)."""
    events = find_splits(factor)
    return list(zip(events.columns.tolist(), events.rows.tolist(), events.ratios.tolist(), strict=True))


def unadjusted_splits(panel: Panel) -> Splits:
    """Find splits that the prices still show: (column, row, likely new shares for one old).

    A jump that is undone, prices and money, within the next sessions is a bad print and not a split.
    """
    close = panel.close.to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = pd.DataFrame(close).ffill().shift(1).to_numpy() / panel.open.to_numpy()
        nearest = _nearest(ratio)
        money, shares = _against_median(panel.dollar_volume), _shift_of_volume(panel.volume)
        calm = (
            (panel.high.to_numpy() / panel.low.to_numpy() - 1 < MAX_RANGE)
            & (money < MAX_MONEY_RATIO)
            & (money > 1 / MAX_MONEY_RATIO)
        )
        near = (np.abs(ratio / nearest - 1) < OPEN_TOLERANCE) & (np.abs(np.log(ratio)) > 0.25)
        followed = np.abs(np.log(shares / nearest)) < 0.5 * np.abs(np.log(nearest))
    columns, rows = np.nonzero((near & calm & followed & _stays(close, ratio)).T)
    return [(int(c), int(r), float(nearest[r, c])) for c, r in zip(columns, rows, strict=True)]


def early_volume(panel: Panel, splits: Splits) -> list[tuple[int, int, float]]:
    """Find sessions before a split whose volume is multiplied already: (column, row, times its median)."""
    money = _against_median(panel.dollar_volume)
    early = []
    for column, row, ratio in splits:
        for before in range(max(row - 2, 0), row):
            if ratio > 1.9 and money[before, column] > 0.6 * ratio:
                early.append((column, before, float(money[before, column])))
    return early


def split_words(ratio: float) -> str:
    """Spell a split ratio: 7:1, 3:2 or 1:10."""
    simple = float(nearest_simple_ratio(np.array([ratio]))[0])
    for old in (1, 2, 3, 4, 5):
        if abs(simple * old - round(simple * old)) < 1e-9:
            return f"{round(simple * old)}:{old}"
    return f"1:{round(1 / simple)}"


def _nearest(ratio: np.ndarray) -> np.ndarray:
    above = np.clip(np.searchsorted(RATIOS, ratio), 1, len(RATIOS) - 1)
    low, high = RATIOS[above - 1], RATIOS[above]
    nearest: np.ndarray = np.where(np.abs(ratio - low) < np.abs(high - ratio), low, high)
    return nearest


def _against_median(frame: pd.DataFrame) -> np.ndarray:
    """Each value over the median of the twenty sessions that end three sessions before it."""
    usual = frame.shift(3).rolling(WINDOW_SESSIONS, min_periods=WINDOW_SESSIONS // 2).median()
    against: np.ndarray = (frame / usual.where(usual > 0)).to_numpy()
    return against


def _shift_of_volume(volume: pd.DataFrame) -> np.ndarray:
    """Median shares of the twenty sessions from a row on, over those that end three sessions before it."""
    after = volume.iloc[::-1].rolling(WINDOW_SESSIONS, min_periods=WINDOW_SESSIONS // 2).median().iloc[::-1]
    before = volume.shift(3).rolling(WINDOW_SESSIONS, min_periods=WINDOW_SESSIONS // 2).median()
    shift: np.ndarray = (after / before.where(before > 0)).to_numpy()
    return shift


def _stays(close: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    """Whether five sessions later the price is still nearer to the new level than to the old."""
    last = pd.DataFrame(close).ffill()
    moved = np.log((last.shift(1) / last.shift(-5).fillna(last.iloc[-1])).to_numpy())
    stays: np.ndarray = np.abs(moved - np.log(ratio)) < 0.5 * np.abs(np.log(ratio))
    return stays
