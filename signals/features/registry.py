"""Registry: feature sets by name, and the one function that computes them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from core.parallel import cores, mapped
from market.panel import Panel, aligned_frame
from signals.features.cache import FeatureCache
from signals.features.computation import Computing, computed_pieces, whole_frames
from signals.features.feature import Feature
from signals.features.feature_sets import FEATURE_SETS

__all__ = ["FEATURE_SETS", "compute_features", "feature_table", "framed", "wanted_features"]

Numbers = Callable[[Panel, Sequence[Feature]], dict[str, np.ndarray]]


def compute_features(
    panel: Panel,
    feature_set: str = "core14",
    *,
    names: Sequence[str] | None = None,
    computing: Computing | None = None,
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
    computing : Computing, optional
        Memory budget, cache, workers, the type of the result, and the holes that windows skip; float64 without a cache
        and holes of up to 5 sessions by default.

    Returns
    -------
    dict of DataFrame of float, each of shape (n_sessions, n_tickers)
        In the order of the set, whatever the order of ``names``. Row *t* uses rows ≤ *t* only and is NaN unless every
        bar that the definition reads was printed, holes of at most ``computing.gap_limit`` sessions skipped. Features
        that repeat another share its frame. From a cache they are mapped into memory and cannot be written to.

    Raises
    ------
    ValueError
        If the set or a name is unknown, or the features do not fit the memory budget.
    """
    return framed(panel, wanted_features(feature_set, names), partial(_numbers, computing=computing or Computing()))


def framed(panel: Panel, wanted: Sequence[Feature], numbers_of: Numbers) -> dict[str, pd.DataFrame]:
    """Frame the numbers of features, asked for once where one repeats another."""
    held = {feature.name for feature in wanted}
    sources = {feature.name: feature.same_as if feature.same_as in held else feature.name for feature in wanted}
    numbers = numbers_of(panel, [feature for feature in wanted if sources[feature.name] == feature.name])
    frames = {name: aligned_frame(numbers[name], panel.sessions, panel.tickers, copy=False) for name in numbers}
    return {feature.name: frames[str(sources[feature.name])] for feature in wanted}


def _numbers(panel: Panel, features: Sequence[Feature], *, computing: Computing) -> dict[str, np.ndarray]:
    """Read features from the cache, if one is given, or compute them."""
    if computing.cache is None:
        return whole_frames(panel, features, computing)
    cache = FeatureCache.of(panel, computing.cache, dtype=computing.dtype, gap_limit=computing.gap_limit)
    cacheable = [feature for feature in features if cache.can_hold(feature)]
    read = mapped(cache.read, cacheable, workers=cores(), on="threads")  # a file is hashed before it is trusted
    cached = {feature.name: array for feature, array in zip(cacheable, read, strict=True)}
    missing = [feature for feature in cacheable if cached[feature.name] is None]
    if missing:
        cache.write(missing, computed_pieces(panel, missing, computing))
    cached |= {feature.name: cache.mapped(feature) for feature in missing}
    fresh = [feature for feature in features if feature not in cacheable]
    fresh_numbers = _numbers(panel, fresh, computing=replace(computing, cache=None)) if fresh else {}
    return {name: array for name, array in cached.items() if array is not None} | fresh_numbers


def feature_table(feature_set: str = "core14") -> pd.DataFrame:
    """Group, definition, warm-up and duplicate of each feature of a set, for reports; index ``feature``."""
    columns = ["group", "definition", "warm_up", "same_as"]
    rows = [[getattr(feature, column) for column in columns] for feature in _members(feature_set)]
    names = [feature.name for feature in _members(feature_set)]
    return pd.DataFrame(rows, index=pd.Index(names, name="feature"), columns=columns)


def wanted_features(feature_set: str, names: Sequence[str] | None = None) -> list[Feature]:
    """The features of a set, or the named ones of them, in the order of the set.

    Raises
    ------
    ValueError
        If the set or a name is unknown.
    """
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
        known = sorted(FEATURE_SETS)
        raise ValueError(
            f"feature_set must be one of {known}, was {feature_set!r}: a set of your own is known once its file is "
            "loaded (`quintile --features FILE …`)"
        )
    return FEATURE_SETS[feature_set]
