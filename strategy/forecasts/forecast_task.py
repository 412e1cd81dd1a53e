"""Forecast task: which returns of which series are forecast, on which sessions forecasters learn and are judged."""

import math
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import Any, Literal, Self

import pandas as pd
from pydantic import Field, ValidationError, field_validator, model_validator

from core.errors import DataError
from core.settings import Settings, first_problem
from market.panel import Panel
from market.returns import Execution
from models.forecasters.forecaster import SeriesHistory
from models.model_settings import SplitSettings
from models.sample_splits import Split, resolve_split
from signals.features import compute_features, fill_gaps

__all__ = ["ForecastTask", "TaskSettings", "forecast_task"]

MIN_SESSIONS = 120
MIN_JUDGED = 30  # origins of a test span that say anything


class TaskSettings(Settings):
    """What is forecast, and the spans.

    Examples
    --------
    >>> from strategy.forecasts.forecast_task import TaskSettings
    >>> TaskSettings(horizons=(1, 5)).execution.delay
    0
    """

    horizons: tuple[int, ...] = Field(default=(1, 2, 3, 4, 5, 6, 7), min_length=1, description="sessions ahead")
    clock: Literal["close", "next_open"] = Field(
        default="close", description="where a return starts: at the close of the origin, or at the next open"
    )
    split: SplitSettings = SplitSettings(train=0.6, validation=0.2)
    every: int = Field(default=1, ge=1, description="sessions from one origin that is judged to the next")
    refit: int | None = Field(
        default=None, ge=1, description="test sessions after which forecasters are fitted again; once by default"
    )
    rolling: bool = Field(
        default=False, description="drop as many old sessions as come in with each refit; by default none are dropped"
    )
    seed: int = Field(default=0, ge=0, description="of everything random")

    @field_validator("horizons")
    @classmethod
    def _check_horizons(cls, horizons: tuple[int, ...]) -> tuple[int, ...]:
        if list(horizons) != sorted(set(horizons)) or horizons[0] < 1 or horizons[-1] > 252:
            raise ValueError(f"must be rising whole numbers from 1 to 252, were {horizons}")
        return horizons

    @model_validator(mode="after")
    def _check_rolling(self) -> Self:
        if self.rolling and self.refit is None:
            raise ValueError("rolling drops sessions at each refit: give refit too")
        return self

    @classmethod
    def told(cls, options: Mapping[str, Any]) -> Self:
        """The settings of options that a user named.

        Raises
        ------
        ValueError
            If one is unknown or impossible, in one line.
        """
        try:
            return cls.model_validate(options)
        except ValidationError as error:
            known = ", ".join(cls.model_fields)
            raise ValueError(first_problem(error, keys=f"give one of {known}")) from error

    @property
    def execution(self) -> Execution:
        """The clock of the target."""
        return Execution(fill=self.clock)


class ForecastTask:
    """Series, targets and spans of one task; features are computed when a forecaster asks for them.

    Parameters
    ----------
    panel : Panel
        Bars of the series that are forecast.
    settings : TaskSettings
        Horizons, clock, spans and seed.
    bars : Panel, optional
        Of which ``panel`` are some series, for forecasters that learn from all before they turn to one.

    Attributes
    ----------
    split : Split
        Purged rows: no label of one span is realised in the next, and test origins have outcomes.

    Raises
    ------
    DataError
        If the bars hold too few sessions for the horizons and spans.
    """

    def __init__(self, panel: Panel, settings: TaskSettings, *, bars: Panel | None = None) -> None:
        n_sessions, longest = len(panel.sessions), settings.horizons[-1]
        if n_sessions < MIN_SESSIONS:
            raise DataError(f"a forecast needs {MIN_SESSIONS} sessions, the bars have {n_sessions}: give more history")
        if longest > n_sessions // 10:
            raise DataError(
                f"a horizon of {longest} sessions leaves fewer than ten returns apart from each other in {n_sessions} "
                "sessions: shorten --horizons or give more history"
            )
        closes = panel.close
        if (closes.max() == closes.min()).all():
            raise DataError(f"the close of {closes.columns[0]} never changes: there is nothing to forecast")
        self.panel, self.settings = panel, settings
        self._features: dict[str | None, Mapping[str, pd.DataFrame]] = {None: {}}
        self._wider = None if bars is None else ForecastTask(bars, settings)

        self.split = self._split()

    def _split(self) -> Split:
        execution, longest = self.settings.execution, self.settings.horizons[-1]
        found = resolve_split(self.panel.sessions, self.settings.split, delay=execution.delay, horizon=longest)
        test = slice(found.test.start, found.test.stop - found.purge)
        judged = len(range(test.start, test.stop, self.settings.every))
        if judged < MIN_JUDGED:
            raise DataError(
                f"the test span has {judged} origins with an outcome, {MIN_JUDGED} are the least that say anything: "
                "give more history, or judge more of them with a smaller `every`"
            )
        return Split(train=found.train, validation=found.validation, test=test, purge=found.purge)

    @cached_property
    def splits(self) -> tuple[Split, ...]:
        """The split, moved on by ``refit`` sessions as often as the test span holds them: an origin that expands or
        rolls; the split alone without.
        """
        whole, settings = self.split, self.settings
        if settings.refit is None:
            return (whole,)
        step = math.ceil(settings.refit / settings.every) * settings.every  # blocks begin on judged origins
        return tuple(
            Split(
                train=slice(whole.train.start + moved * settings.rolling, whole.train.stop + moved),
                validation=slice(whole.validation.start + moved, whole.validation.stop + moved),
                test=slice(whole.test.start + moved, min(whole.test.start + moved + step, whole.test.stop)),
                purge=whole.purge,
            )
            for moved in range(0, whole.test.stop - whole.test.start, step)
        )

    def origins(self, rows: slice) -> slice:
        """The rows of a span that are judged: every ``every``-th from its first on."""
        return slice(rows.start, rows.stop, self.settings.every)

    def history(self, feature_set: str | None) -> SeriesHistory:
        """Bars and features, with the clock and horizons of the task."""
        if feature_set not in self._features:
            features = compute_features(self.panel, str(feature_set))
            self._features[feature_set] = fill_gaps(features, self.panel, limit=5)
        return SeriesHistory(
            panel=self.panel,
            features=self._features[feature_set],
            execution=self.settings.execution,
            horizons=self.settings.horizons,
            bars=None if self._wider is None else partial(self._wider.history, feature_set),
        )


def forecast_task(panel: Panel, symbols: Sequence[str] | None, settings: TaskSettings) -> ForecastTask:
    """The task of some symbols of the bars; all of them where none is named.

    Raises
    ------
    DataError
        If a symbol is unknown.
    """
    names = list(panel.tickers) if symbols is None else list(dict.fromkeys(symbols))
    unknown = [name for name in names if name not in panel.tickers]
    if unknown:
        near = ", ".join(map(str, panel.tickers[:5]))
        raise DataError(f"the bars hold no symbol {unknown[0]!r}: they hold {len(panel.tickers)}, such as {near}")
    return ForecastTask(panel.of_tickers(names), settings, bars=panel if len(names) < len(panel.tickers) else None)
