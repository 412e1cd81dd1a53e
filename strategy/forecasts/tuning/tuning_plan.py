"""Tuning plan: which forecasters are searched for which symbols of which bars, and the id of the study that does it."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from core.errors import DataError
from market.panel import Panel
from models.forecasters.forecaster_settings import forecaster_settings
from strategy.forecasts.forecast_task import ForecastTask, TaskSettings
from strategy.forecasts.forecast_trials import series_fingerprints
from strategy.forecasts.tuning.forecast_search import searched_keys
from strategy.forecasts.tuning.study_store import safe_name, study_folder

__all__ = ["PlannedStudy", "TuningPlan", "plan_study"]

MIN_KNOWN = 0.8  # share of a span's sessions with a close, below which a symbol is not tuned
WORDS = 3  # models named in an id


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningPlan:
    """What is tuned.

    Parameters
    ----------
    symbols : tuple of str
        Series, each tuned by itself.
    models : tuple of str
        Words of forecasters: keys that a word sets stay, the others are searched.
    settings : TaskSettings
        Horizons, clock, spans and seed.
    trials : int
        Of each search, at least 1.

    Raises
    ------
    ValueError
        If there is nothing to tune, or a word names no forecaster.
    """

    symbols: tuple[str, ...]
    models: tuple[str, ...]
    settings: TaskSettings
    trials: int

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise ValueError(f"trials must be at least 1, was {self.trials}")
        if not self.symbols or not self.models:
            raise ValueError(f"{'symbols' if not self.symbols else 'models'} must name at least one")
        for name, given in (("symbols", self.symbols), ("models", self.models)):
            if len(set(given)) != len(given):
                twice = next(each for each in given if given.count(each) > 1)
                raise ValueError(f"{name} name {twice} twice: name each once")
        for model in self.models:
            searched_keys(model)
            if getattr(forecaster_settings(model), "fit", None) == "finetune":
                raise ValueError(f"{model}: each symbol is tuned by itself, fine-tuning begins with all: leave fit out")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlannedStudy:
    """A plan with its bars and its place.

    Parameters
    ----------
    plan : TuningPlan
        What is tuned.
    panel : Panel
        Bars of the symbols that they hold.
    store : Path
        Folder of forecasts.
    study : str
        Id: the same for the same plan on the same bars, so that its command goes on where it was killed.
    bars : mapping of str to str
        Fingerprints of the bars of each symbol.
    refused : mapping of str to str
        Symbols that are not tuned, and why.
    """

    plan: TuningPlan
    panel: Panel
    store: Path
    study: str
    bars: Mapping[str, str]
    refused: Mapping[str, str]

    @property
    def folder(self) -> Path:
        """Where everything of the study is kept."""
        return study_folder(self.store, self.study)

    @property
    def cells(self) -> list[tuple[str, str]]:
        """Symbol and model of every search."""
        return [(each, model) for each in self.plan.symbols if each not in self.refused for model in self.plan.models]

    def of(self, symbol: str) -> Self:
        """The same study with the bars of one symbol alone: what its worker is handed."""
        return replace(self, panel=self.panel.of_tickers([symbol]))

    def task(self, symbol: str) -> ForecastTask:
        """The task of one symbol alone."""
        return ForecastTask(self.panel.of_tickers([symbol]), self.plan.settings)

    def search_file(self, symbol: str, model: str, suffix: str) -> Path:
        """A file of one search."""
        return self.folder / "searches" / f"{safe_name(f'{symbol} {model}')}{suffix}"

    def symbol_file(self, symbol: str, suffix: str) -> Path:
        """A file of one symbol."""
        return self.folder / "symbols" / f"{safe_name(symbol)}{suffix}"


def plan_study(plan: TuningPlan, panel: Panel, store: Path) -> PlannedStudy:
    """Give a plan its bars and its id; symbols that cannot be tuned are refused one by one.

    Raises
    ------
    DataError
        If the bars are too short for the horizons and spans, or hold none of the symbols.
    """
    known = [symbol for symbol in plan.symbols if symbol in panel.tickers]
    if not known:
        near = ", ".join(map(str, panel.tickers[:5]))
        raise DataError(
            f"the bars hold none of the symbols, such as {plan.symbols[0]!r}: they hold {len(panel.tickers)}, such as "
            f"{near}"
        )
    task = ForecastTask(panel.of_tickers(known), plan.settings)
    refused = {symbol: "the bars hold no such symbol" for symbol in plan.symbols if symbol not in panel.tickers}
    refused |= {symbol: reason for symbol in known if (reason := _gap(task, symbol))}
    if len(refused) == len(plan.symbols):
        raise DataError(f"none of the {len(refused)} symbols can be tuned: {known[0]} {refused[known[0]]}")
    bars = series_fingerprints(task)
    return PlannedStudy(
        plan=plan, panel=task.panel, store=store, study=_study_id(plan, bars), bars=bars, refused=refused
    )


def _gap(task: ForecastTask, symbol: str) -> str:
    """Why the bars of a symbol are too few; empty where they are not."""
    closes = task.panel.close[symbol]
    for span in ("train", "validation", "test"):
        sessions = closes[getattr(task.split, span)]
        known = int(sessions.notna().sum())
        if known < MIN_KNOWN * len(sessions):
            return (
                f"has a close in {known} of the {len(sessions)} sessions of {span}, from {sessions.index[0]:%Y-%m-%d} "
                f"to {sessions.index[-1]:%Y-%m-%d}: leave it out, or tune it with a later --start"
            )
        if sessions.dropna().nunique() < 2:
            return f"has one and the same close in all of {span}: leave it out"
    return ""


def _study_id(plan: TuningPlan, bars: Mapping[str, str]) -> str:
    """A readable word with a hash of the plan and of the bars of its symbols."""
    told = {
        "symbols": {symbol: bars.get(symbol, "") for symbol in plan.symbols},
        "order": [list(plan.symbols), list(plan.models)],
        "settings": plan.settings.model_dump(mode="json"),
        "trials": plan.trials,
    }
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:8]
    who = plan.symbols[0] if len(plan.symbols) == 1 else f"{len(plan.symbols)}-symbols"
    words = [who, *(model.partition(":")[0] for model in plan.models[:WORDS])]
    return "-".join([*(re.sub("[^A-Za-z0-9_-]+", "_", word)[:20] for word in words), digest])
