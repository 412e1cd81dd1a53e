"""Prediction: scores of whole cross-sections, from exact windows or from a network carried through each quarter.

A session's scores do not depend on which other sessions are scored nor on any later row. From exact windows they depend
on that session's windows alone. On the other tickers, those of networks that read sequences or windows depend through
the rounding of a matrix product only; one that reads sections compares the names of a session, as a user's network may.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import torch
from torch import nn

from core.allocator import keep_large_blocks
from market.panel import aligned_frame
from models.model import ScoreContext
from models.model_settings import Head, Scoring
from models.networks.carried import carried_scores
from models.networks.heads import head_of
from models.networks.trained import TrainedModel, resolve_device
from models.spans import exact_span, span_scores
from models.threads import side_by_side
from models.windows import Windows, check_scaled

__all__ = ["predict_head", "predict_scores"]


def predict_scores(
    model: TrainedModel,
    windows: Windows,
    *,
    sessions: pd.DatetimeIndex,
    scoring: Scoring | None = None,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Score the given sessions with the model, not calibrated.

    Parameters
    ----------
    model : TrainedModel
        Weights and scaler.
    windows : Windows
        Built with the model's scaler and lookback; targets are not read.
    sessions : DatetimeIndex
        Sessions to score, each among the windows' sessions.
    scoring : {"exact", "long"}, optional
        How, see ``RecurrentSettings``; as the model's own settings say by default.
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
    context = ScoreContext(scoring=scoring, device=device, progress=progress)
    return predict_head(model, windows, sessions, context=context)


def predict_head(
    model: TrainedModel,
    windows: Windows,
    sessions: pd.DatetimeIndex,
    *,
    context: ScoreContext,
    head: Head = "score",
    change: Callable[[nn.Module], None] | None = None,
) -> pd.DataFrame:
    """What one head gives for the given sessions; ``predict_scores`` of the score.

    Parameters
    ----------
    model, windows, sessions
        As for ``predict_scores``.
    context : ScoreContext
        Where and how.
    head : str
        One of the network's.
    change : callable, optional
        What is done to the network before it scores, such as leaving units out.
    """
    check_scaled(windows, sessions, scaler=model.scaler, lookback=model.settings.model.lookback)
    keep_large_blocks()
    place = resolve_device(context.device)
    network, windows = model.network(place), windows.to(place)
    if change is not None:
        change(network)
    unrolled = carried_scores if (context.scoring or model.settings.model.scored) == "long" else _exact_scores
    if unrolled is carried_scores and not callable(getattr(network, "step", None)):
        raise ValueError(
            f"network {model.settings.model.kind} reads windows on features {', '.join(model.scaler.names[:2])}, … and "
            "cannot be scored long: score it exact"
        )
    rows = windows.sessions.get_indexer(sessions)
    scores = np.full((len(rows), len(windows.tickers)), np.nan)
    with torch.inference_mode():
        for done, (row, raw) in enumerate(unrolled(network, windows, rows), start=1):
            scored = head_of(raw, model.settings.model.gives, head)
            masked = scored.double().masked_fill(~windows.mask[row], torch.nan)
            scores[rows == row] = masked.cpu().numpy()
            if context.progress is not None:
                context.progress(done, len(rows))
    return aligned_frame(scores, sessions, windows.tickers)


def _exact_scores(network: nn.Module, windows: Windows, rows: np.ndarray) -> Iterator[tuple[int, torch.Tensor]]:
    """Yield each row with what the heads give of all columns, (n_tickers, …); 0 where there is no window."""

    def read(row: int) -> tuple[int, torch.Tensor]:
        names = windows.mask[row].nonzero().squeeze(1)
        if not len(names):
            return row, windows.x.new_zeros(len(windows.tickers))
        given = span_scores(network, windows, exact_span(row, windows.lookback), names)[0]  # (names, …)
        whole = given.new_zeros((len(windows.tickers), *given.shape[1:]))
        whole[names] = given
        return row, whole

    return side_by_side(read, rows.tolist(), device=windows.x.device)
