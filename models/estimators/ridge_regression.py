"""Ridge: regression on the features of the decision's own session, the bar a network has to clear.

Features are the network's, scaled by the same scaler; targets are z-scored and features centred within each session, so
that only differences between the stocks of one day are fitted.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from market.panel import aligned_frame
from models.losses.rank_loss import rank_correlations
from models.sample_splits import Split
from models.spans import usable_rows
from models.windows import Windows

__all__ = ["PENALTIES", "RidgeFit", "fit_ridge", "ridge_scores"]

PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)  # of the number of samples: features have variance near 1
BLOCK_SESSIONS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class RidgeFit:
    """One coefficient a feature.

    Parameters
    ----------
    names : tuple of str
        Features.
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


def fit_ridge(windows: Windows, split: Split, *, penalties: tuple[float, ...] = PENALTIES) -> RidgeFit:
    """Fit ridge on the network's training samples; the penalty with the best validation rank IC wins.

    Parameters
    ----------
    windows : Windows
        The network's windows; only the last row of each is read.
    split : Split
        Training and validation rows.
    penalties : tuple of float
        Positive, in units of the number of samples; the first of equals is chosen.

    Raises
    ------
    DataError
        If no training or validation session can be used.
    """
    if not penalties or min(penalties) <= 0.0:
        raise ValueError(f"penalties must be positive, were {penalties}")
    usable_rows(windows, split.validation, span="validation")
    gram, moments, n_samples = _normal_equations(windows, usable_rows(windows, split.train, span="training"))
    fitted = [np.linalg.solve(gram + penalty * n_samples * np.eye(len(gram)), moments) for penalty in penalties]
    validation_ics = [_mean_ic(windows, split.validation, coefficients) for coefficients in fitted]
    best = int(np.argmax(validation_ics))
    return RidgeFit(
        names=windows.scaler.names,
        coefficients=tuple(float(value) for value in fitted[best]),
        penalty=penalties[best],
        validation_ic=validation_ics[best],
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


def _normal_equations(windows: Windows, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Add up XᵀX, Xᵀy and the number of samples over blocks of sessions."""
    n_features = windows.x.shape[2]
    gram, moments, n_samples = np.zeros((n_features, n_features)), np.zeros(n_features), 0
    for x, y in _blocks(windows, rows):
        gram += x.T @ x
        moments += x.T @ y
        n_samples += len(y)
    return gram, moments, n_samples


def _blocks(windows: Windows, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (samples, features) and (samples,) of some sessions at a time, centred and z-scored within sessions."""
    labelled = windows.labelled
    for start in range(0, len(rows), BLOCK_SESSIONS):
        block = torch.as_tensor(rows[start : start + BLOCK_SESSIONS], device=labelled.device)
        mask = labelled[block].cpu().numpy()[:, :, None]
        x = _centred(windows.x[block].double().cpu().numpy(), mask)
        y = _centred(windows.y[block].double().cpu().numpy()[:, :, None], mask)
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


def _mean_ic(windows: Windows, rows: slice, coefficients: np.ndarray) -> float:
    scores = windows.x[rows].double() @ torch.as_tensor(coefficients, device=windows.x.device)
    correlations = rank_correlations(scores, windows.y[rows], windows.labelled[rows])
    return float(correlations.nanmean())
