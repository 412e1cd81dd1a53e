"""Parameter importance: the share of the points' variance that the means of one parameter's values explain."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["parameter_importance"]

MOST_LEVELS = 8  # of a number; more are cut into quarters of the points


def parameter_importance(settings: Sequence[Mapping[str, Any]], values: Sequence[float]) -> pd.DataFrame:
    """How much of the variance between points each parameter explains by itself (η², one-way).

    Parameters
    ----------
    settings : sequence of mapping of str to object
        Of each point, by dotted key; a key that a point does not have is a level of its own.
    values : sequence of float
        What the points are compared by, such as their rank IC on validation.

    Returns
    -------
    DataFrame
        Index key, the most important first; ``share`` (sum of squares between the values' means ÷ in all), ``chance``
        (what values without any effect explain on average, (levels − 1) ÷ (points − 1)) and ``levels``. Empty with
        fewer than three points, or if all have the same value.

    References
    ----------
    Fisher, R. A., "Statistical Methods for Research Workers", 1925, section 45, for η².

    Examples
    --------
    >>> from backtests.statistics.parameter_importance import parameter_importance
    >>> grid = [{"a": a, "b": b} for a in (1, 2) for b in (1, 2)]
    >>> parameter_importance(grid, [0.0, 1.0, 0.0, 1.0])["share"].to_dict()
    {'b': 1.0, 'a': 0.0}
    """
    numbers, columns = np.asarray(values, dtype=float), ["share", "chance", "levels"]
    keys = list(dict.fromkeys(key for each in settings for key in each))
    whole = float(((numbers - numbers.mean()) ** 2).sum()) if len(numbers) else 0.0
    if len(numbers) < 3 or whole == 0.0:
        return pd.DataFrame(columns=columns, index=pd.Index([], name="key"), dtype=float)
    rows = {}
    for key in keys:
        levels = _levels([each.get(key) for each in settings])
        groups = pd.Series(numbers).groupby(levels)
        between = float((groups.size() * (groups.mean() - numbers.mean()) ** 2).sum())
        n_levels = int(groups.ngroups)
        if n_levels > 1:
            rows[key] = (between / whole, (n_levels - 1) / (len(numbers) - 1), float(n_levels))
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("key")
    return frame.sort_values("share", ascending=False, kind="stable")


def _levels(values: Sequence[Any]) -> np.ndarray:
    """The level of each point: its value, or the quarter of the points that a number is in."""
    told = [each for each in values if each is not None]
    if all(type(each) in (int, float) for each in told) and len(set(told)) > MOST_LEVELS:
        quarters = pd.qcut(pd.Series(values, dtype=float), 4, labels=False, duplicates="drop")
        return np.asarray(quarters.fillna(-1.0))
    words = [repr(each) for each in values]
    return np.asarray(pd.factorize(np.array(words, dtype=object))[0])
