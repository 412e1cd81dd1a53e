"""Gaps: carry a feature's last value over a short gap, never across a delisting."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from market.delistings import listed
from market.panel import Panel

__all__ = ["fill_gaps"]


def fill_gaps(features: Mapping[str, pd.DataFrame], panel: Panel, *, limit: int = 5) -> dict[str, pd.DataFrame]:
    """Carry each feature's last value forward over short gaps.

    Parameters
    ----------
    features : mapping of DataFrame, each of shape (n_sessions, n_tickers)
        Features on the panel's sessions and tickers.
    panel : Panel
        Bars that say when a name is listed.
    limit : int
        Sessions that a value is carried at most, at least 0.

    Returns
    -------
    dict of DataFrame
        New frames; row *t* uses rows ≤ *t* only. A gap is filled while the name is listed and the value is at most
        ``limit`` sessions old; a session in which the name is not listed ends the carry for good. Longer gaps, warm-up
        and delisted names stay NaN.

    Raises
    ------
    ValueError
        If limit < 0, or a feature is not on the panel's sessions and tickers.
    """
    if limit < 0:
        raise ValueError(f"limit must be at least 0 sessions, was {limit}")
    last_unlisted = _last_row(~listed(panel).to_numpy())
    return {name: _carried(frame, name, panel, last_unlisted, limit) for name, frame in features.items()}


def _carried(frame: pd.DataFrame, name: str, panel: Panel, last_unlisted: np.ndarray, limit: int) -> pd.DataFrame:
    if not (frame.index.equals(panel.sessions) and frame.columns.equals(panel.tickers)):
        raise ValueError(f"feature {name} and the panel differ in sessions or tickers: compute it on this panel")
    values = frame.to_numpy(copy=True)
    last_value = _last_row(~np.isnan(values))
    age = np.arange(len(values))[:, None] - last_value
    rows, columns = np.nonzero((age > 0) & (age <= limit) & (last_value >= 0) & (last_unlisted <= last_value))
    values[rows, columns] = values[last_value[rows, columns], columns]
    return pd.DataFrame(values, index=frame.index, columns=frame.columns)


def _last_row(marked: np.ndarray) -> np.ndarray:
    """Row of the latest mark up to each row, −1 before the first."""
    rows = np.arange(len(marked))[:, None]
    return np.maximum.accumulate(np.where(marked, rows, -1), axis=0)
