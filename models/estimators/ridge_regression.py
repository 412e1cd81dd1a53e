"""Ridge: regression on the features of the decision's own session, the bar a network has to clear.

Features are the network's, scaled by the same scaler; targets are z-scored and features centred within each session, so
that only differences between the stocks of one day are fitted. Samples are added up block by block into XᵀX and Xᵀy,
which is all that a squared loss reads of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
import torch

from market.panel import aligned_frame
from models.estimators.samples import Target, compared_labels
from models.estimators.window_columns import WindowColumns
from models.losses.rank_loss import rank_correlations
from models.model_settings import KindSettings
from models.sample_splits import Split
from models.spans import usable_rows
from models.threads import threads
from models.windows import Windows

__all__ = ["PENALTIES", "Columns", "Moments", "RidgeFit", "best_linear", "fit_ridge", "moments_of", "ridge_scores"]

PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)  # of the number of samples: features have variance near 1
BLOCK_SESSIONS = 64


class Columns(Protocol):
    """Numbers of each name and session that a weighted sum is fitted on."""

    @property
    def width(self) -> int:
        """Numbers of a sample."""

    @property
    def breadth(self) -> int:
        """How many times the features of one session a sample takes, at least 1."""

    def block(self, windows: Windows, rows: torch.Tensor) -> torch.Tensor:
        """Every name's numbers in some sessions, (n rows, n_tickers, width), where the windows are."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """What a squared loss reads of samples centred within their sessions.

    Parameters
    ----------
    gram : ndarray of float64, shape (width, width)
        XᵀX.
    products : ndarray of float64, shape (width,)
        Xᵀy.
    n_samples : int
        Rows of X.
    """

    gram: np.ndarray
    products: np.ndarray
    n_samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RidgeFit:
    """One coefficient a feature.

    Parameters
    ----------
    names : tuple of str
        Features, and their lags.
    coefficients : tuple of float
        Target standard deviations per scaled feature.
    penalty : float
        Chosen on validation, in units of the number of samples.
    validation_ic : float
        Mean within-session Spearman correlation on validation at that penalty.
    """

    names: tuple[str, ...]
    coefficients: tuple[float, ...]
    penalty: float
    validation_ic: float


def fit_ridge(
    windows: Windows,
    split: Split,
    *,
    penalties: tuple[float, ...] = PENALTIES,
    settings: KindSettings | None = None,
    target: Target = "zscore",
) -> RidgeFit:
    """Fit ridge on the network's training samples; the penalty with the best validation rank IC wins.

    Parameters
    ----------
    windows : Windows
        The network's windows; only the last row of each is read, unless ``settings`` has lags.
    split : Split
        Training and validation rows.
    penalties : tuple of float
        Positive, in units of the number of samples; the first of equals is chosen.
    settings : KindSettings, optional
        A kind's, whose ``columns`` and ``lags`` say what a sample holds.
    target : {"zscore", "rank"}
        What is fitted within each session.

    Raises
    ------
    DataError
        If no training or validation session can be used.
    ValueError
        If a column is no feature.
    """
    if not penalties or min(penalties) <= 0.0:
        raise ValueError(f"penalties must be positive, were {penalties}")
    columns = WindowColumns.of(settings or KindSettings(kind="ridge"), windows.scaler.names)
    usable_rows(windows, split.validation, span="validation")
    found = moments_of(windows, usable_rows(windows, split.train, span="training"), columns=columns, target=target)
    scaled = np.eye(columns.width) * found.n_samples
    fitted = [np.linalg.solve(found.gram + penalty * scaled, found.products) for penalty in penalties]
    best, validation_ic = best_linear(fitted, windows, split.validation, columns=columns)
    return RidgeFit(
        names=columns.labels,
        coefficients=tuple(float(value) for value in fitted[best]),
        penalty=penalties[best],
        validation_ic=validation_ic,
    )


def ridge_scores(model: RidgeFit, windows: Windows) -> pd.DataFrame:
    """Score every session.

    Returns
    -------
    DataFrame of float, shape (n_sessions, n_tickers)
        Known at the close of each session; NaN outside the universe or where one of the session's features is missing.
        Compare with the network on its own, smaller set of names: those with complete windows.
    """
    coefficients = torch.tensor(model.coefficients, dtype=torch.float64, device=windows.x.device)
    scores = torch.cat([block.double() @ coefficients for block in torch.split(windows.x, BLOCK_SESSIONS)])
    scores = torch.where(windows.present, scores, torch.nan)
    return aligned_frame(scores.cpu().numpy(), windows.sessions, windows.tickers)


def moments_of(windows: Windows, rows: np.ndarray, *, columns: Columns, target: Target = "zscore") -> Moments:
    """Add up XᵀX, Xᵀy and the number of samples over blocks of usable sessions."""
    gram, products, n_samples = np.zeros((columns.width, columns.width)), np.zeros(columns.width), 0
    for x, y in _blocks(windows, rows, columns, target):
        gram += x.T @ x
        products += x.T @ y
        n_samples += len(y)
    return Moments(gram=gram, products=products, n_samples=n_samples)


def best_linear(fitted: Sequence[np.ndarray], windows: Windows, rows: slice, *, columns: Columns) -> tuple[int, float]:
    """Place of the coefficients with the best mean rank IC over a span, the first of equals, and that IC."""
    ics = [_mean_ic(windows, rows, coefficients, columns) for coefficients in fitted]
    best = int(np.argmax(np.nan_to_num(ics, nan=-np.inf)))
    return best, ics[best]


def _blocks(
    windows: Windows, rows: np.ndarray, columns: Columns, target: Target
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (samples, width) and (samples,) of some sessions at a time, centred and z-scored within sessions."""
    labelled = windows.labelled
    length = max(1, BLOCK_SESSIONS // columns.breadth)
    for start in range(0, len(rows), length):
        block = torch.as_tensor(rows[start : start + length], device=labelled.device)
        mask = labelled[block].cpu().numpy()[:, :, None]
        x = _centred(columns.block(windows, block).double().cpu().numpy(), mask)
        with threads(1):
            labels = compared_labels(windows.y[block].double(), labelled[block], target=target)
        y = _centred(labels.cpu().numpy()[:, :, None], mask)
        variance = (y * y).sum(axis=1, keepdims=True) / mask.sum(axis=1, keepdims=True)
        mask = mask & (variance > 0.0)  # a session of equal returns has no ranking to learn
        labelled_cells = mask[:, :, 0]
        z = y / np.sqrt(np.where(variance > 0.0, variance, 1.0))
        yield x[labelled_cells], z[labelled_cells][:, 0]


def _centred(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Values less their session's mean over the masked names; 0 elsewhere."""
    filled = np.where(mask, values, 0.0)
    mean = filled.sum(axis=1, keepdims=True) / mask.sum(axis=1, keepdims=True)
    centred: np.ndarray = np.where(mask, filled - mean, 0.0)
    return centred


def _mean_ic(windows: Windows, rows: slice, coefficients: np.ndarray, columns: Columns) -> float:
    weights = torch.as_tensor(coefficients, device=windows.x.device)
    length = max(1, BLOCK_SESSIONS // columns.breadth) if columns.breadth > 1 else len(windows.x)
    blocks = torch.split(torch.arange(rows.start, rows.stop, device=windows.x.device), length)
    scores = torch.cat([columns.block(windows, block).double() @ weights for block in blocks])
    correlations = rank_correlations(scores, windows.y[rows], windows.labelled[rows])
    return float(correlations.nanmean())
