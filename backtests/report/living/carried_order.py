"""Carried order: whom a session's scores pick, told so that a browser can pick again with another k.

A name's symbol says where it stood at its close: 1 + 2p for the p-th lowest score, 2 + 2p for the p-th highest, from
p = 0 and whichever end is nearer; 0 for a name that is further inside than the reach, or without a score. With no
reach at all only the smallest of some k is told at which a name is picked, the j-th from j = 0: 1 + 3j for a low name
that passes the short filter, 3 + 3j for one that does not, 2 + 3j for a high one. Every short filter is a bar on the
score, so it is told as a count: so many of the lowest pass.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from portfolio.book import Picks
from portfolio.book_settings import BookSettings
from portfolio.costs import Costs
from portfolio.selection import ascending_place, select_sides

__all__ = ["REBUILT", "CarriedOrder", "can_rebuild", "carried_order", "carried_steps", "told_scores"]

REBUILT = ("quintile_long_short", "bottom_k", "filter_negative", "long_only")
LOW_PASSES, HIGH, LOW_STAYS = 1, 2, 3  # of the first step of k
MIDDLE = 0.5  # above any low name that stays, below any high one
FAR = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CarriedOrder:
    """The order of names at each close, as far as it is told.

    Parameters
    ----------
    symbols : ndarray of int, shape (n_sessions, n_names)
        As above.
    scored : ndarray of bool, shape (n_sessions, n_names)
        Names with a score.
    passing : ndarray of int, shape (n_sessions,)
        How many of the lowest scores pass the short filter; 0 where there is none.
    """

    symbols: np.ndarray
    scored: np.ndarray
    passing: np.ndarray


def can_rebuild(book: BookSettings) -> bool:
    """Whether the builder reads nothing of the scores but their order and a bar."""
    return book.builder in REBUILT and not book.weighs_volatility


def carried_order(picks: Picks, book: BookSettings, costs: Costs, *, reach: int) -> CarriedOrder:
    """Tell the order of the ``reach`` lowest and highest scores of each session."""
    place, scored, n_scored = _places(picks)
    from_top = n_scored[:, None] - 1 - place
    is_low = place <= from_top
    symbols = np.where(is_low, 1 + 2 * place, 2 + 2 * from_top)
    told = scored & (np.minimum(place, from_top) < reach)
    return CarriedOrder(symbols=np.where(told, symbols, 0), scored=scored, passing=_passing(picks, book, costs))


def carried_steps(picks: Picks, book: BookSettings, costs: Costs, *, steps: tuple[float, ...]) -> CarriedOrder:
    """Tell only who is picked at each of some k, from the smallest up."""
    place, scored, n_scored = _places(picks)
    from_top = n_scored[:, None] - 1 - place
    counts = [select_sides(picks.eligible, k).count[:, None] for k in steps]
    low, high = (sum((each >= count).astype(np.int64) for count in counts) for each in (place, from_top))
    passing = _passing(picks, book, costs)
    lows = np.where(place < passing[:, None], LOW_PASSES, LOW_STAYS) + 3 * low
    symbols = np.where(low < len(steps), lows, np.where(high < len(steps), HIGH + 3 * high, 0))
    return CarriedOrder(symbols=np.where(scored, symbols, 0), scored=scored, passing=passing)


def told_scores(order: CarriedOrder, *, reach: int) -> np.ndarray:
    """Scores that pick the same names: below 0 where the short filter lets pass, and ordered as far as is told.

    Parameters
    ----------
    order : CarriedOrder
        What is told.
    reach : int
        0 where only steps of k are told.

    Returns
    -------
    ndarray of float, shape (n_sessions, n_names)
        NaN without a score.
    """
    symbols = order.symbols
    if reach == 0:
        step, kind = (symbols - 1) // 3, (symbols - 1) % 3 + 1
        told = {LOW_PASSES: step - FAR, LOW_STAYS: (step + 1) / FAR, HIGH: FAR - step}
        scores = np.select([(kind == each) & (symbols > 0) for each in told], list(told.values()), default=MIDDLE)
    else:
        last = order.scored.sum(axis=1)[:, None] - 1
        place = np.where(symbols % 2 == 1, (symbols - 1) // 2, last - (symbols - 2) // 2)
        scores = np.where(symbols > 0, place, last / 2.0 + 0.25) - order.passing[:, None] + 0.5
    return np.where(order.scored, scores, np.nan)


def _places(picks: Picks) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    scored = picks.eligible.notna().to_numpy()
    return ascending_place(picks.eligible), scored, picks.selection.n_scored


def _passing(picks: Picks, book: BookSettings, costs: Costs) -> np.ndarray:
    """Names that the short filter lets pass: those of the eligible ones whose score lies below its bar."""
    scores = picks.eligible
    if book.builder != "filter_negative":
        return np.zeros(len(scores), dtype=np.int64)
    level: pd.Series | float = 0.0
    bar = 0.0
    if book.short_filter == "below_market":
        level, bar = scores.mean(axis=1), -2.0 * costs.trade_fraction
    elif book.short_filter == "below_threshold":
        bar = book.short_threshold
    return np.asarray((scores.sub(level, axis=0) < bar).sum(axis=1), dtype=np.int64)
