"""Stock splits: those that adj_close accounts for, those that nothing accounts for, and volume adjusted too early.

An unadjusted split moves the opening price by a simple ratio, less what the market did, and the shares traded by its
inverse; what is traded in money, and how far prices move within the session, stay as they were. A crash does neither,
and a day that moves several names by one ratio is the market's. Sure is a split that its own session shows; what needs
later sessions, or rests on a ratio such as 4:3 that news reach as well, is suspected.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from market.audit.surroundings import BEFORE, against_usual, median_around
from market.bars.adjustment import find_splits, nearest_simple_ratio
from market.panel import Panel

__all__ = ["SplitSign", "Splits", "adjusted_splits", "early_volume", "split_words", "unadjusted_splits"]

WINDOW_SESSIONS = 20
LIKELY = np.array([4 / 3, 3 / 2, 2, 5 / 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 100])
LOG_RATIOS = np.sort(np.r_[np.log(LIKELY), -np.log(LIKELY)])
MIN_GAP = 0.25  # log move of the open
OPEN_TOLERANCE = np.log(1.06)  # distance of the open from the ratio
SURE_TOLERANCE = np.log(1.03)
MAX_RANGE = 0.20  # high over low of the session, less one
MAX_MONEY_RATIO = 2.5  # money traded over its median, at most and at least its inverse
MAX_SHARES_RATIO = 2.0  # shares traded, on the old basis, over their median: news that halve a price bring more
MAX_NAMES = 2  # that one session moves by ratios, in one direction; more are the market
MAX_SHARE = 0.002  # of all names, where that is more
MAX_MARKET_GAP = 0.05  # median log move of the session's opens
MIN_MARKET_NAMES = 5  # of fewer, the median is no market
MIN_SURE_RATIO = 2.0
LATER_SESSIONS = 5

Splits = list[tuple[int, int, float]]


@dataclass(frozen=True, slots=True)
class SplitSign:
    """A split that nothing accounts for: column, row, new shares for one old, and what speaks against it, if anything.

    ``known`` says whether its own session shows all of it; the volume of later sessions does otherwise.
    """

    column: int
    row: int
    ratio: float
    doubt: str
    known: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Gaps:
    """Large moves of the open: their places, and what the session and those around it say of them."""

    rows: np.ndarray
    columns: np.ndarray
    ratios: np.ndarray  # the nearest likely one
    moves: np.ndarray  # log of the last close over the open, less the market's
    markets: np.ndarray  # median log move of the session's opens
    shares: np.ndarray  # traded, over their usual number
    money: np.ndarray  # traded, over its usual sum

    def __getitem__(self, kept: np.ndarray) -> "_Gaps":
        return _Gaps(*(getattr(self, name)[kept] for name in self.__dataclass_fields__))


def adjusted_splits(factor: np.ndarray) -> Splits:
    """Find the splits that adj_close / close shows: (column, row, new shares for one old)."""
    events = find_splits(factor)
    return list(zip(events.columns.tolist(), events.rows.tolist(), events.ratios.tolist(), strict=True))


def unadjusted_splits(panel: Panel, accounted: Sequence[tuple[int, int, float]] = ()) -> list[SplitSign]:
    """Find splits that the prices still show, by ticker, then by session.

    Parameters
    ----------
    panel : Panel
        The bars.
    accounted : sequence of (column, row, ratio)
        Splits that adj_close accounts for: a name that has some is trusted with the rest.
    """
    last = panel.close.ffill().to_numpy()
    gaps = _gaps(panel, last)
    gaps = gaps[_calm(panel, gaps)]
    gaps = gaps[_alone(gaps, len(panel.tickers)) & _stays(last, gaps)]
    shown, later = _traded_on_new_basis(gaps), _traded_later(panel, gaps)
    large, quiet = _is_large(gaps), gaps.shares < MAX_SHARES_RATIO * np.maximum(gaps.ratios, 1.0)
    trusted = np.isin(gaps.columns, [column for column, _, _ in accounted])
    untold = large & _exact(gaps) & _without_volume(panel, gaps)
    doubts = np.select(
        [trusted, ~large, np.abs(gaps.markets) >= MAX_MARKET_GAP, untold, ~shown & ~later],
        [
            "adj_close accounts for other splits of this name",
            "news make such moves as well",
            "the market moved as well",
            "there is no volume to tell",
            "volume is no clear sign",
        ],
        default="",
    )
    found = shown | later | (quiet & large) | untold
    kept, known = gaps[found], (shown & (doubts == ""))[found]
    return [
        SplitSign(int(c), int(r), float(ratio), str(doubt), bool(own))
        for c, r, ratio, doubt, own in zip(kept.columns, kept.rows, kept.ratios, doubts[found], known, strict=True)
    ]


def early_volume(panel: Panel, splits: Splits) -> list[tuple[int, int, float]]:
    """Find sessions before a split whose volume is multiplied already: (column, row, times its median)."""
    forward = [(column, row, ratio) for column, row, ratio in splits if ratio > 1.9]
    places = [(column, row, before, ratio) for column, row, ratio in forward for before in range(max(row - 2, 0), row)]
    if not places:
        return []
    columns, _, before, ratios = map(np.array, zip(*places, strict=True))
    money = against_usual(panel.dollar_volume.to_numpy(), before, columns)
    early = money > 0.6 * ratios
    return list(zip(columns[early].tolist(), before[early].tolist(), money[early].tolist(), strict=True))


def split_words(ratio: float) -> str:
    """Spell a split ratio: 7:1, 3:2 or 1:10."""
    simple = float(nearest_simple_ratio(np.array([ratio]))[0])
    for old in (1, 2, 3, 4, 5):
        if abs(simple * old - round(simple * old)) < 1e-9:
            return f"{round(simple * old)}:{old}"
    return f"1:{round(1 / simple)}"


def _gaps(panel: Panel, last: np.ndarray) -> _Gaps:
    """Opens a simple ratio away from the last close, less the market's move, by ticker, then by session."""
    ratio = last[:-1] / panel.open.to_numpy()[1:]
    rows, columns = np.nonzero((ratio > np.exp(MIN_GAP)) | (ratio < np.exp(-MIN_GAP)))
    order = np.lexsort((rows, columns))
    rows, columns = rows[order], columns[order]
    held, place = np.unique(rows, return_inverse=True)
    with np.errstate(invalid="ignore"):
        wide = np.count_nonzero(~np.isnan(ratio[held]), axis=1) >= MIN_MARKET_NAMES
        markets = np.where(wide, pd.DataFrame(np.log(ratio[held])).median(axis=1).to_numpy(), 0.0)[place]
    moves = np.log(ratio[rows, columns]) - markets
    above = np.clip(np.searchsorted(LOG_RATIOS, moves), 1, len(LOG_RATIOS) - 1)
    low, high = LOG_RATIOS[above - 1], LOG_RATIOS[above]
    nearest = np.where(moves - low < high - moves, low, high)
    near = np.abs(moves - nearest) < OPEN_TOLERANCE
    rows, columns = rows[near] + 1, columns[near]
    return _Gaps(
        rows,
        columns,
        np.exp(nearest[near]),
        moves[near],
        -markets[near],
        against_usual(panel.volume.to_numpy(), rows, columns),
        against_usual(panel.dollar_volume.to_numpy(), rows, columns),
    )


def _calm(panel: Panel, gaps: _Gaps) -> np.ndarray:
    """Whether the name moved little within the session."""
    high, low = (frame.to_numpy()[gaps.rows, gaps.columns] for frame in (panel.high, panel.low))
    calm: np.ndarray = high / low - 1 < MAX_RANGE
    return calm


def _alone(gaps: _Gaps, n_names: int) -> np.ndarray:
    """Whether hardly any other name moved by a ratio, in one direction, in the session."""
    key = 2 * gaps.rows + (gaps.ratios > 1)
    _, place, times = np.unique(key, return_inverse=True, return_counts=True)
    alone: np.ndarray = times[place] <= max(MAX_NAMES, MAX_SHARE * n_names)
    return alone


def _traded_on_new_basis(gaps: _Gaps) -> np.ndarray:
    """Whether the session shows a split: its open on the ratio, its shares by the ratio, its money as usual."""
    followed = _within(gaps.shares / gaps.ratios, _half_way(gaps))
    shown: np.ndarray = _exact(gaps) & followed & _within(gaps.money, MAX_MONEY_RATIO)
    return shown


def _traded_later(panel: Panel, gaps: _Gaps) -> np.ndarray:
    """Whether the session's money is as usual, and the shares of twenty sessions from it on moved by the ratio."""
    volume = panel.volume.to_numpy()
    after = median_around(volume, gaps.rows, gaps.columns, np.arange(WINDOW_SESSIONS))
    shift = after / median_around(volume, gaps.rows, gaps.columns, BEFORE)
    later: np.ndarray = _within(gaps.money, MAX_MONEY_RATIO) & _within(shift / gaps.ratios, _half_way(gaps))
    return later


def _exact(gaps: _Gaps) -> np.ndarray:
    exact: np.ndarray = np.abs(gaps.moves - np.log(gaps.ratios)) < SURE_TOLERANCE
    return exact


def _without_volume(panel: Panel, gaps: _Gaps) -> np.ndarray:
    """Whether the name has not shown a volume up to the session, as in a source without any."""
    shown = np.maximum.accumulate(np.nan_to_num(panel.volume.to_numpy()) > 0, axis=0)
    without: np.ndarray = ~shown[gaps.rows, gaps.columns]
    return without


def _is_large(gaps: _Gaps) -> np.ndarray:
    large: np.ndarray = np.maximum(gaps.ratios, 1 / gaps.ratios) > MIN_SURE_RATIO - 1e-9
    return large


def _within(values: np.ndarray, factor: np.ndarray | float) -> np.ndarray:
    """Whether values lie within a factor of 1; NaN does not."""
    within: np.ndarray = (values < factor) & (values > 1 / factor)
    return within


def _half_way(gaps: _Gaps) -> np.ndarray:
    """The factor half way, in logs, to no split at all."""
    half: np.ndarray = np.sqrt(np.maximum(gaps.ratios, 1 / gaps.ratios))
    return half


def _stays(last: np.ndarray, gaps: _Gaps) -> np.ndarray:
    """Whether the price stood at the old level for five sessions, and does at the new one five sessions later.

    Later sessions can only veto a split, a bad print that was undone; none is found by them alone.
    """
    before, later = (np.clip(gaps.rows + k, 0, len(last) - 1) for k in (-1 - LATER_SESSIONS, LATER_SESSIONS))
    old, half = last[gaps.rows - 1, gaps.columns], 0.5 * np.abs(np.log(gaps.ratios))
    undoes = np.abs(np.log(old / last[before, gaps.columns])) >= half  # NaN for a name that is new
    moved = np.log(old / last[later, gaps.columns])
    stays: np.ndarray = ~undoes & (np.abs(moved - np.log(gaps.ratios)) < half)
    return stays
