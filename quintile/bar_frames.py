"""Bars and features: every form in which a user holds bars, as the values that Quintile computes on."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeGuard

import pandas as pd
import pyarrow as pa

from core.errors import RunError
from market.bars.assembly import Origin, panel_from_rows
from market.bars.dates import zones_as_text
from market.bars.long_form import LongBars, long_bars
from market.bars.repeated_sessions import without_repeated_sessions
from market.bars.thin_sessions import without_thin_sessions
from market.builtin_words import is_builtin
from market.calendar import with_exchange
from market.holdout import HoldoutSettings
from market.inputs import Inputs
from market.inputs import load_inputs as load_requested
from market.outside.outside_file import outside_of_frame, read_outside
from market.panel import Panel
from market.request import BarsRequest
from market.sources import checked_span, cut_rows
from market.synthetic import SyntheticMarket
from market.universe import choose_universe
from quintile.bar_requests import bars_request, outside_files
from quintile.progress_display import shown_progress
from signals.features import Computing, compute_features
from strategy.runs.result import Run

__all__ = [
    "Bars",
    "as_inputs",
    "as_recorded",
    "features",
    "inputs_for",
    "load_bars",
    "load_inputs",
    "recorded_request",
    "require_loadable",
    "with_outside",
]

FramesOfBars = pd.DataFrame | Mapping[str, pd.DataFrame]
Bars = Panel | Inputs | SyntheticMarket | FramesOfBars
FRAME = "a DataFrame"
IN_MEMORY = "given in Python"


def load_bars(
    source: str | Path | FramesOfBars,
    *,
    universe: str = "all",
    start: str | dt.date | None = None,
    end: str | dt.date | None = None,
    point_in_time: bool = False,
    exchange: str | None = None,
) -> Panel:
    """Load daily bars, adjusted, aligned and checked, with the names that may be held.

    Parameters
    ----------
    source : str, Path, DataFrame or mapping of str to DataFrame
        ``"builtin"``, ``"yfinance:AAPL,MSFT"``, a .parquet or .csv file, a folder of them, the name of a stored data
        set; or bars in memory: one row a date and ticker, as columns or as index levels; the wide columns that
        yfinance gives, (field, ticker) or (ticker, field); or one wide DataFrame for each field.
    universe : str
        ``"all"``, ``"topN"`` by trailing dollar volume, or a member file; ``,age=N`` and ``,price=X`` behind it.
    start, end : str or date, optional
        First and last session; text as an ISO date.
    point_in_time : bool
        Your word that the bars hold the names as they were, dead ones included.
    exchange : str, optional
        Whose sessions they hold: a code of exchange-calendars such as ``"XTKS"``, ``"24/7"``, or ``"none"`` for bars
        that follow no calendar; inferred from tickers and sessions by default. ``facts`` says which, and why.

    Returns
    -------
    Panel
        Sessions × tickers; row *t* is known at the close of *t*. Bars that came from a file, a vendor or a store know
        what loads them again, so that later commands on a run find them.

    Raises
    ------
    DataError
        If nothing usable is there, a column is missing or a row cannot be used.
    ValueError
        If a date or the universe is malformed, or no exchange is called so.
    TypeError
        If the source is neither a name nor frames.

    Examples
    --------
    >>> qt.load_bars(bars_path, universe="top20")
    <Panel bars.parquet: 460 sessions × 30 tickers, 2015-01-02 to 2016-10-06>
    >>> qt.load_bars({name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")})
    <Panel a DataFrame: 460 sessions × 30 tickers, 2015-01-02 to 2016-10-06>
    """
    first, last = checked_span(start, end)
    if isinstance(source, str | Path):
        words = {"start": first, "end": last, "point_in_time": point_in_time, "exchange": exchange}
        return load_inputs(bars_request(str(source), universe, **words)).panel
    rows = cut_rows([bars_from_frame(source)], first, last, FRAME)
    panel = panel_from_rows(*rows, origin=Origin(name=FRAME, point_in_time=point_in_time))
    panel = without_thin_sessions(without_repeated_sessions(panel))
    return choose_universe(with_exchange(panel, exchange), universe)


def load_inputs(request: BarsRequest) -> Inputs:
    """Load bars and what stands beside them: oracle, hedge, benchmark, sectors, VIX and factor returns.

    Parameters
    ----------
    request : BarsRequest
        Bars, universe, span and files.

    Returns
    -------
    Inputs
        Goes wherever bars go.

    Examples
    --------
    >>> inputs = qt.load_inputs(qt.BarsRequest(bars=str(bars_path), benchmark=None))
    >>> inputs.panel.request.universe
    'all'
    """
    inputs = load_requested(request)
    return replace(inputs, panel=inputs.panel.loaded_by(request))


def with_outside(panel: Panel, tables: Mapping[str, str | Path | pd.DataFrame | pd.Series]) -> Panel:
    """Add tables from beside the bars, each row of which counts from the first close after it became known.

    Parameters
    ----------
    panel : Panel
        Daily bars with their universe; their exchange says when its sessions closed.
    tables : mapping of str to path, DataFrame or Series
        By name: a .parquet or .csv file, or a DataFrame, with ``date``, ``value``, and where there are some ``ticker``
        and ``known_at``; a Series by date is of the whole market. A strategy reads those that its
        ``features.outside`` names, and for how many days a value holds.

    Returns
    -------
    Panel
        ``outside_values`` says what was known at each close. Bars from a file remember the tables that are files, so
        that later commands on a run find them.

    Raises
    ------
    DataError
        If a table cannot be read, or has no row for any ticker of the bars.
    ValueError
        If a name is no lower-case word.

    Examples
    --------
    >>> rate = pd.Series([1.5, 1.75], index=bars.sessions[[100, 200]])
    >>> known = qt.with_outside(bars, {"rate": rate}).outside_values("rate", days=500)
    >>> float(known.iloc[200, 0]), float(known.iloc[201, 0])
    (1.5, 1.75)
    """
    exchange = panel.facts.exchange
    files = {name: table for name, table in tables.items() if isinstance(table, str | Path)}
    told = outside_files(dict.fromkeys(tables, "memory") | files)
    read = {
        name: outside_of_frame(table, name=name, exchange=exchange)
        if isinstance(table, pd.DataFrame | pd.Series)
        else read_outside(table, name=name, exchange=exchange)
        for name, table in tables.items()
    }
    changed = panel.with_outside(read)
    if panel.request is None or len(files) < len(tables):
        return changed
    return changed.loaded_by(replace(panel.request, outside={**panel.request.outside, **told}))


def features(
    bars: Bars,
    feature_set: str = "core14",
    *,
    names: Sequence[str] | None = None,
    computing: Computing | None = None,
    quiet: bool = False,
) -> dict[str, pd.DataFrame]:
    """Compute the features of a set on bars.

    Parameters
    ----------
    bars : Panel, Inputs or DataFrame
        Row *t* is known at the close of *t*.
    feature_set : str
        ``"core14"``, ``"wide95"`` or one of your own.
    names : sequence of str, optional
        The features wanted; all of the set by default.
    computing : Computing, optional
        Memory budget, cache, workers and precision.
    quiet : bool
        No progress bars.

    Returns
    -------
    dict of DataFrame of float, each of shape (n_sessions, n_tickers)
        By name, known at the close of each session; NaN where a bar that the definition reads is missing. A window of n
        counts a name's own prints over holes of at most ``computing.gap_limit`` sessions.

    Examples
    --------
    >>> found = qt.features(bars, "core14", names=["volatility"])
    >>> found["volatility"].shape
    (460, 30)
    """
    with shown_progress(quiet=quiet) as progress:
        asked = replace(computing or Computing(), progress=progress)
        return compute_features(as_inputs(bars).panel, feature_set, names=names, computing=asked)


def bars_from_frame(source: FramesOfBars) -> LongBars:
    """Bars in memory as rows.

    Raises
    ------
    DataError
        As for a file of the same columns.
    TypeError
        If these are no frames.
    """
    if not isinstance(source, pd.DataFrame) and not _are_frames(source):
        raise TypeError(
            f"bars must be a DataFrame, a mapping of field to DataFrame, or the name of a source, were {_kind(source)}"
        )
    frame = source if isinstance(source, pd.DataFrame) else pd.concat(dict(source), axis=1)
    if frame.columns.nlevels == 1 and frame.index.nlevels == 1 and isinstance(frame.index, pd.DatetimeIndex):
        frame = frame.rename_axis(index="Date")
    if frame.columns.nlevels == 2:
        frame = frame.rename_axis(index="Date")
    return long_bars(pa.Table.from_pandas(zones_as_text(frame)), origin=FRAME)


def as_inputs(bars: Bars) -> Inputs:
    """Bars in any form as inputs; a built-in market brings its oracle and sectors.

    Raises
    ------
    TypeError
        If these are no bars.
    """
    if isinstance(bars, Panel | Inputs):
        return Inputs.of(bars)
    if isinstance(bars, SyntheticMarket):
        return Inputs(panel=bars.panel, oracle=bars.oracle, sectors=bars.sectors)
    if isinstance(bars, pd.DataFrame) or _are_frames(bars):
        return Inputs(panel=load_bars(bars))
    raise TypeError(f"bars must come from qt.load_bars, or be a DataFrame of daily bars, were {_kind(bars)}")


def inputs_for(bars: Bars, holdout: HoldoutSettings | None = None) -> Inputs:
    """What a run reads of bars: those of the built-in market bring their oracle, and a sealed hold-out is left out.

    Bars in memory are taken as they are, and refused later if they reach into the seal.
    """
    inputs = as_inputs(bars)
    request = bars.request if isinstance(bars, Panel) else None
    if request is None or (holdout is None and not is_builtin(request.bars)):
        return inputs
    return load_requested(request, holdout=holdout)


def recorded_request(bars: Bars) -> BarsRequest:
    """What loads these bars again, for the record of a run; names no place for bars in memory."""
    panel = bars.panel if isinstance(bars, Inputs) else bars
    return (panel.request if isinstance(panel, Panel) else None) or BarsRequest(bars=IN_MEMORY)


def require_loadable(run: Run) -> None:
    """Refuse a run of bars that nothing loads again.

    Raises
    ------
    RunError
        If its bars were given in memory.
    """
    if run.folder.request.bars == IN_MEMORY:
        raise RunError(
            f"run {run.folder.run_id} was made of bars in memory, which nothing loads again: save them as a parquet "
            "file, load that with qt.load_bars and run again"
        )


def as_recorded(panel: Panel, request: Mapping[str, Any]) -> Panel:
    """Bars on the universe and the exchange of a run or version, where they were loaded without a word on either."""
    own, universe, exchange = panel.request, request["universe"], request.get("exchange")
    if own is not None and own.universe == "all" and universe != "all":
        panel = choose_universe(panel, universe)
    told = own is not None and own.exchange is not None
    if told or exchange in (None, panel.facts.exchange) or panel.facts.synthetic:
        return panel
    return with_exchange(panel, exchange, reason="as recorded")


def _are_frames(source: object) -> TypeGuard[Mapping[str, pd.DataFrame]]:
    return isinstance(source, Mapping) and len(source) > 0 and all(isinstance(v, pd.DataFrame) for v in source.values())


def _kind(value: object) -> str:
    """A value of a wrong type in a few words."""
    return repr(value) if value is None or isinstance(value, str | int | float) else f"of type {type(value).__name__}"
