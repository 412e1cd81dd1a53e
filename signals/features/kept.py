"""Kept features: those of a run, a walk or a decision, read from the cache beside the data and left there.

The cache is that of ``quintile features``, whose files in float64 are read, and whose files of any kind are never
removed. What is left here is at most ``MAX_KEPT_BYTES``: the files that were used least recently go first. A cache that
cannot be read or written, or a disk without room, costs the caller nothing but the computation.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from core.errors import SourceError
from core.files import read_json
from core.parallel import cores, mapped
from market.panel import Panel
from signals.features.cache import FeatureCache, cache_home
from signals.features.computation import GAP_LIMIT, Computing, whole_frames
from signals.features.feature import Feature
from signals.features.feature_sets import SHIPPED_SETS
from signals.features.registry import framed, wanted_features

__all__ = ["MAX_KEPT_BYTES", "drop_kept", "kept_bytes", "kept_features"]

MAX_KEPT_BYTES = 4 * 10**9
ROOM = 2  # times what is to be written must be free
DTYPE = "float64"  # a run's: another type would change its bits


def kept_features(
    panel: Panel,
    feature_set: str,
    *,
    until: pd.Timestamp | None = None,
    home: Path | None = None,
    gap_limit: int = GAP_LIMIT,
) -> dict[str, pd.DataFrame]:
    """Compute a feature set as ``compute_features`` does, bit for bit, or read it from the cache; fill the cache.

    For bars that will be met again: a study of many markets, or a proof on changed bars, calls ``compute_features``.

    Parameters
    ----------
    panel : Panel
        Bars; row *t* known at the close of *t*.
    feature_set : str
        A key of ``FEATURE_SETS``.
    until : Timestamp, optional
        The features of ``panel.until(until)``. Shipped features are proved to read no later row, so that those of all
        bars are cut and every fold of a walk reads the same files; own ones are computed on the bars until then.
    home : Path, optional
        Folder of the cache; ``cache_home()`` by default.
    gap_limit : int
        As for ``Computing``.

    Returns
    -------
    dict of DataFrame of float64, each of shape (n_sessions, n_tickers)
        In the order of the set. Some are mapped from files and cannot be written to.

    Raises
    ------
    ValueError
        If the set is unknown.
    """
    if until is not None and feature_set not in SHIPPED_SETS:
        panel, until = panel.until(until), None
    wanted = wanted_features(feature_set)
    frames = framed(panel, wanted, partial(_read_or_computed, folder=home or cache_home(), gap_limit=gap_limit))
    return frames if until is None else {name: frame.loc[:until] for name, frame in frames.items()}


def kept_bytes(home: Path | None = None) -> int:
    """Bytes of the features that runs left in the cache; those of ``quintile features`` are not among them."""
    return sum(size for _, size, _ in _passing(home or cache_home()))


def drop_kept(home: Path | None = None) -> None:
    """Remove the features that runs left in the cache; a later run computes them again, bit for bit."""
    _make_room(home or cache_home(), 0)


def _read_or_computed(
    panel: Panel, features: Sequence[Feature], *, folder: Path, gap_limit: int
) -> dict[str, np.ndarray]:
    cache = FeatureCache.of(panel, folder, dtype=DTYPE, gap_limit=gap_limit)
    known = [feature for feature in features if cache.can_hold(feature)]
    found = dict(zip(known, mapped(partial(_read, cache), known, workers=cores(), on="threads"), strict=True))
    numbers = {feature.name: array for feature, array in found.items() if array is not None}
    missing = [feature for feature in features if feature.name not in numbers]
    if missing:
        computed = whole_frames(panel, missing, Computing(dtype=DTYPE, gap_limit=gap_limit))
        _keep(cache, {feature: computed[feature.name] for feature in missing if feature in found})
        numbers |= computed
    return numbers


def _read(cache: FeatureCache, feature: Feature) -> np.ndarray | None:
    try:
        return cache.read(feature)
    except OSError:  # a folder that is none, a file that may not be read or goes at this moment
        return None


def _keep(cache: FeatureCache, numbers: Mapping[Feature, np.ndarray]) -> None:
    """Leave features in the cache, where there is room; nothing is said where there is none."""
    size = sum(array.nbytes for array in numbers.values())
    with suppress(OSError):
        if size and size <= MAX_KEPT_BYTES and _has_room(cache.folder, size):
            _make_room(cache.folder, MAX_KEPT_BYTES - size)
            write = partial(_write, cache)
            for _ in mapped(write, numbers.items(), workers=cores(), on="threads"):
                pass


def _write(cache: FeatureCache, item: tuple[Feature, np.ndarray]) -> None:
    feature, array = item
    cache.write([feature], iter([(feature, array)]), passing=True)


def _has_room(folder: Path, size: int) -> bool:
    there = next(place for place in (folder, *folder.absolute().parents) if place.is_dir())
    return shutil.disk_usage(there).free >= ROOM * size


def _make_room(folder: Path, most: int) -> None:
    """Remove the files that runs left and used least recently, until they hold at most so many bytes."""
    left = sorted(_passing(folder))
    held = sum(size for _, size, _ in left)
    for _, size, facts in left:
        if held <= most:
            return
        facts.unlink(missing_ok=True)  # first: without it nobody reads the numbers
        facts.with_suffix(".npy").unlink(missing_ok=True)
        held -= size


def _passing(folder: Path) -> Iterator[tuple[float, int, Path]]:
    """Yield last use, bytes and facts of each file that a run left."""
    for path in folder.glob("*.json"):
        with suppress(OSError, SourceError):
            facts = read_json(path)
            if isinstance(facts, dict) and facts.get("passing") and isinstance(facts.get("size"), int):
                yield path.stat().st_mtime, facts["size"], path
