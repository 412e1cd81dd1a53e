"""Forecast sides: studies, states of the registry and old results as the two sides of a comparison."""

import datetime as dt
import math
from collections.abc import Collection, Mapping
from pathlib import Path

import pandas as pd

from backtests.forecasts.compared_forecasts import Side, SideSymbol
from backtests.forecasts.old_results import read_old_results, rerank
from backtests.forecasts.tuning_results import StudyResults
from core.errors import RunError, SourceError
from strategy.forecasts.best_log import BestLog, Configuration
from strategy.forecasts.tuning.study_store import configurations, load_losses, load_study

__all__ = ["best_side", "moment_of", "of_symbols", "side_of", "study_side"]

BEST = "best"
FILES = (".json", ".pkl", ".pickle", ".csv", ".txt")  # a word that ends so is a file, not the id of a study


def side_of(store: Path, word: str) -> Side:
    """The side that a word names: ``best``, ``best@DATE``, a file of old results, or a study.

    Raises
    ------
    ValueError, RunError, SourceError
        If it names nothing, or what it names cannot be read.
    """
    name, _, moment = word.partition("@")
    if name == BEST:
        at = moment_of(moment) if moment else None
        state = BestLog(store).state(at)
        if not state:
            when = f" by {at:%Y-%m-%d %H:%M} UTC" if at else f" in {store}"
            raise ValueError(f"nothing was applied{when}: `quintile forecast best --apply` puts a study in force")
        return best_side(store, state, name=word)
    path = Path(word)
    if path.suffix.lower() in FILES or len(path.parts) > 1:
        return _old_side(path)
    return study_side(store, load_study(store, word))


def moment_of(told: str) -> dt.datetime:
    """A date, which is its end, or a date and time; of UTC where it names no zone.

    Raises
    ------
    ValueError
        If it is neither.

    Examples
    --------
    >>> from strategy.forecasts.forecast_sides import moment_of
    >>> moment_of("2026-01-31").isoformat()
    '2026-01-31T23:59:59+00:00'
    """
    try:
        day = dt.date.fromisoformat(told)
        return dt.datetime.combine(day, dt.time(23, 59, 59), tzinfo=dt.UTC)
    except ValueError:
        pass
    try:
        found = dt.datetime.fromisoformat(told)
    except ValueError as error:
        raise ValueError(f"{told!r} is no date: give one such as 2026-01-31, or 2026-01-31T18:00") from error
    return found.replace(tzinfo=dt.UTC) if found.tzinfo is None else found.astimezone(dt.UTC)


def study_side(store: Path, results: StudyResults) -> Side:
    """What a study selected, with its losses on test."""
    try:
        losses, why = dict(iter(load_losses(store, results.study).groupby("symbol"))), ""
    except SourceError as error:
        losses, why = {}, str(error)
    tests = {each.symbol: each.test.selected.pct_return_mae for each in results.tested if each.test is not None}
    every = int(results.settings.get("every", 1))
    symbols = {
        symbol: _side_symbol(
            found,
            test_error=tests[symbol],
            losses=losses.get(symbol),
            every=every,
            why=why or f"study {results.study} holds no losses of it",
        )
        for symbol, found in configurations(results).items()
    }
    return Side(name=results.study, symbols=symbols)


def best_side(store: Path, state: Mapping[str, Configuration], *, name: str = BEST) -> Side:
    """What is in force, with the losses that the studies behind it have on test."""
    known: dict[str, Side | str] = {}
    symbols = {}
    for symbol, found in state.items():
        if found.study not in known:
            try:
                known[found.study] = study_side(store, load_study(store, found.study))
            except (RunError, SourceError) as error:
                known[found.study] = f"its study {found.study} cannot be read: {error}"
        side = known[found.study]
        own = side.symbols.get(symbol) if isinstance(side, Side) else None
        if own is not None and own.forecaster == found.forecaster:
            symbols[symbol] = own
        else:
            why = side if isinstance(side, str) else f"study {found.study} has another result of it now"
            symbols[symbol] = _side_symbol(found, test_error=None, losses=None, every=1, why=why)
    return Side(name=name, symbols=symbols)


def of_symbols(side: Side, symbols: Collection[str]) -> Side:
    """Some symbols of a side."""
    return Side(name=side.name, symbols={name: each for name, each in side.symbols.items() if name in symbols})


def _side_symbol(
    found: Configuration, *, test_error: float | None, losses: pd.DataFrame | None, every: int, why: str
) -> SideSymbol:
    by_session = None
    if losses is not None and len(losses):
        columns = {"selected": "loss", "persistence": "persistence"}
        by_session = losses.set_index("session")[list(columns)].rename(columns=columns).sort_index()
    facts = {
        "horizons": ",".join(map(str, found.horizons)),
        "clock": found.clock,
        "seed": str(found.seed),
        "study": found.study,
        "bars": found.bars[:12],
        "code": found.code[:12],
    }
    return SideSymbol(
        forecaster=found.forecaster,
        validation_error=found.error,
        test_error=test_error,
        facts=facts,
        losses=by_session,
        overlap=max(1, math.ceil(found.horizons[-1] / every)),
        why="" if by_session is not None else why,
    )


def _old_side(path: Path) -> Side:
    """What an old file would choose by percentage-return error: the measure that selects here."""
    found = rerank(read_old_results(path))
    symbols = {
        row.symbol: SideSymbol(
            forecaster=row.by_return.model,
            validation_error=row.by_return.pct_return_mae,
            why=f"{path.name} holds no losses by session",
        )
        for row in found.symbols
    }
    return Side(name=path.name, symbols=symbols)
