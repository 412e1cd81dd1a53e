"""Forecast study: every forecaster fitted, asked on validation and on test, and judged beside the trivial ones.

Validation selects; test is shown once, for what stands.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from backtests.forecasts.forecast_errors import naive_mae
from backtests.forecasts.forecast_results import BENCHMARK, ForecastResults, ForecastRow
from backtests.forecasts.forecast_score import Judged, score_forecasts
from backtests.forecasts.skill import best_of_many, session_losses
from core.errors import QuintileError
from core.progress import ProgressCallback, silent
from models.forecasters.ensemble_forecaster import Ensemble, combined
from models.forecasters.forecaster import FittedForecaster, ForecastContext, SeriesHistory
from models.forecasters.forecaster_settings import TRIVIAL_NAMES, ForecasterSettings
from models.forecasters.forecasts import Forecasts, joined
from models.forecasters.pretrained.contamination import is_pretrained, unseen_returns
from models.forecasters.residual_ranges import fit_residual_ranges
from models.sample_splits import Split
from strategy.forecasts.forecast_task import ForecastTask
from strategy.forecasts.forecast_trials import record_judged

__all__ = ["study_forecasts", "unseen_origins"]


def study_forecasts(
    task: ForecastTask,
    settings: Mapping[str, ForecasterSettings],
    *,
    ensembles: Mapping[str, Ensemble] | None = None,
    store: Path | None = None,
    progress: ProgressCallback = silent,
) -> ForecastResults:
    """Fit every forecaster on training rows, judge it on validation and test; the trivial ones always stand beside.

    Parameters
    ----------
    task : ForecastTask
        What is forecast.
    settings : mapping of str to ForecasterSettings
        By the word that names each.
    ensembles : mapping of str to Ensemble, optional
        Of all these forecasters, which are not fitted again; by the name of each.
    store : Path, optional
        Folder of forecasts in whose log the models are counted before anybody sees what they came to on test; needed
        wherever the results are shown.
    progress : callable
        Called as forecasters finish.

    Raises
    ------
    QuintileError
        If none of the forecasters could be fitted; one that could not among others is named in the results.
    """
    from models.forecasters.forecaster_settings import forecaster_settings

    for ensemble in (ensembles or {}).values():
        ensemble.check(list(settings))
    wanted = {**{name: forecaster_settings(name) for name in TRIVIAL_NAMES}, **settings}
    made, failed = dict[str, _Asked](), dict[str, str]()
    for done, (name, each) in enumerate(wanted.items(), start=1):
        try:
            made[name] = _asked(task, each)
        except QuintileError as error:
            failed[name] = str(error)
        progress("forecasting", done, len(wanted), name)
    if failed and not made.keys() & settings.keys():
        raise QuintileError("; ".join(f"{name}: {why}" for name, why in failed.items()))
    for name, ensemble in (ensembles or {}).items():
        if missing := [member for member in settings if member in failed]:
            failed[name] = f"{missing[0]} says nothing"
        else:
            made[name] = _together(task, ensemble, {member: made[member] for member in settings})
    judged = {span: _judged(task, span, getattr(made[BENCHMARK], span)) for span in ("validation", "test")}
    trained = task.history(None).outcomes()[task.origins(task.split.train)]
    rows = tuple(_row(name, each, judged, trained) for name, each in made.items())
    models = [row.name for row in rows if not row.is_trivial]
    return ForecastResults(
        panel=task.panel,
        rows=rows,
        judged=judged["test"],
        best_p=_best_p(rows, judged["test"]),
        failed=failed,
        n_judged=None if store is None or not models else record_judged(store, task, models, source="run"),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Asked:
    """Forecasts of every span, and what they took."""

    train: Forecasts | None  # None of a pretrained forecaster, which did not learn here
    validation: Forecasts
    test: Forecasts
    seconds: float
    facts: Mapping[str, float | int | str]
    unseen: Mapping[str, np.ndarray]  # by span, a bool an origin: its training ended before
    parts: Sequence[tuple[Forecasts, Forecasts]]  # what each fit said of its validation, where unseen, and of its test


def _asked(task: ForecastTask, settings: ForecasterSettings) -> _Asked:
    began, history, splits = time.perf_counter(), task.history(settings.feature_set), task.splits
    context = ForecastContext(seed=task.settings.seed)
    first = settings.made().fit(history, splits[0], context=context)
    later = [settings.made().fit(history, split, context=context) for split in splits[1:]]
    said = [_with_ranges(task, history, fitted, split) for fitted, split in zip([first, *later], splits, strict=True)]
    spans = {"validation": said[0][0], "test": joined([test for _, test in said])}
    pretrained = is_pretrained(first)
    return _Asked(
        train=None if pretrained else first.forecasts(history, task.origins(splits[0].train)),
        **spans,
        seconds=time.perf_counter() - began,
        facts=first.facts,
        unseen={span: unseen_origins(task, first, each.sessions) for span, each in spans.items()},
        parts=[(before.where(unseen_origins(task, first, before.sessions)), after) for before, after in said],
    )


def _together(task: ForecastTask, ensemble: Ensemble, members: Mapping[str, _Asked]) -> _Asked:
    """An ensemble of what was asked, made anew with every fit of its members."""
    began, history = time.perf_counter(), task.history(None)
    fits = zip(*(asked.parts for asked in members.values()), strict=True)
    found = [combined(ensemble, dict(zip(members, fit, strict=True)), history) for fit in fits]
    trained = [asked.train for asked in members.values() if asked.train is not None]
    return _Asked(
        train=found[0].of_training(ensemble, trained) if len(trained) == len(members) else None,
        validation=found[0].validation,
        test=joined([each.test for each in found]),
        seconds=time.perf_counter() - began,
        facts={"parameters": sum(int(each.facts.get("parameters", 0)) for each in members.values()), **found[0].facts},
        unseen={
            span: np.all([asked.unseen[span] for asked in members.values()], axis=0) for span in ("validation", "test")
        },
        parts=(),
    )


def _with_ranges(
    task: ForecastTask, history: SeriesHistory, fitted: FittedForecaster, split: Split
) -> tuple[Forecasts, Forecasts]:
    """Forecasts of validation and test; of a forecaster without ranges, with those of its errors on validation."""
    validation, test = (fitted.forecasts(history, task.origins(rows)) for rows in (split.validation, split.test))
    if validation.quantiles is not None:
        return validation, test
    ranges = fit_residual_ranges(validation, history)
    return ranges.around(validation, history), ranges.around(test, history)


def unseen_origins(task: ForecastTask, fitted: FittedForecaster, sessions: pd.DatetimeIndex) -> np.ndarray:
    """Origins whose targets a pretrained forecaster cannot have been trained on; made-up bars nobody was."""
    return unseen_returns(fitted, sessions, synthetic=task.panel.facts.synthetic)


def _judged(task: ForecastTask, span: str, benchmark: Forecasts) -> Judged:
    history, rows = task.history(None), task.origins(getattr(task.split, span))
    outcomes = history.outcomes()
    return Judged(
        outcomes=outcomes[rows],
        starts=history.starts()[rows],
        naive=naive_mae(outcomes[task.split.train]),
        benchmark=benchmark,
        every=task.settings.every,
    )


def _row(name: str, asked: _Asked, judged: Mapping[str, Judged], trained: np.ndarray) -> ForecastRow:
    residual = trained - asked.train.mean if asked.train is not None else np.array(math.nan)
    unseen = asked.unseen
    test = asked.test.where(unseen["test"])
    seen = None if unseen["test"].all() else score_forecasts(asked.test.where(~unseen["test"]), judged["test"])
    return ForecastRow(
        name=name,
        test=test,
        validation_score=score_forecasts(asked.validation.where(unseen["validation"]), judged["validation"]),
        test_score=score_forecasts(test, judged["test"]),
        contaminated_score=seen,
        may_be_selected=bool(unseen["validation"].all()),
        train_rmse=float(np.sqrt(np.nanmean(residual**2))) if np.isfinite(residual).any() else math.nan,
        seconds=asked.seconds,
        facts=asked.facts,
    )


def _best_p(rows: Sequence[ForecastRow], judged: Judged) -> float:
    """Hansen's p over the models that said something in every session in which persistence did."""
    off = {row.name: np.abs(judged.outcomes - row.test.mean) for row in rows}
    base = session_losses(off[BENCHMARK], off[BENCHMARK], judged.benchmark.sessions)["benchmark"]
    paired = {
        row.name: session_losses(off[row.name], off[BENCHMARK], judged.benchmark.sessions)
        for row in rows
        if not row.is_trivial
    }  # a series on which a model is silent counts for neither of the two
    gains = pd.DataFrame({name: each["benchmark"] - each["loss"] for name, each in paired.items()}, index=base.index)
    gains = gains.dropna(axis=1, how="all").dropna()
    if gains.empty or len(gains) < 2:
        return math.nan
    base = base.loc[gains.index]
    overlap = judged.overlapping(judged.benchmark.horizons[-1])
    return best_of_many(gains.rsub(base, axis=0), base, horizon=overlap)
