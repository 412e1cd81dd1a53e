"""Forecast search: the settings of one forecaster for one task that err least on validation, trial by trial.

A search is a journal that Optuna keeps, one file a search. Where a trial looks next depends on the trials that were
finished and on a seed of their number, so that a search that was killed and goes on ends where an uninterrupted one
does. Settings that were tried before are not fitted again: their trial has the errors of the earlier one. Nothing here
reads a test row.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from backtests.forecasts.forecast_errors import point_errors
from backtests.forecasts.tuning_results import SearchedForecaster
from core.errors import MissingExtraError, QuintileError
from models.forecasters.forecaster import ForecastContext
from models.forecasters.forecaster_settings import KINDS, Choices, ForecasterSettings, Reach, forecaster_settings
from strategy.forecasts.forecast_study import unseen_origins
from strategy.forecasts.forecast_task import ForecastTask
from strategy.search_journal import finished_trials, held_alone, journal_study, seeded_sampler

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

__all__ = ["search_settings", "searched_keys"]

DIGITS = 3  # of a number that is searched: no forecast is told apart by more, and words stay readable
REPORTED = Callable[[int, float], None]


class _Errors(NamedTuple):
    """Validation errors of one setting; infinite where it cannot be fitted or says nothing."""

    pct_return: float
    price: float
    contaminated: bool
    seconds: float
    reason: str


def search_settings(
    task: ForecastTask, model: str, *, trials: int, journal: Path, report: REPORTED = lambda _done, _best: None
) -> SearchedForecaster:
    """Search the settings of one forecaster; a search whose journal is there goes on.

    Parameters
    ----------
    task : ForecastTask
        Series, horizons and spans.
    model : str
        A word of ``models.forecasters.forecaster_settings``: keys that it sets stay, the others are searched.
    trials : int
        Settings to look at in all; one where nothing is to be searched.
    journal : Path
        File of the search.
    report : callable
        Called with trials done and the least error so far, also with those of the journal.

    Raises
    ------
    SourceError
        If the journal cannot be read, or another process is at the same search.
    MissingExtraError
        If Optuna or a library of the forecaster is not installed.
    """
    space = searched_keys(model)
    wanted = trials if space else 1
    with held_alone(journal):
        study = _opened(journal)
        while (done := len(finished := finished_trials(study))) < wanted:
            report(done, min((trial.value for trial in finished), default=math.inf))
            study.sampler = seeded_sampler(task.settings.seed, model, done)
            trial = study.ask()
            word = _word(model, _suggested(trial, space))
            earlier = next((each for each in finished if each.user_attrs["word"] == word), None)
            errors = _kept(earlier) if earlier is not None else _validation_errors(task, forecaster_settings(word))
            for name, value in _attributes(word, errors).items():
                trial.set_user_attr(name, value)
            study.tell(trial, errors.pct_return)
        report(wanted, min(trial.value for trial in finished))
    return _result(model, finished)


def searched_keys(model: str) -> Mapping[str, Choices | Reach]:
    """What is searched for a word: the keys of its kind's space that it does not set.

    Raises
    ------
    ValueError
        If the word names no forecaster.
    """
    told = forecaster_settings(model).model_fields_set
    return {key: tried for key, tried in KINDS[_kind(model)].SPACE.items() if key not in told}


def _kind(model: str) -> str:
    return model.partition(":")[0].strip()


def _word(model: str, told: Mapping[str, Any]) -> str:
    return ":".join((model.strip(), *(f"{key}={value}" for key, value in told.items())))


def _opened(journal: Path) -> "Study":
    return journal_study(journal, direction="minimize", extra="forecast", check=_kept)


def _suggested(trial: "Trial", space: Mapping[str, Choices | Reach]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for key, tried in space.items():
        if isinstance(tried, Choices):
            told[key] = trial.suggest_categorical(key, list(tried.values))
        else:
            told[key] = float(f"{trial.suggest_float(key, tried.low, tried.high, log=tried.log):.{DIGITS}g}")
    return told


def _validation_errors(task: ForecastTask, settings: ForecasterSettings) -> _Errors:
    """Errors on the validation targets that a forecaster cannot have seen; on all, and marked, where it may have each.

    A forecaster that cannot be fitted has infinite errors and says why.
    """
    began = time.perf_counter()
    try:
        history, split = task.history(settings.feature_set), task.split
        rows = task.origins(split.validation)
        fitted = settings.made().fit(history, split, context=ForecastContext(seed=task.settings.seed))
        said = fitted.forecasts(history, rows)
        unseen = unseen_origins(task, fitted, said.sessions)
        mean = np.where(unseen[:, None, None] | ~unseen.any(), said.mean, np.nan)
        found = point_errors(mean, history.outcomes()[rows], history.starts()[rows][..., None])
    except MissingExtraError:
        raise
    except (QuintileError, ValueError, ArithmeticError) as error:
        return _Errors(math.inf, math.inf, False, time.perf_counter() - began, " ".join(str(error).split()))
    seconds, contaminated = time.perf_counter() - began, not unseen.all()
    if not found.n:
        return _Errors(math.inf, math.inf, contaminated, seconds, "it forecasts no validation session")
    return _Errors(found.pct_return_mae, found.price_mae, contaminated, seconds, "")


def _attributes(word: str, errors: _Errors) -> dict[str, Any]:
    """What a trial keeps beside its value; infinity is not JSON."""
    price = errors.price if math.isfinite(errors.price) else None
    return {
        "word": word,
        "price_mae": price,
        "contaminated": errors.contaminated,
        "seconds": errors.seconds,
        "reason": errors.reason,
    }


def _kept(trial: "FrozenTrial") -> _Errors:
    """The errors of a finished trial."""
    kept, value = trial.user_attrs, trial.value
    if value is None:
        raise ValueError("a finished trial without a value")
    price = math.inf if kept["price_mae"] is None else float(kept["price_mae"])
    return _Errors(float(value), price, bool(kept["contaminated"]), 0.0, str(kept["reason"]))


def _result(model: str, finished: "Sequence[FrozenTrial]") -> SearchedForecaster:
    """The best of a search by error of returns and by error of prices; the earlier of two that err alike."""
    by_return = min(finished, key=lambda trial: (trial.value, trial.number))
    by_price = min(finished, key=lambda trial: (_kept(trial).price, trial.number))
    best, cheapest = _kept(by_return), _kept(by_price)
    trials, fits = len(finished), len({trial.user_attrs["word"] for trial in finished})
    seconds = sum(float(trial.user_attrs["seconds"]) for trial in finished)
    if not math.isfinite(best.pct_return):
        words = f"every one of {fits} settings failed, the first: {_kept(finished[0]).reason}"
        return SearchedForecaster(model=model, failure=words, seconds=seconds, trials=trials, fits=fits)
    return SearchedForecaster(
        model=model,
        word=by_return.user_attrs["word"],
        pct_return_mae=best.pct_return,
        price_mae=best.price,
        price_word=by_price.user_attrs["word"],
        price_word_pct_return_mae=cheapest.pct_return,
        price_word_price_mae=cheapest.price,
        contaminated=best.contaminated,
        seconds=seconds,
        trials=trials,
        fits=fits,
    )
