"""Panel windows: the windows of a panel that is put together from another's cells, to score it as any other."""

from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from models.windows import Windows

__all__ = ["panel_windows"]


def panel_windows(
    windows: Windows, rows: np.ndarray, columns: np.ndarray, *, complete: np.ndarray, universe: np.ndarray
) -> Windows:
    """Windows whose cell (*s*, *n*) is cell (``rows[s, n]``, ``columns[n]``) of others.

    Parameters
    ----------
    windows : Windows
        Where the cells are from.
    rows : ndarray of int, shape (n_sessions, n_names)
        Their rows.
    columns : ndarray of int, shape (n_names,)
        Their columns.
    complete : ndarray of bool, shape (n_sessions, n_names)
        Cells of the new panel that have all features.
    universe : ndarray of bool, shape (n_sessions, n_names)
        Names of the new panel.
    """
    cells, eligible = (torch.from_numpy(rows), torch.from_numpy(columns)), torch.from_numpy(universe)
    known = torch.from_numpy(complete)
    runs = known.unfold(0, windows.lookback, 1).all(dim=2)  # (n_sessions − lookback + 1, n_names)
    mask = torch.zeros_like(known)
    mask[windows.lookback - 1 :] = eligible[windows.lookback - 1 :] & runs
    return replace(
        windows,
        x=windows.x[cells],
        y=windows.y[cells],
        mask=mask,
        present=eligible & known,
        tickers=pd.Index([f"N{place:05d}" for place in range(len(columns))]),
    )
