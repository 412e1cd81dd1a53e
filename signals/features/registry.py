"""The registry: feature sets by name, and the one function that computes them."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import pandas as pd

from market.panel import Panel
from signals.features.core14 import CORE14
from signals.features.feature import Feature

__all__ = ["FEATURE_SETS", "compute_features", "feature_table"]

FEATURE_SETS: Mapping[str, tuple[Feature, ...]] = MappingProxyType({"core14": CORE14})


def compute_features(
    panel: Panel, feature_set: str = "core14", *, names: Sequence[str] | None = None
) -> dict[str, pd.DataFrame]:
    """Compute a feature set on a panel.

    Parameters
    ----------
    panel : Panel
        Bars; row *t* known at the close of *t*.
    feature_set : str
        A key of ``FEATURE_SETS``.
    names : sequence of str, optional
        The features wanted; all of the set by default.

    Returns
    -------
    dict of DataFrame of float64, each of shape (n_sessions, n_tickers)
        In the order of the set, whatever the order of ``names``. Row *t* uses rows ≤ *t* only and is NaN unless every
        bar that the definition reads was printed. Features that repeat another share its frame.

    Raises
    ------
    ValueError
        If the set or a name is unknown.
    """
    wanted = _wanted(feature_set, names)
    frames: dict[str, pd.DataFrame] = {}
    for feature in wanted:
        repeated = frames.get(feature.same_as) if feature.same_as else None
        frames[feature.name] = feature(panel) if repeated is None else repeated
    return frames


def feature_table(feature_set: str = "core14") -> pd.DataFrame:
    """Return group, definition, warm-up and duplicate of each feature of a set, for reports; index ``feature``."""
    columns = ["group", "definition", "warm_up", "same_as"]
    rows = [[getattr(feature, column) for column in columns] for feature in _members(feature_set)]
    names = [feature.name for feature in _members(feature_set)]
    return pd.DataFrame(rows, index=pd.Index(names, name="feature"), columns=columns)


def _wanted(feature_set: str, names: Sequence[str] | None) -> list[Feature]:
    members = _members(feature_set)
    if names is None:
        return list(members)
    known = [member.name for member in members]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"names holds {unknown}, not in feature set {feature_set}: choose from {known}")
    return [member for member in members if member.name in names]


def _members(feature_set: str) -> tuple[Feature, ...]:
    if feature_set not in FEATURE_SETS:
        raise ValueError(f"feature_set must be one of {sorted(FEATURE_SETS)}, was {feature_set!r}")
    return FEATURE_SETS[feature_set]
