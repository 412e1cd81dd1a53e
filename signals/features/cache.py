"""Cache: features on disk, one file each, column after column, mapped into memory instead of read.

    <folder>/<feature>-<key>.npy    (n_sessions, n_tickers), one ticker contiguous
    <folder>/<feature>-<key>.json   what it is, its size and its sha256

The key is made of the panel's fingerprint, the sha256 of the feature's code, the type of its numbers and the longest
hole that windows skip: whatever changes one of them selects another file. The numbers are renamed into place before the
JSON that vouches for them, so that a reader, or a process killed at any moment, meets a whole feature or none. Every
process writes the same bytes, so two may compute at once. A damaged feature is computed again. The folder may be
deleted at any time.
"""

import hashlib
import io
import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from core.errors import SourceError
from core.files import atomic_path, file_sha256, read_json, write_json
from market.panel import Panel
from market.store.data_set_names import store_home
from signals.features.feature import Feature
from signals.features.feature_code import code_hash

__all__ = ["FeatureCache", "cache_home"]

FORMAT = 1
ABANDONED_AFTER_SECONDS = 86_400.0  # an unfinished file this old has no writer left


def cache_home() -> Path:
    """Folder of cached features, beside the stored data sets."""
    return store_home() / ".features"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureCache:
    """Cached features of one panel.

    Parameters
    ----------
    folder : Path
        Where they are, of all panels.
    panel : str
        The panel's fingerprint.
    shape : tuple of int
        Its sessions and tickers.
    dtype : str
        Type of the numbers.
    gap_limit : int
        Longest hole that windows skip.
    """

    folder: Path
    panel: str
    shape: tuple[int, int]
    dtype: str
    gap_limit: int = 0

    @classmethod
    def of(cls, panel: Panel, folder: Path, *, dtype: str, gap_limit: int) -> "FeatureCache":
        """Open the cache of a panel's features in a folder."""
        return cls(folder=folder, panel=panel.fingerprint(), shape=panel.close.shape, dtype=dtype, gap_limit=gap_limit)

    def can_hold(self, feature: Feature) -> bool:
        """Whether a feature can be cached: its code has a hash."""
        return code_hash(feature) is not None

    def read(self, feature: Feature) -> np.ndarray | None:
        """Map a cached feature read-only, and note the use; None if there is none, or it is damaged."""
        facts = self._facts(feature)
        path = self._path(facts)
        try:
            recorded = read_json(path.with_suffix(".json"))
        except (FileNotFoundError, SourceError):
            return None
        if not (isinstance(recorded, dict) and recorded.items() >= facts.items() and _is_whole(path, recorded)):
            return None
        with suppress(OSError):  # a folder that is only read
            os.utime(path.with_suffix(".json"))
        return _mapped(path)

    def mapped(self, feature: Feature) -> np.ndarray:
        """Map a feature that was written a moment ago."""
        return _mapped(self._path(self._facts(feature)))

    def write(
        self, features: Iterable[Feature], pieces: Iterator[tuple[Feature, np.ndarray]], *, passing: bool = False
    ) -> None:
        """Write features that arrive some tickers at a time, in the order of the tickers.

        Parameters
        ----------
        features : iterable of Feature
            Those that arrive.
        pieces : iterator of (Feature, array of shape (n_sessions, n_tickers of the piece))
            Their numbers.
        passing : bool
            Nobody asked for the files, so that they may go when there are many.
        """
        self._sweep()
        paths = {feature.name: self._path(self._facts(feature)) for feature in features}
        digests = {name: hashlib.sha256() for name in paths}
        with ExitStack() as stack:
            files: dict[str, BinaryIO] = {}
            for name, path in paths.items():
                files[name] = stack.enter_context(stack.enter_context(atomic_path(path)).open("wb"))
                _append(files[name], digests[name], self._header())
            for feature, piece in pieces:
                _append(files[feature.name], digests[feature.name], piece.ravel(order="F").data)
        for feature in features:
            path = paths[feature.name]
            written = {"size": path.stat().st_size, "sha256": digests[feature.name].hexdigest(), "passing": passing}
            write_json(path.with_suffix(".json"), self._facts(feature) | written)

    def _facts(self, feature: Feature) -> dict[str, Any]:
        """What must agree for a cached feature to be the requested one."""
        return {
            "format": FORMAT,
            "feature": feature.name,
            "definition": feature.definition,
            "panel": self.panel,
            "code": code_hash(feature),
            "dtype": self.dtype,
            "shape": list(self.shape),
            **({"gap_limit": self.gap_limit} if self.gap_limit else {}),
        }

    def _path(self, facts: dict[str, Any]) -> Path:
        key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        return self.folder / f"{facts['feature']}-{key[:24]}.npy"

    def _header(self) -> bytes:
        sink = io.BytesIO()
        described = {"descr": np.dtype(self.dtype).str, "fortran_order": True, "shape": self.shape}
        np.lib.format.write_array_header_1_0(sink, described)
        return sink.getvalue()

    def _sweep(self) -> None:
        """Remove what killed writers left."""
        for path in self.folder.glob(".*.partial"):
            if path.stat().st_mtime < time.time() - ABANDONED_AFTER_SECONDS:
                path.unlink(missing_ok=True)


def _mapped(path: Path) -> np.ndarray:
    numbers: np.ndarray = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    return numbers


def _append(file: BinaryIO, digest: Any, content: bytes | memoryview) -> None:
    file.write(content)
    digest.update(content)


def _is_whole(path: Path, recorded: dict[str, Any]) -> bool:
    return (
        path.is_file() and path.stat().st_size == recorded.get("size") and file_sha256(path) == recorded.get("sha256")
    )
