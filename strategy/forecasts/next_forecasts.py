"""Next forecasts: what the configurations in force say of the coming sessions, kept in a log that only grows."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from backtests.forecasts.said_forecasts import KEPT_CLOSES, SaidForecast
from core.errors import DataError, QuintileError
from core.progress import ProgressCallback, silent
from market.calendar import next_session, not_closed, opening_after
from market.panel import Panel
from models.forecasters.forecaster import ForecastContext
from models.forecasters.forecaster_settings import forecaster_settings
from models.forecasters.forecasts import Forecasts
from models.forecasters.residual_ranges import fit_residual_ranges
from models.sample_splits import Split
from strategy.forecasts.best_log import Configuration
from strategy.forecasts.forecast_task import ForecastTask, TaskSettings
from strategy.trials.chained_log import ChainedLog, broken_links

__all__ = ["NextForecasts", "NextLog", "say_next"]

SAID = "said"
VALIDATION = 0.2  # share of the sessions that ranges are fitted on and forecasters stop by: the newest


class NextLog(ChainedLog):
    """The log of forecasts that were said; entries are of kind ``"begin"`` and ``"said"``, one a symbol and origin."""

    __slots__ = ()

    FILE: ClassVar[str] = "next.sqlite"
    NOUN: ClassVar[str] = "log of forecasts"

    def said(self) -> list[SaidForecast]:
        """Every forecast, in the order in which they were said.

        Raises
        ------
        ValueError
            If the log was edited or cannot be read.
        """
        entries = self.entries()
        broken = next(broken_links(entries, self.NOUN), None)
        if broken:
            raise ValueError(f"{self.path}: {broken}: restore the file from a backup, or move it away to begin anew")
        try:
            return [SaidForecast.of(entry.facts) for entry in entries if entry.kind == SAID]
        except ValueError as error:
            raise ValueError(f"{self.path}: {error}: restore the file, or choose another folder with --out") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class NextForecasts:
    """What was said at one call.

    Parameters
    ----------
    said : tuple of SaidForecast
        In the order of the symbols.
    known : int
        Those of them that had been said before, by the same configuration from the same bars.
    ended : mapping of str to int
        Symbols whose bars end early, and how many sessions before the others.
    failed : mapping of str to str
        Symbols of which nothing is said, and why.
    """

    said: tuple[SaidForecast, ...]
    known: int = 0
    ended: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)


def say_next(
    log: NextLog,
    panel: Panel,
    state: Mapping[str, Configuration],
    symbols: Sequence[str],
    *,
    progress: ProgressCallback = silent,
) -> NextForecasts:
    """Forecast the coming sessions of symbols by their configurations, and keep what was not said before.

    Parameters
    ----------
    log : NextLog
        Where forecasts are kept.
    panel : Panel
        Bars up to the newest session; a forecaster learns from all but the newest fifth, by which it stops and
        chooses and on which its ranges are fitted.
    state : mapping of str to Configuration
        What is in force.
    symbols : sequence of str
        Which to forecast.
    progress : callable
        Called a symbol.

    Raises
    ------
    DataError
        If the last bar cannot be finished yet.
    """
    now = log.clock()
    unfinished = None if panel.facts.synthetic else not_closed(panel, now)
    if unfinished:
        raise DataError(unfinished)
    before = {each.key: each for each in log.said()}
    said, ended, failed = dict[str, SaidForecast](), dict[str, int](), dict[str, str]()
    for place, symbol in enumerate(symbols, start=1):
        try:
            bars, early = _own_bars(panel, symbol)
            said[symbol] = _said(bars, symbol, _in_force(state, symbol), before, now)
            if early:
                ended[symbol] = early
        except (QuintileError, ValueError) as error:
            failed[symbol] = " ".join(str(error).split())
        progress("forecasting", place, len(symbols), symbol)
    known = [each for each in said.values() if each.key in before]
    _keep(log, [each for each in said.values() if each.key not in before])
    return NextForecasts(said=tuple(said.values()), known=len(known), ended=ended, failed=failed)


def _keep(log: NextLog, fresh: Sequence[SaidForecast]) -> None:
    """Append what no other process has said meanwhile, all of it or nothing."""
    if not fresh:
        return
    with log.transaction() as held:
        known = {SaidForecast.of(entry.facts).key for entry in held.entries if entry.kind == SAID}
        for each in fresh:
            if each.key not in known:
                held.append(SAID, **each.as_dict())


def _in_force(state: Mapping[str, Configuration], symbol: str) -> Configuration:
    if symbol not in state:
        raise DataError("no configuration is in force: tune it, then `quintile forecast best --apply`")
    return state[symbol]


def _own_bars(panel: Panel, symbol: str) -> tuple[Panel, int]:
    """The symbol's bars up to its last print, and how many sessions the others go on."""
    if symbol not in panel.tickers:
        raise DataError("the bars do not hold it")
    known = np.flatnonzero(panel.close[symbol].notna().to_numpy())
    if not len(known):
        raise DataError("the bars hold no close of it")
    last = int(known[-1])
    own = panel.of_tickers([symbol])
    early = len(panel.sessions) - 1 - last
    return (own.until(panel.sessions[last]) if early else own), early


def _said(
    bars: Panel,
    symbol: str,
    configuration: Configuration,
    before: Mapping[tuple[str, str, str, str], SaidForecast],
    now: dt.datetime,
) -> SaidForecast:
    """What was said before of the same, or else a forecast."""
    origin, fingerprint = f"{bars.sessions[-1]:%Y-%m-%d}", bars.fingerprint()
    known = before.get((symbol, origin, configuration.sha256, fingerprint))
    if known is not None:
        return known
    made = _forecast(bars, configuration)
    assert made.quantiles is not None  # ranges were put around a forecaster that gives none
    delay = TaskSettings(clock=configuration.clock).execution.delay
    days = [next_session(bars, delay=horizon + delay) for horizon in made.horizons]
    opening = opening_after(bars)  # whatever the horizon: a later word could have seen a part of what it forecasts
    return SaidForecast(
        symbol=symbol,
        forecaster=configuration.forecaster,
        configuration=configuration.sha256,
        study=configuration.study,
        error=configuration.error,
        persistence_error=configuration.persistence_error,
        clock=configuration.clock,
        origin=origin,
        bars=fingerprint,
        closes=tuple(bars.close[symbol].dropna().iloc[-KEPT_CLOSES:].tolist()),
        horizons=made.horizons,
        sessions=tuple(None if day is None else f"{day:%Y-%m-%d}" for day in days),
        mean=tuple(made.mean[0, 0].tolist()),
        quantiles=tuple(
            tuple(None if np.isnan(each) else each for each in row) for row in made.quantiles[0, 0].tolist()
        ),
        said=now.isoformat(timespec="seconds"),
        late=not bars.facts.synthetic and now >= opening,
    )


def _forecast(bars: Panel, configuration: Configuration) -> Forecasts:
    """Fit on the oldest four fifths, choose and range on the newest whose outcome is known; forecast from the end."""
    told = {"horizons": configuration.horizons, "clock": configuration.clock, "seed": configuration.seed}
    settings = TaskSettings.told(told)
    words = forecaster_settings(configuration.forecaster)
    history, split = ForecastTask(bars, settings).history(words.feature_set), _split(len(bars.sessions), settings)
    fitted = words.made().fit(history, split, context=ForecastContext(seed=settings.seed))
    last = fitted.forecasts(history, slice(len(bars.sessions) - 1, len(bars.sessions)))
    if not np.isfinite(last.mean).all():
        raise DataError(f"{configuration.forecaster} says nothing at the last session: a bar that it reads is missing")
    if last.quantiles is not None:
        return last
    return fit_residual_ranges(fitted.forecasts(history, split.validation), history).around(last, history)


def _split(n_sessions: int, settings: TaskSettings) -> Split:
    """Training and validation up to the last row whose outcome is known, and nothing to judge."""
    purge = settings.execution.delay + settings.horizons[-1]
    start = n_sessions - round(VALIDATION * n_sessions)
    return Split(
        train=slice(0, start - purge),
        validation=slice(start, n_sessions - purge),
        test=slice(n_sessions, n_sessions),
        purge=purge,
    )
