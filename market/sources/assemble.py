"""Assembly: rows of bars become a Panel, with every judgement made on the way written into its facts."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from market.errors import BarsError, SourceError
from market.panel import Panel, PanelFacts, aligned_frame
from market.sources.adjustment import find_splits, on_last_split_basis
from market.sources.dates import check_single_zone
from market.sources.long_form import LongBars

__all__ = ["Origin", "panel_from_rows"]

PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What the caller knows about a source that its rows do not tell.

    Parameters
    ----------
    name : str
        File or vendor, without any path of the machine.
    point_in_time : bool
        The source holds names as they were, dead ones included.
    split_adjusted : bool
        Prices and volume are known to be on one split basis, so that none is inferred.
    notes : tuple of str
        Findings of the reader.
    """

    name: str
    point_in_time: bool = False
    split_adjusted: bool = False
    notes: tuple[str, ...] = ()


def panel_from_rows(bars: LongBars, *, origin: Origin) -> Panel:
    """Return the panel of rows in any order: sessions and tickers sorted, prices adjusted where adj_close exists.

    Raises
    ------
    SourceError
        If no row has a price.
    BarsError
        If a key repeats, a price is not a positive number, time zones are mixed, or high is below low.
    """
    check_single_zone(bars.zones, origin=origin.name)
    rows, notes = _printed_rows(bars, origin.name)
    _check_values(rows, origin.name)
    sessions, tickers, fields = _scatter(rows, origin.name)
    fields, facts = _adjusted(fields, origin, (*origin.notes, *notes))
    frames = {name: aligned_frame(values, sessions, tickers, copy=False) for name, values in fields.items()}
    return Panel(**frames, universe=frames["close"].notna(), facts=facts)


def _printed_rows(bars: LongBars, origin: str) -> tuple[LongBars, tuple[str, ...]]:
    """Rows with a close, and notes on what was left out or looks odd; nothing is repaired."""
    prices = {name: bars.numbers[name] for name in PRICES}
    printed = ~np.isnan(prices["close"])
    if not printed.any():
        raise SourceError(f"{origin} holds no price: every close is missing")
    some = np.zeros(len(printed), dtype=bool)
    for values in prices.values():
        some |= ~np.isnan(values)
    body_high, body_low = np.fmax(prices["open"], prices["close"]), np.fmin(prices["open"], prices["close"])
    outside = (prices["high"] < body_high) | (prices["low"] > body_low)
    notes = [
        _counted(~some, "without any price left out: no print"),
        _counted(some & ~printed, "with prices but no close left out: no print"),
        _counted(printed & np.isnan(prices["open"] + prices["high"] + prices["low"]), "lack an open, high or low"),
        _counted(outside, "have an open or close outside low to high, kept as given"),
        _silent_tickers(bars, printed),
    ]
    rows = bars if printed.all() else bars.select(printed)
    return rows, tuple(note for note in notes if note)


def _counted(rows: np.ndarray, what: str) -> str:
    return f"{int(rows.sum()):,} rows {what}" if rows.any() else ""


def _silent_tickers(bars: LongBars, printed: np.ndarray) -> str:
    heard = np.bincount(bars.codes[printed], minlength=len(bars.tickers)) > 0
    silent = sorted(ticker for ticker, any_print in zip(bars.tickers, heard, strict=True) if not any_print)
    return f"{len(silent)} tickers without a single price left out: {_few(silent)}" if silent else ""


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")


def _check_values(rows: LongBars, origin: str) -> None:
    for name, values in rows.numbers.items():
        wrong = np.isinf(values) if name == "volume" else (values <= 0) | np.isinf(values)
        if name == "adj_close":
            wrong |= np.isnan(values)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            kind = "finite" if name == "volume" else "a positive number"
            raise BarsError(
                f"{name} must be {kind}, was {values[row]:g} for {rows.key(row)} ({int(wrong.sum())} such rows in "
                f"{origin}): drop or repair those rows"
            )


def _scatter(rows: LongBars, origin: str) -> tuple[pd.DatetimeIndex, pd.Index, dict[str, np.ndarray]]:
    """Frames of rows, each (n_sessions, n_tickers) with one ticker contiguous."""
    sessions, session_codes = _sessions(rows.dates)
    heard = np.flatnonzero(np.bincount(rows.codes)).tolist()
    ordered = sorted(heard, key=lambda code: rows.tickers[code])
    position = np.zeros(len(rows.tickers), dtype=np.int64)
    position[ordered] = np.arange(len(ordered))
    cells = position[rows.codes] * len(sessions) + session_codes
    _check_keys(cells, rows, origin)
    fields = {}
    for name, values in rows.numbers.items():
        flat = np.full(len(ordered) * len(sessions), np.nan)
        flat[cells] = values
        fields[name] = flat.reshape(len(ordered), len(sessions)).T
    tickers = pd.Index([rows.tickers[code] for code in ordered], dtype="str")
    return pd.DatetimeIndex(sessions), tickers, fields


def _sessions(dates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct dates, sorted, and each row's place among them: days are ticked off, which is quicker than sorting."""
    days = dates.astype("datetime64[D]").astype(np.int64)
    first = days.min()
    days -= first
    held = np.zeros(int(days.max()) + 1, dtype=bool)
    held[days] = True
    sessions = (np.flatnonzero(held) + first).astype("datetime64[D]").astype("datetime64[ns]")
    return sessions, (np.cumsum(held) - 1)[days]


def _check_keys(cells: np.ndarray, rows: LongBars, origin: str) -> None:
    times = np.bincount(cells)
    if times.max() > 1:
        row = int(np.flatnonzero(times[cells] > 1)[0])
        raise BarsError(
            f"{origin} has more than one row for {rows.key(row)} ({int((times > 1).sum())} such keys): keep one of each"
        )


def _adjusted(
    fields: dict[str, np.ndarray], origin: Origin, notes: tuple[str, ...]
) -> tuple[dict[str, np.ndarray], PanelFacts]:
    """Bar fields on one basis, and the facts that say which."""
    bars = {name: values for name, values in fields.items() if name != "adj_close"}
    bars["dollar_volume"] = bars["close"] * bars["volume"]
    if "adj_close" not in fields:
        adjustment = "as given by the file (no adj_close)"
        basis = "volume as given; dollar volume = close × volume as given, on the file's own price basis"
    else:
        adjustment = "splits and dividends: open, high, low and close × (adj_close / close)"
        factor = fields["adj_close"] / bars["close"]
        bars["volume"], basis = _volume_on_one_basis(bars["volume"], factor, origin)
        for name in PRICES:
            bars[name] = bars[name] * factor
    facts = PanelFacts(
        source=origin.name,
        adjustment=adjustment,
        volume_basis=basis,
        point_in_time=origin.point_in_time,
        notes=notes,
    )
    return bars, facts


def _volume_on_one_basis(volume: np.ndarray, factor: np.ndarray, origin: Origin) -> tuple[np.ndarray, str]:
    dollars = "dollar volume = close × volume before dividend adjustment"
    if origin.split_adjusted:
        return volume, f"{dollars}; volume split adjusted by the vendor"
    splits = find_splits(factor)
    if len(splits) == 0:
        return volume, f"{dollars}; volume as given, adj_close / close shows no split"
    basis = f"{dollars}; volume in shares of the last session, {len(splits)} splits inferred from adj_close / close"
    return on_last_split_basis(volume, splits), basis
