"""Builders: the scores of one close to the target weights decided at that close.

Each session is independent of the others. Every builder is a pure function of what is known at the close.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from market.panel import aligned_frame
from portfolio.book_settings import BookSettings
from portfolio.own_rules import own_targets
from portfolio.selection import Selection, select_sides

__all__ = ["target_weights"]


class _Close(NamedTuple):
    """What a builder sees at each close; arrays of shape (n_sessions, n_tickers)."""

    scores: np.ndarray
    selection: Selection
    round_trip: float
    volatility: np.ndarray | None
    hedge: np.ndarray | None


def target_weights(
    scores: pd.DataFrame,
    settings: BookSettings,
    *,
    round_trip: float = 0.0,
    volatility: pd.DataFrame | None = None,
    hedge: pd.DataFrame | None = None,
    selection: Selection | None = None,
) -> pd.DataFrame:
    """Target weights of the builder at each close, before smoothing and limits.

    Parameters
    ----------
    scores : DataFrame of float, shape (n_sessions, n_tickers)
        Expected returns of the eligible names, known at the close of each session; NaN elsewhere.
    settings : BookSettings
        Builder, ``k``, legs and short rules.
    round_trip : float
        Cost of buying and selling, a fraction of notional, for the ``"below_market"`` filter.
    volatility : DataFrame of float, optional
        Trailing volatility known at each close, for ``"inverse_volatility"``; a name with none gets its leg's mean.
    hedge : DataFrame of float, optional
        What ``"index_hedged"`` sells, weights that sum to 1 in each session; by default all scored names alike.
    selection : Selection, optional
        ``select_sides`` of these scores, where it is at hand.

    Returns
    -------
    DataFrame of float, shape (n_sessions, n_tickers)
        Fractions of equity, 0 for names not held. A session without a score is a row of NaN (no rebalance); one with a
        single score is flat.

    Raises
    ------
    ValueError
        If short names are to be sized by volatility and none is given, or a rule of the user's own breaks its word.
    """
    if settings.builder not in BUILDERS:
        return own_targets(settings.builder, scores, settings)
    selection = selection or select_sides(scores, settings.k)
    known = _Close(
        scores=scores.to_numpy(),
        selection=selection,
        round_trip=round_trip,
        volatility=None if volatility is None else volatility.to_numpy(),
        hedge=None if hedge is None else hedge.to_numpy(),
    )
    weights = BUILDERS[settings.builder](known, settings)
    weights[selection.n_scored == 0] = np.nan
    return aligned_frame(weights, pd.DatetimeIndex(scores.index), scores.columns)


def _quintile_long_short(known: _Close, settings: BookSettings) -> np.ndarray:
    """Equal weights in both legs, whatever the scores say beyond their order."""
    shorts = known.selection.bottom * _per_name(settings.short, known.selection.count)
    return _against(_equal_longs(known, settings), shorts)


def _bottom_k(known: _Close, settings: BookSettings) -> np.ndarray:
    """Top ``k`` long, bottom ``k`` short, the short names sized by the short rule."""
    return _against(_equal_longs(known, settings), _sized_shorts(known.selection.bottom, known, settings))


def _filter_negative(known: _Close, settings: BookSettings) -> np.ndarray:
    """Top ``k`` long; of the bottom ``k``, only the names that pass the short filter."""
    short = known.selection.bottom & _passes_short_filter(known, settings)
    return _against(_equal_longs(known, settings), _sized_shorts(short, known, settings))


def _confidence(known: _Close, settings: BookSettings) -> np.ndarray:
    """Top and bottom ``k``, each name in proportion to the size of its score; a leg of zeros stays empty."""
    size = np.where(np.isnan(known.scores), 0.0, np.abs(known.scores))
    long, short = size * known.selection.top, size * known.selection.bottom
    long_unit, short_unit = _per_name(settings.long, long.sum(axis=1)), _per_name(settings.short, short.sum(axis=1))
    return _against(long * long_unit, short * short_unit)


def _index_hedged(known: _Close, settings: BookSettings) -> np.ndarray:
    """Top ``k`` long against the hedge; a long name that the hedge holds too is sold by its part of it."""
    scored = ~np.isnan(known.scores)
    hedge = scored * _per_name(1.0, known.selection.n_scored) if known.hedge is None else known.hedge
    traded = (known.selection.count > 0)[:, None]
    return _against(_equal_longs(known, settings), settings.short * np.where(traded, hedge, 0.0))


def _long_only(known: _Close, settings: BookSettings) -> np.ndarray:
    """Top ``k`` long and nothing short."""
    return _equal_longs(known, settings)


def _against(long: np.ndarray, short: np.ndarray) -> np.ndarray:
    """Signed weights of two legs, each given as positive ones."""
    weights: np.ndarray = long - short
    return weights


def _equal_longs(known: _Close, settings: BookSettings) -> np.ndarray:
    top = known.selection.top
    longs: np.ndarray = top * _per_name(settings.long, top.sum(axis=1))
    return longs


def _passes_short_filter(known: _Close, settings: BookSettings) -> np.ndarray:
    level, bar = np.zeros(len(known.scores)), 0.0
    if settings.short_filter == "below_market":
        level, bar = _session_means(known.scores), -known.round_trip
    elif settings.short_filter == "below_threshold":
        bar = settings.short_threshold
    passes: np.ndarray = known.scores - level[:, None] < bar
    return passes


def _session_means(scores: np.ndarray) -> np.ndarray:
    return pd.DataFrame(scores).mean(axis=1).to_numpy()


def _sized_shorts(short: np.ndarray, known: _Close, settings: BookSettings) -> np.ndarray:
    """Positive weight of every short name."""
    count = short.sum(axis=1)
    per_name = _per_name(settings.short, count if settings.short_sizing == "fill_leg" else known.selection.count)
    sized: np.ndarray = short * per_name
    if settings.short_sizing == "inverse_volatility":
        sized = sized * _calm(short, known.volatility)
    return sized


def _calm(short: np.ndarray, volatility: np.ndarray | None) -> np.ndarray:
    """Inverse volatility of each short name ÷ the mean of its leg, so that the leg keeps its gross."""
    if volatility is None:
        raise ValueError("volatility is missing: short_sizing inverse_volatility weighs names by it")
    known = short & (volatility > 0)
    inverse = np.divide(1.0, volatility, out=np.zeros(short.shape), where=known)
    count = known.sum(axis=1)
    mean = np.divide(inverse.sum(axis=1), count, out=np.ones(len(count)), where=count > 0)[:, None]
    relative: np.ndarray = np.where(known, inverse / mean, 1.0)
    return relative


def _per_name(leg: float, count: np.ndarray) -> np.ndarray:
    """Weight of one name or unit, shape (n_sessions, 1); 0 where the leg has none."""
    weight: np.ndarray = np.divide(leg, count, out=np.zeros(len(count)), where=count > 0)
    return weight.reshape(-1, 1)


Builder = Callable[[_Close, BookSettings], np.ndarray]
BUILDERS: Mapping[str, Builder] = {
    "quintile_long_short": _quintile_long_short,
    "bottom_k": _bottom_k,
    "filter_negative": _filter_negative,
    "confidence": _confidence,
    "index_hedged": _index_hedged,
    "long_only": _long_only,
}
