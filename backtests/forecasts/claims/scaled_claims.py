"""Scaled claims: a mean absolute error of min–max scaled prices, beside what it is in per cent of the price."""

from typing import NamedTuple

import numpy as np
import pandas as pd

__all__ = ["ScaledErrors", "scaled_errors"]

WINDOW, JUDGED = 430, 86  # sessions of the reference's single series, and of its validation


class ScaledErrors(NamedTuple):
    """What doing nothing errs by, in both units; medians over series.

    ``range_share`` is the range of closes of the window ÷ the mean close that is judged, which turns a scaled error
    into a share of the price. ``scaled`` and ``relative`` are persistence's mean absolute errors next session in units
    of the range and of the price, ``scaled_week`` and ``relative_week`` seven sessions ahead.
    """

    range_share: float
    scaled: float
    relative: float
    scaled_week: float
    relative_week: float


def scaled_errors(closes: pd.DataFrame) -> pd.DataFrame:
    """``ScaledErrors`` of every series over the last 86 of its last 430 sessions.

    Parameters
    ----------
    closes : DataFrame of float, shape (n_sessions, n_series)
        Without NaN.

    Returns
    -------
    DataFrame
        A row a series, a column a field.
    """
    window = closes.iloc[-WINDOW:]
    width, judged = window.max() - window.min(), window.iloc[-JUDGED:]
    found = {"range_share": width / judged.mean()}
    for suffix, horizon in (("", 1), ("_week", 7)):
        off = (window - window.shift(horizon)).iloc[-JUDGED:].abs()
        found |= {f"scaled{suffix}": (off / width).mean(), f"relative{suffix}": (off / judged).mean()}
    return pd.DataFrame(found)[list(ScaledErrors._fields)].replace([np.inf, -np.inf], np.nan)
