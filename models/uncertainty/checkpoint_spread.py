"""Checkpoint spread: the spread of each name's return by the method that a strategy names, and scores weighed by it."""

import pandas as pd

from models.checkpoint import Checkpoint
from models.model import ScoreContext
from models.uncertainty.model_spread import dropout_spread, head_spread
from models.uncertainty.uncertainty_settings import UncertaintySettings
from models.windows import Windows

__all__ = ["spread_of", "weighed_scores"]


def spread_of(
    checkpoint: Checkpoint,
    windows: Windows,
    sessions: pd.DatetimeIndex,
    *,
    settings: UncertaintySettings,
    context: ScoreContext,
    trailing: pd.Series | None = None,
) -> pd.DataFrame:
    """Spread of each name, before conformal quantiles scale it; row *t* is known at the close of *t*.

    Parameters
    ----------
    checkpoint : Checkpoint
        Model and calibration.
    windows : Windows
        Built with the model's scaler and lookback.
    sessions : DatetimeIndex
        Among the windows' sessions.
    settings : UncertaintySettings
        Method, not ``"none"``, and passes.
    context : ScoreContext
        Where and how networks score.
    trailing : Series of float, optional
        ``session_spread`` of the bars, for the method ``"session"``.

    Returns
    -------
    DataFrame of float, shape (n sessions, n_tickers)
        NaN or 0 where there is none.
    """
    model = checkpoint.model
    if settings.method == "head":
        return head_spread(model, windows, sessions, context=context)
    if settings.method == "dropout":
        calibration = checkpoint.calibration
        return dropout_spread(
            model, windows, sessions, passes=settings.passes, calibration=calibration, context=context
        )
    if settings.method == "session" and trailing is None:
        raise ValueError("trailing is missing: uncertainty.method session reads the returns of the bars")
    own = pd.Series(1.0, index=sessions) if settings.method == "constant" or trailing is None else trailing
    return pd.DataFrame({ticker: own.reindex(sessions) for ticker in windows.tickers}, columns=windows.tickers)


def weighed_scores(scores: pd.DataFrame, spread: pd.DataFrame) -> pd.DataFrame:
    """Scores times the median spread of their session's scored names ÷ the name's own.

    Names of one spread keep their order, a session of one spread its scores; a name whose spread is not above 0 has no
    score.

    Examples
    --------
    >>> scores, spread = pd.DataFrame([[2.0, 2.0, 2.0]]), pd.DataFrame([[0.5, 1.0, 2.0]])
    >>> weighed_scores(scores, spread).iloc[0].tolist()
    [4.0, 2.0, 1.0]
    """
    known = spread.where((spread > 0.0) & scores.notna())
    return scores * known.rdiv(known.median(axis=1), axis=0)
