"""Explain: what a fitted model reads, as frames that the report can show."""

import math
from functools import partial

import pandas as pd

from backtests.breakdown.signal_study import ModelStudy
from core.parallel import cores, mapped
from core.progress import ProgressCallback, silent
from models.checkpoint import Checkpoint
from models.importance import duplicate_features, integrated_gradients, permutation_importance
from models.windows import Windows
from signals.distribution import rank_stability
from signals.rows import row_varies

__all__ = ["explain"]


def explain(
    checkpoint: Checkpoint, windows: Windows, *, sessions: pd.DatetimeIndex, progress: ProgressCallback = silent
) -> ModelStudy | None:
    """Importance of features and positions on a seeded sample, and how fast the features' ranks move.

    None for a model that cannot score windows of its sample; no positions for one without gradients, or
    whose scores depend on other names' windows.

    Parameters
    ----------
    checkpoint : Checkpoint
        Model and calibration.
    windows : Windows
        Built with the model's scaler and lookback.
    sessions : DatetimeIndex
        Sessions judged.
    progress : callable
        Called as work advances.
    """
    model = checkpoint.model.window_scores()
    if model is None:
        return None
    gradients = None
    if model.is_differentiable and not model.compares_names:
        gradients = integrated_gradients(model, windows, sessions=sessions, progress=partial(progress, "gradients"))
    return ModelStudy(
        permutation=permutation_importance(
            model, windows, sessions=sessions, progress=partial(progress, "permutations")
        ),
        shares=None if gradients is None else gradients.shares,
        completeness_error=math.nan if gradients is None else gradients.completeness_error,
        n_windows=0 if gradients is None else gradients.n_windows,
        feature_stability=_feature_stability(windows, sessions),
        level_error=checkpoint.calibration.level_se,
    )


def _feature_stability(windows: Windows, sessions: pd.DatetimeIndex) -> pd.DataFrame:
    """The mean rank autocorrelation by feature and lag; duplicates stand once, under both names."""
    rows = windows.sessions.get_indexer(sessions)
    present = pd.DataFrame(windows.present.cpu().numpy()[rows], index=sessions, columns=windows.tickers)
    groups = duplicate_features(windows)

    def stability(group: tuple[int, ...]) -> pd.Series:
        values = windows.x[:, :, group[0]].cpu().numpy()[rows]
        frame = pd.DataFrame(values, index=sessions, columns=windows.tickers).where(present)
        shared = not row_varies(frame.to_numpy(dtype=float)).any()
        return rank_stability(frame)["mean"] * (float("nan") if shared else 1.0)

    names = [" = ".join(windows.scaler.names[place] for place in group) for group in groups]
    columns = mapped(stability, groups, workers=cores(), on="threads")
    return pd.DataFrame(dict(zip(names, columns, strict=True))).T.rename_axis("feature")
