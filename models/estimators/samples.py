"""Samples: the features of single sessions as rows, with labels that compare the names of one session."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from models.losses.rank_loss import rank_correlations
from models.spans import usable_rows
from models.windows import Windows

__all__ = ["Samples", "Target", "mean_rank_ic", "samples_of"]

Target = Literal["rank", "zscore"]
BLOCK_SESSIONS = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Samples:
    """One row a labelled name and session.

    Parameters
    ----------
    x : ndarray of float32, shape (n_samples, n_features)
        Scaled features of the decision's own session.
    y : ndarray of float64, shape (n_samples,)
        Label, comparable within its session alone: mean 0 and, where it varies, sd 1.
    """

    x: np.ndarray
    y: np.ndarray


def samples_of(windows: Windows, rows: slice, *, span: str, target: Target = "zscore") -> Samples:
    """Gather the samples of a span, session after session.

    Parameters
    ----------
    windows : Windows
        Only the last row of each window is read.
    rows : slice
        The span.
    span : str
        Its name, for an error.
    target : {"zscore", "rank"}
        The label within its session, z-scored, or its average rank, z-scored.

    Raises
    ------
    DataError
        If no session of the span can be used.
    """
    usable = usable_rows(windows, rows, span=span)
    labelled = windows.labelled.cpu().numpy()[usable]
    x, y = windows.x.cpu().numpy(), windows.y.cpu().numpy()
    parts = [(x[row][names], _compared(y[row][names], target)) for row, names in zip(usable, labelled, strict=True)]
    return Samples(x=np.concatenate([part for part, _ in parts]), y=np.concatenate([part for _, part in parts]))


def mean_rank_ic(windows: Windows, rows: slice, scores: np.ndarray) -> float:
    """Mean within-session Spearman correlation of scores, (n rows, n_tickers), with the labels of a span."""
    given = torch.from_numpy(scores).to(windows.y.device)
    return float(rank_correlations(given, windows.y[rows], windows.labelled[rows]).nanmean())


def _compared(labels: np.ndarray, target: Target) -> np.ndarray:
    """Labels of one session, (n names,), less their mean and over their sd; zeros where all are equal."""
    from scipy.stats import rankdata

    values = rankdata(labels) if target == "rank" else labels.astype(np.float64)
    centred = values - values.mean()
    sd = float(np.sqrt((centred * centred).mean()))
    compared: np.ndarray = centred / sd if labels.max() > labels.min() else np.zeros(len(labels))
    return compared
