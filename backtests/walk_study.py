"""Walk study: the results of a walk-forward by fold, seed and path, as frames that a report can show."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

__all__ = ["FOLD_COLUMNS", "SEED_COLUMNS", "WalkStudy", "walk_sentence"]

FOLD_COLUMNS = (
    "seed",
    "fold",
    "train_first",
    "train_last",
    "validation_first",
    "validation_last",
    "test_first",
    "test_last",
    "epochs",
    "best_epoch",
    "validation_ic",
    "rank_ic",
    "rank_ic_standard_error",
    "sharpe",
    "sharpe_standard_error",
)
SEED_COLUMNS = ("run", "rank_ic", "rank_ic_standard_error", "sharpe", "sharpe_standard_error")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WalkStudy:
    """Folds and seeds of a walk-forward; every number is out of sample.

    Parameters
    ----------
    folds : DataFrame, columns ``FOLD_COLUMNS``
        One row per seed and fold: ISO dates, epochs trained and kept, validation IC, and the rank IC (± HAC error) and
        annual net Sharpe ratio (± error) of the stitched book over the fold's own sessions. NaN where undefined.
    seeds : DataFrame, columns ``SEED_COLUMNS``
        Index the seed; the same over all folds.
    plan : str
        The retraining schedule, in one sentence.
    paths : Series of float or None
        Annual net Sharpe ratio of each combinatorial path, all seeds; None for a walk forward.
    """

    folds: pd.DataFrame
    seeds: pd.DataFrame
    plan: str
    paths: pd.Series | None = None


def walk_sentence(study: WalkStudy) -> str:
    """Median and range over the seeds, never the best one."""
    sharpe, rank_ic = (_middle(study.seeds[name], digits) for name, digits in (("sharpe", 2), ("rank_ic", 4)))
    n_seeds = len(study.seeds)
    over = "one seed" if n_seeds == 1 else f"the median of {n_seeds} seeds, in brackets their range"
    if study.paths is None:
        return f"Net Sharpe ratio {sharpe}, rank IC {rank_ic}: {over}, out of sample."
    paths = _middle(study.paths, 2)
    if len(study.paths) == 1:
        return f"Net Sharpe ratio of the one path {paths}; rank IC {rank_ic}: {over}."
    return f"Net Sharpe ratio of {len(study.paths)} paths: median and range {paths}; rank IC {rank_ic}: {over}."


def _middle(values: pd.Series, digits: int) -> str:
    known = values.dropna()
    if known.empty:
        return "n/a"
    middle, low, high = (f"{value:.{digits}f}" for value in (np.median(known), known.min(), known.max()))
    return middle if len(known) == 1 else f"{middle} ({low} to {high})"
