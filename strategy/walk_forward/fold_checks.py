"""Fold checks: whether every fold of a walk can be trained on the bars, asked before the first of them is."""

from collections.abc import Sequence

import numpy as np

from core.errors import DataError
from market.panel import Panel
from models.spans import usable_rows
from strategy.definitions.spec import StrategySpec
from strategy.learning.training_checks import check_optimizer_window, check_volume
from strategy.learning.training_data import kept_model_features, prepare_training_data
from strategy.walk_forward.plan import Fold

__all__ = ["check_folds"]


def check_folds(spec: StrategySpec, panel: Panel, folds: Sequence[Fold]) -> None:
    """Refuse a walk that would end in one of its folds, or after all of them without a score.

    Raises
    ------
    DataError
        If features of volume meet none, a training or validation span holds no usable session, or no judged session
        has a name that can be scored and traded.
    """
    features = kept_model_features(spec, panel)
    windows = prepare_training_data(spec, panel, features=features, split=folds[0].split).windows
    for fold in folds:
        check_volume(spec, panel, features, split=fold.split)
        for name, rows in (("training", fold.split.train), ("validation", fold.split.validation)):
            usable_rows(windows, rows, span=f"{name} (fold {fold.number})")
    judged = np.concatenate([np.arange(rows.start, rows.stop) for fold in folds for rows in fold.judged])
    filling = judged[judged < len(panel.sessions) - spec.execution.delay]
    if not bool(windows.mask[filling].any()):
        raise DataError(
            f"no judged session of the {len(folds)} folds has a name with {windows.lookback} complete sessions whose "
            "decision fills within the bars: give more history, or lower model.lookback"
        )
    check_optimizer_window(spec, panel, filling)
