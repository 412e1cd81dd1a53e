"""Fold: one retraining, from the bars it may see to the scores of what comes after; runs in a worker process."""

import math
from typing import Any

import pandas as pd
from pydantic import ValidationError

from core.errors import RunError
from core.progress import ProgressCallback
from market.panel import Panel
from strategy.definitions.spec import StrategySpec
from strategy.learning.learn import learn, learn_ridge, scores_of
from strategy.learning.return_ranges import return_ranges
from strategy.learning.training_data import TrainingData, kept_model_features, prepare_training_data
from strategy.runs.store import RunFolder
from strategy.walk_forward.fold_files import RANGES, FoldFiles
from strategy.walk_forward.plan import Fold, plan_folds
from strategy.walk_forward.walk_settings import WalkSettings

__all__ = ["run_fold", "settings_of"]


def settings_of(folder: RunFolder) -> WalkSettings:
    """The settings that a walk's run was begun with.

    Raises
    ------
    RunError
        If its record holds none.
    """
    walk = folder.record.get("walk") or {}
    try:
        return WalkSettings.model_validate(walk.get("settings"))
    except ValidationError as error:
        raise RunError(f"{folder.path / 'run.json'} holds no settings of a walk: restore it") from error


def run_fold(folder: RunFolder, number: int, panel: Panel, *, progress: ProgressCallback) -> None:
    """Train one fold on the bars up to its last session, and leave its scores in its folder.

    Parameters
    ----------
    folder : RunFolder
        Run of one seed.
    number : int
        From 1.
    panel : Panel
        All bars of the walk; the fold is given no row after its own test span.
    progress : callable
        Called as work advances.
    """
    spec, settings = folder.spec, settings_of(folder)
    fold = plan_folds(spec, panel.sessions, settings)[number - 1]
    files = FoldFiles(folder.path, number)
    seen = panel.until(panel.sessions[fold.last])
    features = kept_model_features(spec, panel, until=seen.sessions[-1])
    training_data = prepare_training_data(spec, seen, features=features, split=fold.split, barred=fold.barred)
    sessions = fold.judged_sessions(seen.sessions)
    if settings.learner == "ridge":
        model, scores = learn_ridge(training_data)
        fitted = {"validation_ic": model.validation_ic, "penalty": model.penalty}
        files.write_scores("scores", scores.loc[sessions])
        names: tuple[str, ...] = ("scores",)
    else:
        identity = folder.record["identity"] | {"fold": str(number)}
        fitted = _model(spec, training_data, sessions, files=files, identity=identity, progress=progress)
        names = ("scores", "ridge", *(RANGES if "uncertainty" in fitted else ()))
    files.finish({"fold": number, **_dates(fold, seen.sessions), **fitted}, scores=names)


def _model(
    spec: StrategySpec,
    training_data: TrainingData,
    sessions: pd.DatetimeIndex,
    *,
    files: FoldFiles,
    identity: dict[str, str],
    progress: ProgressCallback,
) -> dict[str, Any]:
    """Fit the model and write its scores, its ranges and the scores of ridge; what is known of the fit."""
    checkpoint = learn(spec, training_data, folder=files.path, identity=identity, device="cpu", progress=progress)
    scores = scores_of(
        checkpoint,
        training_data.windows,
        sessions=sessions,
        spec=spec,
        device="cpu",
        progress=progress,
    )
    files.write_scores("scores", scores)
    files.write_scores("ridge", learn_ridge(training_data)[1].loc[sessions])
    made = return_ranges(
        spec, checkpoint, training_data.windows, scores=scores, trailing=training_data.trailing, device="cpu"
    )
    card = checkpoint.model.card
    epochs = {"epochs": len(card.history), "best_epoch": card.best_epoch} if card.history else {}
    known = {"validation_ic": None if math.isnan(card.validation_ic) else card.validation_ic}
    return {**epochs, **known, **files.write_ranges(made)}


def _dates(fold: Fold, sessions: pd.DatetimeIndex) -> dict[str, list[str]]:
    """First and last session of each span."""
    spans = {"train": fold.split.train, "validation": fold.split.validation}
    judged = fold.judged_sessions(sessions)
    dates = {
        name: [str(sessions[span.start].date()), str(sessions[span.stop - 1].date())] for name, span in spans.items()
    }
    return dates | {"test": [str(judged[0].date()), str(judged[-1].date())]}
