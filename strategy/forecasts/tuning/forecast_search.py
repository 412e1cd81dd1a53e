"""Forecast search: the settings of one forecaster for one task that err least on validation, trial by trial.

A search is a journal that Optuna keeps, one file a search. Where a trial looks next depends on the trials that were
finished and on a seed of their number, so that a search that was killed and goes on ends where an uninterrupted one
does. Nothing here reads a test row.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import QuintileError, SourceError
from core.progress import Count
from models.forecasters.forecast_extra import forecast_library
from models.forecasters.forecaster import ForecastContext
from models.forecasters.forecaster_settings import KINDS, Choices, ForecasterSettings
from strategy.forecasts.forecast_task import ForecastTask

if TYPE_CHECKING:
    from optuna import Study, Trial

__all__ = ["SearchResult", "search_settings"]

LOCK_SECONDS = 3  # after which a journal's lock is taken for that of a killed process
DIRECTION = "minimize"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """What a search found.

    Parameters
    ----------
    settings : ForecasterSettings
        The best settings.
    told : mapping of str to object
        Their keys that were searched.
    error : float
        Validation percentage-return MAE.
    trials : int
        Settings looked at: what a test result has to be counted with.
    """

    settings: ForecasterSettings
    told: Mapping[str, Any]
    error: float
    trials: int


def search_settings(
    task: ForecastTask, kind: str, *, trials: int, journal: Path, count: Count | None = None
) -> SearchResult:
    """Search the settings of one forecaster; a search whose journal is there goes on.

    Parameters
    ----------
    task : ForecastTask
        Series, horizons and spans.
    kind : str
        Of ``models.forecasters.forecaster_settings.KINDS``.
    trials : int
        Settings to look at in all; one for a forecaster without choices.
    journal : Path
        File of the search.
    count : callable, optional
        Called with trials done and in all.

    Raises
    ------
    SourceError
        If the journal cannot be read.
    MissingExtraError
        If Optuna is not installed.
    """
    wanted = trials if KINDS[kind].SPACE else 1
    study = _opened(journal)
    while (done := len(_finished(study))) < wanted:
        study.sampler = _sampler(task.settings.seed, kind, done)
        trial = study.ask()
        told = _suggested(trial, KINDS[kind].SPACE)
        study.tell(trial, _validation_error(task, KINDS[kind].model_validate(_named(kind, told))))
        if count is not None:
            count(done + 1, wanted)
    best = min(_finished(study), key=lambda trial: (trial.value, trial.number))
    if not math.isfinite(best.value):
        raise QuintileError(
            f"{kind} failed with every one of {wanted} settings: {_validation_reason(task, kind, best)}"
        )
    return SearchResult(
        settings=KINDS[kind].model_validate(_named(kind, best.params)),
        told=best.params,
        error=float(best.value),
        trials=wanted,
    )


def _opened(journal: Path) -> "Study":
    """The study of a journal; a trial that a killed process left running is given up."""
    optuna, storages = forecast_library("optuna"), forecast_library("optuna.storages")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = storages.journal.JournalFileOpenLock(str(journal), grace_period=LOCK_SECONDS)
        storage = storages.JournalStorage(storages.journal.JournalFileBackend(str(journal), lock_obj=lock))
        study = optuna.create_study(storage=storage, study_name=journal.stem, direction=DIRECTION, load_if_exists=True)
        for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise SourceError(f"{journal} is no journal of a search ({error}): delete it to search anew") from error
    return study


def _finished(study: "Study") -> list[Any]:
    from optuna.trial import TrialState

    return list(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))


def _sampler(seed: int, kind: str, done: int) -> Any:
    from optuna.samplers import TPESampler

    digest = hashlib.sha256(f"{seed} {kind} {done}".encode()).digest()
    return TPESampler(seed=int.from_bytes(digest[:4], "big"), constant_liar=False)


def _suggested(trial: "Trial", space: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: trial.suggest_categorical(key, list(tried.values))
        if isinstance(tried, Choices)
        else trial.suggest_float(key, tried.low, tried.high, log=tried.log)
        for key, tried in space.items()
    }


def _named(kind: str, told: Mapping[str, Any]) -> dict[str, Any]:
    return {**({"name": kind} if "name" in KINDS[kind].model_fields else {}), **told}


def _validation_error(task: ForecastTask, settings: ForecasterSettings) -> float:
    """Mean absolute error of returns on validation; infinite where the forecaster cannot be fitted or says nothing."""
    try:
        history, split = task.history(settings.feature_set), task.split
        fitted = settings.made().fit(history, split, context=ForecastContext(seed=task.settings.seed))
        off = np.abs(history.outcomes()[split.validation] - fitted.forecasts(history, split.validation).mean)
    except QuintileError:
        return math.inf
    known = off[np.isfinite(off)]
    return float(known.mean()) if len(known) else math.inf


def _validation_reason(task: ForecastTask, kind: str, best: Any) -> str:
    try:
        settings = KINDS[kind].model_validate(_named(kind, best.params))
        settings.made().fit(task.history(settings.feature_set), task.split, context=ForecastContext())
    except QuintileError as error:
        return str(error)
    return "no forecast of a validation session"
