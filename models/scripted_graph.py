"""Scripted graph: a TorchScript archive of an export in memory, with torch and nothing else of Quintile's models.

An archive holds code: this opens what the caller wrote itself; ``models/export/`` opens others by their sha256.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

__all__ = ["scripted_graph"]


def scripted_graph(path: Path, *, n_threads: int = 1) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Open an archive; features (S, N, F) and universe (S, N) go in, expected returns (S − L + 1, N) come out."""
    torch.set_num_threads(n_threads)
    loaded = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]

    def score(features: np.ndarray, universe: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            found: np.ndarray = loaded(torch.from_numpy(features), torch.from_numpy(universe)).numpy()
        return found

    return score
