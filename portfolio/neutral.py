"""Neutral: the smallest change of the held weights that levels the legs, every sector's net, or the beta."""

import numpy as np
import pandas as pd

from market.panel import aligned_frame

__all__ = ["level_beta", "level_legs", "level_sectors"]

UNKNOWN_BETA = 1.0  # of a name with too little history: that of the market


def level_legs(weights: pd.DataFrame, target: pd.DataFrame) -> pd.DataFrame:
    """Scale each leg of ``weights`` to the gross that it has in ``target``; an empty leg stays empty."""
    given, wanted = weights.to_numpy(), target.to_numpy()
    legs = [_scaled(sign * given, sign * wanted) * sign for sign in (1.0, -1.0)]
    return aligned_frame(legs[0] + legs[1], pd.DatetimeIndex(weights.index), weights.columns)


def level_sectors(weights: pd.DataFrame, eligible: pd.DataFrame, sectors: pd.Series) -> pd.DataFrame:
    """Level the net weight of each sector to the sector's share of the book's net.

    Parameters
    ----------
    weights : DataFrame of float, shape (n_sessions, n_tickers)
        Rows of NaN stay NaN.
    eligible : DataFrame of bool, shape (n_sessions, n_tickers)
        Names that could be held; a sector's share is its part of them. A dollar-neutral book has 0 in every sector.
    sectors : Series of str
        Sector by ticker; names without one form a sector of their own.

    Returns
    -------
    DataFrame of float, shape (n_sessions, n_tickers)
        The least-squares change: what a sector has too much or too little is spread evenly over its held names, of
        which a small one may change its sign. A sector without a held name stays empty and has no share.
    """
    values, held = weights.to_numpy(), weights.fillna(0.0).to_numpy() != 0
    groups = sectors.reindex(weights.columns).fillna("").to_numpy(dtype=object)
    member = (groups[:, None] == np.unique(groups)[None, :]).astype(float)  # (n_tickers, n_sectors)
    count, net = held @ member, np.nan_to_num(values) @ member
    share = np.where(count > 0, eligible.to_numpy() @ member, 0.0)
    total = share.sum(axis=1, keepdims=True)
    fair = net.sum(axis=1, keepdims=True) * np.divide(share, total, out=np.zeros_like(share), where=total > 0)
    excess = np.divide(net - fair, count, out=np.zeros_like(net), where=count > 0)
    return aligned_frame(values - held * (excess @ member.T), pd.DatetimeIndex(weights.index), weights.columns)


def level_beta(weights: pd.DataFrame, beta: pd.DataFrame) -> pd.DataFrame:
    """Take the beta out of weights and keep their net exposure.

    Parameters
    ----------
    weights : DataFrame of float, shape (n_sessions, n_tickers)
        Rows of NaN stay NaN.
    beta : DataFrame of float, shape (n_sessions, n_tickers)
        Of each name to the market, known at each close; NaN counts as 1.

    Returns
    -------
    DataFrame of float, shape (n_sessions, n_tickers)
        The least-squares change of the held names: each loses in proportion to how far its beta lies from their mean.
        A session whose held names all have one beta stays as it is.
    """
    values = weights.to_numpy()
    held = np.nan_to_num(values) != 0
    slopes = np.where(np.isnan(beta.to_numpy()), UNKNOWN_BETA, beta.to_numpy())
    mean = _ratio((held * slopes).sum(axis=1), held.sum(axis=1))
    apart = held * (slopes - mean[:, None])
    change = _ratio((np.nan_to_num(values) * slopes).sum(axis=1), (apart * apart).sum(axis=1))
    return aligned_frame(values - apart * change[:, None], pd.DatetimeIndex(weights.index), weights.columns)


def _scaled(leg: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Positive part of a leg, scaled to the positive part of its target; rows of NaN stay NaN."""
    kept = np.maximum(leg, 0.0)
    scaled: np.ndarray = kept * _ratio(np.maximum(target, 0.0).sum(axis=1), kept.sum(axis=1))[:, None]
    return scaled


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Part ÷ whole; 0 where the whole is 0."""
    quotient: np.ndarray = np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
    return quotient
