"""Samples: the features of single sessions as rows, with labels that compare the names of one session."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from models.estimators.window_columns import WindowColumns
from models.losses.rank_loss import average_ranks, rank_correlations, within_session_z
from models.model_settings import KindSettings
from models.spans import usable_rows
from models.threads import threads
from models.windows import Windows

__all__ = ["Samples", "Target", "compared_labels", "mean_rank_ic", "samples_of"]

Target = Literal["rank", "zscore"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Samples:
    """One row a labelled name and session.

    Parameters
    ----------
    x : ndarray of float32, shape (n_samples, width)
        Scaled features of the decision's own session, and of those before it where the kind has lags.
    y : ndarray of float64, shape (n_samples,)
        Label, comparable within its session alone: mean 0 and, where it varies, sd 1.
    sizes : ndarray of int, shape (n_sessions,)
        Samples of each session, in the order of the rows.
    """

    x: np.ndarray
    y: np.ndarray
    sizes: np.ndarray


def samples_of(
    windows: Windows, rows: slice, *, span: str, target: Target = "zscore", settings: KindSettings | None = None
) -> Samples:
    """Gather the samples of a span, session after session, each cell copied once.

    Parameters
    ----------
    windows : Windows
        Only the last rows of each window are read.
    rows : slice
        The span.
    span : str
        Its name, for an error.
    target : {"zscore", "rank"}
        The label within its session, z-scored, or its average rank, z-scored.
    settings : KindSettings, optional
        A kind's, whose ``columns`` and ``lags`` say what a sample holds; by default all features of its own session.

    Raises
    ------
    DataError
        If no session of the span can be used.
    ValueError
        If a column is no feature.
    """
    usable = usable_rows(windows, rows, span=span)
    labelled, labels = windows.labelled[usable], windows.y[usable].double()
    with threads(1):
        y = within_session_z(compared_labels(labels, labelled, target=target), labelled)[labelled]
    chosen = labelled.cpu().numpy()
    columns = WindowColumns.of(settings or KindSettings(kind=""), windows.scaler.names)
    return Samples(x=columns.gathered(windows, usable, chosen), y=y.cpu().numpy(), sizes=chosen.sum(axis=1))


def compared_labels(labels: torch.Tensor, labelled: torch.Tensor, *, target: Target) -> torch.Tensor:
    """Labels (n_sessions, n_tickers), or their average ranks within each session."""
    return average_ranks(labels, labelled) if target == "rank" else labels


def mean_rank_ic(windows: Windows, rows: slice, scores: np.ndarray) -> float:
    """Mean within-session Spearman correlation of scores, (n rows, n_tickers), with the labels of a span."""
    given = torch.tensor(scores, device=windows.y.device)
    return float(rank_correlations(given, windows.y[rows], windows.labelled[rows]).nanmean())
