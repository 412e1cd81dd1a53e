"""Fourier features: random cosines whose products approach a Gaussian kernel, so that ridge on them is kernel ridge.

z(x) = √(2/D)·cos(xᵀω + b), ω normal with sd 1/(w·√F), b uniform on [0, 2π): E z(x)ᵀz(x') = exp(−‖x − x'‖²/(2w²F)).
Scaled features have variance near 1, so that ‖x − x'‖² is near 2F for two names and the width w counts in such
distances. Drawn by scikit-learn's ``RBFSampler``; samples are mapped block by block and never kept.

References
----------
A. Rahimi and B. Recht (2007), "Random features for large-scale kernel machines", NeurIPS, algorithm 1.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch

from models.estimators.estimator_model import StoredForm
from models.estimators.window_columns import WindowColumns
from models.windows import Windows

__all__ = ["FOURIER_FORM", "FourierColumns", "FourierRidge"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FourierColumns:
    """Random cosines of the cells that a sample holds.

    Parameters
    ----------
    columns : WindowColumns
        Those cells.
    frequencies : ndarray of float64, shape (columns.width, width)
        One column a cosine.
    offsets : ndarray of float64, shape (width,)
        Its phase.
    """

    columns: WindowColumns
    frequencies: np.ndarray
    offsets: np.ndarray

    @classmethod
    def drawn(cls, columns: WindowColumns, *, components: int, width: float, seed: int) -> Self:
        """Draw frequencies for a kernel of that width."""
        from sklearn.kernel_approximation import RBFSampler

        gamma = 1.0 / (2.0 * width**2 * columns.width)
        sampler = RBFSampler(gamma=gamma, n_components=components, random_state=seed)
        sampler.fit(np.zeros((1, columns.width)))
        return cls(columns=columns, frequencies=sampler.random_weights_, offsets=sampler.random_offset_)

    @property
    def width(self) -> int:
        """Cosines."""
        return len(self.offsets)

    @property
    def breadth(self) -> int:
        """Numbers held at once, in features of one session."""
        return max(self.columns.breadth, math.ceil(self.width / self.columns.n_features))

    def block(self, windows: Windows, rows: torch.Tensor) -> torch.Tensor:
        """Every name's cosines in some sessions, (n rows, n_tickers, width), in float64."""
        cells = self.columns.block(windows, rows).double()
        frequencies, offsets = (torch.as_tensor(each, device=cells.device) for each in (self.frequencies, self.offsets))
        return (cells @ frequencies).add_(offsets).cos_().mul_(math.sqrt(2.0 / self.width))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FourierRidge:
    """A weighted sum of random cosines.

    Parameters
    ----------
    frequencies, offsets : ndarray of float64, shapes (n_cells, width) and (width,)
        As of ``FourierColumns``.
    coefficients : ndarray of float64, shape (width,)
        One a cosine.
    """

    frequencies: np.ndarray
    offsets: np.ndarray
    coefficients: np.ndarray

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Scores (n_samples,), in float64."""
        cosines = np.cos(x.astype(np.float64) @ self.frequencies + self.offsets)
        scores: np.ndarray = cosines @ self.coefficients * math.sqrt(2.0 / len(self.offsets))
        return scores


def _dump(ridge: FourierRidge) -> Mapping[str, torch.Tensor]:
    arrays = {"frequencies": ridge.frequencies, "offsets": ridge.offsets, "coefficients": ridge.coefficients}
    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}


def _load(tensors: Mapping[str, torch.Tensor]) -> FourierRidge:
    frequencies, offsets, coefficients = (tensors[key] for key in ("frequencies", "offsets", "coefficients"))
    n_cosines = len(offsets)
    shapes = frequencies.ndim == 2 and frequencies.shape[1] == n_cosines and coefficients.shape == offsets.shape
    if not shapes or not all(torch.isfinite(each).all() for each in (frequencies, offsets, coefficients)):
        raise ValueError(f"Fourier features must be finite numbers, of {n_cosines} cosines")
    return FourierRidge(frequencies=frequencies.numpy(), offsets=offsets.numpy(), coefficients=coefficients.numpy())


FOURIER_FORM = StoredForm(dump=_dump, load=_load, size=lambda ridge: len(ridge.coefficients))
