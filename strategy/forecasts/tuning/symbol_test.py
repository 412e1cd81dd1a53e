"""Symbol test: the one look at a symbol's test span, for what validation selected and for nothing else."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from backtests.forecasts.forecast_results import BENCHMARK, ForecastResults, ForecastRow
from backtests.forecasts.skill import Skill
from backtests.forecasts.tuning_results import JudgedForecaster, SearchedForecaster, SymbolResult, SymbolTest
from core.errors import MissingExtraError, QuintileError
from models.forecasters.forecaster_settings import forecaster_settings
from strategy.forecasts.forecast_study import study_forecasts
from strategy.forecasts.forecast_task import ForecastTask

__all__ = ["judge_symbol", "select"]


def select(symbol: str, bars: str, searched: Sequence[SearchedForecaster]) -> SymbolResult:
    """Select among the searches of a symbol, on validation: by error of returns, and by error of prices beside it.

    Forecasters that may have seen every validation target select nothing.
    """
    able = [each for each in searched if each.selects]
    chosen = min(able, key=lambda each: each.pct_return_mae or 0.0, default=None)
    cheapest = min(able, key=lambda each: each.price_word_price_mae or 0.0, default=None)
    why = [
        f"{each.model}: {each.failure or 'CONTAMINATED, it may have seen targets of validation'}" for each in searched
    ]
    return SymbolResult(
        symbol=symbol,
        bars=bars,
        searched=tuple(searched),
        selected="" if chosen is None else chosen.word,
        price_pick="" if cheapest is None else cheapest.price_word,
        failure="; ".join(why) if chosen is None else "",
    )


def judge_symbol(task: ForecastTask, chosen: SymbolResult) -> tuple[SymbolResult, pd.DataFrame]:
    """Judge what ``select`` selected on the test span: the result with its test, and its losses.

    Parameters
    ----------
    task : ForecastTask
        Of the symbol alone.
    chosen : SymbolResult
        Of ``select``: only what it selected is judged, so that no other forecaster's test error can be asked for.

    Returns
    -------
    SymbolResult
        With a failure where it cannot be judged.
    DataFrame
        ``LOSSES`` of the study store by session and symbol: mean absolute error of returns over the horizons.
    """
    words = dict.fromkeys((chosen.selected, chosen.price_pick))
    try:
        found = study_forecasts(task, {word: forecaster_settings(word) for word in words})
        if found.failed:
            raise QuintileError(next(iter(found.failed.values())))
    except MissingExtraError:
        raise
    except (QuintileError, ValueError, ArithmeticError) as error:
        return replace(chosen, failure=f"{chosen.selected} on test: {' '.join(str(error).split())}"), _losses({}, "")
    rows = {row.name: row for row in found.rows}
    selected, pick, base = rows[chosen.selected], rows[chosen.price_pick], rows[BENCHMARK]
    kept = {"selected": selected, "price_pick": pick, "persistence": base}
    losses = {name: _session_errors(found, row) for name, row in kept.items()}
    result = replace(
        chosen,
        persistence_validation=_known(base.validation_score.errors.pct_return_mae),
        test=_test(found, selected, pick),
    )
    return result, _losses(losses, chosen.symbol)


def _test(found: ForecastResults, selected: ForecastRow, pick: ForecastRow) -> SymbolTest:
    base = next(row for row in found.rows if row.name == BENCHMARK)
    skill, sessions = selected.test_score.skill, base.test.sessions
    over_trivial = found.over_best_trivial(selected)
    return SymbolTest(
        first=f"{sessions[0]:%Y-%m-%d}",
        last=f"{sessions[-1]:%Y-%m-%d}",
        n_sessions=skill.n_sessions,
        selected=_judged(selected),
        price_pick=_judged(pick),
        persistence=_judged(base),
        skill=_known(skill.interval.estimate),
        skill_low=_known(skill.interval.low),
        skill_high=_known(skill.interval.high),
        statistic=_known(skill.statistic),
        p_better=_one_sided(skill),
        contaminated=0 if selected.contaminated_score is None else selected.contaminated_score.errors.n,
        best_trivial=found.best_trivial.name,
        over_trivial=_known(over_trivial.interval.estimate),
        p_over_trivial=_one_sided(over_trivial),
    )


def _judged(row: ForecastRow) -> JudgedForecaster:
    errors = row.test_score.errors
    return JudgedForecaster(
        word=row.name,
        pct_return_mae=_known(errors.pct_return_mae),
        price_mae=_known(errors.price_mae),
        r2_return=_known(errors.r2_return),
        r2_price=_known(errors.r2_price),
        parameters=int(row.facts.get("parameters", 0)),
        seconds=row.seconds,
    )


def _one_sided(skill: Skill) -> float | None:
    """P that so much skill comes of none; 1 where the forecaster says what persistence says."""
    if not math.isfinite(skill.statistic):
        return _known(skill.p_value)
    return skill.p_value / 2.0 if skill.statistic > 0.0 else 1.0 - skill.p_value / 2.0


def _session_errors(found: ForecastResults, row: ForecastRow) -> pd.Series:
    off = np.abs(found.judged.outcomes - row.test.mean)
    return pd.Series(off.reshape(len(off), -1).mean(axis=1), row.test.sessions)


def _losses(columns: dict[str, pd.Series], symbol: str) -> pd.DataFrame:
    """A row a session in which all were judged."""
    frame = pd.DataFrame(columns, dtype="float64").dropna().rename_axis("session").reset_index()
    frame.insert(1, "symbol", symbol)
    return frame


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
