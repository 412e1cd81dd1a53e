"""Own bars: what a finished run was made of, loaded again by a later command, or refused where that is not possible."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.errors import RunError
from market.builtin_words import is_builtin
from market.eligibility import Eligibility
from market.panel import Panel
from market.request import BarsRequest
from market.store import find_version
from strategy.runs.context import IN_MEMORY
from strategy.runs.store import RunFolder

__all__ = ["decision_request", "own_request", "refuse_strange_bars", "same_request", "source_note"]

FILES = ("universe", "sectors", "hedge", "benchmark", "vix", "factors")
UNDECIDING = ("benchmark", "vix", "factors")  # drawn and measured beside a book; no weight reads them
SHOWN_NAMES = 3


def own_request(folder: RunFolder, told: Mapping[str, Any] | None = None) -> BarsRequest:
    """The request that loads what a run was made of, with the fields that were told instead.

    Other bars are taken to their own end: the run's last date does not cut them, and its word that dead names are
    among them was about its own.

    Parameters
    ----------
    folder : RunFolder
        The run.
    told : mapping, optional
        Fields of the request that replace the run's.

    Raises
    ------
    RunError
        If a source that is still the run's was given in memory, or is gone.
    """
    told = dict(told or {})
    own = folder.request
    if "bars" in told and told["bars"] != own.bars:
        told = {"end": None, "point_in_time": False} | told
    given = dict(told.get("outside") or {})
    told["outside"] = {**own.outside, **given}
    request = replace(own, **told)
    if request.bars == IN_MEMORY:
        raise RunError(
            f"run {folder.run_id} was made of bars in memory, which nothing loads again: name bars with --bars, or "
            "from Python pass them; a run of bars in a file finds them"
        )
    for field in ("bars", *FILES):
        if field not in told and (lost := _lost(field, getattr(request, field))):
            raise RunError(
                f"run {folder.run_id} was made with {field} {lost}, which is gone: put it back, or name another with "
                f"--{field}"
            )
    for name, path in request.outside.items():
        if name not in given and not Path(path).exists():
            raise RunError(
                f"run {folder.run_id} was made with the outside table {name} of {path}, which is gone: put it back, or "
                f"name another with --outside {name}=FILE"
            )
    return request


def decision_request(folder: RunFolder, told: Mapping[str, Any] | None = None) -> BarsRequest:
    """``own_request`` without what no decision reads; the declared coverage stays, for it stamps nothing here."""
    kept = {"point_in_time": folder.request.point_in_time, **dict.fromkeys(UNDECIDING)}
    return own_request(folder, kept | dict(told or {}))


def same_request(folder: RunFolder, told: Mapping[str, Any] | None = None) -> BarsRequest:
    """``decision_request`` for what must read the run's very bars, told or not: they end where the run's did."""
    return decision_request(folder, {"end": folder.request.end} | dict(told or {}))


def refuse_strange_bars(folder: RunFolder, tickers: Iterable[str], source: str) -> None:
    """Refuse bars that hold no name of the run.

    Raises
    ------
    RunError
        If the two have none in common.
    """
    known = _names(folder)
    if known and not known.intersection(tickers):
        raise RunError(
            f"{source} holds none of the {len(known)} names that run {folder.run_id} was made of ({_some(known)}): "
            "name its bars with --bars"
        )


def source_note(folder: RunFolder, request: BarsRequest, panel: Panel) -> str | None:
    """Say that bars come from another source than a run's, and how their names differ; None for the same source."""
    own = folder.request.bars
    if _source(own) == _source(request.bars):
        return None
    known, here = _names(folder), set(panel.tickers)
    note = f"bars are {_shown(request.bars)}, the run was made of {_shown(own)}"
    if strange := here - known:
        note += f"; {len(strange)} of their {len(here)} names were not in the run: {_some(strange)}"
    if missing := known - here:
        note += f"; {len(missing)} names of the run are not in them: {_some(missing)}"
    return note


def _names(folder: RunFolder) -> set[str]:
    """The names that the run scored; none where its scores cannot be read."""
    try:
        return set(folder.read_frame("scores").columns)
    except RunError:
        return set()


def _lost(field: str, value: str | None) -> str | None:
    """The file or data set that a field names, if it is not there any more."""
    if value is None:
        return None
    if field == "bars":
        return value if _is_lost_source(value) else None
    named = Eligibility.parse(value).source if field == "universe" else value
    return named if Path(named).is_absolute() and not Path(named).exists() else None


def _is_lost_source(source: str) -> bool:
    if is_builtin(source) or source.startswith("yfinance:") or Path(source).exists():
        return False
    return Path(source).is_absolute() or find_version(source) is None


def _source(bars: str) -> str:
    """A source without the version of a stored data set."""
    return bars if Path(bars).is_absolute() or ":" in bars else bars.partition("@")[0]


def _shown(bars: str) -> str:
    return Path(bars).name if Path(bars).is_absolute() else bars


def _some(names: set[str]) -> str:
    shown = ", ".join(sorted(names)[:SHOWN_NAMES])
    return f"{shown}, …" if len(names) > SHOWN_NAMES else shown
