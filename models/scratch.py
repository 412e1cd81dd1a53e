"""Scratch: the scaled features of windows, in memory or, where they are too large for it, in an unnamed file.

The file has no name from the moment it is opened: it goes with the tensor that maps it, and with the process however
that ends. Features come one at a time and are written one after the other; then blocks of sessions are put into the
order of ``Windows.x``. What is mapped may leave memory again, so training reads what it unrolls and keeps no more.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import numpy as np
import torch

__all__ = ["FeatureStore", "Scratch", "feature_store"]

BLOCK_BYTES = 64 * 2**20  # sessions put in order at once

Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scratch:
    """Where scaled features go that are too large for memory.

    Parameters
    ----------
    folder : Path
        On a disk with room for the features twice; made when it is needed.
    above : int
        Bytes that are kept in memory, at least 0.
    """

    folder: Path
    above: int

    def __post_init__(self) -> None:
        if self.above < 0:
            raise ValueError(f"memory for features must be at least 0 bytes, was {self.above}")


class FeatureStore(Protocol):
    """Takes float features of shape (n_sessions, n_tickers) in their order, then gives them as one tensor."""

    def add(self, values: np.ndarray) -> None:
        """Take the next feature, rounded to float32."""

    def tensor(self) -> torch.Tensor:
        """All features, float32 of shape (n_sessions, n_tickers, n_features), contiguous."""


def feature_store(shape: Shape, scratch: Scratch | None) -> FeatureStore:
    """An empty store in memory, or in a file if a tensor of this shape exceeds what scratch keeps in memory."""
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(np.float32).itemsize
    if scratch is None or size <= scratch.above:
        return _InMemory(shape)
    return _InFile(shape, scratch.folder)


class _InMemory:
    def __init__(self, shape: Shape) -> None:
        self.x: np.ndarray = np.empty(shape, dtype=np.float32)
        self.count = 0

    def add(self, values: np.ndarray) -> None:
        self.x[:, :, self.count] = values
        self.count += 1

    def tensor(self) -> torch.Tensor:
        return torch.from_numpy(self.x)


class _InFile:
    def __init__(self, shape: Shape, folder: Path) -> None:
        self.shape, self.folder = shape, folder
        folder.mkdir(parents=True, exist_ok=True)
        self.planes: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - `tensor` closes it

    def add(self, values: np.ndarray) -> None:
        self.planes.write(np.asarray(values, dtype=np.float32, order="C").data)

    def tensor(self) -> torch.Tensor:
        n_sessions, n_tickers, n_features = self.shape
        self.planes.flush()
        shape = (n_features, n_sessions, n_tickers)
        planes: np.ndarray = np.memmap(self.planes, dtype=np.float32, mode="r", shape=shape)
        step = max(1, BLOCK_BYTES // (4 * n_tickers * n_features))
        with self.planes, tempfile.TemporaryFile(dir=self.folder) as ordered:
            for start in range(0, n_sessions, step):
                ordered.write(np.ascontiguousarray(np.moveaxis(planes[:, start : start + step], 0, 2)).data)
            ordered.flush()
            # shared and writable only because a tensor must be; nothing writes to it
            return torch.from_numpy(np.memmap(ordered, dtype=np.float32, mode="r+", shape=self.shape))
