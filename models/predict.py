"""Prediction: scores from exact windows, one session per forward pass.

A session's scores depend on that session's windows alone: not on which other sessions are scored, and on the other
tickers of the session only through the rounding of a matrix product.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch

from market.allocator import keep_large_blocks
from market.panel import aligned_frame
from models.spans import exact_span, span_scores
from models.trained import TrainedModel, resolve_device
from models.windows import Windows

__all__ = ["predict_scores"]


def predict_scores(
    model: TrainedModel,
    windows: Windows,
    *,
    sessions: pd.DatetimeIndex,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Return the model's raw scores of the given sessions.

    Parameters
    ----------
    model : TrainedModel
        Weights and scaler.
    windows : Windows
        Built with the model's scaler and lookback; targets are not read.
    sessions : DatetimeIndex
        Sessions to score, each among the windows' sessions.
    device : {"auto", "cpu", "cuda"}
        Where to predict.
    progress : callable, optional
        Called with sessions done and sessions in all.

    Returns
    -------
    DataFrame of float, shape (n sessions, n_tickers)
        Known at the close of each session, on the network's own scale, higher is better; NaN where the mask is False.

    Raises
    ------
    ValueError
        If the windows were built otherwise or do not hold a session.
    """
    _check(model, windows, sessions)
    keep_large_blocks()
    place = resolve_device(device)
    network, windows = model.network(place), windows.to(place)
    scores = np.full((len(sessions), len(windows.tickers)), np.nan)
    with torch.inference_mode():
        for k, row in enumerate(windows.sessions.get_indexer(sessions)):
            names = windows.mask[row].nonzero().squeeze(1)
            if len(names):
                forward = span_scores(network, windows, exact_span(int(row), windows.lookback), names)
                scores[k, names.cpu().numpy()] = forward[0].double().cpu().numpy()
            if progress is not None:
                progress(k + 1, len(sessions))
    return aligned_frame(scores, sessions, windows.tickers)


def _check(model: TrainedModel, windows: Windows, sessions: pd.DatetimeIndex) -> None:
    lookback = model.settings.network.lookback
    if windows.lookback != lookback:
        raise ValueError(f"windows have a lookback of {windows.lookback} sessions, the model {lookback}: rebuild them")
    if windows.scaler != model.scaler:
        raise ValueError("windows were scaled by another scaler than the model's: rebuild them with model.scaler")
    strangers = sessions.difference(windows.sessions)
    if len(strangers):
        raise ValueError(f"no windows for session {strangers[0]:%Y-%m-%d}: build them from bars that reach it")
