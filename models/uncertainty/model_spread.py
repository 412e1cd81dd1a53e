"""Model spread: what a fitted network says of how far a return may lie from its score, in returns."""

from functools import partial

import numpy as np
import pandas as pd

from core.errors import CheckpointError
from market.panel import aligned_frame
from models.calibrate import Calibration
from models.model import FittedModel, ScoreContext
from models.networks.fitted_network import FittedNetwork
from models.uncertainty.dropped_units import drop_units
from models.windows import Windows

__all__ = ["dropout_spread", "head_spread"]


def head_spread(
    model: FittedModel, windows: Windows, sessions: pd.DatetimeIndex, *, context: ScoreContext
) -> pd.DataFrame:
    """The standard deviation that the head ``log_variance`` gives each name, a simple return.

    exp(v / 2) times the unit of the loss's labels: the sd of the training span's returns within a session, or 1 where
    the loss is of raw ones. Calibration moves the middle of a return's distribution, not its width: what of the width
    the head has wrong, conformal quantiles mend.

    Parameters
    ----------
    model : FittedModel
        A network with the head.
    windows : Windows
        Built with its scaler and lookback.
    sessions : DatetimeIndex
        Among the windows' sessions.
    context : ScoreContext
        Where and how.

    Returns
    -------
    DataFrame of float, shape (n sessions, n_tickers)
        NaN where the windows' mask is False.
    """
    found = _network(model).head("log_variance", windows, sessions, context=context).to_numpy()
    unit = 1.0 if model.settings.loss.rank_scale == "raw" else model.scaler.target_sd
    return aligned_frame(unit * np.exp(0.5 * found), sessions, windows.tickers)


def dropout_spread(
    model: FittedModel,
    windows: Windows,
    sessions: pd.DatetimeIndex,
    *,
    passes: int,
    calibration: Calibration,
    context: ScoreContext,
) -> pd.DataFrame:
    """Sd (ddof=1) of a name's expected return over networks with other units left out, each calibrated as the whole.

    Parameters
    ----------
    model : FittedModel
        A network with dropout; its training seed draws the units.
    windows, sessions, context
        As for ``head_spread``.
    passes : int
        Networks, at least 2.
    calibration : Calibration
        From scores to expected returns.

    Returns
    -------
    DataFrame of float, shape (n sessions, n_tickers)
        NaN where the windows' mask is False; 0 where no pass differs.
    """
    network, seed = _network(model), model.settings.training.seed
    shape = (len(sessions), len(windows.tickers))
    mean, squares = np.zeros(shape), np.zeros(shape)
    for k in range(passes):
        change = partial(drop_units, seed=(seed, k))
        scores = network.head("score", windows, sessions, context=_share(context, k, passes), change=change)
        returns = calibration.apply(scores).to_numpy()
        gap = returns - mean
        mean += gap / (k + 1)
        squares += gap * (returns - mean)
    return aligned_frame(np.sqrt(squares / (passes - 1)), sessions, windows.tickers)


def _network(model: FittedModel) -> FittedNetwork:
    if not isinstance(model, FittedNetwork):
        kind = model.settings.model.kind
        raise CheckpointError(f"model.kind {kind} is no network and gives no spread: set uncertainty.method to another")
    return model


def _share(context: ScoreContext, done: int, passes: int) -> ScoreContext:
    """The context of one pass of several: how far it is counts as its share of all."""
    tell = context.progress
    if tell is None:
        return context
    return ScoreContext(
        scoring=context.scoring,
        device=context.device,
        progress=lambda part, total: tell(done * total + part, passes * total),
    )
