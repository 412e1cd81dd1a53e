"""Folded windows: few series, cut into stretches of time that a network trains on side by side.

The training loop takes many names a session. One series of a thousand sessions is one name; cut into lanes of thirty
sessions each, with the sessions before a lane as its warm-up, it is thirty names of thirty sessions: the same windows
and the same labels, in batches that fill a processor. Sessions of a fold hold different days, so that nothing may
compare its names: losses of one name at a time only, and no attention across names.
"""

import math

import numpy as np
import pandas as pd
import torch

from models.sample_splits import Split
from models.windows import Windows

__all__ = ["NAMES_ABREAST", "folded"]

NAMES_ABREAST = 32


def folded(windows: Windows, split: Split, *, warm_up: int) -> tuple[Windows, Split]:
    """Windows whose names are lanes of the training rows and then of the validation rows, and the rows of both.

    Parameters
    ----------
    windows : Windows
        Of the series.
    split : Split
        Rows of training and validation.
    warm_up : int
        Rows before each lane that are read and not scored.
    """
    lanes = max(1, math.ceil(NAMES_ABREAST / len(windows.tickers)))
    blocks = [_block(windows, span, lanes, warm_up) for span in (split.train, split.validation)]
    x, y, mask, present = (torch.cat(parts) for parts in zip(*blocks, strict=True))
    first = len(blocks[0][0])
    fold = Windows(
        x=x,
        y=y,
        mask=mask,
        present=present,
        scaler=windows.scaler,
        lookback=windows.lookback,
        sessions=pd.date_range("2000-01-01", periods=len(x), name="session"),
        tickers=pd.Index([f"{place}" for place in range(x.shape[1])], name="ticker"),
    )
    rows = Split(
        train=slice(warm_up, first), validation=slice(first + warm_up, len(x)), test=slice(len(x), len(x)), purge=0
    )
    return fold, rows


def _block(windows: Windows, span: slice, lanes: int, warm_up: int) -> tuple[torch.Tensor, ...]:
    """Lanes of one span: features, labels, masks, each (warm-up + rows of a lane, lanes × series, …)."""
    length = math.ceil((span.stop - span.start) / lanes)
    rows = span.start + np.arange(-warm_up, length)[:, None] + length * np.arange(lanes)[None, :]
    read = torch.from_numpy((rows >= 0) & (rows < span.stop))
    scored = read & (torch.arange(len(rows)) >= warm_up)[:, None]
    taken = torch.from_numpy(np.clip(rows, 0, span.stop - 1))
    wide = (len(rows), lanes * len(windows.tickers))

    def laid(values: torch.Tensor, kept: torch.Tensor, missing: float | bool) -> torch.Tensor:
        cells = values[taken]
        kept = kept.reshape(*kept.shape, *([1] * (cells.dim() - 2)))
        return torch.where(kept, cells, torch.as_tensor(missing, dtype=values.dtype)).reshape(*wide, *cells.shape[3:])

    return (
        laid(windows.x, read, 0.0),
        laid(windows.y, scored, math.nan),
        laid(windows.mask, scored, False),
        laid(windows.present, read, False),
    )
