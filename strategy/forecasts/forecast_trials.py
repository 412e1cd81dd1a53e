"""Forecast trials: every forecaster whose test result was shown, in a chained log beside the forecasts.

A log of its own, not that of runs: a trial of a strategy has a Sharpe ratio by which others are deflated, a forecaster
has none, and counting one among the other would do to neither what it is for. What is counted here is how many
forecasters have been judged on the same test sessions of the same series, whichever command showed them.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from core.errors import SourceError
from strategy.forecasts.forecast_task import ForecastTask
from strategy.trials.chained_log import ChainedLog, Entry
from strategy.trials.log import trial_kind

__all__ = ["ForecastTrialLog", "count_judged", "record_judged", "series_fingerprints"]

JUDGED = "judged"


class ForecastTrialLog(ChainedLog):
    """The log of a store of forecasts.

    Entries of kind ``"judged"`` count; ``"begin"`` and ``"ci"``, which a continuous integration's are, do not.
    """

    __slots__ = ()

    FILE: ClassVar[str] = "judged.sqlite"
    NOUN: ClassVar[str] = "log of judged forecasters"


class _Span(NamedTuple):
    """A test span of some series: fingerprints by symbol, first and last origin as ISO dates."""

    series: Mapping[str, str]
    first: str
    last: str


def record_judged(store: Path, task: ForecastTask, words: Sequence[str], *, source: str) -> int:
    """Log forecasters before what they came to on test is shown; how many have been judged there, these among them.

    Forecasters that are logged already, of the same series, span and target, are not logged again.

    Parameters
    ----------
    store : Path
        Folder of forecasts.
    task : ForecastTask
        Its series, its test origins, its horizons, clock, refits and seed.
    words : sequence of str
        The forecasters; trivial ones are not counted and need not be named.
    source : str
        What shows them: ``"run"``, or the id of a study.

    Returns
    -------
    int
        As ``count_judged`` gives it.

    Raises
    ------
    ValueError
        If the log cannot be read or written.
    """
    log, span, target = ForecastTrialLog(store), _span(task), _target(task)
    facts = {"series": dict(span.series), "first": span.first, "last": span.last, "target": target}
    with log.transaction() as held:
        known = {word for entry in _counted(held.entries) if _same(entry, facts) for word in entry.facts["words"]}
        new = [word for word in dict.fromkeys(words) if word not in known]
        if new:
            held.append(trial_kind(JUDGED), **facts, words=new, source=source)
        return _count(held.entries, [span])


def count_judged(store: Path, tasks: Sequence[ForecastTask]) -> int:
    """How many forecasters have been judged on the test spans of some tasks, or on spans that overlap them.

    A forecaster is a word with its keys and what it forecasts; it counts once, on however many of the series.
    """
    return _count(ForecastTrialLog(store).entries(), [_span(task) for task in tasks])


def series_fingerprints(task: ForecastTask) -> dict[str, str]:
    """The fingerprint of every series' own bars, by symbol: the same whichever stand beside it."""
    return {str(name): task.panel.of_tickers([name]).fingerprint() for name in task.panel.tickers}


def _span(task: ForecastTask) -> _Span:
    sessions = task.panel.sessions[task.split.test]
    return _Span(series_fingerprints(task), f"{sessions[0]:%Y-%m-%d}", f"{sessions[-1]:%Y-%m-%d}")


def _target(task: ForecastTask) -> str:
    """What is forecast, when it is fitted and from which seed, hashed: another seed or refit is another look."""
    settings = task.settings
    scheme = f"{settings.every} {settings.refit} {settings.rolling} {settings.seed}"
    told = f"{list(settings.horizons)} {settings.clock} {scheme}"
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def _counted(entries: Sequence[Entry]) -> Iterator[Entry]:
    return (entry for entry in entries if entry.kind == JUDGED)


def _same(entry: Entry, facts: Mapping[str, Any]) -> bool:
    return all(entry.facts[name] == value for name, value in facts.items())


def _count(entries: Sequence[Entry], spans: Sequence[_Span]) -> int:
    found = set[tuple[str, str]]()
    for entry in _counted(entries):
        facts = entry.facts
        try:
            known, first, last = set(facts["series"].values()), str(facts["first"]), str(facts["last"])
            told = {(str(word), str(facts["target"])) for word in facts["words"]}
        except (AttributeError, TypeError) as error:
            raise SourceError(f"entry {entry.sequence} of the log of judged forecasters cannot be read") from error
        if any(known & set(span.series.values()) and first <= span.last and span.first <= last for span in spans):
            found |= told
    return len(found)
