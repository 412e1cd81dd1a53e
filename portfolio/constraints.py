"""Constraints: position limits, the dust rule and the cash buffer, applied after smoothing in that order."""

import numpy as np
import pandas as pd

from market.panel import aligned_frame
from portfolio.book_settings import BookSettings

__all__ = ["close_out_dust", "keep_cash", "limit_positions", "position_limits"]

MIN_POSITION_LIMIT = 0.03  # of equity, where the settings give no limit
LIMIT_MULTIPLE = 1.5  # of the leg's per-name weight, where the settings give no limit
ROUNDING = 1e-12  # a sum of weights that should be 1 may miss it by this much


def position_limits(count: np.ndarray, sessions: pd.DatetimeIndex, settings: BookSettings) -> pd.DataFrame:
    """Largest long and short weight that one name may have at each close.

    Parameters
    ----------
    count : ndarray of int, shape (n_sessions,)
        Names a side in each session; 0 counts as 1.
    sessions : DatetimeIndex
        Sessions of ``count``.
    settings : BookSettings
        ``max_position``, or by default the larger of 3 % and 1.5 × the leg's per-name weight.

    Returns
    -------
    DataFrame of float, columns ``long`` and ``short``
        Positive fractions of equity.
    """
    legs = settings.legs
    names = np.maximum(count, 1)
    if settings.max_position is not None:
        limits = {leg: np.full(len(names), settings.max_position) for leg in legs}
    else:
        limits = {leg: np.maximum(MIN_POSITION_LIMIT, LIMIT_MULTIPLE * gross / names) for leg, gross in legs.items()}
    return pd.DataFrame(limits, index=pd.DatetimeIndex(sessions, name="session"))


def limit_positions(weights: pd.DataFrame, limits: pd.DataFrame, *, exempt: str | None = None) -> pd.DataFrame:
    """Cut weights to the session's limits; what is cut stays in cash, and rows of NaN stay NaN.

    An ``exempt`` ticker, a whole index in one instrument, is not cut.
    """
    short = -limits["short"].to_numpy()[:, None]
    clipped = np.clip(weights.to_numpy(), short, limits["long"].to_numpy()[:, None])
    if exempt is not None:
        kept = (weights.columns == exempt)[None, :]
        clipped = np.where(kept, weights.to_numpy(), clipped)
    return aligned_frame(clipped, pd.DatetimeIndex(weights.index), weights.columns)


def close_out_dust(weights: pd.DataFrame, *, dust: float) -> pd.DataFrame:
    """Close out positions too small for sense, weights below ``dust``, such as the long tail that smoothing leaves.

    What is closed out stays in cash; rows of NaN stay NaN.
    """
    held = weights.to_numpy()
    small = (np.abs(held) < dust) & (held != 0.0)
    if not small.any():
        return weights
    return aligned_frame(np.where(small, 0.0, held), pd.DatetimeIndex(weights.index), weights.columns)


def keep_cash(weights: pd.DataFrame, *, buffer: float) -> pd.DataFrame:
    """Scale weights so that cash is left for trading costs.

    A session whose net exposure lies between 1 − ``buffer`` and 1 is scaled down as a whole to 1 − ``buffer``. A net
    above 1 is a borrowed book and stays as it is: scaling it in silence would hide what was asked for, so the backtest
    refuses it by name.
    """
    net = weights.sum(axis=1, min_count=1).to_numpy()
    fully_invested = (net > 1.0 - buffer) & (net <= 1.0 + ROUNDING)
    scale = np.where(fully_invested, (1.0 - buffer) / np.where(fully_invested, net, 1.0), 1.0)
    return aligned_frame(weights.to_numpy() * scale[:, None], pd.DatetimeIndex(weights.index), weights.columns)
