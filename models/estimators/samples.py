"""Samples: the features of single sessions as rows, with labels that compare the names of one session."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from models.losses.rank_loss import average_ranks, rank_correlations, within_session_z
from models.spans import usable_rows
from models.threads import threads
from models.windows import Windows

__all__ = ["Samples", "Target", "mean_rank_ic", "samples_of"]

Target = Literal["rank", "zscore"]


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
    labelled, labels = windows.labelled[usable], windows.y[usable].double()
    with threads(1):
        compared = average_ranks(labels, labelled) if target == "rank" else labels
        y = within_session_z(compared, labelled)[labelled]
    return Samples(x=windows.x[usable][labelled].cpu().numpy(), y=y.cpu().numpy())


def mean_rank_ic(windows: Windows, rows: slice, scores: np.ndarray) -> float:
    """Mean within-session Spearman correlation of scores, (n rows, n_tickers), with the labels of a span."""
    given = torch.tensor(scores, device=windows.y.device)
    return float(rank_correlations(given, windows.y[rows], windows.labelled[rows]).nanmean())
