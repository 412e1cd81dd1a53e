"""Builders: the scores of one close to the target weights decided at that close.

Each session stands alone here; nothing is remembered. Equal scores are told apart by ticker name, so a book does not
depend on the order of its columns.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from market.panel import aligned_frame
from portfolio.settings import BookSettings

__all__ = ["Selection", "select_sides", "target_weights"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Selection:
    """Names picked at each close, before any filter.

    Parameters
    ----------
    top, bottom : ndarray of bool, shape (n_sessions, n_tickers)
        The ``k`` highest and the ``k`` lowest scores; never the same name.
    count : ndarray of int, shape (n_sessions,)
        Names a side; 0 where fewer than two names have a score.
    n_scored : ndarray of int, shape (n_sessions,)
        Names with a score.
    """

    top: np.ndarray
    bottom: np.ndarray
    count: np.ndarray
    n_scored: np.ndarray


def select_sides(scores: pd.DataFrame, k: int | float) -> Selection:
    """Pick the ``k`` highest and lowest scores of each session.

    Parameters
    ----------
    scores : DataFrame of float, shape (n_sessions, n_tickers)
        Known at the close of each session, higher is better; NaN is not eligible.
    k : int or float
        Names a side. A fraction is taken of the session's scored names and rounded to the nearest count (halves up), at
        least 1; either way at most half of the scored names.
    """
    place = _ascending_place(scores)
    n_scored = scores.notna().sum(axis=1).to_numpy()
    wanted = np.floor(k * n_scored + 0.5).astype(int) if isinstance(k, float) else np.full(len(scores), k)
    count = np.minimum(np.maximum(wanted, 1), n_scored // 2)
    scored = scores.notna().to_numpy()
    bottom = scored & (place < count[:, None])
    top = scored & (place >= (n_scored - count)[:, None])
    return Selection(top=top, bottom=bottom, count=count, n_scored=n_scored)


def target_weights(scores: pd.DataFrame, settings: BookSettings, *, round_trip: float = 0.0) -> pd.DataFrame:
    """Return the weights that the builder wants at each close, before smoothing and limits.

    Parameters
    ----------
    scores : DataFrame of float, shape (n_sessions, n_tickers)
        Expected next-session return of the eligible names, known at the close of each session; NaN elsewhere.
    settings : BookSettings
        Builder, ``k``, legs and short filter.
    round_trip : float
        Cost of buying and selling, a fraction of notional, for the ``"below_market"`` filter.

    Returns
    -------
    DataFrame of float, shape (n_sessions, n_tickers)
        Fractions of equity, 0 for names not held. A session without a score is a row of NaN (no rebalance); one with a
        single score is flat.
    """
    selection = select_sides(scores, settings.k)
    weights = BUILDERS[settings.builder](scores, selection, settings, round_trip)
    weights[selection.n_scored == 0] = np.nan
    return aligned_frame(weights, pd.DatetimeIndex(scores.index), scores.columns)


def _ascending_place(scores: pd.DataFrame) -> np.ndarray:
    """Place of each name in its session from the lowest score (0) up, names without a score last."""
    by_name = np.argsort(scores.columns.to_numpy(dtype=object), kind="stable")
    order = by_name[np.argsort(scores.to_numpy()[:, by_name], axis=1, kind="stable")]
    place: np.ndarray = np.empty_like(order)
    np.put_along_axis(place, order, np.arange(scores.shape[1])[None, :], axis=1)
    return place


def _quintile_long_short(
    _scores: pd.DataFrame, selection: Selection, settings: BookSettings, _round_trip: float
) -> np.ndarray:
    """Equal weights in both legs, whatever the scores say beyond their order."""
    return _signed_legs(selection.top, selection.bottom, settings, selection.count)


def _filter_negative(
    scores: pd.DataFrame, selection: Selection, settings: BookSettings, round_trip: float
) -> np.ndarray:
    """Top ``k`` long; of the bottom ``k``, only the names that pass the short filter."""
    short = selection.bottom & _passes_short_filter(scores, settings, round_trip)
    sized_by = selection.count if settings.short_sizing == "fixed" else short.sum(axis=1)
    return _signed_legs(selection.top, short, settings, sized_by)


def _passes_short_filter(scores: pd.DataFrame, settings: BookSettings, round_trip: float) -> np.ndarray:
    if settings.short_filter == "below_zero":
        level, bar = np.zeros(len(scores)), 0.0
    else:
        level, bar = scores.mean(axis=1).to_numpy(), -round_trip
    passes: np.ndarray = scores.to_numpy() - level[:, None] < bar
    return passes


def _signed_legs(long: np.ndarray, short: np.ndarray, settings: BookSettings, n_short: np.ndarray) -> np.ndarray:
    """Give every long name its share of the long leg, and every short name ``1 / n_short`` of the short one."""
    weights: np.ndarray = long * _per_name(settings.long, long.sum(axis=1)) - short * _per_name(settings.short, n_short)
    return weights


def _per_name(leg: float, count: np.ndarray) -> np.ndarray:
    """Weight of one name, shape (n_sessions, 1); 0 where the leg has no name."""
    weight: np.ndarray = np.divide(leg, count, out=np.zeros(len(count)), where=count > 0)
    return weight.reshape(-1, 1)


Builder = Callable[[pd.DataFrame, Selection, BookSettings, float], np.ndarray]
BUILDERS: Mapping[str, Builder] = {"quintile_long_short": _quintile_long_short, "filter_negative": _filter_negative}
