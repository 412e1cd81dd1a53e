"""Tuning study: every symbol's best forecaster, by searches side by side that may be killed and go on.

A cell is one symbol and one model. What fails is a row with its reason, and the rest go on; a worker that dies is
replaced, and its search goes on from its journal. When all searches of a symbol are through, validation selects, the
look at the test span is logged, and the selected is judged there once.
"""

import multiprocessing
import os
import sqlite3
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import pandas as pd

from backtests.forecasts.tuning_results import SearchedForecaster, StudyResults, SymbolResult
from core.errors import RunError, SourceError
from core.files import atomic_path, read_json, write_json
from core.parallel import Workers, as_completed
from core.progress import ProgressCallback, silent
from models.forecasters.forecast_extra import forecast_library
from models.threads import threads
from strategy.forecasts.forecast_trials import count_judged, record_judged
from strategy.forecasts.tuning.forecast_search import search_settings, searched_keys
from strategy.forecasts.tuning.search_progress import SearchProgress, keep_progress
from strategy.forecasts.tuning.study_store import LOSSES, LOSSES_FILE, STUDY_FILE, write_study
from strategy.forecasts.tuning.symbol_test import judge_symbol, select
from strategy.forecasts.tuning.tuning_plan import PlannedStudy
from strategy.runs.closure import forecast_closure

__all__ = ["tune"]

DEATHS = 5  # of workers in a row, without a search being finished, after which the study is given up
LOST = 71  # exit status of a worker whose command is gone

Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """One search, or one look at a test span."""

    planned: PlannedStudy  # with the bars of the symbol alone
    symbol: str
    model: str = ""
    chosen: SymbolResult | None = None


@dataclass(slots=True, kw_only=True)
class _State:
    """What is finished."""

    searched: dict[tuple[str, str], SearchedForecaster] = field(default_factory=dict)
    symbols: dict[str, SymbolResult] = field(default_factory=dict)

    @property
    def ended(self) -> int:
        """Searches and looks that are through."""
        return len(self.searched) + len(self.symbols)


def tune(planned: PlannedStudy, *, workers: Workers | None = None, progress: ProgressCallback = silent) -> StudyResults:
    """Search what is not searched yet, judge what is selected, and keep everything; the study, whole.

    Parameters
    ----------
    planned : PlannedStudy
        Of ``plan_study``.
    workers : Workers
        One by default; the numbers do not depend on it.
    progress : callable
        Called as searches are finished.

    Raises
    ------
    RunError
        If another process is at the same study, or workers were killed again and again.
    SourceError
        If a journal cannot be read.
    MissingExtraError
        If a library is not installed.
    """
    forecast_library("optuna")
    with _alone(planned):
        state, code = _kept_state(planned), _code(planned)
        if len(state.symbols) == len(planned.plan.symbols) and (planned.folder / LOSSES_FILE).is_file():
            return _finished(planned, state, code or _with_present(""))
        deaths = 0
        write_study(planned.store, _results(planned, state, code := _with_present(code)))
        while len(state.symbols) < len(planned.plan.symbols):
            before = state.ended
            try:
                for result in _worked_off(planned, state, workers or Workers(), progress):
                    state.symbols[result.symbol] = result
                    write_study(planned.store, _results(planned, state, code))
            except RunError:
                deaths = deaths + 1 if state.ended == before else 1
                if deaths >= DEATHS:
                    raise
        return _finished(planned, state, code)


def _worked_off(
    planned: PlannedStudy, state: _State, workers: Workers, progress: ProgressCallback
) -> Iterator[SymbolResult]:
    """Do the jobs that are waiting, and yield symbols as they are judged."""
    cells = planned.cells
    for job, result in as_completed(
        _work, _waiting(planned, state), workers=min(workers.count, len(cells)), on=workers.on
    ):
        if isinstance(result, SearchedForecaster):
            state.searched[job.symbol, job.model] = result
            note = result.failure or f"{job.symbol} · {result.word} errs by {result.pct_return_mae or 0.0:.3%}"
            progress("searches", len(state.searched), len(cells), note)
        else:
            yield result


def _waiting(planned: PlannedStudy, state: _State) -> Iterator[_Job]:
    """Yield jobs, a look at a test span as soon as all searches of its symbol are through, and logged before it is."""
    searches = deque(cell for cell in planned.cells if cell not in state.searched)
    unjudged = [symbol for symbol in planned.bars if symbol not in {*planned.refused, *state.symbols}]
    while searches or unjudged:
        ready = next((symbol for symbol in unjudged if _is_searched(planned, state, symbol)), None)
        if ready is not None:
            unjudged.remove(ready)
            found = [state.searched[ready, model] for model in planned.plan.models]
            chosen = select(ready, planned.bars[ready], found)
            if chosen.selected:
                words = [chosen.selected, chosen.price_pick]
                record_judged(planned.store, planned.task(ready), words, source=planned.study)
            yield _Job(planned=planned.of(ready), symbol=ready, chosen=chosen)
        elif searches:
            symbol, model = searches.popleft()
            yield _Job(planned=planned.of(symbol), symbol=symbol, model=model)
        else:
            return  # the last searches are still under way: the next round judges them


def _is_searched(planned: PlannedStudy, state: _State, symbol: str) -> bool:
    return all((symbol, model) in state.searched for model in planned.plan.models)


def _work(job: _Job) -> SearchedForecaster | SymbolResult:
    """Do a job and keep its result."""
    with threads(1):
        return _search(job.planned, job) if job.chosen is None else _judge(job.planned, job.chosen)


def _search(planned: PlannedStudy, job: _Job) -> SearchedForecaster:
    path = partial(planned.search_file, job.symbol, job.model)
    trials = planned.plan.trials if searched_keys(job.model) else 1

    def report(done: int, best: float) -> None:
        above = multiprocessing.parent_process()
        if above is not None and not above.is_alive():
            os._exit(LOST)  # nobody waits for it, and its command, given again, does the same search
        keep_progress(path(".progress"), SearchProgress.of(done, trials, best))

    found = search_settings(
        planned.task(job.symbol), job.model, trials=planned.plan.trials, journal=path(".journal"), report=report
    )
    write_json(path(".json"), asdict(found))
    return found


def _judge(planned: PlannedStudy, chosen: SymbolResult) -> SymbolResult:
    result = chosen
    if chosen.selected:
        result, losses = judge_symbol(planned.task(chosen.symbol), chosen)
        with atomic_path(planned.symbol_file(chosen.symbol, ".parquet")) as path:
            losses.to_parquet(path, index=False)
    write_json(planned.symbol_file(chosen.symbol, ".json"), asdict(result))
    return result


def _kept_state(planned: PlannedStudy) -> _State:
    """What was finished before; what cannot be read is made again, from the journal where it is a search."""
    state = _State()
    for cell in planned.cells:
        found = _read(planned.search_file(*cell, ".json"), SearchedForecaster)
        if found is not None:
            state.searched[cell] = found
    for symbol in planned.plan.symbols:
        if symbol in planned.refused:
            bars = planned.bars.get(symbol, "")
            state.symbols[symbol] = SymbolResult(symbol=symbol, bars=bars, failure=planned.refused[symbol])
            write_json(planned.symbol_file(symbol, ".json"), asdict(state.symbols[symbol]))
        elif _is_searched(planned, state, symbol) and (result := _kept_symbol(planned, symbol)) is not None:
            state.symbols[symbol] = result
    return state


def _kept_symbol(planned: PlannedStudy, symbol: str) -> SymbolResult | None:
    result = _read(planned.symbol_file(symbol, ".json"), SymbolResult)
    whole = result is not None and (result.test is None or _losses_of(planned, symbol) is not None)
    return result if whole else None


def _read(path: Path, shape: type[Kept]) -> Kept | None:
    try:
        return read_json(path, shape) if path.is_file() else None
    except SourceError:
        return None


def _losses_of(planned: PlannedStudy, symbol: str) -> pd.DataFrame | None:
    from pyarrow.lib import ArrowException

    try:
        return pd.read_parquet(planned.symbol_file(symbol, ".parquet"))
    except (OSError, ValueError, ArrowException):
        return None


def _code(planned: PlannedStudy) -> str:
    """The code that the study was made by so far."""
    kept = _read(planned.folder / STUDY_FILE, StudyResults)
    return "" if kept is None else kept.code


def _with_present(code: str) -> str:
    """The code of a study that goes on: fingerprints behind plus signs where it was changed on the way."""
    return "+".join(dict.fromkeys([*filter(None, code.split("+")), forecast_closure().sha256]))


def _results(planned: PlannedStudy, state: _State, code: str) -> StudyResults:
    plan, facts = planned.plan, planned.panel.facts
    return StudyResults(
        study=planned.study,
        source=facts.source,
        synthetic=facts.synthetic,
        bars=planned.panel.fingerprint(),
        code=code,
        settings=plan.settings.model_dump(mode="json"),
        models=plan.models,
        trials=plan.trials,
        symbols=tuple(state.symbols[symbol] for symbol in plan.symbols if symbol in state.symbols),
        asked=len(plan.symbols),
    )


def _finished(planned: PlannedStudy, state: _State, code: str) -> StudyResults:
    """Write losses and study, whole."""
    results = _results(planned, state, code)
    frames = [_losses_of(planned, each.symbol) for each in results.tested]
    losses = (
        pd.concat([pd.DataFrame(columns=["session", "symbol", *LOSSES]), *frames]) if not frames else pd.concat(frames)
    )
    with atomic_path(planned.folder / LOSSES_FILE) as path:
        losses.to_parquet(path, index=False)
    tasks = [planned.task(each.symbol) for each in results.tested]
    whole = replace(results, judged=count_judged(planned.store, tasks))
    write_study(planned.store, whole)
    return whole


@contextmanager
def _alone(planned: PlannedStudy) -> Iterator[None]:
    """Hold the study alone: two commands at one study would do everything twice."""
    planned.folder.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(planned.folder / ".lock", timeout=0.0, isolation_level=None)) as held:
        try:
            held.execute("BEGIN EXCLUSIVE")
        except sqlite3.DatabaseError as error:
            raise RunError(f"study {planned.study} is under way in another process: wait for it, or stop it") from error
        yield
