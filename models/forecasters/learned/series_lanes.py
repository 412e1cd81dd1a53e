"""Series lanes: few series, cut into stretches of time that a network unrolls side by side.

One series of a thousand sessions is one column of a thousand steps. Cut into lanes of thirty sessions each, with the
sessions before a lane as its warm-up, it is thirty columns of thirty steps: the same windows and the same labels, in
batches that fill a processor. Rows of a lane hold different days side by side, so that nothing may compare its columns.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

__all__ = ["COLUMNS_ABREAST", "Lanes", "lanes_of"]

COLUMNS_ABREAST = 32


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lanes:
    """Stretches of some rows, side by side.

    Parameters
    ----------
    x : Tensor of float32, shape (warm-up + rows of a lane, lanes × series, F)
        Features; 0 where a lane reaches before the first session or beyond the last of its rows.
    y : Tensor of float32, shape (warm-up + rows of a lane, lanes × series, H)
        Labels; NaN in the warm-up and where there is none.
    warm_up : int
        Rows at the top that are read and not scored.
    """

    x: torch.Tensor
    y: torch.Tensor
    warm_up: int

    @property
    def labels(self) -> int:
        """Windows with a label of some horizon."""
        return int(torch.isfinite(self.y).any(dim=2).sum())

    @property
    def labelled_rows(self) -> np.ndarray:
        """Rows that hold a label."""
        return np.flatnonzero(torch.isfinite(self.y).any(dim=2).any(dim=1).numpy())


def lanes_of(x: torch.Tensor, y: torch.Tensor, rows: slice, *, warm_up: int) -> Lanes:
    """Cut some rows of T × N series into lanes; every label of the rows is there once.

    Parameters
    ----------
    x : Tensor of float, shape (T, N, F)
        Features.
    y : Tensor of float, shape (T, N, H)
        Labels; NaN where there is none.
    rows : slice
        Whose labels are taken; features are read from ``warm_up`` rows before on, and none after.
    warm_up : int
        Rows read before the first label of a lane.
    """
    lanes = max(1, math.ceil(COLUMNS_ABREAST / x.shape[1]))
    length = math.ceil((rows.stop - rows.start) / lanes)
    places = rows.start + np.arange(-warm_up, length)[:, None] + length * np.arange(lanes)[None, :]
    read = torch.from_numpy((places >= 0) & (places < rows.stop))  # (warm-up + length, lanes)
    scored = read & (torch.arange(len(places)) >= warm_up)[:, None]
    taken = torch.from_numpy(np.clip(places, 0, rows.stop - 1))
    return Lanes(x=_laid(x, taken, read, 0.0), y=_laid(y, taken, scored, math.nan), warm_up=warm_up)


def _laid(values: torch.Tensor, taken: torch.Tensor, kept: torch.Tensor, missing: float) -> torch.Tensor:
    """Rows ``taken`` of (T, N, K), side by side: (rows, lanes × N, K)."""
    cells = values[taken]  # (rows, lanes, N, K)
    told = torch.where(kept[..., None, None], cells, torch.as_tensor(missing, dtype=values.dtype))
    return told.reshape(len(taken), -1, values.shape[-1])
