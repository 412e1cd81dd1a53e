"""Cross-section: compare the names of one session with each other, never with another session.

Frames of shape (n_sessions, n_tickers) in, new frames on the same axes out. NaN means "not in this cross-section": it
enters no mean, rank or quantile and stays NaN. Infinite values are refused. Sums run over the session's sorted values,
so the order of the tickers changes no bit, and neither does a ticker that is NaN.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.rounding_error import ROUNDING
from signals.rows import FloatArray, finite_numbers, row_count, row_mean, row_ranks, row_sum, row_varies

__all__ = ["centered_rank", "demean", "neutralize", "rank", "session_mean", "winsorize", "zscore"]


def session_mean(values: pd.DataFrame) -> pd.Series:
    """Mean of each session's values, shape (n_sessions,); NaN in a session without any."""
    return pd.Series(row_mean(finite_numbers(values, "values"))[:, 0], index=values.index)


def rank(values: pd.DataFrame) -> pd.DataFrame:
    """Rank within each session, 1 for the smallest to n for the largest; ties share their mean rank."""
    return _like(values, row_ranks(finite_numbers(values, "values")))


def centered_rank(values: pd.DataFrame) -> pd.DataFrame:
    """Centre ranks within each session: (average rank − (n + 1)/2) ÷ n, in (−0.5, 0.5); a lone name gets 0."""
    ranks = rank(values)
    count = ranks.count(axis=1)
    return ranks.sub((count + 1) / 2, axis=0).div(count.where(count > 0), axis=0)


def demean(values: pd.DataFrame) -> pd.DataFrame:
    """Subtract the mean of each session."""
    numbers = finite_numbers(values, "values")
    return _like(values, numbers - row_mean(numbers))


def zscore(values: pd.DataFrame) -> pd.DataFrame:
    """Standardise within each session: values minus the mean, in standard deviations (``ddof=1``).

    Parameters
    ----------
    values : DataFrame of float, shape (n_sessions, n_tickers)
        Any scale; NaN is left out.

    Returns
    -------
    DataFrame of float
        NaN in a session with fewer than two values or with equal ones, which have no spread to measure by.

    Raises
    ------
    ValueError
        If a value is infinite.
    """
    numbers = finite_numbers(values, "values")
    deviations = numbers - row_mean(numbers)
    count = row_count(numbers)
    spread = np.full(count.shape, np.nan)
    varied = (count > 1) & row_varies(numbers)
    spread[varied] = np.sqrt(row_sum(deviations**2)[varied] / (count[varied] - 1))
    return _like(values, deviations / np.where(spread > ROUNDING * np.abs(row_mean(numbers)), spread, np.nan))


def winsorize(values: pd.DataFrame, *, lower: float = 0.01, upper: float = 0.99) -> pd.DataFrame:
    """Clip values to two quantiles of their session.

    Parameters
    ----------
    values : DataFrame of float, shape (n_sessions, n_tickers)
        Any scale; NaN is left out.
    lower, upper : float
        Probabilities, 0 ≤ lower < upper ≤ 1; quantiles interpolate linearly between the sorted values (Hyndman and Fan,
        "Sample quantiles in statistical packages", 1996, definition 7).

    Raises
    ------
    ValueError
        If the probabilities are not in order, or a value is infinite.
    """
    if not 0.0 <= lower < upper <= 1.0:
        raise ValueError(f"lower and upper must satisfy 0 ≤ lower < upper ≤ 1, were {lower} and {upper}")
    numbers = finite_numbers(values, "values")
    ordered = np.sort(numbers, axis=1)  # NaN last
    count = row_count(numbers)
    return _like(values, np.clip(numbers, _quantile(ordered, count, lower), _quantile(ordered, count, upper)))


def neutralize(values: pd.DataFrame, groups: pd.Series | pd.DataFrame) -> pd.DataFrame:
    """Subtract the mean of each group in each session.

    Parameters
    ----------
    values : DataFrame of float, shape (n_sessions, n_tickers)
        Any scale; NaN is left out.
    groups : Series or DataFrame
        Group of each ticker, e.g. its sector: a Series indexed by ticker, or a frame of shape (n_sessions, n_tickers)
        whose row *t* was known at the close of *t*.

    Returns
    -------
    DataFrame of float
        NaN for a name without a group; 0 for the only member of one.

    Raises
    ------
    ValueError
        If no ticker has a group, or a value is infinite.
    """
    numbers = finite_numbers(values, "values")
    codes = _group_codes(values, groups)
    neutral = np.full(numbers.shape, np.nan)
    for group in range(codes.max() + 1):
        columns = np.nonzero((codes == group).any(axis=0))[0]
        members = codes[:, columns] == group
        inside = np.where(members, numbers[:, columns], np.nan)
        neutral[:, columns] = np.where(members, inside - row_mean(inside), neutral[:, columns])
    return _like(values, neutral)


def _group_codes(values: pd.DataFrame, groups: pd.Series | pd.DataFrame) -> NDArray[np.int64]:
    """Integer group of every key, −1 where there is none, broadcast to the shape of ``values``."""
    if isinstance(groups, pd.Series):
        labels = groups.reindex(values.columns).to_numpy(dtype=object)[None, :]
    else:
        labels = groups.reindex(index=values.index, columns=values.columns).to_numpy(dtype=object)
    codes, names = pd.factorize(labels.ravel())
    if len(names) == 0:
        raise ValueError("groups name none of the tickers: index them by the tickers of values")
    return np.broadcast_to(codes.reshape(labels.shape), values.shape)


def _quantile(ordered: FloatArray, count: NDArray[np.int64], probability: float) -> FloatArray:
    """Quantile of each row of sorted values with NaN last; NaN in an empty row."""
    position = probability * np.maximum(count - 1, 0)
    below = np.floor(position).astype(int)
    above = np.ceil(position).astype(int)
    low, high = (np.take_along_axis(ordered, at, axis=1) for at in (below, above))
    quantile: FloatArray = low + (high - low) * (position - below)
    return quantile


def _like(frame: pd.DataFrame, numbers: FloatArray) -> pd.DataFrame:
    return pd.DataFrame(np.asfortranarray(numbers), index=frame.index, columns=frame.columns)
